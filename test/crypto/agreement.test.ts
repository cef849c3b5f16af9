/** Two independent implementations, one answer: node:crypto and noble on random inputs. */
import * as Crypto from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { expandLabel, extract } from "../../src/crypto/hkdf.ts"
import { hmacSha256 } from "../../src/crypto/hmacSha256.ts"
import { keyPair as nobleKeyPair } from "../../src/crypto/noble/group.ts"
import { primitives as noble } from "../../src/crypto/noble/index.ts"
import { kems as nobleKems } from "../../src/crypto/noble/kem.ts"
import { keyPair as nodeKeyPair } from "../../src/crypto/node/group.ts"
import { primitives as node } from "../../src/crypto/node/index.ts"
import { kems as nodeKems } from "../../src/crypto/node/kem.ts"
import { encodeCurveKey, encodeEd25519Key, encodeRsaKey } from "../../src/crypto/pkcs8.ts"
import { type AeadName, type HashName, tagSize } from "../../src/crypto/primitives.ts"
import { Secret } from "../../src/crypto/secret.ts"
import { hybrids } from "./contract/hybrids.ts"
import { algorithms } from "./contract/signatures.ts"
import { ascii, der, flip, groupOf, pkcs8Der, pssOid, pssParameters, success } from "./support.ts"

const bytes = (minimum: number, maximum: number) =>
  Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))).check(
    Schema.isBetweenLength(minimum, maximum)
  )
const exactly = (size: number) => bytes(size, size)
const u8 = (list: ReadonlyArray<number>) => Uint8Array.from(list)
const runs = (count: number) => ({ arbitrary: { runs: count } })

describe("hashes", () => {
  describe.each<HashName>(["sha256", "sha384", "sha512"])("%s", (name) => {
    it.prop(
      "digest, running digest and HMAC",
      { key: bytes(0, 300), parts: Schema.Array(bytes(0, 200)).check(Schema.isBetweenLength(0, 4)) },
      ({ key, parts }) => {
        const whole = u8(parts.flat())
        const running = (hash: typeof node.hashes.sha256) =>
          parts.reduce((state, part) => state.append(u8(part)), hash.start).digest()
        const [a, b] = [node.hashes[name], noble.hashes[name]]
        assert.deepEqual(a.digest(whole), b.digest(whole))
        assert.deepEqual(running(a), a.digest(whole))
        assert.deepEqual(running(b), a.digest(whole))
        assert.deepEqual(a.hmac(u8(key))(whole), b.hmac(u8(key))(whole))
      },
      runs(60)
    )
  })

  it("HMAC-SHA-256 from midstates equals OpenSSL's for every length of key and message around the blocks", () => {
    const source = Crypto.randomBytes(400)
    for (let size = 0; size <= 200; size++) {
      const message = source.subarray(3, 3 + size)
      for (const keySize of [0, 1, 31, 32, 48, 63, 64, 65, 100]) {
        const key = source.subarray(200, 200 + keySize)
        const expected = Crypto.createHmac("sha256", key).update(message).digest("hex")
        assert.strictEqual(Buffer.from(hmacSha256(key)(message)).toString("hex"), expected, `${keySize}, ${size}`)
      }
    }
  })

  it.prop(
    "HKDF-Extract and HKDF-Expand-Label",
    {
      salt: bytes(0, 64),
      ikm: bytes(0, 64),
      context: bytes(0, 64),
      length: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 300 }))
    },
    ({ salt, ikm, context, length }) => {
      for (const name of ["sha256", "sha384"] as const) {
        const of = (hash: typeof node.hashes.sha256) =>
          expandLabel(hash, new Secret("test", extract(hash, u8(salt), u8(ikm))), "a label", u8(context), length)
        assert.deepEqual(of(node.hashes[name]), of(noble.hashes[name]))
        const info = Uint8Array.of(length >> 8, length & 255, 13, ...ascii("tls13 a label"), context.length, ...context)
        const native = Crypto.hkdfSync(name, u8(ikm), u8(salt), info, length)
        assert.deepEqual(of(node.hashes[name]), new Uint8Array(native))
      }
    },
    runs(60)
  )
})

describe("AEADs", () => {
  describe.each<AeadName>(["AES-128-GCM", "AES-256-GCM", "CHACHA20-POLY1305"])("%s", (name) => {
    it.prop(
      "one seals what the other opens, byte for byte the same",
      {
        key: exactly(node.aeads[name].keySize),
        nonce: exactly(12),
        additional: bytes(0, 20),
        head: bytes(0, 300),
        tail: bytes(0, 20)
      },
      ({ key, nonce, additional, head, tail }) => {
        const sealed = [node, noble].map((primitives) => {
          const out = new Uint8Array(head.length + tail.length + tagSize)
          primitives.aeads[name].key(u8(key)).seal(u8(nonce), u8(additional), u8(head), u8(tail), out, 0)
          return out
        })
        assert.deepEqual(sealed[0], sealed[1])
        for (const primitives of [node, noble]) {
          const opened = primitives.aeads[name].key(u8(key)).open(u8(nonce), u8(additional), sealed[0] ?? assert.fail())
          assert.deepEqual(opened, u8([...head, ...tail]))
        }
      },
      runs(40)
    )
  })
})

describe("groups", () => {
  it.each(["x25519", "secp256r1", "secp384r1", "secp521r1"])(
    "%s: pairs of the two agree, each with the other",
    (name) => {
      for (let i = 0; i < 4; i++) {
        const a = groupOf(node, name).generate(node.random)
        const b = groupOf(noble, name).generate(noble.random)
        assert.deepEqual(success(a.agree(b.share)), success(b.agree(a.share)))
        const answer = success(groupOf(noble, name).encapsulate(a.share, noble.random))
        assert.deepEqual(success(a.agree(answer.share)), answer.secret)
      }
    }
  )

  it.each(hybrids)("%s: each encapsulates to the other", (name, { server }) => {
    for (const [one, other] of [
      [node, noble],
      [noble, node]
    ] as const) {
      const pair = groupOf(one, name).generate(one.random)
      const { share, secret } = success(groupOf(other, name).encapsulate(pair.share, other.random))
      assert.strictEqual(share.length, server)
      assert.deepEqual(success(pair.agree(share)), secret)
      const bent = flip(share, name === "X25519MLKEM768" ? 3 : share.length - 3)
      assert.notDeepEqual(success(pair.agree(bent)), secret, "another secret, and no failure")
    }
  })

  it.skipIf(!("encapsulate" in Crypto))("ML-KEM is Node's own where Node has it, not noble under its name", () => {
    assert.notStrictEqual(nodeKems.mlkem768, nobleKems.mlkem768)
    assert.notStrictEqual(nodeKems.mlkem1024, nobleKems.mlkem1024)
  })

  it.prop(
    "any 32 bytes are a share of X25519 to both, or to neither, with the same secret",
    { scalar: exactly(32), share: exactly(32) },
    ({ scalar, share }) => {
      const pkcs8 = Buffer.concat([Buffer.from("302e020100300506032b656e04220420", "hex"), u8(scalar)])
      const ours = success(nodeKeyPair("x25519", Crypto.createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" })))
      const theirs = success(nobleKeyPair("x25519", u8(scalar)))
      assert.deepEqual(ours.share, theirs.share)
      assert.deepEqual(ours.agree(u8(share)), theirs.agree(u8(share)))
    },
    runs(25)
  )

  it.prop(
    "any x and y are a point of P-256 to both, or to neither",
    { xy: exactly(64) },
    ({ xy }) => {
      const share = Uint8Array.of(4, ...xy)
      const [a, b] = [node, noble].map((primitives) =>
        Result.isSuccess(groupOf(primitives, "secp256r1").generate(primitives.random).agree(share))
      )
      assert.strictEqual(a, b)
    },
    runs(10)
  )
})

describe("signatures", () => {
  const message = ascii("signed by one, verified by the other")

  it.each(["p256", "p384", "p521", "ed25519", "rsa2048", "rsa3072", "rsa-pss"] as const)(
    "%s: a key made by one serves the other",
    async (kind) => {
      for (const [maker, user] of [
        [node, noble],
        [noble, node]
      ] as const) {
        const pkcs8 = success(await maker.generatePrivateKey(kind, maker.random))
        const [own, other] = [success(maker.privateKey(pkcs8)), success(user.privateKey(pkcs8))]
        assert.strictEqual(other.kind, own.kind)
        assert.deepEqual(other.publicKey.spki, own.publicKey.spki)
        assert.deepEqual(other.schemes, own.schemes)
        let signed = 0
        for (const algorithm of algorithms) {
          const signature = await own.sign(algorithm, message)
          if (Result.isFailure(signature)) continue
          signed++
          assert.isTrue(other.publicKey.verify(algorithm, message, signature.success), algorithm)
          assert.isFalse(other.publicKey.verify(algorithm, message, flip(signature.success, 9)), algorithm)
        }
        assert.isAbove(signed, 0)
      }
    }
  )

  it("id-RSASSA-PSS keys, with parameters and without, sign by their own schemes only, in both", async () => {
    const { privateKey } = Crypto.generateKeyPairSync("rsa", { modulusLength: 2048 })
    const pkcs1 = privateKey.export({ format: "der", type: "pkcs1" })
    for (const [identifier, schemes] of [
      [der(0x30, pssOid), ["rsa_pss_pss_sha256", "rsa_pss_pss_sha384", "rsa_pss_pss_sha512"]],
      [der(0x30, pssOid, pssParameters(2, 48)), ["rsa_pss_pss_sha384"]]
    ] as const) {
      const pkcs8 = pkcs8Der(identifier, pkcs1)
      const keys = [node, noble].map((primitives) => success(primitives.privateKey(pkcs8)))
      for (const key of keys) {
        assert.strictEqual(key.kind, "rsa-pss")
        assert.deepEqual([...key.schemes], [...schemes])
        for (const algorithm of algorithms) {
          const signature = await key.sign(algorithm, message)
          assert.strictEqual(
            Result.isSuccess(signature),
            schemes.some((scheme) => scheme === algorithm),
            algorithm
          )
          if (Result.isFailure(signature)) continue
          for (const { publicKey } of keys) {
            assert.isTrue(publicKey.verify(algorithm, message, signature.success), algorithm)
            assert.isFalse(publicKey.verify("rsa_pss_rsae_sha384", message, signature.success))
          }
        }
      }
    }
  })

  it("a P-521 key signs and verifies in both, though none is ever made", async () => {
    const pair = Crypto.generateKeyPairSync("ec", { namedCurve: "P-521" })
    const pkcs8 = pair.privateKey.export({ format: "der", type: "pkcs8" })
    const keys = [node, noble].map((primitives) => success(primitives.privateKey(pkcs8)))
    for (const key of keys) {
      assert.deepEqual([...key.schemes], ["ecdsa_secp521r1_sha512"])
      const signature = success(await key.sign("ecdsa_secp521r1_sha512", message))
      for (const { publicKey } of keys) assert.isTrue(publicKey.verify("ecdsa_secp521r1_sha512", message, signature))
    }
  })

  it("keys written by encodeCurveKey, encodeEd25519Key and encodeRsaKey are what node reads", () => {
    const scalar = Uint8Array.from({ length: 32 }, (_, i) => i + 1)
    assert.strictEqual(success(node.privateKey(success(encodeCurveKey("p256", scalar)))).kind, "p256")
    assert.strictEqual(success(node.privateKey(success(encodeEd25519Key(scalar)))).kind, "ed25519")
    const { privateKey } = Crypto.generateKeyPairSync("rsa", { modulusLength: 2048 })
    const pkcs1 = privateKey.export({ format: "der", type: "pkcs1" })
    assert.strictEqual(success(node.privateKey(success(encodeRsaKey(pkcs1)))).kind, "rsa")
  })
})
