/** Where trust comes from, and the verifiers that ask for less of it. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Result from "effect/Result"
import { showName } from "../../src/codec/x509/name.ts"
import * as ClientVerifier from "../../src/layers/ClientVerifier.ts"
import { CryptoProvider } from "../../src/layers/CryptoProvider.ts"
import { layerPemFiles, layerSystem } from "../../src/layers/node/SystemTrust.ts"
import * as ServerVerifier from "../../src/layers/ServerVerifier.ts"
import type { TlsError } from "../../src/layers/TlsError.ts"
import * as TrustAnchors from "../../src/layers/TrustAnchors.ts"
import { type Issued, issue, makeCa, makeSelfSigned } from "../../src/layers/testing/certificates.ts"
import { inOctober, requestOf, verdictOf } from "./verifierSupport.ts"

const anchorsOf = (layer: Layer.Layer<TrustAnchors.TrustAnchors, TlsError>) =>
  TrustAnchors.TrustAnchors.useSync(({ anchors }) => anchors).pipe(Effect.provide(layer))

/** The reason of the one public error, which every layer fails with. */
const refusal = (layer: Layer.Layer<TrustAnchors.TrustAnchors, TlsError>) =>
  Effect.map(Effect.flip(anchorsOf(layer)), ({ reason, phase }) => {
    assert.strictEqual(phase, "configuration")
    return reason
  })

const temporary = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "effect-tls-"))),
  (folder) => Effect.promise(() => rm(folder, { recursive: true }))
)

describe("TrustAnchors", () => {
  it.effect("PEM as text and as bytes, DER, and all of them merged, each once", () =>
    inOctober(
      Effect.gen(function* () {
        const [a, b] = [yield* makeCa({ commonName: "a" }), yield* makeCa({ commonName: "b" })]
        const pem = `a comment\n${a.certificatePem}${b.certificatePem}`
        assert.lengthOf(yield* anchorsOf(TrustAnchors.layerPem(pem)), 2)
        assert.lengthOf(yield* anchorsOf(TrustAnchors.layerPem(new TextEncoder().encode(pem))), 2)
        assert.lengthOf(yield* anchorsOf(TrustAnchors.layerDer([a.certificate])), 1)
        assert.lengthOf(yield* anchorsOf(TrustAnchors.empty), 0)
        const both = TrustAnchors.merge(
          TrustAnchors.empty,
          TrustAnchors.layerDer([a.certificate]),
          TrustAnchors.layerPem(pem)
        )
        const subjects = (yield* anchorsOf(both)).map(({ subject }) => subject.der)
        assert.deepStrictEqual(subjects, [a.subject.der, b.subject.der])
        const [anchor] = yield* anchorsOf(TrustAnchors.layerDer([a.certificate]))
        if (anchor === undefined) assert.fail("no anchor")
        const bare = { ...anchor, certificate: undefined }
        const narrow = { ...bare, nameConstraints: { permittedSubtrees: undefined, excludedSubtrees: [] } }
        const lists = [[bare, narrow], [bare], [narrow]].map(TrustAnchors.layer)
        assert.deepStrictEqual(yield* anchorsOf(TrustAnchors.merge(...lists)), [bare, narrow])
      })
    )
  )

  it.effect("nothing, and what cannot be read, is refused and says which", () =>
    inOctober(
      Effect.gen(function* () {
        const { certificate, certificatePem, privateKeyPem } = yield* makeCa()
        for (const pem of ["", "nothing here", privateKeyPem, certificatePem.replace("-----END", "-----FIN")]) {
          const failure = yield* refusal(TrustAnchors.layerPem(pem))
          assert.strictEqual(failure._tag, "InvalidConfiguration")
        }
        const { detail } = yield* refusal(TrustAnchors.layerDer([certificate, certificate.subarray(1)]))
        assert.match(detail, /^trusted certificate 2 of 2: /)
      })
    )
  )

  it.effect("files, and files that are not there", () =>
    inOctober(
      Effect.gen(function* () {
        const folder = yield* temporary
        const [a, b] = [yield* makeCa({ commonName: "a" }), yield* makeCa({ commonName: "b" })]
        const [one, two, none] = ["one.pem", "two.pem", "none.pem"].map((name) => join(folder, name))
        if (one === undefined || two === undefined || none === undefined) return
        yield* Effect.promise(() => writeFile(one, a.certificatePem))
        yield* Effect.promise(() => writeFile(two, b.certificatePem))
        assert.lengthOf(yield* anchorsOf(layerPemFiles([one, two])), 2)
        const missing = yield* refusal(layerPemFiles([one, none]))
        assert.strictEqual(missing._tag, "InvalidConfiguration")
        assert.include(missing.detail, "none.pem")
        yield* Effect.promise(() => writeFile(none, "nothing"))
        assert.include((yield* refusal(layerPemFiles([none]))).detail, "none.pem")
      }).pipe(Effect.scoped)
    )
  )

  it.effect("added to others: a root of one's own replaces none of theirs, whatever the order", () =>
    inOctober(
      Effect.gen(function* () {
        const [theirs, own] = [yield* makeCa({ commonName: "theirs" }), yield* makeCa({ commonName: "own" })]
        const both = TrustAnchors.layerPem(theirs.certificatePem).pipe(TrustAnchors.addPem(own.certificatePem))
        for (const added of [both, both.pipe(TrustAnchors.addPem(theirs.certificatePem + own.certificatePem))]) {
          const subjects = (yield* anchorsOf(added)).map(({ subject }) => subject.der)
          assert.deepStrictEqual(subjects, [theirs.subject.der, own.subject.der])
        }
        assert.strictEqual((yield* refusal(both.pipe(TrustAnchors.addPem(""))))._tag, "InvalidConfiguration")
        assert.lengthOf(yield* anchorsOf(TrustAnchors.layerMozilla.pipe(TrustAnchors.addPem(own.certificatePem))), 122)
      })
    )
  )

  /** The machine's roots with these variables and no others. */
  const machine = (variables: { readonly SSL_CERT_FILE?: string; readonly SSL_CERT_DIR?: string }) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        const { SSL_CERT_FILE, SSL_CERT_DIR } = process.env
        delete process.env.SSL_CERT_FILE
        delete process.env.SSL_CERT_DIR
        Object.assign(process.env, variables)
        return { SSL_CERT_FILE, SSL_CERT_DIR }
      }),
      (before) =>
        Effect.sync(() => {
          delete process.env.SSL_CERT_FILE
          delete process.env.SSL_CERT_DIR
          for (const [name, value] of Object.entries(before)) if (value !== undefined) process.env[name] = value
        })
    ).pipe(Effect.andThen(Effect.result(anchorsOf(layerSystem))), Effect.scoped)

  it.effect("the system's, each once, unless SSL_CERT_FILE and SSL_CERT_DIR name others", () =>
    inOctober(
      Effect.gen(function* () {
        const folder = yield* temporary
        const [a, b] = [yield* makeCa({ commonName: "a" }), yield* makeCa({ commonName: "b" })]
        const file = join(folder, "own.pem")
        const directory = join(folder, "many")
        yield* Effect.promise(async () => {
          await writeFile(file, a.certificatePem)
          await mkdir(join(directory, "not-a-file"), { recursive: true })
          await writeFile(join(directory, "b.pem"), b.certificatePem)
          await writeFile(join(directory, "again.0"), b.certificatePem)
          await writeFile(join(directory, "broken.pem"), a.certificatePem.slice(0, 100))
          await writeFile(join(directory, "README"), "nothing")
        })
        const names = Effect.fnUntraced(function* (variables: Parameters<typeof machine>[0]) {
          const found = yield* machine(variables)
          return Result.isFailure(found)
            ? found.failure.reason._tag
            : found.success.map(({ subject }) => showName(subject))
        })
        const system = yield* Effect.fromResult(yield* machine({}))
        assert.isAbove(system.length, 50)
        const ders = system.map(({ certificate }) => certificate?.der.join())
        assert.strictEqual(new Set(ders).size, ders.length)
        assert.deepStrictEqual(yield* names({ SSL_CERT_FILE: file }), ["CN=a"])
        assert.deepStrictEqual(yield* names({ SSL_CERT_DIR: directory }), ["CN=b"])
        assert.deepStrictEqual(yield* names({ SSL_CERT_DIR: `${folder}:${directory}` }), ["CN=a", "CN=b"])
        assert.deepStrictEqual(yield* names({ SSL_CERT_FILE: file, SSL_CERT_DIR: directory }), ["CN=a", "CN=b"])
        assert.strictEqual(yield* names({ SSL_CERT_FILE: `${file}.none` }), "InvalidConfiguration")
        assert.strictEqual(yield* names({ SSL_CERT_DIR: `${folder}/none` }), "InvalidConfiguration")
        assert.strictEqual(yield* names({ SSL_CERT_DIR: join(directory, "not-a-file") }), "InvalidConfiguration")
      }).pipe(Effect.scoped)
    )
  )
})

const serverVerdict = Effect.fnUntraced(function* <E>(
  layer: Layer.Layer<ServerVerifier.ServerVerifier, E, CryptoProvider>,
  issued: Issued,
  alter?: Parameters<typeof requestOf>[1]
) {
  const request = yield* requestOf(issued, alter)
  return yield* ServerVerifier.ServerVerifier.use(({ verify }) => verdictOf(verify(request))).pipe(
    Effect.provide(layer)
  )
})

/** Layers that warn keep quiet here. */
const quiet = Logger.layer([])

describe("dangerouslyAcceptAny", () => {
  it.effect("believes anybody who has the key, and nobody who has not", () =>
    inOctober(
      Effect.gen(function* () {
        const any = Layer.provide(ServerVerifier.dangerouslyAcceptAny, quiet)
        const stranger = yield* makeSelfSigned({ names: ["evil.example"], notAfter: 1000, notBefore: 0 })
        assert.strictEqual(yield* serverVerdict(any, stranger), "accepted")
        const forged = yield* serverVerdict(any, stranger, {
          alter: (request) => ({ ...request, signature: request.signature.toReversed() })
        })
        assert.strictEqual(forged, "SignatureMismatch")
        const thief = yield* serverVerdict(any, stranger, { chain: (yield* makeSelfSigned()).chain })
        assert.strictEqual(thief, "SignatureMismatch")
        const garbage = yield* serverVerdict(any, stranger, { chain: [Uint8Array.of(1)] })
        assert.strictEqual(garbage, "CertificateMalformed")
        assert.strictEqual(yield* serverVerdict(any, stranger, { chain: [] }), "EmptyCertificateList")
      })
    )
  )

  it.effect("warns once, when it is made", () =>
    inOctober(
      Effect.gen(function* () {
        const messages: Array<string> = []
        const logger = Logger.make(({ logLevel, message }) => {
          messages.push(`${logLevel}: ${message}`)
        })
        const issued = yield* makeSelfSigned()
        const request = yield* requestOf(issued)
        const any = Layer.provide(ServerVerifier.dangerouslyAcceptAny, Logger.layer([logger]))
        yield* ServerVerifier.ServerVerifier.use(({ verify }) => Effect.andThen(verify(request), verify(request))).pipe(
          Effect.provide(any)
        )
        assert.lengthOf(messages, 1)
        assert.match(messages[0] ?? "", /^Warn.*not verified/)
      })
    )
  )
})

describe("layerPinned", () => {
  it.effect("believes the keys it knows and no others, whatever their certificates say", () =>
    inOctober(
      Effect.gen(function* () {
        const { primitives } = yield* CryptoProvider
        const [a, b] = [yield* makeSelfSigned({ names: ["elsewhere.example"] }), yield* makeSelfSigned()]
        const pin = (issued: Issued) => primitives.hashes.sha256.digest(issued.key.publicKey.spki)
        const pinned = ServerVerifier.layerPinned([new Uint8Array(32), pin(a)])
        assert.strictEqual(yield* serverVerdict(pinned, a), "accepted")
        assert.strictEqual(yield* serverVerdict(pinned, b), "CertificateRejected")
        assert.strictEqual(yield* serverVerdict(pinned, b, { chain: a.chain }), "SignatureMismatch")
      })
    )
  )

  it.effect("is not built of no pins, or of what is no SHA-256", () =>
    Effect.gen(function* () {
      const told: Array<string> = []
      for (const pins of [[], [new Uint8Array(32), new Uint8Array(20)]]) {
        const servers = Effect.asVoid(Layer.build(ServerVerifier.layerPinned(pins)))
        const clients = Effect.asVoid(Layer.build(ClientVerifier.layerPinned(pins)))
        for (const building of [servers, clients]) {
          const { message, reason } = yield* Effect.flip(Effect.scoped(building))
          assert.strictEqual(reason._tag, "InvalidConfiguration")
          told.push(message)
        }
      }
      assert.strictEqual(new Set(told).size, 2)
      assert.match(told[3] ?? "", /pin 2 has 20 bytes/)
    }).pipe(inOctober)
  )
})

describe("ClientVerifier", () => {
  it.effect("names the authorities it believes", () =>
    inOctober(
      Effect.gen(function* () {
        const [a, b] = [yield* makeCa({ commonName: "a" }), yield* makeCa({ commonName: "b" })]
        const again = yield* makeCa({ commonName: "b" })
        const verifier = yield* ClientVerifier.ClientVerifier.pipe(
          Effect.provide(
            Layer.provide(
              ClientVerifier.layerWebPki,
              TrustAnchors.layerDer([a, b, again].map(({ certificate }) => certificate))
            )
          )
        )
        assert.deepStrictEqual(verifier.authorities, [a.subject.der, b.subject.der])
        assert.include(verifier.schemes, "ecdsa_secp256r1_sha256")
        assert.notInclude(verifier.schemes, "rsa_pkcs1_sha256")
        const client = yield* issue(a, { purpose: "client" })
        const request = yield* requestOf(client, { name: "client" })
        assert.strictEqual(yield* verdictOf(verifier.verify(request)), "accepted")
      })
    )
  )
})
