import { assert, describe, it } from "@effect/vitest"
import type { KeyKind, Primitives, SignatureAlgorithm } from "../../../src/crypto/primitives.ts"
import { mayVerify } from "../../../src/crypto/signature.ts"
import { ascii, flip, fromHex, keysOf, pattern, refusal, success, toHex } from "../support.ts"

export const algorithms: ReadonlyArray<SignatureAlgorithm> = [
  "ecdsa_secp256r1_sha256",
  "ecdsa_secp384r1_sha384",
  "ecdsa_secp521r1_sha512",
  "ecdsa_sha256",
  "ecdsa_sha384",
  "ecdsa_sha512",
  "ecdsa_sha1",
  "ed25519",
  "ed448",
  "rsa_pss_rsae_sha256",
  "rsa_pss_rsae_sha384",
  "rsa_pss_rsae_sha512",
  "rsa_pss_pss_sha256",
  "rsa_pss_pss_sha384",
  "rsa_pss_pss_sha512",
  "rsa_pkcs1_sha256",
  "rsa_pkcs1_sha384",
  "rsa_pkcs1_sha512",
  "rsa_pkcs1_sha1"
]

const kinds = ["p256", "p384", "p521", "ed25519", "rsa2048", "rsa-pss"] as const
const kindOf = {
  p256: "p256",
  p384: "p384",
  p521: "p521",
  ed25519: "ed25519",
  rsa2048: "rsa",
  "rsa-pss": "rsa-pss"
} as const
const bitsOf = { p256: 256, p384: 384, p521: 521, ed25519: 256, rsa2048: 2048, "rsa-pss": 2048 } as const
const schemesOf = {
  p256: ["ecdsa_secp256r1_sha256"],
  p384: ["ecdsa_secp384r1_sha384"],
  ed25519: ["ed25519"],
  p521: ["ecdsa_secp521r1_sha512"],
  rsa2048: ["rsa_pss_rsae_sha256", "rsa_pss_rsae_sha384", "rsa_pss_rsae_sha512"],
  "rsa-pss": ["rsa_pss_pss_sha256", "rsa_pss_pss_sha384", "rsa_pss_pss_sha512"]
} as const

export const signatureContract = (primitives: Primitives): void => {
  const key = keysOf(primitives)
  const message = ascii("what is signed")
  const allowed = (kind: KeyKind) => algorithms.filter((algorithm) => mayVerify(kind, algorithm))

  describe.each(kinds)("%s", (kind) => {
    it("has its kind, size, schemes and public half", async () => {
      const made = await key(kind)
      assert.strictEqual(made.kind, kindOf[kind])
      assert.strictEqual(made.publicKey.bits, bitsOf[kind])
      assert.deepEqual([...made.schemes], [...schemesOf[kind]])
      const again = success(primitives.publicKey(made.publicKey.spki))
      assert.strictEqual(again.kind, made.kind)
      assert.deepEqual(again.spki, made.publicKey.spki)
    })

    it("verifies what it signed by every algorithm of its kind, and nothing beside it", async () => {
      const made = await key(kind)
      assert.isAbove(allowed(made.kind).length, 0)
      for (const algorithm of allowed(made.kind)) {
        const signature = success(await made.sign(algorithm, message))
        const verify = made.publicKey.verify
        assert.isTrue(verify(algorithm, message, signature), algorithm)
        assert.isFalse(verify(algorithm, ascii("something else"), signature), algorithm)
        for (let at = 0; at < signature.length; at += 7) {
          assert.isFalse(verify(algorithm, message, flip(signature, at)), `${algorithm}, byte ${at}`)
        }
        for (const wrong of [signature.subarray(1), signature.subarray(0, -1), Uint8Array.of(...signature, 0)]) {
          assert.isFalse(verify(algorithm, message, wrong), algorithm)
        }
        for (const other of algorithms) {
          // One signature is right for two names of one thing: the scheme of TLS and the algorithm in certificates.
          const same = other === algorithm || (mayVerify(made.kind, other) && nameOf(other) === nameOf(algorithm))
          assert.strictEqual(verify(other, message, signature), same, `${algorithm} as ${other}`)
        }
      }
    })

    it("refuses to sign by any other algorithm", async () => {
      const made = await key(kind)
      for (const algorithm of algorithms.filter((algorithm) => !mayVerify(made.kind, algorithm))) {
        assert.strictEqual(refusal(await made.sign(algorithm, message)), "UnsupportedAlgorithm", algorithm)
      }
    })

    it("an absurd signature is false, never a throw", async () => {
      const made = await key(kind)
      for (const algorithm of allowed(made.kind)) {
        for (const size of [0, 1, 2, 63, 64, 65, 70, 72, 255, 256, 257, 10_000]) {
          for (const bytes of [new Uint8Array(size), new Uint8Array(size).fill(0xff), pattern(size)]) {
            assert.isFalse(made.publicKey.verify(algorithm, message, bytes), `${algorithm}, ${size} bytes`)
          }
        }
      }
    })

    it("prints nothing of the private key", async () => {
      const pkcs8 = success(await primitives.generatePrivateKey(kind, primitives.random))
      const made = success(primitives.privateKey(pkcs8))
      const { inspect } = await import("node:util")
      const text = [inspect(made, { depth: 10, showHidden: true }), JSON.stringify(made), String(made)].join("\n")
      const hex = toHex(pkcs8)
      // Any eight bytes of the secret parts; the public ones are in `spki` and may show.
      const open = toHex(made.publicKey.spki)
      for (let at = 0; at + 16 <= hex.length; at += 2) {
        const piece = hex.slice(at, at + 16)
        if (!open.includes(piece)) assert.notInclude(text, piece)
      }
    })
  })

  it("two keys of one kind do not verify each other's signatures", async () => {
    for (const kind of ["p256", "ed25519"] as const) {
      const a = await key(kind)
      const b = success(primitives.privateKey(success(await primitives.generatePrivateKey(kind, primitives.random))))
      const algorithm = allowed(a.kind)[0] ?? assert.fail()
      assert.isFalse(b.publicKey.verify(algorithm, message, success(await a.sign(algorithm, message))))
    }
  })

  it("a private key that does not parse is InvalidKey, and its bytes are not repeated", async () => {
    const pkcs8 = success(await primitives.generatePrivateKey("p256", primitives.random))
    for (const bytes of [new Uint8Array(0), pattern(40), pkcs8.subarray(0, -1), fromHex("3000")]) {
      assert.strictEqual(refusal(primitives.privateKey(bytes), bytes.length > 8 ? bytes : undefined), "InvalidKey")
    }
  })

  it("keeps no view of the SubjectPublicKeyInfo", async () => {
    const { publicKey } = await key("p256")
    const bytes = publicKey.spki.slice()
    const imported = success(primitives.publicKey(bytes))
    bytes.fill(0)
    assert.deepEqual(imported.spki, publicKey.spki)
  })

  it("a public key off its curve is InvalidKey", async () => {
    const { spki } = (await key("p256")).publicKey
    assert.strictEqual(refusal(primitives.publicKey(flip(spki, spki.length - 1))), "InvalidKey")
  })
}

const nameOf = (algorithm: SignatureAlgorithm): string => algorithm.replace(/^ecdsa_secp\d+r1_/, "ecdsa_")
