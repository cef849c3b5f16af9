import { assert, describe, it } from "@effect/vitest"
import { type AeadName, type HashName, type Primitives, tagSize } from "../../../src/crypto/primitives.ts"
import { ascii, flip, fromHex, pattern, toHex } from "../support.ts"

const hashNames: ReadonlyArray<HashName> = ["sha256", "sha384", "sha512"]
const aeadNames: ReadonlyArray<AeadName> = ["AES-128-GCM", "AES-256-GCM", "CHACHA20-POLY1305"]

/** "abc": FIPS 180-4 examples. */
const abc: { readonly [H in HashName]: string } = {
  sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
  sha384: "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
  sha512:
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a" +
    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
}

/** HMAC with the key "Jefe": RFC 4231 section 4.3. */
const jefe: { readonly [H in HashName]: string } = {
  sha256: "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
  sha384: "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
  sha512:
    "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554" +
    "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"
}

export const hashContract = (primitives: Primitives): void => {
  describe.each(hashNames)("%s", (name) => {
    const hash = primitives.hashes[name]

    it("digests as FIPS 180-4 says, at once and piece by piece", () => {
      assert.strictEqual(hash.name, name)
      assert.strictEqual(hash.digest(ascii("abc")).length, hash.size)
      assert.strictEqual(toHex(hash.digest(ascii("abc"))), abc[name])
      const state = hash.start.append(ascii("a")).append(new Uint8Array(0)).append(ascii("bc"))
      assert.strictEqual(toHex(state.digest()), abc[name])
      assert.strictEqual(toHex(state.digest()), abc[name], "a second time")
      assert.deepEqual(hash.start.digest(), hash.digest(new Uint8Array(0)))
    })

    it("an older state stays as it was, whatever was appended to it since", () => {
      const first = hash.start.append(pattern(100))
      const before = first.digest()
      const left = first.append(ascii("left"))
      const right = first.append(pattern(1000, 7))
      assert.deepEqual(first.digest(), before)
      assert.deepEqual(left.digest(), hash.digest(Uint8Array.of(...pattern(100), ...ascii("left"))))
      assert.deepEqual(right.digest(), hash.digest(Uint8Array.of(...pattern(100), ...pattern(1000, 7))))
      assert.deepEqual(hash.start.digest(), hash.digest(new Uint8Array(0)))
    })

    it("hmac is that of RFC 4231, and the key may be overwritten once it is set up", () => {
      const key = ascii("Jefe")
      const mac = hash.hmac(key)
      key.fill(0)
      const message = ascii("what do ya want for nothing?")
      assert.strictEqual(toHex(mac(message)), jefe[name])
      assert.strictEqual(toHex(mac(message)), jefe[name], "a second time")
      assert.strictEqual(mac(new Uint8Array(0)).length, hash.size)
    })

    it("hands out plain arrays of its own", () => {
      const bytes = pattern(40)
      for (const output of [hash.digest(bytes), hash.start.append(bytes).digest(), hash.hmac(bytes)(bytes)]) {
        assert.strictEqual(Object.getPrototypeOf(output), Uint8Array.prototype)
      }
      const digest = hash.start.digest()
      digest.fill(0)
      assert.notDeepEqual(hash.start.digest(), digest)
    })
  })
}

export const aeadContract = (primitives: Primitives): void => {
  describe.each(aeadNames)("%s", (name) => {
    const aead = primitives.aeads[name]
    const key = () => aead.key(pattern(aead.keySize))
    const nonce = pattern(12, 3)
    const additional = pattern(5, 4)
    const sealed = (head: Uint8Array, tail: Uint8Array = new Uint8Array(0)) => {
      const out = new Uint8Array(head.length + tail.length + tagSize)
      key().seal(nonce, additional, head, tail, out, 0)
      return out
    }

    it("has its name and key size", () => {
      assert.strictEqual(aead.name, name)
      assert.strictEqual(aead.keySize, name === "AES-128-GCM" ? 16 : 32)
    })

    it.each([0, 1, 15, 16, 17, 63, 64, 65, 1000, 16_384, 16_385])("opens what it sealed: %i bytes", (size) => {
      const plaintext = pattern(size)
      assert.deepEqual(key().open(nonce, additional, sealed(plaintext)), plaintext)
    })

    it("head and tail are one plaintext, wherever it is cut", () => {
      const plaintext = pattern(100)
      const whole = sealed(plaintext)
      for (const cut of [0, 1, 16, 50, 99, 100]) {
        assert.deepEqual(sealed(plaintext.subarray(0, cut), plaintext.subarray(cut)), whole)
      }
    })

    it("writes at the offset and nowhere else", () => {
      const plaintext = pattern(33)
      const out = new Uint8Array(100).fill(0xee)
      key().seal(nonce, additional, plaintext.subarray(0, 32), plaintext.subarray(32), out, 7)
      assert.deepEqual(out.slice(7, 7 + 33 + tagSize), sealed(plaintext))
      assert.isTrue(out.subarray(0, 7).every((byte) => byte === 0xee))
      assert.isTrue(out.subarray(7 + 33 + tagSize).every((byte) => byte === 0xee))
    })

    it("leaves its inputs alone, keeps no view of the key, and answers in an array of its own", () => {
      const bytes = pattern(aead.keySize)
      const used = aead.key(bytes)
      bytes.fill(0)
      const head = pattern(20)
      const out = new Uint8Array(20 + tagSize)
      used.seal(nonce, additional, head, new Uint8Array(0), out, 0)
      assert.deepEqual(out, sealed(pattern(20)))
      assert.deepEqual(head, pattern(20))
      const record = Uint8Array.of(...out)
      const plaintext = used.open(nonce, additional, record)
      assert.deepEqual(record, out)
      record.fill(0)
      assert.deepEqual(plaintext, pattern(20))
      assert.strictEqual(Object.getPrototypeOf(plaintext), Uint8Array.prototype)
    })

    it("opens views that begin anywhere", () => {
      const record = sealed(pattern(77))
      for (const offset of [1, 2, 3, 5]) {
        const view = new Uint8Array(200)
        view.set(record, offset)
        assert.deepEqual(key().open(nonce, additional, view.subarray(offset, offset + record.length)), pattern(77))
      }
    })

    it("refuses every flipped byte of ciphertext, tag, nonce and additional data, and another key", () => {
      const record = sealed(pattern(24))
      for (let i = 0; i < record.length; i++) {
        for (const mask of [1, 0x80]) {
          assert.isUndefined(key().open(nonce, additional, flip(record, i, mask)), `byte ${i}`)
        }
      }
      for (let i = 0; i < 12; i++) assert.isUndefined(key().open(flip(nonce, i), additional, record))
      for (let i = 0; i < 5; i++) assert.isUndefined(key().open(nonce, flip(additional, i), record))
      assert.isUndefined(aead.key(pattern(aead.keySize, 2)).open(nonce, additional, record))
      assert.deepEqual(key().open(nonce, additional, record), pattern(24), "and the right one still opens")
    })

    it("refuses what is cut, longer, or shorter than a tag", () => {
      const record = sealed(pattern(24))
      for (let size = 0; size < record.length; size++) {
        assert.isUndefined(key().open(nonce, additional, record.subarray(0, size)), `${size} bytes`)
      }
      assert.isUndefined(key().open(nonce, additional, Uint8Array.of(...record, 0)))
    })
  })

  it("AES-128-GCM, AES-256-GCM and ChaCha20-Poly1305 answer as their specifications print", () => {
    const out = new Uint8Array(32)
    const seal = (name: AeadName, keySize: number) => {
      primitives.aeads[name]
        .key(new Uint8Array(keySize))
        .seal(new Uint8Array(12), new Uint8Array(0), new Uint8Array(16), new Uint8Array(0), out, 0)
      return toHex(out)
    }
    // Test cases 2 and 14 of "The Galois/Counter Mode of Operation" (McGrew, Viega).
    assert.strictEqual(seal("AES-128-GCM", 16), "0388dace60b6a392f328c2b971b2fe78ab6e47d42cec13bdf53a67b21257bddf")
    assert.strictEqual(seal("AES-256-GCM", 32), "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919")
    // RFC 8439 section 2.8.2.
    const text = ascii(
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it."
    )
    const sealed = new Uint8Array(text.length + tagSize)
    primitives.aeads["CHACHA20-POLY1305"]
      .key(Uint8Array.from({ length: 32 }, (_, i) => 0x80 + i))
      .seal(
        fromHex("070000004041424344454647"),
        fromHex("50515253c0c1c2c3c4c5c6c7"),
        text,
        new Uint8Array(0),
        sealed,
        0
      )
    assert.strictEqual(toHex(sealed.subarray(text.length)), "1ae10b594f09e26a7e902ecbd0600691")
  })
}
