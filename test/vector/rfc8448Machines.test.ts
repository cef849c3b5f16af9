/** RFC 8448: both machines among the traces, as connections that hear what the trace's peer said. */
import { constants, verify, X509Certificate } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { find } from "../../src/codec/extension/extension.ts"
import type { ClientHello } from "../../src/codec/handshake/clientHello.ts"
import type { World } from "../../src/core.ts"
import { Secret, unsafeBytes } from "../../src/crypto/secret.ts"
import type { Action } from "../../src/state/action.ts"
import * as Client from "../../src/state/client.ts"
import type { Credential } from "../../src/state/command.ts"
import type { ClientConfig, ServerConfig } from "../../src/state/config.ts"
import type { Event } from "../../src/state/event.ts"
import { fail } from "../../src/state/failure.ts"
import { installKeys } from "../../src/state/flight.ts"
import type { Offer } from "../../src/state/hello/clientHello.ts"
import { Opener } from "../../src/state/record/protection13.ts"
import * as Server from "../../src/state/server.ts"
import { make } from "../../src/state/shell.ts"
import { signedContent } from "../../src/state/tls13/certificateVerify.ts"
import * as KeySchedule from "../../src/state/tls13/keySchedule.ts"
import type { Negotiated } from "../../src/state/tls13/server/state.ts"
import * as Transcript from "../../src/state/transcript.ts"
import { concat, okay, pairOf, toHex } from "../support/answers.ts"
import { clientWorld, End, records, suites } from "../support/pair.ts"
import { heard } from "../support/travel.ts"
import { isServerHello, type Trace, traces } from "./rfc8448.ts"

const suite = suites.find(({ name }) => name === "TLS_AES_128_GCM_SHA256") ?? assert.fail("the suite of the traces")

/** The RSA keys of the traces have 1024 bits, which the library refuses; node does not mind. */
const verifyAnyway: World["verify"] = ({ chain, scheme, content, signature }) => {
  const { publicKey } = new X509Certificate(chain[0] ?? assert.fail("an empty chain"))
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
  const key = scheme === "rsa_pss_rsae_sha256" ? { key: publicKey, ...pss } : publicKey
  return verify("sha256", content, key, signature)
    ? Result.succeed({ chain, description: "as in RFC 8448" })
    : fail("SignatureMismatch", "not the signature of the trace")
}

/** Who a side is, and the signature that it made in the trace: RSA-PSS and ECDSA would make another one now. */
const identity = (trace: Trace, role: "client" | "server") => {
  const certificate = trace.message(role, "Certificate").message.body
  const { algorithm, signature } = trace.message(role, "CertificateVerify").message.body
  const chain = certificate.certificate_list.map(({ cert_data }) => cert_data)
  const credential: Credential = { chain, schemes: [algorithm], key: {} }
  const signed: Array<Uint8Array> = []
  const changes: Partial<World> = {
    choose: () => credential,
    sign: ({ content }) => (signed.push(content), Result.succeed(signature)),
    verify: verifyAnyway
  }
  return { credential, algorithm, signed, world: clientWorld(changes) }
}
const isAuthenticated = ({ messages }: Trace) => messages.some(({ message }) => message._tag === "CertificateRequest")

const hellos = ({ messages }: Trace) =>
  messages.flatMap(({ message, raw }) => (message._tag === "ClientHello" ? [{ hello: message.body, raw }] : []))

const clientConfigOf = (hello: ClientHello): ClientConfig => ({
  suites,
  groups: ["x25519", "secp256r1", "secp384r1"],
  shares: ["x25519"],
  schemes: find(hello.extensions, "signature_algorithms")?.supported_signature_algorithms ?? [],
  protocols: [],
  compatibility: hello.legacy_session_id.length === 0 ? "none" : "middlebox",
  server: { _tag: "DnsName", name: "server" }
})

/** The client as it was when it had said its last ClientHello. */
const waiting = (trace: Trace): Client.ClientState => {
  const [first, second] = hellos(trace)
  const { hello, raw } = first ?? assert.fail("no ClientHello")
  const x25519 = pairOf("x25519", trace.figure("client", "ephemeral x25519", "private key"))
  const offer: Offer = { config: clientConfigOf(hello), hello, shares: [x25519], psks: [], earlyData: { _tag: "None" } }
  const transcript = Transcript.heard(raw)
  if (second === undefined) return { _tag: "WAIT_SH", offer, transcript }
  const retry = trace.message("server", "HelloRetryRequest")
  return {
    _tag: "WAIT_SH_2",
    offer: {
      ...offer,
      hello: second.hello,
      shares: [pairOf("secp256r1", trace.figure("client", "ephemeral P-256", "private key"))]
    },
    retry: { suite, group: "secp256r1", cookie: find(retry.message.body.extensions, "cookie")?.cookie },
    transcript: Transcript.append(
      Transcript.append(Transcript.messageHash(transcript, suite.hash), retry.raw),
      second.raw
    )
  }
}

/** What the client's protected handshake records hold. */
const content = (trace: Trace, protectedRecords: ReadonlyArray<Uint8Array>): Uint8Array => {
  const opener = new Opener(suite, new Secret("test", trace.figure("server", "c hs traffic", "expanded").slice()))
  const inner = protectedRecords.map((record) => okay(opener.open(record, 0, record.length - 5)))
  return concat(...inner.map((bytes) => bytes.subarray(0, -1)))
}

describe.each(traces.map((trace) => [trace.name, trace] as const))("the client in %s", (_, trace) => {
  it("connects, and says every record of the trace byte for byte", () => {
    const { world, signed } = isAuthenticated(trace)
      ? identity(trace, "client")
      : { world: clientWorld({ verify: verifyAnyway }), signed: [] }
    const machine = {
      role: "client",
      start: waiting(trace),
      speaks: Client.speaks,
      step: Client.step,
      expects: Client.expects
    } as const
    const end = new End(make<Client.ClientState>(machine), world).start()
    const after = trace.records.findLastIndex(
      ({ role, payload }) => role === "client" && payload[0] === 1 && payload.length > 99
    )
    const expected: Array<Uint8Array> = []
    for (const { role, type, payload, record } of trace.records.slice(after + 1)) {
      if (role === "server") end.receive(record)
      else {
        expected.push(record)
        if (type === "application_data") end.send(payload)
        else if (type === "alert") end.take(end.connection.close())
      }
    }
    assert.strictEqual(end.failure, undefined, end.failure?.detail)
    assert.strictEqual(end.connection.state, "CONNECTED")
    const out = end.flush()
    if (isAuthenticated(trace)) {
      // Our Certificate leaves while the signature is still asked for, so the same messages stand in two records.
      assert.strictEqual(toHex(content(trace, records(out).slice(0, -1))), toHex(content(trace, expected.slice(0, -1))))
      assert.strictEqual(toHex(records(out).at(-1) ?? out), toHex(expected.at(-1) ?? out))
    } else assert.strictEqual(toHex(out), toHex(concat(...expected)))
    assert.isAtLeast(expected.length, 2)

    const data = trace.records.filter(({ role, type }) => role === "server" && type === "application_data")
    assert.strictEqual(toHex(end.data), toHex(concat(...data.map(({ payload }) => payload))))
    assert.isTrue(end.events.some(({ _tag }) => _tag === "PeerClosed"))
    const { established } = end.connection
    if (established?.version !== "TLSv1.3") assert.fail("not established")
    const { exporter, kind } = established
    assert.strictEqual(toHex(unsafeBytes(exporter)), toHex(trace.figure("server", "exp master", "expanded")))
    assert.strictEqual(kind, hellos(trace).length === 1 ? "full" : "retried")
    assert.strictEqual(signed.length, isAuthenticated(trace) ? 1 : 0)
  })
})

describe("the client in section 5, from its first ClientHello", () => {
  it("makes a share of P-256 and says the cookie; order and padding are its own", () => {
    const trace = traces[1] ?? assert.fail("no trace")
    const [first, second] = hellos(trace)
    const { hello, raw } = first ?? assert.fail("no ClientHello")
    const x25519 = pairOf("x25519", trace.figure("client", "ephemeral x25519", "private key"))
    const p256 = pairOf("secp256r1", trace.figure("client", "ephemeral P-256", "private key"))
    assert.strictEqual(toHex(p256.share), toHex(trace.figure("client", "ephemeral P-256", "public key")))
    const start: Client.ClientState = {
      _tag: "WAIT_SH",
      offer: { config: clientConfigOf(hello), hello, shares: [x25519], psks: [], earlyData: { _tag: "None" } },
      transcript: Transcript.heard(raw)
    }
    const retrying = okay(Client.step(start, heard(trace.message("server", "HelloRetryRequest").raw)))
    if (retrying.state._tag !== "RETRYING") assert.fail(retrying.state._tag)
    assert.deepStrictEqual(retrying.state.asks, { _tag: "MakeKeyShare", group: "secp256r1" })
    const { actions } = okay(Client.step(retrying.state, { _tag: "KeyShareMade", share: p256 }))
    const [said] = actions.flatMap((action) => (action._tag === "Send" ? [action.message] : []))
    if (said?._tag !== "ClientHello" || second === undefined) assert.fail("no second ClientHello")
    const sorted = (extensions: ClientHello["extensions"]) =>
      extensions.filter(({ type }) => type !== "padding").sort((a, b) => String(a.type).localeCompare(String(b.type)))
    assert.deepStrictEqual(sorted(said.body.extensions), sorted(second.hello.extensions))
    assert.deepStrictEqual({ ...said.body, extensions: [] }, { ...second.hello, extensions: [] })
  })
})

const serverConfigOf = (trace: Trace): ServerConfig => ({
  suites,
  groups: hellos(trace).length === 1 ? ["x25519"] : ["secp256r1"],
  schemes: ["rsa_pss_rsae_sha256", "ecdsa_secp256r1_sha256"],
  protocols: [],
  compatibility: "none",
  clientAuthentication: isAuthenticated(trace) ? { _tag: "Required", authorities: [] } : { _tag: "None" }
})

/** The server as it was when it had said its Certificate, and what it had done since ServerHello. */
const negotiated = (trace: Trace, credential: Credential, algorithm: Credential["schemes"][number]) => {
  const { hello } = hellos(trace).at(-1) ?? assert.fail("no ClientHello")
  const to = (tag: string) => trace.messages.findIndex(({ role, message }) => role === "server" && message._tag === tag)
  const retried = hellos(trace).length === 2
  const transcriptOf = (end: number): Transcript.Hashing => {
    const first = Transcript.heard(trace.messages[0]?.raw ?? new Uint8Array(0))
    const start = retried ? Transcript.messageHash(first, suite.hash) : Transcript.hashing(first, suite.hash)
    return trace.messages.slice(1, end + 1).reduce((transcript, { raw }) => Transcript.append(transcript, raw), start)
  }
  const group = retried ? "secp256r1" : "x25519"
  const share = find(hello.extensions, "key_share")?.client_shares[0] ?? assert.fail("no share")
  const secret = trace.figure("server", 'extract secret "handshake"', "IKM")
  const own = pairOf(group, trace.figure("server", retried ? "ephemeral P-256" : "ephemeral x25519", "private key"))
  assert.strictEqual(toHex(okay(own.agree(share.key_exchange))), toHex(secret))
  const handshake = KeySchedule.handshakeSecret(suite.hash, KeySchedule.earlySecret(suite.hash), secret)
  const toHello = transcriptOf(to("ServerHello"))
  const client = KeySchedule.clientHandshakeTraffic(handshake, toHello)
  const server = KeySchedule.serverHandshakeTraffic(handshake, toHello)
  const transcript = transcriptOf(to("Certificate"))
  const state: Negotiated = {
    _tag: "NEGOTIATED",
    asks: { _tag: "Sign", credential, scheme: algorithm, content: signedContent("Server", transcript) },
    hs: {
      selected: {
        choices: {
          config: serverConfigOf(trace),
          hello,
          suite,
          raw: trace.messages[0]?.raw ?? new Uint8Array(0),
          psks: undefined,
          group: { _tag: "Shared", group, share },
          schemes: find(hello.extensions, "signature_algorithms")?.supported_signature_algorithms ?? [],
          protocol: undefined,
          serverName: "server",
          clientCertificateType: "X509"
        },
        suite,
        authentication: { _tag: "Certificate", credential, scheme: algorithm },
        random: trace.message("server", "ServerHello").message.body.random,
        earlyData: "none"
      },
      group,
      rounds: retried ? "retried" : "full",
      secret: handshake,
      client,
      server
    },
    transcript
  }
  const said = trace.messages.slice(to("ServerHello") + 1, to("Certificate") + 1)
  const opening: ReadonlyArray<Action> = [
    installKeys("write", "handshake", suite, server),
    installKeys("read", "handshake", suite, client),
    ...said.map(({ message, raw }): Action => ({ _tag: "Send", epoch: "handshake", message, raw }))
  ]
  return { state, opening }
}

/**
 * Our ServerHello cannot be the trace's, as its extensions stand in another order, nor our EncryptedExtensions, which
 * say nothing of groups and record sizes: so the server starts behind its Certificate, in NEGOTIATED, and what the
 * trace's server said since ServerHello is put in front of its first step. Signatures are the trace's.
 */
describe.each(traces.map((trace) => [trace.name, trace] as const))("the server in %s", (_, trace) => {
  it("chooses the trace's suite, group and name", () => {
    const { raw } = hellos(trace)[0] ?? assert.fail("no ClientHello")
    const config = serverConfigOf(trace)
    const asked = okay(Server.step(Server.start(config), heard(raw))).state
    const received = okay(Server.step(asked, { _tag: "ConfigurationChosen", config }))
    if (received.state._tag !== "RECVD_CH") assert.fail(received.state._tag)
    const { suite: chosen, group, serverName } = received.state.choices
    const { cipher_suite } = trace.message("server", "ServerHello").message.body
    assert.deepStrictEqual([chosen.name, serverName], [cipher_suite, "server"])
    const retried = hellos(trace).length === 2
    assert.deepStrictEqual([group._tag, group.group], retried ? ["Missing", "secp256r1"] : ["Shared", "x25519"])
  })

  it("says the rest of its flight byte for byte, and connects to the trace's client", () => {
    const { credential, algorithm, signed, world } = identity(trace, "server")
    const { state, opening } = negotiated(trace, credential, algorithm)
    let first = opening
    const step = (from: Server.ServerState, event: Event) =>
      Result.map(Server.step(from, event), (next) => {
        const actions = [...first, ...next.actions]
        first = []
        return { ...next, actions }
      })
    const machine = { role: "server", start: state, speaks: Server.speaks, step, expects: Server.expects } as const
    const end = new End(make<Server.ServerState>(machine), world).start()
    const sent = trace.records
      .slice(trace.records.findLastIndex(isServerHello) + 1)
      .filter(({ type }) => type !== "change_cipher_spec")
    const flight = sent.find(({ role }) => role === "server")
    assert.strictEqual(toHex(end.flush()), toHex(flight?.record ?? new Uint8Array(0)))
    assert.strictEqual(toHex(signed[0] ?? new Uint8Array(0)), toHex(state.asks.content))

    for (const { role, record } of trace.records) if (role === "client" && record[0] !== 22) end.receive(record)
    assert.strictEqual(end.failure, undefined, end.failure?.detail)
    assert.strictEqual(end.connection.state, "CONNECTED")
    assert.isTrue(end.events.some(({ _tag }) => _tag === "PeerClosed"))
    const data = trace.records.filter(({ role, type }) => role === "client" && type === "application_data")
    assert.strictEqual(toHex(end.data), toHex(concat(...data.map(({ payload }) => payload))))
    assert.strictEqual(end.connection.established?.peer !== undefined, isAuthenticated(trace))

    // In section 3 a ticket, which we do not send, comes first and takes the first number under this key.
    const later = sent.filter(({ role }) => role === "server").slice(1)
    if (later.length === 1)
      assert.strictEqual(toHex(end.take(end.connection.close()).flush()), toHex(later[0]?.record ?? new Uint8Array(0)))
    else assert.strictEqual(trace, traces[0])
  })
})
