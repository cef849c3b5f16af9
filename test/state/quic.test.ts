/** TLS inside QUIC: the same machines, levels instead of records (RFC 9001). */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import type { Message } from "../../src/codec/handshake/handshake.ts"
import * as Core from "../../src/core.ts"
import { unsafeBytes } from "../../src/crypto/secret.ts"
import type { ClientConfig, ServerConfig } from "../../src/state/config.ts"
import { make as failure } from "../../src/state/failure.ts"
import { concat, okay, toHex } from "../support/answers.ts"
import {
  clientEnd,
  clientWorld,
  handshake,
  retryingConfig,
  serverConfig,
  serverEnd,
  serverWorld
} from "../support/pair.ts"
import { decode, encode } from "../support/puppet.ts"
import {
  assertConnected,
  type Cut,
  carry,
  clientHost,
  clientParameters,
  connect,
  type Host,
  joined,
  pieces,
  serverHost,
  serverParameters
} from "../support/quic.ts"

const required = { _tag: "Required", authorities: [] } as const
const kinds: { readonly [name: string]: readonly [Partial<ClientConfig>, Partial<ServerConfig>] } = {
  full: [{}, {}],
  retried: [{}, retryingConfig()],
  "with client authentication": [{}, { clientAuthentication: required }]
}
const none = new Uint8Array(0)

describe.each(Object.entries(kinds))("a handshake, %s", (name, [client, server]) => {
  const ends = (cut?: Cut) => connect(clientHost(client), serverHost(server), cut)

  it("connects, and each host has the other's transport parameters once", () => {
    const pair = ends()
    assertConnected(pair)
    assert.deepStrictEqual(pair.server.parameters, [toHex(clientParameters)])
    assert.deepStrictEqual(pair.client.parameters, [toHex(serverParameters)])
    assert.strictEqual(pair.client.connection.established?.kind, name === "retried" ? "retried" : "full")
    assert.strictEqual(pair.server.connection.established?.peer !== undefined, name.includes("authentication"))
    const exported = ({ connection }: Host) => toHex(okay(connection.exportKeyingMaterial("EXPORTER-t", none, 32)))
    assert.strictEqual(exported(pair.client), exported(pair.server))
  })

  it("is the same in any pieces", () => {
    const whole = ends()
    for (const size of [1, 2, 7, 100, 1200]) {
      const pair = ends((data) => pieces(data, size))
      assertConnected(pair)
      assert.deepStrictEqual(pair.client.keys, whole.client.keys, `pieces of ${size}`)
      assert.deepStrictEqual(pair.server.keys, whole.server.keys, `pieces of ${size}`)
    }
  })

  it("has no session ID, and no record of any kind", () => {
    const [first] = clientHost(client).start().flush()
    const hello = decode(first?.bytes ?? assert.fail("no ClientHello"))
    if (hello._tag !== "ClientHello") assert.fail(hello._tag)
    assert.strictEqual(hello.body.legacy_session_id.length, 0)
    assert.strictEqual(first?.level, "initial")
  })
})

describe("secrets", () => {
  const order = ({ secrets }: Host) => secrets.map(({ level, direction }) => `${level} ${direction}`)

  it("come in the order of RFC 9001 figure 5", () => {
    const { client, server } = connect(clientHost(), serverHost())
    assert.deepStrictEqual(order(client), [
      "handshake read",
      "handshake write",
      "application read",
      "application write"
    ])
    assert.deepStrictEqual(order(server), [
      "handshake write",
      "handshake read",
      "application write",
      "application read"
    ])
  })

  it("a server has no key for reading 1-RTT before the client's Finished", () => {
    const [client, server] = [clientHost().start(), serverHost().start()]
    for (const { level, bytes } of client.flush()) server.receive(level, bytes)
    assert.strictEqual(server.connection.reading, "handshake")
    assert.notProperty(server.keys, "application read")
    assert.property(server.keys, "application write")
  })

  it("are the host's own: what is wiped here stays with the host, and the other way round", () => {
    const { client } = connect(clientHost(), serverHost())
    const [handshake] = client.secrets
    client.connection.dispose()
    for (const { secret } of client.secrets) assert.isFalse(unsafeBytes(secret).every((byte) => byte === 0))
    handshake?.secret.wipe()
    assert.isTrue(handshake?.secret.wiped)
    assert.strictEqual(String(client.secrets[1]?.secret), "<secret:client handshake traffic>")
  })

  it("protect packets that the other side opens", () => {
    const { client, server } = connect(clientHost(), serverHost())
    const sealing = client.secrets.find(({ level, direction }) => level === "application" && direction === "write")
    const opening = server.secrets.find(({ level, direction }) => level === "application" && direction === "read")
    if (sealing === undefined || opening === undefined) return assert.fail("no secrets")
    const keys = Core.QuicPackets.packetKeys(sealing.suite, sealing.secret)
    const nonce = Core.QuicPackets.packetNonce(keys.iv, 7n)
    const sealed = new Uint8Array(4 + 16)
    sealing.suite.aead.key(keys.key).seal(nonce, none, Uint8Array.of(1, 2, 3, 4), none, sealed, 0)
    const { key, iv } = Core.QuicPackets.packetKeys(opening.suite, opening.secret)
    const opened = opening.suite.aead.key(key).open(Core.QuicPackets.packetNonce(iv, 7n), none, sealed)
    assert.deepStrictEqual(opened, Uint8Array.of(1, 2, 3, 4))
  })

  it("are logged for whoever asks, and for nobody else", () => {
    const logged = (host: Host) => host.events.flatMap((event) => (event._tag === "LogKey" ? [event.line] : []))
    assert.deepStrictEqual(logged(connect(clientHost(), serverHost()).client), [])
    const { client } = connect(clientHost({}, clientWorld(), "on"), serverHost())
    assert.strictEqual(logged(client).length, 5)
    assert.include(logged(client).join(), client.keys["application read"] ?? assert.fail("no secret"))
  })
})

const levels = ["initial", "handshake", "application"] as const
const some = Uint8Array.of(11, 0, 0, 9)

describe("bytes of a level that is not read", () => {
  /** Hosts at each level that they read. */
  const hosts: { readonly [name: string]: () => Host } = {
    "a server before the ClientHello": () => serverHost().start(),
    "a server that waits for Finished": () => {
      const [client, server] = [clientHost().start(), serverHost().start()]
      for (const { level, bytes } of client.flush()) server.receive(level, bytes)
      return server
    },
    "a server that is connected": () => connect(clientHost(), serverHost()).server,
    "a client before ServerHello": () => clientHost().start(),
    "a client before EncryptedExtensions": () => {
      const [client, server] = [clientHost().start(), serverHost().start()]
      for (const { level, bytes } of client.flush()) server.receive(level, bytes)
      for (const { level, bytes } of server.flush()) if (level === "initial") client.receive(level, bytes)
      return client
    },
    "a client that is connected": () => connect(clientHost(), serverHost()).client
  }
  const stranger = Object.entries(hosts).flatMap(([name, make]) =>
    levels.flatMap((level) => (make().connection.reading === level ? [] : [[name, level, make] as const]))
  )
  it.each(stranger)("%s refuses them at %s", (_name, level, make) => {
    const host = make()
    assert.deepStrictEqual(host.receive(level, some).end, ["QuicWrongLevel", 0x0a])
  })
  it("each host reads one of three levels", () => {
    assert.strictEqual(stranger.length, 2 * Object.keys(hosts).length)
  })
  it.each(Object.entries(hosts))("%s does not mind that there are none", (_name, make) => {
    const host = make()
    for (const level of levels) assert.isUndefined(host.receive(level, none).end)
  })
})

describe("a message across a level", () => {
  it.each([1, 3, 16_384, 40_000])("%i bytes behind the ClientHello are refused when it is answered", (size) => {
    const [hello] = clientHost().start().flush()
    const server = serverHost().start()
    server.receive("initial", concat(hello?.bytes ?? none, new Uint8Array(size).fill(11)))
    assert.deepStrictEqual(server.end, ["MessageAcrossKeyChange", 0x0a])
    assert.deepStrictEqual(server.flush(), [])
  })
  it.each([1, 20_000])("%i bytes behind ServerHello are refused", (size) => {
    const [client, server] = [clientHost().start(), serverHost().start()]
    for (const { level, bytes } of client.flush()) server.receive(level, bytes)
    const [hello] = server.flush()
    client.receive("initial", concat(hello?.bytes ?? none, new Uint8Array(size).fill(8)))
    assert.deepStrictEqual(client.end, ["MessageAcrossKeyChange", 0x0a])
  })
  it("a byte behind the server's Finished is refused", () => {
    const [client, server] = [clientHost().start(), serverHost().start()]
    for (const { level, bytes } of client.flush()) server.receive(level, bytes)
    const data = joined(server.flush())
    for (const { level, bytes } of data) {
      client.receive(level, level === "handshake" ? concat(bytes, Uint8Array.of(4)) : bytes)
    }
    assert.deepStrictEqual(client.end, ["MessageAcrossKeyChange", 0x0a])
  })
  it("a byte behind the client's Finished is refused", () => {
    const [client, server] = [clientHost().start(), serverHost().start()]
    for (const { level, bytes } of client.flush()) server.receive(level, bytes)
    for (const { level, bytes } of server.flush()) client.receive(level, bytes)
    for (const { level, bytes } of client.flush()) server.receive(level, concat(bytes, Uint8Array.of(4)))
    assert.deepStrictEqual(server.end, ["MessageAcrossKeyChange", 0x0a])
    assert.notProperty(server.keys, "application read")
  })
})

type Body<T extends Message["_tag"]> = Extract<Message, { readonly _tag: T }>["body"]

/** A server that hears a ClientHello which was changed on the way. */
const serverHearing = (
  change: (hello: Body<"ClientHello">) => Body<"ClientHello">,
  config: Partial<ServerConfig> = {}
) => {
  const [first] = clientHost().start().flush()
  const hello = decode(first?.bytes ?? none)
  if (hello._tag !== "ClientHello") return assert.fail(hello._tag)
  return serverHost(config)
    .start()
    .receive("initial", encode({ _tag: "ClientHello", body: change(hello.body) }))
}

/** A client that hears EncryptedExtensions without one of them. */
const clientHearingWithout = (type: string) => {
  const [client, server] = [clientHost().start(), serverHost().start()]
  for (const { level, bytes } of client.flush()) server.receive(level, bytes)
  for (const { level, bytes } of server.flush()) {
    const message = decode(bytes)
    const kept =
      message._tag === "EncryptedExtensions"
        ? { ...message, body: { extensions: message.body.extensions.filter((each) => each.type !== type) } }
        : message
    client.receive(level, encode(kept))
  }
  return client
}

const withoutExtension =
  (type: string) =>
  (hello: Body<"ClientHello">): Body<"ClientHello"> => ({
    ...hello,
    extensions: hello.extensions.filter((each) => each.type !== type)
  })

describe("what QUIC asks of the messages", () => {
  it("8.2: a ClientHello without transport parameters is missing_extension", () => {
    const server = serverHearing(withoutExtension("quic_transport_parameters"))
    assert.deepStrictEqual(server.end, ["MissingExtension", 0x016d])
    assert.deepStrictEqual(server.parameters, [])
  })
  it("8.2: EncryptedExtensions without transport parameters are missing_extension", () => {
    assert.deepStrictEqual(clientHearingWithout("quic_transport_parameters").end, ["MissingExtension", 0x016d])
  })
  it("8.1: a ClientHello without ALPN is no_application_protocol", () => {
    const server = serverHearing(withoutExtension("application_layer_protocol_negotiation"))
    assert.deepStrictEqual(server.end, ["NoCommonProtocol", 0x0178])
  })
  it("8.1: no protocol in common is no_application_protocol", () => {
    const server = serverHearing((hello) => ({
      ...hello,
      extensions: hello.extensions.map((each) =>
        each.type === "application_layer_protocol_negotiation"
          ? { type: "application_layer_protocol_negotiation", data: { protocol_name_list: ["smtp"] } }
          : each
      )
    }))
    assert.deepStrictEqual(server.end, ["NoCommonProtocol", 0x0178])
  })
  it("8.1: EncryptedExtensions without ALPN are no_application_protocol", () => {
    const client = clientHearingWithout("application_layer_protocol_negotiation")
    assert.deepStrictEqual(client.end, ["NoCommonProtocol", 0x0178])
  })
  it("8.1: a protocol that the client did not offer is no_application_protocol, and no illegal_parameter", () => {
    const [client, server] = [clientHost().start(), serverHost().start()]
    for (const { level, bytes } of client.flush()) server.receive(level, bytes)
    for (const { level, bytes } of server.flush()) {
      client.receive(level, Buffer.from(Buffer.from(bytes).toString("latin1").replace("\x02h3", "\x02h9"), "latin1"))
    }
    assert.deepStrictEqual(client.end, ["UnofferedProtocol", 0x0178])
  })
  it("8.4: a session ID is a protocol violation", () => {
    const server = serverHearing((hello) => ({ ...hello, legacy_session_id: new Uint8Array(32) }))
    assert.deepStrictEqual(server.end, ["QuicCompatibilityMode", 0x0a])
  })
  it("4.2: an older version is protocol_version", () => {
    const server = serverHearing(withoutExtension("supported_versions"))
    assert.deepStrictEqual(server.end, ["UnsupportedVersion", 0x0146])
  })

  it.each(["client", "server"] as const)("6: a KeyUpdate to a %s that is connected is unexpected_message", (role) => {
    const host = connect(clientHost(), serverHost())[role]
    host.receive("application", Uint8Array.of(24, 0, 0, 1, 1))
    assert.deepStrictEqual(host.end, ["QuicKeyUpdate", 0x010a])
    assert.strictEqual(host.secrets.length, 4)
  })
  it("6: a KeyUpdate that is malformed is unexpected_message too", () => {
    const { client } = connect(clientHost(), serverHost())
    assert.deepStrictEqual(client.receive("application", Uint8Array.of(24, 0, 0, 0)).end, ["QuicKeyUpdate", 0x010a])
  })
  it("8.3: EndOfEarlyData is unexpected_message", () => {
    const [client, server] = [clientHost().start(), serverHost().start()]
    for (const { level, bytes } of client.flush()) server.receive(level, bytes)
    assert.deepStrictEqual(server.receive("handshake", Uint8Array.of(5, 0, 0, 0)).end, ["QuicEndOfEarlyData", 0x010a])
  })
  it("4.4: a CertificateRequest after the handshake is a protocol violation", () => {
    const { client } = connect(clientHost(), serverHost())
    const request = encode({
      _tag: "CertificateRequest",
      body: {
        certificate_request_context: Uint8Array.of(1),
        extensions: [{ type: "signature_algorithms", data: { supported_signature_algorithms: ["ed25519"] } }]
      }
    })
    assert.deepStrictEqual(client.receive("application", request).end, ["QuicPostHandshakeRequest", 0x0a])
  })

  const ticket = (max_early_data_size: number | undefined) =>
    encode({
      _tag: "NewSessionTicket",
      body: {
        ticket_lifetime: 60,
        ticket_age_add: 0,
        ticket_nonce: Uint8Array.of(0),
        ticket: Uint8Array.of(1),
        extensions: max_early_data_size === undefined ? [] : [{ type: "early_data", data: { max_early_data_size } }]
      }
    })
  it("4.6.1: a ticket with a limit on early data is a protocol violation", () => {
    for (const size of [undefined, 0xffffffff]) {
      const { client } = connect(clientHost(), serverHost())
      assert.isUndefined(client.receive("application", ticket(size)).end)
    }
    const { client } = connect(clientHost(), serverHost())
    assert.deepStrictEqual(client.receive("application", ticket(16_384)).end, ["QuicTicketEarlyData", 0x0a])
  })
  it("4.8: an alert is 0x0100 and its number", () => {
    const [client, server] = [clientHost(), serverHost({ groups: ["secp384r1"] }, serverWorld())]
    client.start()
    server.start()
    for (const { level, bytes } of client.flush()) server.receive(level, bytes)
    const flight = server.flush()
    const [retry] = flight
    client.receive("initial", retry?.bytes ?? none)
    for (const { level, bytes } of client.flush()) server.receive(level, bytes)
    const all = server.flush()
    for (const { level, bytes } of all) {
      const broken = bytes.slice()
      if (broken[0] === 20) broken[10] = (broken[10] ?? 0) ^ 1
      client.receive(level, broken)
    }
    assert.deepStrictEqual(client.end, ["FinishedMismatch", 0x0133])
  })
})

describe("8.2: outside of QUIC", () => {
  it("a server refuses transport parameters with unsupported_extension", () => {
    const [first] = clientHost().start().flush()
    const hello = first?.bytes ?? none
    const record = concat(Uint8Array.of(22, 3, 1, hello.length >> 8, hello.length & 255), hello)
    const server = serverEnd({ protocols: ["h3"] })
      .start()
      .receive(record)
    assert.strictEqual(server.failure?.reason, "QuicOutsideQuic")
    assert.strictEqual(toHex(server.flush()), "1503030002026e")
  })
  it("nobody sends them", () => {
    const { client, server } = handshake(clientEnd(), serverEnd())
    const types = [...client.events, ...server.events].flatMap((event) =>
      event._tag === "Message" && "extensions" in event.message.body
        ? event.message.body.extensions.map(({ type }) => type)
        : []
    )
    assert.isAbove(types.length, 10)
    assert.notInclude(types, "quic_transport_parameters")
  })
})

describe("the host", () => {
  it("gives up with an error code, and hears nothing afterwards", () => {
    const { client } = connect(clientHost(), serverHost())
    client.take(client.connection.abort(failure("HandshakeTimeout", "too late")))
    assert.deepStrictEqual(client.end, ["HandshakeTimeout", 0x015a])
    const { out, secrets, events, asks } = client.connection.receive("application", some)
    assert.deepStrictEqual([out.length, secrets.length, events.length, asks], [0, 0, 0, undefined])
    assert.isTrue(Result.isFailure(client.connection.exportKeyingMaterial("EXPORTER-t", none, 32)))
  })
  it("answers only what is asked", () => {
    const client = clientHost()
    client.connection.start()
    client.take(client.connection.answer({ _tag: "CredentialChosen", credential: undefined }))
    assert.deepStrictEqual(client.end, ["InternalError", 0x0150])
  })
  it("may choose a configuration by the ClientHello, which stays one for QUIC", () => {
    const chosen = serverConfig({ protocols: ["h3"], clientAuthentication: required })
    const pair = connect(clientHost(), serverHost({}, serverWorld({ configure: () => Result.succeed(chosen) })))
    assertConnected(pair)
    assert.deepStrictEqual(pair.client.parameters, [toHex(serverParameters)])
    assert.isDefined(pair.server.connection.established?.peer)
    const parameters = Uint8Array.of(1, 2, 3)
    const own = { ...chosen, transport: { _tag: "Quic", parameters } as const }
    const other = connect(clientHost(), serverHost({}, serverWorld({ configure: () => Result.succeed(own) })))
    assertConnected(other)
    assert.deepStrictEqual(other.client.parameters, ["010203"])
  })
  it("may answer late: bytes that come meanwhile are kept", () => {
    const [client, server] = [clientHost(), serverHost().start()]
    const world = clientWorld()
    const { connection } = client
    let { asks } = connection.start()
    const step = () => okay(Core.answer(world, asks ?? assert.fail("no question")))
    const first = connection.answer(step())
    for (const { level, bytes } of first.out) server.receive(level, bytes)
    const data = joined(server.flush())
    for (const { level, bytes } of data) {
      let progress = connection.receive(level, bytes)
      for (; progress.asks !== undefined; progress = connection.answer(step())) {
        asks = progress.asks
        assert.deepStrictEqual(connection.receive(connection.reading, none).asks, asks)
      }
      client.take(progress)
    }
    carry(client, server)
    assert.isDefined(connection.established)
    assert.isDefined(server.connection.established)
  })
})
