/** Compression and stapling as users ask for them: layers, options, and what is refused before any byte is sent. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { zlib } from "../../src/crypto/zlib.ts"
import * as CertificateCompression from "../../src/layers/CertificateCompression.ts"
import * as Credentials from "../../src/layers/Credentials.ts"
import { HandshakeObserver } from "../../src/layers/events.ts"
import * as NodeTls from "../../src/layers/node/NodeTls.ts"
import * as TlsClient from "../../src/layers/TlsClient.ts"
import * as Pair from "../../src/layers/testing/pair.ts"
import * as TlsTest from "../../src/layers/testing/TlsTest.ts"
import { world } from "./support.ts"

const seeing = (seen: Array<string>) =>
  Layer.succeed(HandshakeObserver, {
    onMessage: (_role, { direction, message }) => void seen.push(`${direction} ${message._tag}`)
  })

layer(world)("compression", (it) => {
  const handshake = Effect.fnUntraced(function* (layer: Layer.Layer<never>, options: TlsTest.Options = {}) {
    const seen: Array<string> = []
    yield* Effect.provide(TlsTest.handshake(options), Layer.merge(layer, seeing(seen)))
    return seen.filter((message) => /^heard (Compressed)?Certificate$/.test(message)).join()
  }, Effect.scoped)

  it.effect("is off unless a layer or an option brings it", () =>
    Effect.gen(function* () {
      const both = { certificateCompression: [zlib] }
      assert.strictEqual(yield* handshake(Layer.empty), "heard Certificate")
      assert.strictEqual(yield* handshake(Layer.empty, { client: both, server: both }), "heard CompressedCertificate")
      assert.strictEqual(yield* handshake(CertificateCompression.layerPortable), "heard CompressedCertificate")
      assert.strictEqual(yield* handshake(CertificateCompression.layerNone), "heard Certificate")
      const off = { client: { certificateCompression: [] } }
      assert.strictEqual(yield* handshake(CertificateCompression.layerPortable, off), "heard Certificate")
    })
  )
  it.effect("comes with NodeTls", () =>
    Effect.gen(function* () {
      const { ca } = yield* TlsTest.TestCertificates
      const compressors = yield* Effect.provide(
        CertificateCompression.CertificateCompression,
        NodeTls.layerWith({ ca: ca.certificatePem })
      )
      assert.deepStrictEqual(
        compressors.map(({ algorithm }) => algorithm),
        ["brotli", "zstd", "zlib"]
      )
    })
  )
  it.effect("has each algorithm once", () =>
    Effect.gen(function* () {
      const options = { serverName: "localhost", certificateCompression: [zlib, zlib] }
      const { reason } = yield* Effect.flip(Effect.scoped(TlsClient.connect(Pair.make().left, options)))
      assert.strictEqual(reason._tag, "InvalidConfiguration")
      assert.include(reason.detail, "zlib twice")
    })
  )
})

layer(world)("stapling", (it) => {
  const ocsp = Uint8Array.of(0x30, 3, 10, 1, 0)
  const loaded = Effect.fnUntraced(function* (staples: Pick<Credentials.PemOptions, "ocsp" | "timestamps">) {
    const { server } = yield* TlsTest.TestCertificates
    return yield* Credentials.loadPem({ chain: server.chainPem, key: server.privateKeyPem, ...staples })
  })
  const refused = (promise: string, staples: Parameters<typeof loaded>[0], why: RegExp) =>
    it.effect(`refuses ${promise}`, () =>
      Effect.gen(function* () {
        const { reason } = yield* Effect.flip(loaded(staples))
        assert.strictEqual(reason._tag, "InvalidConfiguration")
        assert.match(reason.detail, why)
      })
    )
  refused("PEM for DER", { ocsp: new TextEncoder().encode("-----BEGIN") }, /OCSP response \(DER\): expected SEQUENCE/)
  refused("bytes behind a response", { ocsp: Uint8Array.of(...ocsp, 0) }, /OCSP response/)
  refused("no bytes at all", { ocsp: new Uint8Array(0) }, /OCSP response/)
  refused("a response that says tryLater", { ocsp: Uint8Array.of(0x30, 3, 10, 1, 3) }, /successful/)
  refused("a timestamp of no bytes", { timestamps: [new Uint8Array(0)] }, /timestamps/)
  refused("timestamps without room", { timestamps: [new Uint8Array(40_000), new Uint8Array(40_000)] }, /timestamps/)

  it.effect("a client asks unless told not to, and what it hears is at the connection", () =>
    Effect.gen(function* () {
      const timestamps = [Uint8Array.of(1, 2)]
      const credential = yield* loaded({ ocsp, timestamps })
      const stapled = Effect.provide(Credentials.layer([credential]))
      const { client } = yield* stapled(TlsTest.handshake())
      assert.deepStrictEqual(client.peerStaples, { ocsp, timestamps })
      const silent = yield* stapled(TlsTest.handshake({ client: { stapling: "none" } }))
      assert.deepStrictEqual(silent.client.peerStaples, { ocsp: undefined, timestamps: undefined })
      const plain = yield* TlsTest.handshake()
      assert.deepStrictEqual(plain.client.peerStaples, { ocsp: undefined, timestamps: undefined })
    }).pipe(Effect.scoped)
  )
})
