/**
 * Deno, which is rustls. Its clients list X25519MLKEM768 and send a share for X25519 alone: a server that prefers the
 * hybrid has to say HelloRetryRequest.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import { fixtures } from "./support/fixtures.ts"
import { serveHttp } from "./support/http.ts"
import { serve } from "./support/ours.ts"
import { asClient, asServer, type Traits } from "./support/peerRows.ts"
import { client, deno, denoPeer } from "./support/peers.ts"

const native: Traits = {
  peer: denoPeer("deno.js"),
  firstKind: "retried",
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

describe.skipIf(deno === undefined)("Deno as it comes, our server as it comes (needs deno)", () => {
  it.live("lists X25519MLKEM768 without a share for it, and is asked for one", () =>
    Effect.gen(function* () {
      const offers: Array<ReadonlyArray<string>> = []
      const { port, served } = yield* serve({
        choose: ({ groups }) => Effect.sync(() => void offers.push(groups.map(String)))
      })
      const [said] = yield* client(native.peer, port)
      assert.isUndefined(said?.error)
      const { info } = (yield* Queue.take(served)).connection
      assert.include(offers.flat(), "X25519MLKEM768")
      assert.deepStrictEqual([info.group, info.kind], ["X25519MLKEM768", "retried"])
    })
  )
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
