/** client_certificate_type and server_certificate_type (RFC 7250): raw public keys, agreed on or refused. */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { find } from "../../src/codec/extension/extension.ts"
import { parseCertificate } from "../../src/codec/x509/certificate.ts"
import type { World } from "../../src/core.ts"
import type { AuthenticatePeer, ChooseCredential, Credential, ResolveHello } from "../../src/state/command.ts"
import type { ClientAuthentication } from "../../src/state/config.ts"
import type { ReasonName } from "../../src/state/failure.ts"
import { credentials, type TestCredential } from "../support/answers.ts"
import { changed, extended } from "../support/edits.ts"
import { clientEnd, clientWorld, type End, handshake, retryingConfig, serverEnd, serverWorld } from "../support/pair.ts"
import { againstClient, againstServer, type ClientScript, refused, type ServerScript } from "../support/script.ts"

const spkiOf = ({ chain }: Credential): Uint8Array =>
  Result.getOrThrow(parseCertificate(chain[0] ?? assert.fail("no certificate"))).publicKey.spki

const raw = (credential: TestCredential) => ({
  ...credential,
  chain: [spkiOf(credential)],
  certificateType: "RawPublicKey" as const
})
const rawServer = raw(credentials.serverEd25519)
const rawClient = raw(credentials.clientEd25519)

const rawOnly = ["RawPublicKey"] as const
const rawFirst = ["RawPublicKey", "X509"] as const
const required: ClientAuthentication = { _tag: "Required", authorities: [] }
const optional: ClientAuthentication = { _tag: "Optional", authorities: [] }

/** Judges and shows nothing itself: notes what it is asked. */
const noting = (world: (changes?: Partial<World>) => World, credential: Credential | undefined) => {
  const judged: Array<AuthenticatePeer> = []
  const asked: Array<ResolveHello | ChooseCredential> = []
  return {
    judged,
    asked,
    world: world({
      choose: (request) => {
        asked.push(request)
        return credential
      },
      verify: (request) => {
        judged.push(request)
        return Result.succeed({ chain: request.chain, description: "noted" })
      }
    })
  }
}

const messages = (end: End, direction: "said" | "heard") =>
  end.events.flatMap((event) => (event._tag === "Message" && event.direction === direction ? [event.message] : []))

const answers = (client: End) => {
  const message = messages(client, "heard").find(({ _tag }) => _tag === "EncryptedExtensions")
  const extensions = message?._tag === "EncryptedExtensions" ? message.body.extensions : []
  return [
    find(extensions, "client_certificate_type")?.certificate_type,
    find(extensions, "server_certificate_type")?.certificate_type
  ]
}

describe("raw public keys", () => {
  it.each([
    ["in one round trip", {}],
    ["after a retry", retryingConfig()]
  ] as const)("both ways %s", (_, base) => {
    const [ours, theirs] = [noting(clientWorld, rawClient), noting(serverWorld, rawServer)]
    const { client, server } = handshake(
      clientEnd({ clientCertificateTypes: rawOnly, serverCertificateTypes: rawOnly }, ours.world),
      serverEnd({ ...base, clientAuthentication: required, clientCertificateTypes: rawOnly }, theirs.world)
    )
    assert.strictEqual(server.connection.state, "CONNECTED", server.failure?.detail ?? client.failure?.detail)
    assert.deepStrictEqual(answers(client), ["RawPublicKey", "RawPublicKey"])
    for (const [end, credential] of [
      [client, rawServer],
      [server, rawClient]
    ] as const) {
      assert.strictEqual(end.connection.established?.peer?.certificateType, "RawPublicKey")
      assert.deepStrictEqual(end.connection.established?.peer?.chain, credential.chain)
    }
    for (const { judged } of [ours, theirs]) {
      assert.deepStrictEqual(
        judged.map(({ certificateType, chain }) => [certificateType, chain.length]),
        [["RawPublicKey", 1]]
      )
    }
    assert.deepStrictEqual(ours.asked[0]?.certificateTypes, ["RawPublicKey"])
    assert.deepStrictEqual(theirs.asked[0]?.certificateTypes, ["RawPublicKey"])
  })

  it("one way, and a certificate the other way", () => {
    const { client, server } = handshake(
      clientEnd(
        { serverCertificateTypes: rawFirst, clientCertificateTypes: rawFirst },
        noting(clientWorld, rawClient).world
      ),
      serverEnd({ clientAuthentication: optional, clientCertificateTypes: rawFirst })
    )
    assert.strictEqual(client.connection.state, "CONNECTED", client.failure?.detail)
    assert.deepStrictEqual(answers(client), ["RawPublicKey", "X509"])
    assert.strictEqual(client.connection.established?.peer?.certificateType, "X509")
    assert.strictEqual(server.failure?.reason, "CertificateMalformed", "the verifier of this end judges certificates")
  })

  it("are not mentioned where certificates are all there is, and server_certificate_type alone says nothing of clients", () => {
    const said = (end: End) => {
      const [hello] = messages(end, "said")
      return hello?._tag === "ClientHello" ? hello.body.extensions.map(({ type }) => type) : []
    }
    const plain = said(clientEnd({ serverCertificateTypes: ["X509"] }).start())
    assert.notInclude(plain, "server_certificate_type")
    assert.notInclude(plain, "client_certificate_type")
    const raw = said(clientEnd({ serverCertificateTypes: rawOnly }).start())
    assert.include(raw, "server_certificate_type")
    assert.notInclude(raw, "client_certificate_type")
  })

  it("are not asked of clients that never spoke of them, where none is required", () => {
    const { client, server } = handshake(
      clientEnd(),
      serverEnd({ clientAuthentication: optional, clientCertificateTypes: rawOnly })
    )
    assert.strictEqual(server.connection.state, "CONNECTED", server.failure?.detail)
    assert.notInclude(client.messages, "heard CertificateRequest")
    assert.isUndefined(server.connection.established?.peer)
  })

  it("a client does not show a credential of another type than was agreed", () => {
    const { client, server } = handshake(
      clientEnd({ clientCertificateTypes: rawFirst }, clientWorld({ choose: () => credentials.clientEd25519 })),
      serverEnd({ clientAuthentication: optional, clientCertificateTypes: rawOnly })
    )
    assert.strictEqual(server.connection.state, "CONNECTED", server.failure?.detail)
    assert.notInclude(client.messages, "said CertificateVerify")
  })
})

type Row<S> = readonly [name: string, script: S, reason: ReasonName, alert: string]

describe("a client refuses", () => {
  const both = { serverCertificateTypes: rawFirst, clientCertificateTypes: rawFirst }
  const selects = (type: "server_certificate_type" | "client_certificate_type", value: unknown) =>
    extended(type, { certificate_type: value })
  const agreed = { config: both, EncryptedExtensions: selects("server_certificate_type", "RawPublicKey") }
  const doubled = changed<"Certificate">(({ certificate_list, ...body }) => ({
    ...body,
    certificate_list: [...certificate_list, ...certificate_list]
  }))
  const none = changed<"Certificate">((body) => ({ ...body, certificate_list: [] }))

  const rows: ReadonlyArray<Row<ServerScript>> = [
    [
      "a type of the server that it did not offer",
      { config: both, EncryptedExtensions: selects("server_certificate_type", 1) },
      "UnofferedCertificateType",
      "illegal_parameter"
    ],
    [
      "a type for itself that it did not offer",
      { config: { clientCertificateTypes: rawOnly }, EncryptedExtensions: selects("client_certificate_type", "X509") },
      "UnofferedCertificateType",
      "illegal_parameter"
    ],
    [
      "an answer to what it did not ask",
      { EncryptedExtensions: selects("server_certificate_type", "RawPublicKey") },
      "UnsolicitedExtension",
      "unsupported_extension"
    ],
    [
      "the answer in ServerHello, where TLS 1.2 has it",
      { config: both, ServerHello: selects("server_certificate_type", "RawPublicKey") },
      "MisplacedExtension",
      "illegal_parameter"
    ],
    [
      "a server that says nothing, where it takes raw public keys alone",
      { config: { serverCertificateTypes: rawOnly } },
      "NoCommonCertificateType",
      "unsupported_certificate"
    ],
    [
      "a list in the answer",
      { config: both, EncryptedExtensions: extended(20, Uint8Array.of(1, 2)) },
      "DecodeFailed",
      "decode_error"
    ],
    [
      "two raw public keys",
      { ...agreed, credential: rawServer, Certificate: doubled },
      "SeveralRawPublicKeys",
      "illegal_parameter"
    ],
    ["no raw public key", { ...agreed, Certificate: none }, "EmptyCertificateList", "decode_error"]
  ]
  it.each(rows)("%s", (_, script, reason, alert) => refused(againstClient(script), reason, alert))
})

describe("a server refuses", () => {
  const doubled = changed<"Certificate">(({ certificate_list, ...body }) => ({
    ...body,
    certificate_list: [...certificate_list, ...certificate_list]
  }))
  const takesRaw = { serverCertificateTypes: rawOnly }
  const showsRaw = { clientCertificateTypes: rawOnly }
  const agreed = {
    hello: showsRaw,
    config: { clientAuthentication: required, clientCertificateTypes: rawOnly }
  }
  const rows: ReadonlyArray<Row<ClientScript>> = [
    [
      "a client that takes raw public keys alone, and has a certificate",
      { hello: takesRaw },
      "NoCommonCertificateType",
      "unsupported_certificate"
    ],
    [
      "a client that takes raw public keys alone, and has nothing for it",
      { hello: takesRaw, world: serverWorld({ choose: () => undefined }) },
      "NoCommonCertificateType",
      "unsupported_certificate"
    ],
    [
      "a raw public key of its own for a client that did not ask for one",
      { world: serverWorld({ choose: () => rawServer }) },
      "NoCommonCertificateType",
      "unsupported_certificate"
    ],
    [
      "a client that can show raw public keys alone, where certificates are judged",
      { hello: showsRaw, config: { clientAuthentication: required } },
      "NoCommonCertificateType",
      "unsupported_certificate"
    ],
    [
      "the same where none is required, since it was said aloud",
      { hello: showsRaw, config: { clientAuthentication: optional } },
      "NoCommonCertificateType",
      "unsupported_certificate"
    ],
    [
      "a client that never spoke of raw public keys, where one is required",
      { config: { clientAuthentication: required, clientCertificateTypes: rawOnly } },
      "NoCommonCertificateType",
      "unsupported_certificate"
    ],
    [
      "no raw public key where one is required",
      { ...agreed, credential: "none" },
      "ClientCertificateRequired",
      "certificate_required"
    ],
    [
      "two raw public keys",
      { ...agreed, credential: rawClient, Certificate: doubled },
      "SeveralRawPublicKeys",
      "illegal_parameter"
    ],
    ["an empty list of types", { ClientHello: extended(20, Uint8Array.of(0)) }, "DecodeFailed", "decode_error"],
    [
      "types that nobody knows",
      { ClientHello: extended("server_certificate_type", { certificate_types: [1, 3, 200] }) },
      "NoCommonCertificateType",
      "unsupported_certificate"
    ]
  ]
  it.each(rows)("%s", (_, script, reason, alert) => refused(againstServer(script), reason, alert))

  it("nothing, for types that nobody knows beside one that it has", () => {
    const { end } = againstServer({
      ClientHello: extended("server_certificate_type", { certificate_types: [1, 200, "X509"] })
    })
    assert.strictEqual(end.connection.state, "CONNECTED", end.failure?.detail)
  })
})
