/** Which credential is shown and how it signs (RFC 9846 sections 4.3.3, 4.3.4 and 4.5.1). */
import { assert, describe, it } from "@effect/vitest"
import { find } from "../../src/codec/extension/extension.ts"
import type { SignatureScheme } from "../../src/codec/registry/signatureScheme.ts"
import type { World } from "../../src/core.ts"
import { certificateSchemes } from "../../src/crypto/signature.ts"
import type { ChooseCredential, Credential, ResolveHello } from "../../src/state/command.ts"
import { credentials } from "../support/answers.ts"
import { extended, replaced } from "../support/edits.ts"
import { clientEnd, clientWorld, type End, handshake, serverEnd, serverWorld } from "../support/pair.ts"
import { againstClient, againstServer, refused } from "../support/script.ts"

const authentications = (tag: "Optional" | "Required") => ({
  clientAuthentication: { _tag: tag, authorities: [] } as const
})
const own = credentials.clientEd25519
/** The credential with other schemes to its name; its key would sign whatever it is asked to. */
const signing = (...schemes: ReadonlyArray<SignatureScheme>): Credential => ({
  chain: own.chain,
  schemes,
  key: own.key
})

/** A world that shows this credential, and counts what it signs. */
const showing = (credential: Credential, make: (changes: Partial<World>) => World) => {
  const signed: Array<SignatureScheme> = []
  const world = make({ choose: () => credential })
  const counted: World = {
    ...world,
    sign: (request) => {
      signed.push(request.scheme)
      return world.sign(request)
    }
  }
  return { world: counted, signed }
}
const certificates = (end: End) =>
  end.events.flatMap((e) =>
    e._tag === "Message" && e.message._tag === "Certificate" ? [{ ...e, body: e.message.body }] : []
  )

const misfits: ReadonlyArray<readonly [name: string, credential: Credential]> = [
  ["schemes that the server does not accept", signing("rsa_pss_pss_sha512", "ecdsa_secp521r1_sha512")],
  ["PKCS#1 v1.5 alone", signing("rsa_pkcs1_sha256")],
  ["SHA-1 alone", signing("ecdsa_sha1")],
  ["no scheme at all", signing()]
]
/** A server that accepts in certificates, and so it says, what TLS 1.3 does not allow in CertificateVerify. */
const lax = { schemes: ["ed25519", "rsa_pkcs1_sha256", "ecdsa_sha1"] } as const

describe.each(misfits)("a client whose credential has %s", (_, credential) => {
  const run = (tag: "Optional" | "Required") => {
    const { world, signed } = showing(credential, clientWorld)
    const pair = handshake(clientEnd({}, world), serverEnd({ ...authentications(tag), ...lax }))
    assert.deepStrictEqual(signed, [])
    assert.notInclude(pair.client.messages, "said CertificateVerify")
    const shown = certificates(pair.client).filter(({ direction }) => direction === "said")
    assert.deepStrictEqual(
      shown.map(({ body }) => body.certificate_list.length),
      [0]
    )
    return pair
  }
  it("declines, and a server that only asked goes on", () => {
    const { client, server } = run("Optional")
    assert.strictEqual(server.connection.state, "CONNECTED", server.failure?.detail)
    assert.strictEqual(client.connection.state, "CONNECTED")
    assert.isUndefined(server.connection.established?.peer)
  })
  it("declines, and a server that requires one refuses", () => {
    const { client, server } = run("Required")
    assert.strictEqual(server.failure?.reason, "ClientCertificateRequired")
    assert.strictEqual(client.failure?.received, "certificate_required")
  })
})

describe("CertificateVerify", () => {
  it.each(misfits.slice(1))("is never signed by a server whose credential has %s", (_, credential) => {
    const { world, signed } = showing(credential, serverWorld)
    const run = againstServer({
      world,
      ClientHello: replaced("signature_algorithms", {
        supported_signature_algorithms: ["rsa_pkcs1_sha256", "ecdsa_sha1", "ed25519"]
      })
    })
    refused(run, "NoCommonSignatureScheme", "handshake_failure")
    assert.deepStrictEqual(signed, [])
  })
  it("is refused when it is signed so, though we accept that in certificates", () => {
    const { end } = againstClient({
      config: { schemes: ["ed25519", "rsa_pkcs1_sha256"] },
      CertificateVerify: ({ puppet, message }) => {
        puppet.say(Uint8Array.of(15, 0, 0, 68, 4, 1, 0, 64, ...message.body.signature))
      }
    })
    assert.strictEqual(end.failure?.reason, "UnofferedSignatureScheme")
  })
  it("uses the first scheme of the key that the peer accepts", () => {
    const { world, signed } = showing(signing("rsa_pkcs1_sha256", "ecdsa_sha1", "ed25519"), clientWorld)
    const { server } = handshake(clientEnd({}, world), serverEnd({ ...authentications("Required"), ...lax }))
    assert.deepStrictEqual(signed, ["ed25519"])
    assert.strictEqual(server.connection.state, "CONNECTED", server.failure?.detail)
  })
})

describe("signature_algorithms_cert", () => {
  const said = (end: End): ReadonlyArray<SignatureScheme> => {
    for (const event of end.events) {
      if (event._tag !== "Message" || event.direction !== "said") continue
      const { message } = event
      const extension =
        message._tag === "ClientHello"
          ? find(message.body.extensions, "signature_algorithms_cert")
          : message._tag === "CertificateRequest"
            ? find(message.body.extensions, "signature_algorithms_cert")
            : undefined
      if (extension !== undefined) return extension.supported_signature_algorithms
    }
    return assert.fail("it was never said")
  }
  it("is in ClientHello and in CertificateRequest, and allows there what signatures of ours may not be", () => {
    const { client, server } = handshake(clientEnd(), serverEnd(authentications("Optional")))
    for (const list of [said(client), said(server)]) {
      assert.deepStrictEqual(list, certificateSchemes)
      assert.include(list, "rsa_pkcs1_sha256")
      assert.notInclude(list, "rsa_pkcs1_sha1")
      assert.notInclude(list, "ecdsa_sha1")
    }
  })
})

describe("what the peer says about chains", () => {
  const name = Uint8Array.of(0x30, 0)
  const other = Uint8Array.of(0x30, 2, 0x31, 0)
  const asked = () => {
    const requests: Array<ResolveHello | ChooseCredential> = []
    const choose = (credential: Credential) => (request: ResolveHello | ChooseCredential) => {
      requests.push(request)
      return credential
    }
    return { requests, choose }
  }
  const schemesCert = { supported_signature_algorithms: ["rsa_pkcs1_sha512", "ed25519"] }

  it("reaches a server's ResolveHello", () => {
    const { requests, choose } = asked()
    const world = serverWorld({ choose: choose(credentials.serverEd25519) })
    againstServer({ world, ClientHello: replaced("signature_algorithms_cert", schemesCert) })
    againstServer({ world, ClientHello: extended("certificate_authorities", { authorities: [name, other] }) })
    const [first, second] = requests
    assert.deepStrictEqual(first?.certificateSchemes, ["rsa_pkcs1_sha512", "ed25519"])
    assert.deepStrictEqual(first?.authorities, [])
    assert.notDeepEqual(first?.schemes, first?.certificateSchemes)
    assert.deepStrictEqual(second?.authorities, [name, other])
  })

  it("reaches a client's ChooseCredential, and signature_algorithms stands in where nothing is said", () => {
    const { requests, choose } = asked()
    const world = clientWorld({ choose: choose(own) })
    againstClient({ world, authenticate: "client" })
    againstClient({
      world,
      authenticate: "client",
      CertificateRequest: extended("signature_algorithms_cert", schemesCert)
    })
    againstClient({
      world,
      authenticate: "client",
      CertificateRequest: extended("certificate_authorities", { authorities: [name, other] })
    })
    const [plain, schemes, authorities] = requests
    assert.deepStrictEqual(plain?.certificateSchemes, ["ed25519"])
    assert.deepStrictEqual(plain?.authorities, [])
    assert.deepStrictEqual(schemes?.schemes, ["ed25519"])
    assert.deepStrictEqual(schemes?.certificateSchemes, ["rsa_pkcs1_sha512", "ed25519"])
    assert.deepStrictEqual(authorities?.authorities, [name, other])
  })

  it("of our server reaches our client", () => {
    const { requests, choose } = asked()
    const required = { clientAuthentication: { _tag: "Required", authorities: [name] } } as const
    const { server } = handshake(clientEnd({}, clientWorld({ choose: choose(own) })), serverEnd(required))
    assert.strictEqual(server.connection.state, "CONNECTED", server.failure?.detail)
    assert.deepStrictEqual(requests[0]?.authorities, [name])
    assert.deepStrictEqual(requests[0]?.certificateSchemes, certificateSchemes)
  })
})
