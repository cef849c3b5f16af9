/** Raw public keys (RFC 7250) with GnuTLS, the one library around here whose program speaks them, in both roles. */
import { createHash, createPublicKey } from "node:crypto"
import { writeFileSync } from "node:fs"
import { createServer } from "node:net"
import * as NodeSocket from "@effect/platform-node/NodeSocket"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as ClientVerifier from "../../src/layers/ClientVerifier.ts"
import * as Credentials from "../../src/layers/Credentials.ts"
import * as NodeCryptoProvider from "../../src/layers/node/NodeCryptoProvider.ts"
import * as ServerVerifier from "../../src/layers/ServerVerifier.ts"
import * as TlsClient from "../../src/layers/TlsClient.ts"
import { fixtures, type Pair } from "./support/fixtures.ts"
import { listening } from "./support/node.ts"
import * as Ours from "./support/ours.ts"
import { hasGnutls, type Program, start } from "./support/programs.ts"

const spkiOf = ({ issued }: Pair) => createPublicKey(issued.privateKeyPem).export({ format: "der", type: "spki" })
const pinOf = (pair: Pair) => Uint8Array.from(createHash("sha256").update(spkiOf(pair)).digest())

/** The public key as a file of its own. */
const publicFile = (pair: Pair): string => {
  const file = `${pair.key}.pub`
  writeFileSync(file, createPublicKey(pair.issued.privateKeyPem).export({ format: "pem", type: "spki" }))
  return file
}

const rawPriority = "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CTYPE-ALL:+CTYPE-CLI-RAWPK:+CTYPE-SRV-RAWPK"
const keys = (pair: Pair) => ["--rawpkfile", publicFile(pair), "--rawpkkeyfile", pair.key]

const program = (name: string, args: ReadonlyArray<string>) =>
  Effect.acquireDisposable(Effect.sync(() => start(name, args)))
const says = (running: Program, pattern: RegExp) => Effect.promise(() => running.until(pattern))

const server = fixtures.server.p256
const client = fixtures.client.p256

/** `gnutls-serv` has no way to choose a free port itself. */
const freePort = Effect.scoped(Effect.suspend(() => listening(createServer())))

const gnutlsServer = Effect.fnUntraced(function* (...args: ReadonlyArray<string>) {
  const port = yield* freePort
  const running = yield* program("gnutls-serv", [
    ...["--echo", "--port", `${port}`, "--priority", rawPriority, ...keys(server), ...args]
  ])
  yield* says(running, /listening on IPv4[^\n]*done/)
  return { running, port }
})

const connect = Effect.fnUntraced(function* (port: number, believed: ReadonlyArray<Uint8Array>, shown?: Pair) {
  const tcp = yield* NodeSocket.makeNet({ host: "127.0.0.1", port, allowHalfOpen: true, noDelay: true })
  const identity =
    shown === undefined ? Layer.empty : Credentials.layerRawPublicKey({ key: shown.issued.privateKeyPem })
  const services = Layer.mergeAll(ServerVerifier.layerRawPublicKey(believed), identity).pipe(
    Layer.provideMerge(NodeCryptoProvider.layer)
  )
  return yield* Effect.provide(TlsClient.connect(tcp, { serverName: "localhost" }), yield* Layer.build(services))
})

/** Our server, which shows a raw public key and wants one. */
const ours = (believed: ReadonlyArray<Uint8Array>) =>
  Ours.serve({
    clientAuthentication: "required",
    identity: Layer.mergeAll(
      Credentials.layerRawPublicKey({ key: server.issued.privateKeyPem }),
      ClientVerifier.layerRawPublicKey(believed)
    )
  })

const gnutlsClient = (port: number, ...args: ReadonlyArray<string>) =>
  program("gnutls-cli", ["--insecure", "--port", `${port}`, "127.0.0.1", "--priority", rawPriority, ...args])

describe.skipIf(!hasGnutls)("raw public keys of GnuTLS (needs gnutls-cli and gnutls-serv)", () => {
  it.live("our client, gnutls-serv, and a key of ours where it asks", () =>
    Effect.gen(function* () {
      const { running, port } = yield* gnutlsServer("--require-client-cert")
      const connection = yield* connect(port, [pinOf(server)], client)
      assert.strictEqual(connection.peerCertificateType, "RawPublicKey")
      assert.deepStrictEqual(
        connection.peerCertificates.map((key) => Buffer.from(key)),
        [spkiOf(server)]
      )
      const { pull, write } = yield* Effect.all({
        pull: Effect.map(connection.socket.reader, (reader) => reader.pull),
        write: Effect.map(connection.socket.writer, (writer) => writer.write)
      })
      yield* write("there and back\n")
      assert.strictEqual(String(yield* Ours.take(pull, 15)), "there and back\n")
      yield* says(running, /Certificate type: Raw Public Key/)
    })
  )

  it.live("our client refuses another key of gnutls-serv", () =>
    Effect.gen(function* () {
      const { port } = yield* gnutlsServer("--disable-client-cert")
      const error = yield* Effect.flip(connect(port, [pinOf(client)]))
      assert.deepStrictEqual([error.reason._tag, error.alertSent], ["CertificateRejected", "certificate_unknown"])
    })
  )

  it.live("our server and gnutls-cli, each with its key", () =>
    Effect.gen(function* () {
      const { port, served } = yield* ours([pinOf(client)])
      const running = yield* gnutlsClient(port, ...keys(client))
      yield* says(running, /Certificate type: Raw Public Key[\s\S]*Handshake was completed/)
      running.write("there and back\n")
      yield* says(running, /\nthere and back/)
      running.end()
      const { connection } = yield* Queue.take(served)
      assert.strictEqual(connection.peerCertificateType, "RawPublicKey")
      assert.deepStrictEqual(Buffer.from(connection.peerCertificates[0] ?? []), spkiOf(client))
    })
  )

  it.live("our server refuses another key of gnutls-cli, and a client that has certificates only", () =>
    Effect.gen(function* () {
      const { port } = yield* ours([pinOf(server)])
      const other = yield* gnutlsClient(port, ...keys(client))
      yield* says(other, /Certificate is unknown|certificate unknown|\[46\]/i)
      const plain = yield* program("gnutls-cli", [
        ...["--insecure", "--port", `${port}`, "127.0.0.1", "--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.3"]
      ])
      yield* says(plain, /handshake failure|unsupported certificate|\[40\]|\[43\]/i)
    })
  )
})
