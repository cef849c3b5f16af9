/** Bun, which is BoringSSL. Its clients send a share for X25519MLKEM768 at once. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import { fixtures } from "./support/fixtures.ts"
import { serveHttp } from "./support/http.ts"
import { asClient, asServer, type Traits } from "./support/peerRows.ts"
import { bun, bunPeer, client } from "./support/peers.ts"

const nodeTls: Traits = {
  peer: bunPeer("nodeTls.js"),
  firstKind: "full",
  server: "asks for certificates",
  noApplicationProtocol: /ALERT_NO_APPLICATION_PROTOCOL/,
  certificateRequired: /ALERT_CERTIFICATE_REQUIRED/
}

const native: Traits = { ...nodeTls, peer: bunPeer("bun.js") }

describe.skipIf(bun === undefined)("Bun by its own API (needs bun)", () => {
  asClient(native)
  asServer(native)
})

describe.skipIf(bun === undefined)("Bun by its node:tls (needs bun)", () => {
  asClient(nodeTls)
  asServer(nodeTls)
})

describe.skipIf(bun === undefined)("fetch of Bun (needs bun)", () => {
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
