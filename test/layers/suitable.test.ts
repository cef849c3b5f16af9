/** Which credential is shown: by signatures, authorities and filters of the peer (RFC 9846 section 4.5.1.2). */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { type Der, encodeDer } from "../../src/codec/der/der.ts"
import { objectIdentifier } from "../../src/codec/der/objectIdentifier.ts"
import { sequenceOf } from "../../src/codec/der/structure.ts"
import type { OIDFilter } from "../../src/codec/extension/certificateAuthorities.ts"
import type { SignatureScheme } from "../../src/codec/registry/signatureScheme.ts"
import { algorithmIdentifier, type SignatureAlgorithm } from "../../src/codec/x509/algorithm.ts"
import { extensionOids, KeyPurpose, KeyUsage } from "../../src/codec/x509/extension.ts"
import * as NodeCryptoProvider from "../../src/layers/node/NodeCryptoProvider.ts"
import { preferred, usable } from "../../src/layers/suitable.ts"
import * as Certificates from "../../src/layers/testing/certificates.ts"
import type { ChooseCredential, Credential, ResolveHello } from "../../src/state/command.ts"

const everything: ReadonlyArray<SignatureScheme> = ["ed25519", "ecdsa_secp256r1_sha256", "rsa_pss_rsae_sha256"]
const usual = {
  schemes: everything,
  certificateSchemes: [...everything, "rsa_pkcs1_sha256"],
  authorities: []
} satisfies Partial<ChooseCredential>
const hello = (changes: Partial<ResolveHello> = {}): ResolveHello => ({
  _tag: "ResolveHello",
  serverName: undefined,
  protocols: [],
  identities: [],
  ...usual,
  ...changes
})
const request = (changes: Partial<ChooseCredential> = {}): ChooseCredential => ({
  _tag: "ChooseCredential",
  ...usual,
  ...changes
})

const credentialOf = ({ chain, key }: Certificates.Issued): Credential => ({ chain, schemes: key.schemes, key })
const chosen = (credentials: ReadonlyArray<Credential>, asked: ResolveHello | ChooseCredential) => {
  const found = preferred(usable(credentials, asked), asked)
  return found === undefined ? "none" : credentials.indexOf(found)
}
const der = <A>(type: Der<A>, value: A): Uint8Array => Result.getOrThrow(encodeDer(type, value))

/** A certificate that says it is signed so. */
const claiming = (ca: Certificates.Issued, algorithm: SignatureAlgorithm) =>
  Certificates.issue(ca, {
    alter: (tbs) => ({ ...tbs, signature: algorithmIdentifier(algorithm) ?? assert.fail("no identifier") })
  })

layer(NodeCryptoProvider.layer)("how a chain is signed", (it) => {
  it.effect("a chain that the peer can verify goes before one that it cannot, which is better than none", () =>
    Effect.gen(function* () {
      const rsa = credentialOf(yield* Certificates.issue(yield* Certificates.makeCa({ keyType: "rsa2048" })))
      const ecdsa = credentialOf(yield* Certificates.issue(yield* Certificates.makeCa()))
      for (const asked of [hello, request]) {
        const ask = (...certificateSchemes: ReadonlyArray<SignatureScheme>) => asked({ certificateSchemes })
        assert.strictEqual(chosen([rsa, ecdsa], ask("ecdsa_secp256r1_sha256")), 1)
        assert.strictEqual(chosen([rsa, ecdsa], ask("rsa_pkcs1_sha256")), 0)
        assert.strictEqual(chosen([ecdsa, rsa], ask("rsa_pkcs1_sha256")), 1)
        assert.strictEqual(chosen([rsa, ecdsa], ask("ed25519")), 0)
        assert.strictEqual(chosen([rsa], ask("ed25519")), 0)
      }
    })
  )

  it.effect("every certificate counts but the one that signs itself", () =>
    Effect.gen(function* () {
      const root = yield* Certificates.makeCa({ keyType: "rsa2048" })
      const middle = yield* Certificates.makeIntermediate(root)
      const below = yield* Certificates.issue(middle)
      const other = credentialOf(yield* Certificates.issue(yield* Certificates.makeCa()))
      const whole = { ...credentialOf(below), chain: [...below.chain, root.certificate] }
      const leafAlone = { ...credentialOf(below), chain: below.chain.slice(0, 1) }
      const ask = hello({ certificateSchemes: ["ecdsa_secp256r1_sha256"] })
      assert.strictEqual(chosen([credentialOf(below), other], ask), 1)
      assert.strictEqual(chosen([leafAlone, other], ask), 0)
      assert.strictEqual(
        chosen([whole], hello({ certificateSchemes: ["ecdsa_secp256r1_sha256", "rsa_pkcs1_sha256"] })),
        0
      )
      const selfSigned = credentialOf(yield* Certificates.makeSelfSigned({ keyType: "rsa2048" }))
      assert.strictEqual(chosen([selfSigned, other], ask), 0)
    })
  )

  it.effect("SHA-1 is nothing to fall back on, unless the peer says it takes it", () =>
    Effect.gen(function* () {
      const ca = yield* Certificates.makeCa({ keyType: "rsa2048" })
      const old = credentialOf(yield* claiming(ca, "rsa_pkcs1_sha1"))
      const good = credentialOf(yield* Certificates.issue(ca))
      for (const asked of [hello, request]) {
        assert.strictEqual(chosen([old], asked()), "none")
        assert.strictEqual(chosen([old, good], asked({ certificateSchemes: ["ed25519"] })), 1)
        assert.strictEqual(chosen([old], asked({ certificateSchemes: ["rsa_pkcs1_sha1"] })), 0)
      }
    })
  )
})

layer(NodeCryptoProvider.layer)("authorities", (it) => {
  it.effect("that a server names and no chain leads to: a client shows nothing, a server its first", () =>
    Effect.gen(function* () {
      const [one, two] = [
        yield* Certificates.makeCa({ commonName: "1" }),
        yield* Certificates.makeCa({ commonName: "2" })
      ]
      const credential = credentialOf(yield* Certificates.issue(one, { purpose: "client" }))
      assert.strictEqual(chosen([credential], request({ authorities: [two.subject.der] })), "none")
      assert.strictEqual(chosen([credential], request({ authorities: [two.subject.der, one.subject.der] })), 0)
      assert.strictEqual(chosen([credential], request()), 0)
      assert.strictEqual(chosen([credential], hello({ authorities: [two.subject.der] })), 0)
    })
  )

  it.effect("above an intermediate are found through it", () =>
    Effect.gen(function* () {
      const root = yield* Certificates.makeCa()
      const middle = yield* Certificates.makeIntermediate(root)
      const credential = credentialOf(yield* Certificates.issue(middle, { purpose: "client" }))
      assert.strictEqual(chosen([credential], request({ authorities: [root.subject.der] })), 0)
      assert.strictEqual(chosen([credential], request({ authorities: [middle.subject.der] })), 0)
    })
  )

  it.effect("mean nothing to a raw public key, which is shown to those who take one", () =>
    Effect.gen(function* () {
      const issued = yield* Certificates.makeSelfSigned()
      const raw: Credential = {
        ...credentialOf(issued),
        chain: [issued.key.publicKey.spki],
        certificateType: "RawPublicKey"
      }
      const authorities = [issued.subject.der.slice(1)]
      assert.strictEqual(chosen([raw], request({ authorities, certificateTypes: ["RawPublicKey"] })), 0)
      assert.strictEqual(chosen([raw], request()), "none")
      assert.strictEqual(chosen([raw], hello()), "none")
      const certificate = credentialOf(issued)
      assert.strictEqual(chosen([certificate, raw], hello({ certificateTypes: ["RawPublicKey", "X509"] })), 1)
      assert.strictEqual(chosen([certificate, raw], hello({ certificateTypes: ["X509", "RawPublicKey"] })), 0)
    })
  )
})

layer(NodeCryptoProvider.layer)("oid_filters", (it) => {
  const filter = (oid: string, values: Uint8Array): OIDFilter => ({
    certificate_extension_oid: der(objectIdentifier, oid),
    certificate_extension_values: values
  })
  const usage = (...bits: Der.Type<typeof KeyUsage>) => filter(extensionOids.keyUsage, der(KeyUsage, bits))
  const purposes = (...list: ReadonlyArray<string>) =>
    filter(extensionOids.extKeyUsage, der(sequenceOf(KeyPurpose), list))

  it.effect("are kept to where they are understood, and skipped where not", () =>
    Effect.gen(function* () {
      const ca = yield* Certificates.makeCa()
      const client = credentialOf(
        yield* Certificates.issue(ca, { keyUsage: ["digitalSignature"], extKeyUsage: ["clientAuth", "codeSigning"] })
      )
      const bare = credentialOf(yield* Certificates.issue(ca, { without: ["keyUsage", "extKeyUsage"] }))
      const cases: ReadonlyArray<
        readonly [filters: ReadonlyArray<OIDFilter>, client: number | "none", bare: number | "none"]
      > = [
        [[], 0, 0],
        [[usage("digitalSignature")], 0, "none"],
        [[usage("digitalSignature", "keyAgreement")], "none", "none"],
        [[purposes("clientAuth")], 0, "none"],
        [[purposes("codeSigning", "clientAuth"), usage("digitalSignature")], 0, "none"],
        [[purposes("emailProtection")], "none", "none"],
        [[purposes("anyExtendedKeyUsage")], "none", "none"],
        [[filter("1.3.6.1.4.1.99999.1", Uint8Array.of(5, 0))], 0, 0],
        [[filter(extensionOids.keyUsage, Uint8Array.of(1, 2, 3))], "none", "none"],
        [[filter(extensionOids.keyUsage, new Uint8Array(0))], 0, "none"],
        [[{ certificate_extension_oid: Uint8Array.of(9), certificate_extension_values: Uint8Array.of() }], 0, 0]
      ]
      for (const [filters, ours, theirs] of cases) {
        assert.deepStrictEqual(
          [chosen([client], request({ filters })), chosen([bare], request({ filters }))],
          [ours, theirs]
        )
      }
    })
  )
})
