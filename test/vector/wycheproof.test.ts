import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { equal } from "../../src/crypto/constantTime.ts"
import { expand, extract } from "../../src/crypto/hkdf.ts"
import type { AeadName, Hash, SignatureAlgorithm } from "../../src/crypto/primitives.ts"
import { Secret } from "../../src/crypto/secret.ts"
import { bytes, type Counts, present, run, subjects, type Vector, type VectorGroup } from "./wycheproof.ts"

const isValid = ({ result }: Vector): boolean => result === "valid"
const has = (vector: Vector, ...flags: ReadonlyArray<string>): boolean =>
  flags.some((flag) => vector.flags.includes(flag))
const none = () => false
const label = (vector: Vector) => `tcId ${vector.tcId}: ${vector.comment} [${vector.flags?.join() ?? ""}]`

const executed = (counts: Counts, valid: number, refused: number, left: number): void =>
  assert.deepEqual(counts, { valid, refused, left })

describe.skipIf(!present).each(subjects)("Wycheproof on $primitives.name", ({ primitives, keyPair, kem, kemPair }) => {
  /** The numbers are of the groups that TLS has: 12-byte nonce, 16-byte tag, 16 or 32 bytes of key. */
  it.each([
    ["aes_gcm", 79, 54, 183],
    ["chacha20_poly1305", 256, 60, 9]
  ])("%s: %i opened and sealed, %i refused, %i of other sizes", (name, valid, refused, left) => {
    const aeadOf = ({ keySize }: VectorGroup): AeadName =>
      name === "chacha20_poly1305" ? "CHACHA20-POLY1305" : keySize === 128 ? "AES-128-GCM" : "AES-256-GCM"
    const otherSizes = ({ ivSize, tagSize, keySize }: VectorGroup) =>
      ivSize !== 96 || tagSize !== 128 || (keySize !== 128 && keySize !== 256)
    const counts = run(name, otherSizes, isValid, (vector, group, accepted) => {
      const key = primitives.aeads[aeadOf(group)].key(bytes(vector, "key"))
      const [iv, aad, message] = [bytes(vector, "iv"), bytes(vector, "aad"), bytes(vector, "msg")]
      const sealed = Uint8Array.of(...bytes(vector, "ct"), ...bytes(vector, "tag"))
      assert.deepEqual(key.open(iv, aad, sealed), accepted ? message : undefined, label(vector))
      if (!accepted) return
      const out = new Uint8Array(sealed.length)
      const cut = message.length >> 1
      key.seal(iv, aad, message.subarray(0, cut), message.subarray(cut), out, 0)
      assert.deepEqual(out, sealed, label(vector))
    })
    executed(counts, valid, refused, left)
  })

  it.each([
    ["hmac_sha256", 66, 108],
    ["hmac_sha384", 66, 108]
  ])("%s: %i equal, %i different, whole tags and truncated ones", (name, valid, refused) => {
    const hash: Hash = primitives.hashes[name === "hmac_sha256" ? "sha256" : "sha384"]
    const counts = run(name, none, isValid, (vector, _group, accepted) => {
      const tag = bytes(vector, "tag")
      const mac = hash.hmac(bytes(vector, "key"))(bytes(vector, "msg"))
      assert.strictEqual(equal(mac.subarray(0, tag.length), tag), accepted, label(vector))
    })
    executed(counts, valid, refused, 0)
  })

  it.each([
    ["hkdf_sha256", 83, 3],
    ["hkdf_sha384", 80, 3]
  ])("%s: %i equal; %i ask for more than 255 blocks, which no caller does", (name, valid, left) => {
    const hash: Hash = primitives.hashes[name === "hkdf_sha256" ? "sha256" : "sha384"]
    let tooLong = 0
    const counts = run(name, none, isValid, (vector, _group, accepted) => {
      const size = Number(vector.size)
      if (!accepted) {
        assert.isAbove(size, 255 * hash.size, label(vector))
        tooLong++
        return
      }
      const prk = new Secret("prk", extract(hash, bytes(vector, "salt"), bytes(vector, "ikm")))
      assert.deepEqual(expand(hash, prk, bytes(vector, "info"), size), bytes(vector, "okm"), label(vector))
    })
    assert.strictEqual(tooLong, left)
    executed(counts, valid, left, 0)
  })

  /**
   * "acceptable" here: points of small order lead to zero and must be refused (RFC 9846 section 7.4.2); points on the
   * twist and unreduced ones have a defined secret and are taken, as RFC 7748 section 5 says.
   */
  it("x25519: 487 agreed, 31 of small order refused", () => {
    const counts = run(
      "x25519",
      none,
      (vector) => !has(vector, "ZeroSharedSecret"),
      (vector, _group, accepted) => {
        const pair = Result.getOrThrow(keyPair("x25519", bytes(vector, "private")))
        const secret = pair.agree(bytes(vector, "public"))
        if (accepted) assert.deepEqual(Result.getOrThrow(secret), bytes(vector, "shared"), label(vector))
        else assert.strictEqual(Result.isFailure(secret) && secret.failure.reason, "InvalidPoint", label(vector))
      }
    )
    executed(counts, 487, 31, 0)
  })

  /** The one "acceptable" is a compressed point, which TLS forbids (RFC 9846 section 4.3.8.2). */
  it.each([
    ["secp256r1", 330, 25, 1],
    ["secp384r1", 771, 19, 4],
    ["secp521r1", 632, 29, 4]
  ] as const)("ecdh_%s_ecpoint: %i valid, %i invalid or compressed (noble: 1 in %i of the valid)", (...row) => {
    const [curve, valid, refused, sampled] = row
    const every = primitives.name === "noble" ? sampled : 1
    const size = { secp256r1: 32, secp384r1: 48, secp521r1: 66 }[curve]
    const check = (vector: Vector, _group: VectorGroup, accepted: boolean) => {
      const scalar = new Uint8Array(size)
      const given = bytes(vector, "private")
      scalar.set(given.subarray(-size), Math.max(0, size - given.length))
      const secret = Result.getOrThrow(keyPair(curve, scalar)).agree(bytes(vector, "public"))
      if (accepted) assert.deepEqual(Result.getOrThrow(secret), bytes(vector, "shared"), label(vector))
      else assert.strictEqual(Result.isFailure(secret) && secret.failure.reason, "InvalidPoint", label(vector))
    }
    const counts = run(`ecdh_${curve}_ecpoint`, none, isValid, check, every)
    const ran = Math.ceil(valid / every)
    executed(counts, ran, refused, valid - ran)
  })

  it("mlkem_768_keygen_seed: 100 keys", () => {
    const counts = run("mlkem_768_keygen_seed", none, isValid, (vector) => {
      assert.deepEqual(kemPair(bytes(vector, "seed")).encapsulationKey, bytes(vector, "ek"), label(vector))
    })
    executed(counts, 100, 0, 0)
  })

  /** "Random ciphertext" and such have the secret of implicit rejection. Nobody but a test makes a key of a bad seed. */
  it("mlkem_768: 153 decapsulated, 20 of another length refused, 20 seeds of another length", () => {
    let badSeeds = 0
    const counts = run("mlkem_768", none, isValid, (vector, _group, accepted) => {
      if (bytes(vector, "seed").length !== 64) {
        assert.isFalse(accepted, label(vector))
        badSeeds++
        return
      }
      const pair = kemPair(bytes(vector, "seed"))
      assert.deepEqual(pair.encapsulationKey, bytes(vector, "ek"), label(vector))
      const secret = pair.decapsulate(bytes(vector, "c"))
      if (accepted) assert.deepEqual(Result.getOrThrow(secret), bytes(vector, "K"), label(vector))
      else assert.strictEqual(Result.isFailure(secret) && secret.failure.reason, "InvalidPoint", label(vector))
    })
    assert.strictEqual(badSeeds, 20)
    executed(counts, 153, 40, 0)
  })

  /** Node takes no message of ours, so that its ciphertexts differ each time; keys are judged by both. */
  it("mlkem_768_encaps: 133 encapsulated, 132 keys not reduced or of another length refused", () => {
    const counts = run("mlkem_768_encaps", none, isValid, (vector, _group, accepted) => {
      const answer = kem.encapsulate(bytes(vector, "ek"), () => bytes(vector, "m"))
      if (!accepted) {
        assert.strictEqual(Result.isFailure(answer) && answer.failure.reason, "InvalidPoint", label(vector))
        return
      }
      const { ciphertext, secret } = Result.getOrThrow(answer)
      if (primitives.name === "noble") {
        assert.deepEqual([ciphertext, secret], [bytes(vector, "c"), bytes(vector, "K")], label(vector))
      }
    })
    executed(counts, 133, 132, 0)
  })

  const signatures = (name: string, algorithm: SignatureAlgorithm): Counts =>
    run(name, none, isValid, (vector, group, accepted) => {
      const spki = Uint8Array.from(Buffer.from(String(group.publicKeyDer), "hex"))
      const key = Result.getOrThrow(primitives.publicKey(spki))
      assert.strictEqual(key.verify(algorithm, bytes(vector, "msg"), bytes(vector, "sig")), accepted, label(vector))
    })

  it.each([
    ["ecdsa_secp256r1_sha256", "ecdsa_secp256r1_sha256", 174, 310],
    ["ecdsa_secp256r1_sha512", "ecdsa_sha512", 243, 311],
    ["ecdsa_secp384r1_sha256", "ecdsa_sha256", 162, 310],
    ["ecdsa_secp384r1_sha384", "ecdsa_secp384r1_sha384", 194, 310],
    ["ecdsa_secp384r1_sha512", "ecdsa_sha512", 231, 311],
    ["ecdsa_secp521r1_sha512", "ecdsa_secp521r1_sha512", 232, 310],
    ["ed25519", "ed25519", 88, 63],
    ["rsa_pss_2048_sha256_mgf1_32", "rsa_pss_rsae_sha256", 63, 45],
    ["rsa_pss_2048_sha384_mgf1_48", "rsa_pss_rsae_sha384", 95, 46],
    ["rsa_pss_3072_sha256_mgf1_32", "rsa_pss_rsae_sha256", 63, 45],
    ["rsa_pss_4096_sha256_mgf1_32", "rsa_pss_rsae_sha256", 63, 45],
    ["rsa_pss_4096_sha384_mgf1_48", "rsa_pss_rsae_sha384", 95, 46],
    ["rsa_pss_4096_sha512_mgf1_64", "rsa_pss_rsae_sha512", 132, 47],
    // One more than "invalid": the "acceptable" DigestInfo without NULL, which is not what RFC 8017 9.2 encodes.
    ["rsa_signature_2048_sha256", "rsa_pkcs1_sha256", 9, 250],
    ["rsa_signature_2048_sha384", "rsa_pkcs1_sha384", 7, 251],
    ["rsa_signature_2048_sha512", "rsa_pkcs1_sha512", 8, 251],
    ["rsa_signature_3072_sha256", "rsa_pkcs1_sha256", 8, 251],
    ["rsa_signature_4096_sha256", "rsa_pkcs1_sha256", 7, 251],
    ["rsa_signature_4096_sha512", "rsa_pkcs1_sha512", 7, 252]
  ] as const)("%s as %s: %i valid, %i refused", (name, algorithm, valid, refused) => {
    const counts = signatures(name, algorithm)
    executed(counts, valid, refused, 0)
  })

  /** Right signatures with parameters of every kind; TLS knows those whose hashes and salt length are all one. */
  it("rsa_pss_misc: one of each hash is as TLS has it, the other 149 are refused", () => {
    const schemes = {
      "SHA-256": ["rsa_pss_rsae_sha256", 32],
      "SHA-384": ["rsa_pss_rsae_sha384", 48],
      "SHA-512": ["rsa_pss_rsae_sha512", 64]
    } as const
    for (const [sha, [scheme, salt]] of Object.entries(schemes)) {
      const fits = (group: VectorGroup) => group.sha === sha && group.mgfSha === sha && group.sLen === salt
      const counts = run(
        "rsa_pss_misc",
        none,
        (_, group) => fits(group),
        (vector, group, accepted) => {
          const key = Result.getOrThrow(
            primitives.publicKey(Uint8Array.from(Buffer.from(String(group.publicKeyDer), "hex")))
          )
          assert.strictEqual(key.verify(scheme, bytes(vector, "msg"), bytes(vector, "sig")), accepted, label(vector))
        }
      )
      executed(counts, 1, 149, 0)
    }
  })
})
