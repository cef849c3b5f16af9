/** TLS 1.2 with rustls (Deno) and BoringSSL (Bun). */
import { describe } from "@effect/vitest"
import { asAskingServer, asServer } from "./support/peerRows12.ts"
import { bun, bunPeer, deno, denoPeer } from "./support/peers.ts"

describe.skipIf(deno === undefined)("TLS 1.2 of Deno (needs deno)", () => {
  describe("as a server of our client", () => asServer(denoPeer("deno.js"), "session ID"))
  describe("its node:tls, as a server of our client", () => {
    asServer(denoPeer("nodeTls.js"), "ticket")
    asAskingServer(denoPeer("nodeTls.js"))
  })
})

describe.skipIf(bun === undefined)("TLS 1.2 of Bun (needs bun)", () => {
  describe("as a server of our client", () => asServer(bunPeer("bun.js"), "ticket"))
  describe("its node:tls, as a server of our client", () => {
    asServer(bunPeer("nodeTls.js"), "ticket")
    asAskingServer(bunPeer("nodeTls.js"))
  })
})
