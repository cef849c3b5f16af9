/** What a server says before the client has finished: its flight, and no data (SECURITY rows 12 and 43). */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import type { ClientAuthentication } from "../../src/state/config.ts"
import { clientEnd, connected, type End, handshake, serverEnd } from "../support/pair.ts"

const refusal = (end: End): string => {
  const sent = end.connection.send(Uint8Array.of(1, 2, 3))
  return Result.isFailure(sent) ? sent.failure.reason : "sent"
}

describe("half-RTT data", () => {
  const authentications: ReadonlyArray<readonly [ClientAuthentication, ReadonlyArray<string>]> = [
    [{ _tag: "None" }, ["WAIT_FINISHED"]],
    [{ _tag: "Optional", authorities: [] }, ["WAIT_CERT", "WAIT_CV", "WAIT_FINISHED"]],
    [{ _tag: "Required", authorities: [] }, ["WAIT_CERT", "WAIT_CV", "WAIT_FINISHED"]]
  ]
  it.each(authentications)("is never sent: %j", (clientAuthentication, waiting) => {
    const [client, server] = [clientEnd({ compatibility: "none" }), serverEnd({ clientAuthentication })]
    server.start().receive(client.start().flush())
    client.receive(server.flush())
    assert.strictEqual(client.connection.state, "CONNECTED", client.failure?.detail)
    const states: Array<string> = []
    // The client's last flight comes a byte at a time: between any two of them nothing may be said.
    for (const byte of client.flush()) {
      const { state } = server.connection
      if (state !== "CONNECTED") {
        if (states.at(-1) !== state) states.push(state)
        assert.strictEqual(refusal(server), "NotEstablished")
        assert.strictEqual(server.flush().length, 0)
      }
      server.receive(Uint8Array.of(byte))
    }
    assert.strictEqual(server.connection.state, "CONNECTED", server.failure?.detail)
    for (const state of states) assert.include(waiting, state)
    assert.strictEqual(refusal(server), "sent")
  })
})

describe("post-handshake authentication", () => {
  it("is never offered", () => {
    const { client } = connected()
    const hello = client.events.find((event) => event._tag === "Message" && event.message._tag === "ClientHello")
    if (hello?._tag !== "Message" || hello.message._tag !== "ClientHello") return assert.fail("no ClientHello")
    const types = hello.message.body.extensions.map(({ type }) => type)
    assert.notInclude(types, "post_handshake_auth")
  })
})

describe("certificate_required", () => {
  it("reaches a client that was connected already, as its end", () => {
    const required: ClientAuthentication = { _tag: "Required", authorities: [] }
    const declining = handshake(
      clientEnd(),
      serverEnd({ clientAuthentication: required, schemes: ["rsa_pss_rsae_sha256"] })
    )
    assert.strictEqual(declining.server.failure?.reason, "ClientCertificateRequired")
    assert.deepStrictEqual(
      [declining.client.failure?.reason, declining.client.failure?.received],
      ["AlertReceived", "certificate_required"]
    )
    assert.isDefined(declining.client.connection.established)
  })
})
