/** Certificate, CertificateRequest and CertificateVerify (SECURITY rows 38 to 44). */
import { assert, describe, it } from "@effect/vitest"
import type { Message } from "../../src/codec/handshake/handshake.ts"
import type { ReasonName } from "../../src/state/failure.ts"
import { signedContent } from "../../src/state/tls13/certificateVerify.ts"
import { credentials, okay } from "../support/answers.ts"
import { changed, extended, instead, without } from "../support/edits.ts"
import { encode, framed } from "../support/puppet.ts"
import {
  againstClient,
  againstServer,
  type ClientScript,
  type PuppetClient,
  type PuppetServer,
  refused,
  type ServerScript,
  type Slot
} from "../support/script.ts"

const required = { clientAuthentication: { _tag: "Required", authorities: [] } } as const

type Rows<S> = ReadonlyArray<readonly [promise: string, script: S, reason: ReasonName, alert: string]>
const clientRows = (rows: Rows<ServerScript>) =>
  it.each(rows)("a client refuses %s", (_, script, reason, alert) => refused(againstClient(script), reason, alert))
const serverRows = (rows: Rows<ClientScript>) =>
  it.each(rows)("a server refuses %s", (_, script, reason, alert) => refused(againstServer(script), reason, alert))

describe("38, 39, 41: CertificateVerify", () => {
  type Verify = Extract<Message, { _tag: "CertificateVerify" }>
  const signed =
    (credential: (typeof credentials)["serverP256"], role: "Server" | "Client") =>
    ({ puppet }: Slot<PuppetServer, "CertificateVerify"> | Slot<PuppetClient, "CertificateVerify">) =>
      puppet.say(encode(puppet.certificateVerify(role, credential)))
  const algorithm = (name: Verify["body"]["algorithm"]) =>
    changed<"CertificateVerify">((body) => ({ ...body, algorithm: name }))
  const bit = changed<"CertificateVerify">((body) => ({
    ...body,
    signature: body.signature.map((b, i) => (i === 9 ? b ^ 1 : b))
  }))
  const empty = changed<"CertificateVerify">((body) => ({ ...body, signature: new Uint8Array(0) }))
  const early = ({ puppet }: Slot<PuppetServer, "CertificateVerify">) => {
    const content = signedContent("Server", puppet.transcript).map((byte, i) => (i === 120 ? byte ^ 1 : byte))
    const signature = okay(credentials.serverEd25519.key.sign("ed25519", content))
    puppet.say(encode({ _tag: "CertificateVerify", body: { algorithm: "ed25519", signature } }))
  }
  const everything = {
    schemes: ["ecdsa_secp256r1_sha256", "ed25519", "rsa_pss_rsae_sha256", "rsa_pkcs1_sha256", "rsa_pkcs1_sha1"]
  } as const
  const one = { schemes: ["ecdsa_secp256r1_sha256"] } as const

  clientRows([
    ["a signature with a bit flipped", { CertificateVerify: bit }, "SignatureMismatch", "decrypt_error"],
    ["an empty signature", { CertificateVerify: empty }, "SignatureMismatch", "decrypt_error"],
    ["a signature over another transcript", { CertificateVerify: early }, "SignatureMismatch", "decrypt_error"],
    [
      "a signature with the client's context string",
      { CertificateVerify: signed(credentials.serverEd25519, "Client") },
      "SignatureMismatch",
      "decrypt_error"
    ],
    [
      "a signature by another key",
      { CertificateVerify: signed(credentials.clientEd25519, "Server") },
      "SignatureMismatch",
      "decrypt_error"
    ],
    [
      "a scheme that the key of the certificate cannot have",
      { CertificateVerify: algorithm("ecdsa_secp256r1_sha256") },
      "SignatureMismatch",
      "decrypt_error"
    ],
    ["a scheme that was not offered", { config: one }, "UnofferedSignatureScheme", "illegal_parameter"],
    [
      "PKCS#1 v1.5, though offered for certificates",
      { config: everything, CertificateVerify: algorithm("rsa_pkcs1_sha256") },
      "UnofferedSignatureScheme",
      "illegal_parameter"
    ],
    [
      "SHA-1",
      { config: everything, CertificateVerify: algorithm("rsa_pkcs1_sha1") },
      "UnofferedSignatureScheme",
      "illegal_parameter"
    ],
    [
      "a scheme that nobody knows",
      { CertificateVerify: algorithm(0xfafa) },
      "UnofferedSignatureScheme",
      "illegal_parameter"
    ]
  ])
  serverRows([
    [
      "a signature with a bit flipped",
      { config: required, CertificateVerify: bit },
      "SignatureMismatch",
      "decrypt_error"
    ],
    [
      "a signature with the server's context string",
      { config: required, CertificateVerify: signed(credentials.clientEd25519, "Server") },
      "SignatureMismatch",
      "decrypt_error"
    ],
    [
      "the server's own proof, reflected",
      {
        config: required,
        credential: credentials.serverEd25519,
        CertificateVerify: ({ puppet }) => {
          const proof = puppet.read.find((r) => r._tag === "Message" && r.message._tag === "CertificateVerify")
          puppet.say(proof?._tag === "Message" ? proof.raw : assert.fail("the server did not prove itself"))
        }
      },
      "SignatureMismatch",
      "decrypt_error"
    ],
    [
      "PKCS#1 v1.5, though offered for certificates",
      { config: { ...required, ...everything }, CertificateVerify: algorithm("rsa_pkcs1_sha256") },
      "UnofferedSignatureScheme",
      "illegal_parameter"
    ],
    [
      "a scheme that was not offered",
      { config: { ...required, ...one } },
      "UnofferedSignatureScheme",
      "illegal_parameter"
    ]
  ])
})

describe("42 to 44: Certificate and CertificateRequest", () => {
  const list = changed<"Certificate">((body) => ({ ...body, certificate_list: [] }))
  const context = changed<"Certificate">((body) => ({ ...body, certificate_request_context: Uint8Array.of(1) }))
  const stapled = changed<"Certificate">(({ certificate_list, ...body }) => ({
    ...body,
    certificate_list: certificate_list.map((entry) => ({
      ...entry,
      extensions: [{ type: "status_request", data: { status_type: "ocsp", response: Uint8Array.of(1) } }]
    }))
  }))
  const stamped = changed<"Certificate">(({ certificate_list, ...body }) => ({
    ...body,
    certificate_list: certificate_list.map((entry) => ({
      ...entry,
      extensions: [{ type: 18, data: Uint8Array.of(0, 3, 0, 1, 1) }]
    }))
  }))
  const garbage = changed<"Certificate">((body) => ({
    ...body,
    certificate_list: [{ cert_data: Uint8Array.of(0x30, 3, 2, 1), extensions: [] }]
  }))
  const nothing = changed<"Certificate">((body) => ({
    ...body,
    certificate_list: [{ cert_data: Uint8Array.of(1), extensions: [] }]
  }))
  const asked = changed<"CertificateRequest">((body) => ({ ...body, certificate_request_context: Uint8Array.of(1) }))
  const both = { authenticate: "client" } as const

  clientRows([
    ["no certificate at all", { Certificate: list }, "EmptyCertificateList", "decode_error"],
    [
      "an entry of no bytes",
      { Certificate: instead(framed("certificate", Uint8Array.of(0, 0, 0, 5, 0, 0, 0, 0, 0))) },
      "DecodeFailed",
      "decode_error"
    ],
    ["a leaf that is no certificate", { Certificate: garbage }, "CertificateMalformed", "bad_certificate"],
    ["a leaf of one byte", { Certificate: nothing }, "CertificateMalformed", "bad_certificate"],
    ["a context that nobody gave", { Certificate: context }, "UnexpectedCertificateContext", "illegal_parameter"],
    [
      "an OCSP response that it did not ask for",
      { Certificate: stapled },
      "UnsolicitedExtension",
      "unsupported_extension"
    ],
    ["timestamps that it did not ask for", { Certificate: stamped }, "UnsolicitedExtension", "unsupported_extension"],
    [
      "a request with a context within the handshake",
      { ...both, CertificateRequest: asked },
      "UnexpectedCertificateContext",
      "illegal_parameter"
    ],
    [
      "a request without signature_algorithms",
      { ...both, CertificateRequest: without("signature_algorithms") },
      "MissingExtension",
      "missing_extension"
    ]
  ])
  serverRows([
    [
      "no certificate where one is required",
      { config: required, credential: "none" },
      "ClientCertificateRequired",
      "certificate_required"
    ],
    [
      "an empty list where one is required",
      { config: required, Certificate: list },
      "ClientCertificateRequired",
      "certificate_required"
    ],
    [
      "a context that it did not give",
      { config: required, Certificate: context },
      "UnexpectedCertificateContext",
      "illegal_parameter"
    ],
    [
      "an OCSP response that it did not ask for",
      { config: required, Certificate: stapled },
      "UnsolicitedExtension",
      "unsupported_extension"
    ],
    [
      "a leaf that is no certificate",
      { config: required, Certificate: garbage },
      "CertificateMalformed",
      "bad_certificate"
    ]
  ])
  it("an optional request may be declined, and then nobody is known", () => {
    const { end } = againstServer({
      config: { clientAuthentication: { _tag: "Optional", authorities: [] } },
      credential: "none"
    })
    assert.strictEqual(end.connection.state, "CONNECTED")
    assert.isUndefined(end.connection.established?.peer)
  })
  it("a request and a ticket may hold extensions that nobody knows", () => {
    const { end } = againstClient({
      authenticate: "client",
      CertificateRequest: extended(0x3a3a, Uint8Array.of(1)),
      after: (puppet) =>
        puppet.say(
          framed("new_session_ticket", Uint8Array.of(0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 1, 7, 0, 5, 0x3a, 0x3a, 0, 1, 1))
        )
    })
    assert.strictEqual(end.connection.state, "CONNECTED", end.failure?.detail)
    assert.isUndefined(end.failure)
    assert.include(end.messages, "heard NewSessionTicket")
  })
})
