/**
 * workerd, the runtime of Cloudflare Workers, as HTTPS server of our client and HTTPS client of our server at once. It
 * has rustls below it, here without a hybrid group: what meets a client and a server of yesterday.
 */
import { randomBytes } from "node:crypto"
import * as Http from "node:http"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as ClientSessionStore from "../../src/layers/ClientSessionStore.ts"
import { toDuplex } from "../../src/layers/node/duplex.ts"
import * as NodeCryptoProvider from "../../src/layers/node/NodeCryptoProvider.ts"
import * as Tickets from "../../src/layers/Tickets.ts"
import type { TlsConnection } from "../../src/layers/TlsConnection.ts"
import { find } from "../../src/layers/TlsError.ts"
import { fixtures } from "./support/fixtures.ts"
import { serveHttp } from "./support/http.ts"
import { digest } from "./support/node.ts"
import * as Ours from "./support/ours.ts"
import { workerd } from "./support/peers.ts"
import { gateway } from "./support/workerd.ts"

/** One request over our connection: the status, and the body that comes back. */
const post = Effect.fnUntraced(function* ({ socket }: TlsConnection, body: Buffer) {
  const duplex = yield* toDuplex(socket)
  return yield* Effect.callback<readonly [number | undefined, Buffer], Error>((resume) => {
    const options = { method: "POST", host: "localhost", createConnection: () => duplex }
    const request = Http.request(options, (response) => {
      const chunks: Array<Buffer> = []
      response.on("data", (chunk: Buffer) => chunks.push(chunk))
      response.once("end", () => resume(Effect.succeed([response.statusCode, Buffer.concat(chunks)])))
    })
    request.once("error", (error) => resume(Effect.fail(error)))
    request.end(body)
  })
})

describe.skipIf(workerd === undefined)("workerd (needs workerd)", () => {
  it.live("1 MiB there and back through both of its ends, with certificates of clients at both", () =>
    Effect.gen(function* () {
      const body = randomBytes(1 << 20)
      const { port, served } = yield* serveHttp({ clientAuthentication: "required" })
      const theirs = yield* gateway(port)
      const connection = yield* Ours.connect(theirs.port, { pair: fixtures.client.p256 })
      const [status, got] = yield* post(connection, body)
      assert.deepStrictEqual([status, digest(got)], [200, digest(body)])
      theirs.program.child.kill()
      const theirClient = (yield* Queue.take(served)).connection
      for (const { info } of [connection, theirClient]) {
        assert.deepStrictEqual(
          [info.version, info.kind, info.group, info.serverName],
          ["TLSv1.3", "full", "x25519", "localhost"]
        )
      }
      assert.deepStrictEqual(
        Buffer.from(theirClient.peerCertificates[0] ?? []),
        Buffer.from(fixtures.client.p256.issued.certificate)
      )
    })
  )

  it.live("resumes at both of its ends", () =>
    Effect.gen(function* () {
      const { port, served } = yield* serveHttp({ clientAuthentication: "required" })
      const theirs = yield* gateway(port)
      const kinds: Array<readonly [string, string]> = []
      for (let i = 0; i < 2; i++) {
        const connection = yield* Ours.connect(theirs.port, { pair: fixtures.client.p256 })
        assert.strictEqual(String((yield* post(connection, Buffer.from("abc")))[1]), "abc")
        kinds.push([connection.info.kind, (yield* Queue.take(served)).connection.info.kind])
      }
      assert.deepStrictEqual(kinds, [
        ["full", "full"],
        ["resumed", "resumed"]
      ])
    }).pipe(
      Effect.provide(
        Layer.merge(
          ClientSessionStore.layerMemory(),
          Tickets.layerSealed().pipe(Layer.provide(NodeCryptoProvider.layer))
        )
      )
    )
  )

  it.live("lets no client of ours in without a certificate", () =>
    Effect.gen(function* () {
      const { port } = yield* gateway(9)
      const error = yield* Ours.refusal(yield* Ours.connect(port))
      assert.strictEqual(find(error)?.alertReceived, "certificate_required")
    })
  )

  it.live("trusts no server of a stranger", () =>
    Effect.gen(function* () {
      const { port } = yield* serveHttp({ pairs: [fixtures.strangeServer] })
      const theirs = yield* gateway(port)
      const connection = yield* Ours.connect(theirs.port, { pair: fixtures.client.p256 })
      const [status] = yield* post(connection, Buffer.from("abc"))
      assert.strictEqual(status, 500)
      assert.match(theirs.program.stderr(), /invalid peer certificate: UnknownIssuer/)
    })
  )
})
