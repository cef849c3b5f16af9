/** A server may choose its whole configuration when it has heard the ClientHello, and before it negotiates anything. */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import type { ChooseConfiguration } from "../../src/state/command.ts"
import type { ClientConfig, ServerConfig } from "../../src/state/config.ts"
import { fail } from "../../src/state/failure.ts"
import { toHex } from "../support/answers.ts"
import { clientEnd, handshake, serverConfig, serverEnd, serverWorld, suites } from "../support/pair.ts"

const [, aes256] = suites

describe("a server that chooses by the ClientHello", () => {
  it("negotiates with what was chosen, and with nothing of what it began with", () => {
    const asked: Array<ChooseConfiguration> = []
    const chosen = serverConfig({
      suites: suites.filter((suite) => suite === aes256),
      groups: ["secp384r1"],
      protocols: ["http/1.1"],
      clientAuthentication: { _tag: "Required", authorities: [] }
    })
    const world = serverWorld({
      configure: (request) => {
        asked.push(request)
        return Result.succeed(chosen)
      }
    })
    const { client, server } = handshake(clientEnd(), serverEnd({ suites: [], groups: [], protocols: ["h3"] }, world))
    const { established } = server.connection
    assert.deepStrictEqual(
      [established?.suite.name, established?.group, established?.protocol, established?.kind],
      [aes256?.name, "secp384r1", "http/1.1", "retried"]
    )
    assert.isDefined(established?.peer)
    assert.strictEqual(client.connection.state, "CONNECTED")

    // Once, though the client said two of them; and the bytes are those that were heard.
    assert.strictEqual(asked.length, 1)
    const said = client.events.find((event) => event._tag === "Message")
    assert.strictEqual(toHex(asked[0]?.raw ?? new Uint8Array(0)), toHex(said?.raw ?? new Uint8Array(0)))
    assert.strictEqual(asked[0]?.serverName, "server.test")
  })

  it("ends with the alert of a refusal, and has said nothing before it", () => {
    const world = serverWorld({ configure: () => fail("UnrecognizedName", "nobody is called so here") })
    const server = serverEnd({}, world).start()
    const client = clientEnd().start()
    server.receive(client.flush())
    assert.strictEqual(server.failure?.reason, "UnrecognizedName")
    assert.deepStrictEqual([...server.flush()], [21, 3, 3, 0, 2, 2, 112])
    assert.deepStrictEqual(server.messages, ["heard ClientHello"])
  })

  it("reads nothing more until the answer is there", () => {
    const server = serverEnd().start()
    const hello = clientEnd().start().flush()
    const both = Uint8Array.from([...hello, ...hello])
    const { asks } = server.connection.receive(both)
    assert.strictEqual(asks?._tag, "ChooseConfiguration")
    assert.strictEqual(server.connection.state, "CHOOSING_CONFIGURATION")
    assert.strictEqual(server.connection.receive(hello).asks, asks)
    assert.isUndefined(server.failure)
  })
})

describe("a strict server", () => {
  // The world has a credential for everybody, so that it is the machine that refuses.
  const nameless = { server: { _tag: "IpAddress", address: Uint8Array.of(127, 0, 0, 1), text: "127.0.0.1" } } as const
  const cases: ReadonlyArray<readonly [string, Partial<ServerConfig>, Partial<ClientConfig>, number]> = [
    ["about names", { serverNamePolicy: "strict" }, nameless, 112],
    ["about ALPN", { alpnPolicy: "strict" }, { protocols: [] }, 120]
  ]
  it.each(cases)("%s refuses who leaves it out, and a lenient one does not", (_, strict, config, alert) => {
    const server = serverEnd(strict).start()
    server.receive(clientEnd(config).start().flush())
    assert.deepStrictEqual([...server.flush()], [21, 3, 3, 0, 2, 2, alert])
    assert.strictEqual(handshake(clientEnd(), serverEnd(strict)).server.connection.state, "CONNECTED")
    assert.strictEqual(handshake(clientEnd(config), serverEnd()).server.connection.state, "CONNECTED")
  })
})
