/** TLS 1.2: the curve of a certificate is one that the client lists, and a scheme of ECDSA names a hash alone. */
import { assert, describe, it } from "@effect/vitest"
import type { NamedGroup } from "../../src/codec/registry/namedGroup.ts"
import type { SignatureScheme } from "../../src/codec/registry/signatureScheme.ts"
import { foreignCurve, signable12 } from "../../src/crypto/signature.ts"
import type { ResolveHello } from "../../src/state/command.ts"
import { credentials } from "../support/answers.ts"
import { travelBoth12 } from "../support/both12.ts"
import { accepted12, having, type Puppet12, refused12, run12, without } from "../support/client12.ts"
import { clientEnd, clientWorld, handshake, serverEnd, serverWorld } from "../support/pair.ts"

const ofP256 = () => serverWorld({ choose: () => credentials.serverP256 })
const listing = (...named_group_list: ReadonlyArray<NamedGroup>) => ({
  extensions: having({ type: "supported_groups", data: { named_group_list } })
})

describe("the curve of the server's certificate (RFC 8422 section 5.3)", () => {
  it("that the client does not list: no certificate, and no ECDHE suite", () => {
    const puppet = run12({ world: ofP256(), hello: listing("x25519", "secp384r1") })
    refused12(puppet, "NoCredential", "handshake_failure")
    assert.include(puppet.end.failure?.detail, "secp256r1")
  })

  it("that it lists, wherever it stands in the list and whichever is taken for the exchange", () => {
    const puppet = accepted12(run12({ world: ofP256(), hello: listing("x25519", "secp256r1") }))
    assert.strictEqual(puppet.heard("ServerKeyExchange").body.params.namedcurve, "x25519")
  })

  it("of a client that says nothing of curves: any", () => {
    accepted12(run12({ world: ofP256(), hello: { extensions: without("supported_groups") } }))
  })

  it("Ed25519 is none of them", () => {
    accepted12(run12({ hello: listing("x25519") }))
    accepted12(run12({ hello: listing("secp256r1") }))
  })

  it("is told to whoever chooses the credential, who may have another one", () => {
    const asked: Array<ResolveHello["groups"]> = []
    const world = serverWorld({
      choose: (request) => {
        if (request._tag === "ResolveHello") asked.push(request.groups)
        return credentials.serverEd25519
      }
    })
    accepted12(run12({ world, hello: listing("x25519") }))
    accepted12(run12({ world, hello: { extensions: without("supported_groups") } }))
    assert.deepStrictEqual(asked, [["x25519"], undefined])
  })

  it("is nothing that TLS 1.3 looks at", () => {
    const groups = ["x25519"] as const
    const { client } = handshake(clientEnd({ groups }), serverEnd({}, ofP256()))
    assert.strictEqual(client.connection.state, "CONNECTED", client.failure?.detail)
  })

  it("each has its group; keys of other kinds have none", () => {
    const rows: ReadonlyArray<readonly [SignatureScheme, NamedGroup]> = [
      ["ecdsa_secp256r1_sha256", "secp256r1"],
      ["ecdsa_secp384r1_sha384", "secp384r1"],
      ["ecdsa_secp521r1_sha512", "secp521r1"]
    ]
    for (const [scheme, curve] of rows) {
      assert.strictEqual(foreignCurve([scheme], ["x25519"]), curve)
      assert.isUndefined(foreignCurve([scheme], ["x25519", curve]))
      assert.isUndefined(foreignCurve([scheme], undefined))
    }
    assert.isUndefined(foreignCurve(["ed25519", "rsa_pss_rsae_sha256"], []))
  })
})

describe("a scheme of ECDSA names a hash, and no curve (RFC 5246 section 7.4.1.4.1)", () => {
  const sha384 = ["ecdsa_secp384r1_sha384"] as const

  it("what keys sign, their own scheme first", () => {
    assert.deepStrictEqual(signable12(["ecdsa_secp384r1_sha384"]), [
      "ecdsa_secp384r1_sha384",
      "ecdsa_secp521r1_sha512",
      "ecdsa_secp256r1_sha256"
    ])
    assert.deepStrictEqual(signable12(["ed25519"]), ["ed25519"])
    assert.deepStrictEqual(signable12(["rsa_pss_rsae_sha256"]), ["rsa_pss_rsae_sha256", "rsa_pkcs1_sha256"])
  })

  it("ServerKeyExchange: a key on P-256 signs with SHA-384 for a client that takes nothing else", () => {
    const trip = travelBoth12({ client: { schemes: sha384 }, serverWorld: ofP256() })
    const [last] = trip.filter(({ role }) => role === "client").slice(-1)
    assert.strictEqual(last?.to._tag === "ESTABLISHED" ? last.to.established.scheme : undefined, sha384[0])
  })

  it("CertificateVerify: so does a client's", () => {
    travelBoth12({
      server: { schemes: sha384, clientAuthentication: { _tag: "Required", authorities: [] } },
      clientWorld: clientWorld({ choose: () => credentials.clientP256 })
    })
  })

  it("CertificateVerify of a stranger: the hash that it names is the one that is checked", () => {
    const script = {
      config: { schemes: sha384, clientAuthentication: { _tag: "Required", authorities: [] } },
      credential: credentials.clientP256
    } as const
    const says = (puppet: Puppet12, signed: SignatureScheme, named: SignatureScheme) => {
      const message = puppet.certificateVerify(credentials.clientP256, signed)
      if (message._tag !== "CertificateVerify") return assert.fail(message._tag)
      return puppet.say({ ...message, body: { ...message.body, algorithm: named } })
    }
    accepted12(run12({ ...script, CertificateVerify: (puppet) => says(puppet, sha384[0], sha384[0]) }))
    refused12(
      run12({ ...script, CertificateVerify: (puppet) => says(puppet, "ecdsa_secp256r1_sha256", sha384[0]) }),
      "SignatureMismatch",
      "decrypt_error"
    )
  })

  it("in TLS 1.3 it stays bound to its curve", () => {
    const { server } = handshake(clientEnd({ schemes: sha384 }), serverEnd({}, ofP256()))
    assert.strictEqual(server.failure?.reason, "NoCommonSignatureScheme")
  })
})
