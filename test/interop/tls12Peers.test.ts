/** TLS 1.2 with rustls (Deno) and BoringSSL (Bun). */
import { describe } from "@effect/vitest"
import { asAskingServer, asClient, asServer } from "./support/peerRows12.ts"
import { bun, bunPeer, deno, denoPeer } from "./support/peers.ts"
import * as Resumption from "./support/resumptionRows.ts"

const version = "TLSv1.2"

describe.skipIf(deno === undefined)("TLS 1.2 of Deno (needs deno)", () => {
  describe("as a server of our client", () => asServer(denoPeer("deno.js"), "session ID"))
  describe("its node:tls, as a server of our client", () => {
    asServer(denoPeer("nodeTls.js"), "ticket")
    asAskingServer(denoPeer("nodeTls.js"))
  })
  describe("as a client of our server", () => asClient(denoPeer("deno.js")))
  describe("its node:tls, as a client of our server", () => asClient(denoPeer("nodeTls.js")))
  // Each connection of Deno's own API, and of its node:tls, keeps its tickets to itself.
  describe("fetch, as a client of our server", () =>
    Resumption.asClient(denoPeer("deno.js"), "fetching", "none", version))
  describe("fetch with a certificate", () => Resumption.asClient(denoPeer("deno.js"), "fetching", "shown", version))
})

describe.skipIf(bun === undefined)("TLS 1.2 of Bun (needs bun)", () => {
  describe("as a server of our client", () => asServer(bunPeer("bun.js"), "ticket"))
  describe("its node:tls, as a server of our client", () => {
    asServer(bunPeer("nodeTls.js"), "ticket")
    asAskingServer(bunPeer("nodeTls.js"))
  })
  describe("as a client of our server", () => asClient(bunPeer("bun.js")))
  describe("its node:tls, as a client of our server", () => asClient(bunPeer("nodeTls.js")))
  describe("fetch, as a client of our server", () =>
    Resumption.asClient(bunPeer("bun.js"), "fetching", "none", version))
  describe("its node:tls, resuming", () => Resumption.asClient(bunPeer("nodeTls.js"), "client", "none", version))
  describe("its node:tls, resuming, with a certificate", () =>
    Resumption.asClient(bunPeer("nodeTls.js"), "client", "shown", version))
})
