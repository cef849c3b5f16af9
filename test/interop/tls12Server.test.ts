/** Clients that speak TLS 1.2 against our server: OpenSSL's program, and node:tls, which is another OpenSSL. */
import { constants, randomBytes } from "node:crypto"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Credentials from "../../src/layers/Credentials.ts"
import * as KeyLog from "../../src/layers/KeyLog.ts"
import * as NodeCryptoProvider from "../../src/layers/node/NodeCryptoProvider.ts"
import * as ServerSessionStore from "../../src/layers/ServerSessionStore.ts"
import * as Tickets from "../../src/layers/Tickets.ts"
import * as TlsServer from "../../src/layers/TlsServer.ts"
import { makeOcspResponse } from "../../src/layers/testing/revocation.ts"
import { fixtures, type Pair } from "./support/fixtures.ts"
import * as Node from "./support/node.ts"
import * as Openssl from "./support/openssl.ts"
import * as Ours from "./support/ours.ts"
import * as Product from "./support/product12.ts"
import { hasOpenssl, openssl } from "./support/programs.ts"

const versions = ["TLSv1.2"] as const
const ocsp = await makeOcspResponse(fixtures.ca.issued, fixtures.server.p256.issued).pipe(
  Effect.provide(NodeCryptoProvider.layer),
  Effect.runPromise
)
const both = ["TLSv1.3", "TLSv1.2"] as const
const sealed = Layer.orDie(Tickets.layerSealed()).pipe(Layer.provide(NodeCryptoProvider.layer))
const stateful = Layer.orDie(Tickets.layerStateful()).pipe(
  Layer.provideMerge(ServerSessionStore.layerMemory()),
  Layer.provide(NodeCryptoProvider.layer)
)

const pem = ({ issued }: Pair) => ({ chain: issued.chainPem, key: issued.privateKeyPem })

const infosOf = (served: Queue.Dequeue<Ours.Served>, count: number) =>
  Effect.map(Queue.takeN(served, count), (ends) => ends.map(({ connection }) => connection.info))

/** One run of `openssl s_client` that says a line, hears it, and ends. */
const visit = Effect.fnUntraced(function* (port: number, ...args: ReadonlyArray<string>) {
  const program = yield* Openssl.client(port, "-tls1_2", ...args)
  program.write("said by OpenSSL\n")
  yield* Openssl.says(program, /\nsaid by OpenSSL\n/)
  program.write("Q\n")
  program.end()
  assert.strictEqual(yield* Openssl.ended(program), 0)
  return program.stdout()
})

describe.skipIf(!hasOpenssl)(`openssl s_client -tls1_2 (${openssl})`, () => {
  it.live.each(["ticket", "session ID"])("speaks nothing newer, and resumes again and again by %s", (form) =>
    Effect.gen(function* () {
      const { port, served } = yield* Ours.serve()
      const file = join(fixtures.folder, `again-${form}`)
      const flags = form === "ticket" ? [] : ["-no_ticket"]
      const first = yield* visit(port, ...flags, "-sess_out", file)
      assert.match(first, /New, TLSv1.2, Cipher is/)
      assert.match(first, /Extended master secret: yes/)
      assert.match(first, /Secure Renegotiation IS supported/)
      for (let i = 0; i < 3; i++) {
        const again = yield* visit(port, ...flags, "-sess_in", file, "-sess_out", file)
        assert.match(again, /Reused, TLSv1.2, Cipher is/)
      }
      const kinds = (yield* infosOf(served, 4)).map(({ version, kind }) => `${version} ${kind}`)
      assert.deepStrictEqual(kinds, ["TLSv1.2 full", "TLSv1.2 resumed", "TLSv1.2 resumed", "TLSv1.2 resumed"])
    }).pipe(Effect.provide(stateful))
  )

  it.live("resumes by sealed tickets", () =>
    Effect.gen(function* () {
      const { port } = yield* Ours.serve({ versions })
      const file = join(fixtures.folder, "sealed-12")
      assert.match(yield* visit(port, "-sess_out", file), /New, TLSv1.2/)
      assert.match(yield* visit(port, "-sess_in", file), /Reused, TLSv1.2/)
      assert.match(yield* visit(port, "-sess_in", file), /Reused, TLSv1.2/)
    }).pipe(Effect.provide(sealed))
  )

  it.live("by PKCS#1 v1.5 where a client takes nothing else", () =>
    Effect.gen(function* () {
      const { port, served } = yield* Ours.serve({ versions, pairs: [fixtures.server.rsa2048] })
      assert.match(yield* visit(port, "-sigalgs", "RSA+SHA256"), /Peer signature type: RSA\n/)
      assert.match(yield* visit(port, "-sigalgs", "RSA-PSS+SHA256"), /Peer signature type: RSA-PSS/)
      const schemes = (yield* infosOf(served, 2)).map((info) => info.signatureScheme)
      assert.deepStrictEqual(schemes, ["rsa_pkcs1_sha256", "rsa_pss_rsae_sha256"])
    })
  )

  for (const keyType of Product.certificates) {
    it.live(`shows its certificate: ${keyType}, and keeps it when it resumes`, () =>
      Effect.gen(function* () {
        const { port, served } = yield* Ours.serve({ versions, clientAuthentication: "required" })
        const { cert, key } = Product.clients[keyType]
        const file = join(fixtures.folder, `client-12-${keyType}`)
        yield* visit(port, "-cert", cert, "-key", key, "-sess_out", file)
        assert.match(yield* visit(port, "-cert", cert, "-key", key, "-sess_in", file), /Reused/)
        const [first, second] = yield* infosOf(served, 2)
        assert.isString(first?.peer)
        assert.strictEqual(second?.peer, first?.peer)
      }).pipe(Effect.provide(sealed))
    )
  }

  it.live("without the certificate that is required it is refused, with one of a stranger too", () =>
    Effect.gen(function* () {
      const { port } = yield* Ours.serve({ versions, clientAuthentication: "required" })
      const none = yield* Openssl.client(port, "-tls1_2")
      yield* Openssl.says(none, /handshake failure/)
      const { cert, key } = fixtures.strange
      const strange = yield* Openssl.client(port, "-tls1_2", "-cert", cert, "-key", key)
      yield* Openssl.says(strange, /unknown ca/)
    })
  )

  it.live("that renegotiates is told no, and may go on", () =>
    Effect.gen(function* () {
      const { port } = yield* Ours.serve({ versions })
      const program = yield* Openssl.client(port, "-tls1_2")
      yield* Openssl.says(program, /Verify return code/)
      program.write("R\n")
      yield* Openssl.says(program, /no renegotiation|RENEGOTIATING/)
    })
  )

  it.live("that has fallen back is refused, unless there is nothing better here", () =>
    Effect.gen(function* () {
      const newer = yield* Ours.serve({ versions: both })
      const program = yield* Openssl.client(newer.port, "-tls1_2", "-fallback_scsv")
      yield* Openssl.says(program, /inappropriate fallback/)
      const older = yield* Ours.serve({ versions })
      yield* visit(older.port, "-fallback_scsv")
    })
  )

  it.live("is refused for TLS 1.2 where there is TLS 1.3 only, and the other way round", () =>
    Effect.gen(function* () {
      const newer = yield* Ours.serve({ versions: ["TLSv1.3"] })
      yield* Openssl.says(yield* Openssl.client(newer.port, "-tls1_2"), /protocol version/)
      const older = yield* Ours.serve({ versions })
      yield* Openssl.says(yield* Openssl.client(older.port), /protocol version/)
    })
  )

  it.live("ALPN, SNI and a stapled status", () =>
    Effect.gen(function* () {
      const { port, served } = yield* Ours.serve({
        versions,
        alpnProtocols: ["h2"],
        pairs: [{ ...fixtures.server.p256, ocsp }, fixtures.named]
      })
      const named = yield* visit(port, "-alpn", "http/1.1,h2", "-servername", "named.example")
      assert.match(named, /ALPN protocol: h2/)
      assert.include(named, "named.example")
      assert.match(yield* visit(port, "-status", "-alpn", "h2"), /OCSP Response Status: successful/)
      const [info] = yield* infosOf(served, 1)
      assert.deepStrictEqual([info?.alpnProtocol, info?.serverName], ["h2", "named.example"])
    })
  )
})

describe("node:tls as a client of TLS 1.2", () => {
  const only = { minVersion: "TLSv1.2", maxVersion: "TLSv1.2" } as const

  it.live("speaks nothing newer, and resumes again and again, 40 kB each way", () =>
    Effect.gen(function* () {
      const { port } = yield* Ours.serve()
      let session: Buffer | undefined
      for (const reused of [false, true, true, true]) {
        const socket = yield* Node.connect(port, { ...only, ...(session === undefined ? {} : { session }) }, (socket) =>
          socket.on("session", (bytes) => void (session = bytes))
        )
        const data = randomBytes(40_000)
        assert.strictEqual(Node.digest(yield* Node.exchange(socket, data)), Node.digest(data))
        assert.deepStrictEqual([socket.getProtocol(), socket.isSessionReused()], ["TLSv1.2", reused])
      }
    }).pipe(Effect.provide(sealed))
  )

  it.live("of both versions has the better one; a client of ours too", () =>
    Effect.gen(function* () {
      const { port, served } = yield* Ours.serve({ versions: both })
      const socket = yield* Node.connect(port, { minVersion: "TLSv1.2" })
      assert.strictEqual(socket.getProtocol(), "TLSv1.3")
      yield* Node.exchange(socket, Buffer.from("x"))
      const connection = yield* Ours.connect(port, { versions: ["TLSv1.2", "TLSv1.3"] })
      yield* Ours.exchange(connection, Buffer.from("x"))
      assert.deepStrictEqual(
        (yield* infosOf(served, 2)).map(({ version }) => version),
        ["TLSv1.3", "TLSv1.3"]
      )
    })
  )

  it.live("has the same keying material, key log and staple", () =>
    Effect.gen(function* () {
      const ours: Array<string> = []
      const theirs: Array<string> = []
      const material: Array<Uint8Array> = []
      const { port } = yield* Ours.serve({
        versions,
        pairs: [{ ...fixtures.server.p256, ocsp }],
        serve: (connection) =>
          Effect.gen(function* () {
            material.push(yield* connection.exportKeyingMaterial("EXPERIMENTAL label", Buffer.from("context"), 48))
            yield* Ours.echo(connection)
          })
      }).pipe(Effect.provideService(KeyLog.KeyLog, { log: (line) => Effect.sync(() => void ours.push(line)) }))
      let staple: Buffer | undefined
      const socket = yield* Node.connect(port, { ...only, requestOCSP: true }, (socket) => {
        socket.on("keylog", (line: Buffer) => void theirs.push(line.toString().trim()))
        socket.on("OCSPResponse", (response: Buffer) => void (staple = response))
      })
      const expected = socket.exportKeyingMaterial(48, "EXPERIMENTAL label", Buffer.from("context"))
      yield* Node.exchange(socket, Buffer.from("x"))
      assert.deepStrictEqual(Buffer.from(material[0] ?? []), expected)
      assert.deepStrictEqual(
        ours.map((line) => line.trim()),
        theirs
      )
      assert.deepStrictEqual(staple, Buffer.from(ocsp))
    })
  )

  it.live("without tickets is resumed by session ID, from a store alone, which each configuration may have", () =>
    Effect.gen(function* () {
      const config = yield* TlsServer.configureWith(
        Layer.mergeAll(Credentials.layerPem(pem(fixtures.named)), ServerSessionStore.layerMemory()),
        { versions }
      ).pipe(Effect.provide(NodeCryptoProvider.layer))
      const { port } = yield* Ours.serve({
        versions,
        choose: ({ serverName }) => Effect.succeed(serverName === "named.example" ? config : undefined)
      })
      const visit = Effect.fnUntraced(function* (servername: string, session?: Buffer) {
        let latest: Buffer | undefined
        const noTickets = { secureOptions: constants.SSL_OP_NO_TICKET, servername }
        const socket = yield* Node.connect(
          port,
          { ...only, ...noTickets, ...(session === undefined ? {} : { session }) },
          (socket) => socket.on("session", (bytes) => void (latest = bytes))
        )
        yield* Node.exchange(socket, Buffer.from("x"))
        return { reused: socket.isSessionReused(), session: latest ?? socket.getSession() }
      })
      for (const [name, reused] of [
        ["named.example", true],
        ["localhost", false]
      ] as const) {
        const first = yield* visit(name)
        const second = yield* visit(name, first.session)
        const third = yield* visit(name, first.session)
        assert.deepStrictEqual([first.reused, second.reused, third.reused], [false, reused, reused], name)
      }
    })
  )

  it.live("is not resumed under another name, another protocol, or without its certificate", () =>
    Effect.gen(function* () {
      const { port } = yield* Ours.serve({
        versions,
        alpnProtocols: ["h2", "http/1.1"],
        pairs: [fixtures.server.p256, fixtures.named]
      })
      let session: Buffer | undefined
      const reused = Effect.fnUntraced(function* (options: Parameters<typeof Node.connect>[1]) {
        const socket = yield* Node.connect(
          port,
          { ...only, ALPNProtocols: ["h2"], ...(session === undefined ? {} : { session }), ...options },
          (socket) => socket.once("session", (bytes) => void (session ??= bytes))
        )
        yield* Node.exchange(socket, Buffer.from("x"))
        return socket.isSessionReused()
      })
      assert.isFalse(yield* reused({}))
      assert.isTrue(yield* reused({}))
      assert.isFalse(yield* reused({ servername: "named.example" }))
      assert.isFalse(yield* reused({ ALPNProtocols: ["http/1.1"] }))
    }).pipe(Effect.provide(sealed))
  )
})
