/**
 * Deno, which is rustls. Its clients list X25519MLKEM768 and send a share for X25519 alone: a server that prefers the
 * hybrid has to say HelloRetryRequest.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import { fixtures } from "./support/fixtures.ts"
import { serveHttp } from "./support/http.ts"
import { asClient, asServer, type Traits } from "./support/peerRows.ts"
import { client, deno, denoPeer } from "./support/peers.ts"

const native: Traits = {
  peer: denoPeer("deno.js"),
  firstKind: "retried",
  serverKeys: ["p256", "p384", "ed25519", "rsa2048"],
  server: "knows nothing of its clients",
  noApplicationProtocol: /NoApplicationProtocol/,
  certificateRequired: /CertificateRequired/
}

const nodeTls: Traits = { ...native, peer: denoPeer("nodeTls.js"), server: "asks for certificates" }

describe.skipIf(deno === undefined)("Deno by its own API (needs deno)", () => {
  asClient(native)
  asServer(native)
})

describe.skipIf(deno === undefined)("Deno by its node:tls (needs deno)", () => {
  asClient(nodeTls)
  asServer(nodeTls)
})

describe.skipIf(deno === undefined)("fetch of Deno (needs deno)", () => {
  it.live("to our server, 1 MiB each way, with a certificate", () =>
    Effect.gen(function* () {
      const { port, served } = yield* serveHttp({ clientAuthentication: "required" })
      const options = { pair: fixtures.client.p256, size: 1 << 20 }
      const [said] = yield* client(native.peer, port, options, "fetching")
      assert.deepStrictEqual([said?.status, said?.got], [200, said?.sent])
      const { info, peerCertificates } = (yield* Queue.take(served)).connection
      assert.deepStrictEqual(
        [info.group, info.kind, info.alpnProtocol, peerCertificates.length > 0],
        ["X25519MLKEM768", native.firstKind, "http/1.1", true]
      )
    })
  )
})
