/** Resumption with rustls (Deno) and BoringSSL (Bun). Neither offers early data. */
import { describe } from "@effect/vitest"
import { bun, bunPeer, deno, denoPeer } from "./support/peers.ts"
import { asClient, asClientRetried, asServer } from "./support/resumptionRows.ts"

describe.skipIf(deno === undefined)("sessions of Deno (needs deno)", () => {
  // Each connection of Deno's own API, and of its node:tls, keeps its tickets to itself.
  describe("fetch, as a client of our server", () => asClient(denoPeer("deno.js"), "fetching"))
  describe("fetch with a certificate", () => asClient(denoPeer("deno.js"), "fetching", "shown"))
  describe("as a server of our client", () => asServer(denoPeer("deno.js"), "nothing"))
  describe("its node:tls, as a server of our client", () => asServer(denoPeer("nodeTls.js"), "resumed"))
})

describe.skipIf(bun === undefined)("sessions of Bun (needs bun)", () => {
  describe("fetch, as a client of our server", () => asClient(bunPeer("bun.js"), "fetching"))
  describe("its node:tls, as a client of our server", () => asClient(bunPeer("nodeTls.js"), "client"))
  describe("its node:tls, as a client of our server that wants another group", () =>
    asClientRetried(bunPeer("nodeTls.js")))
  describe("its node:tls, with a certificate", () => asClient(bunPeer("nodeTls.js"), "client", "shown"))
  describe("as a server of our client", () => asServer(bunPeer("bun.js"), "nothing"))
  describe("its node:tls, as a server of our client", () => asServer(bunPeer("nodeTls.js"), "resumed"))
})
