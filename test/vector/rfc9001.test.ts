/** RFC 9001 appendix A, all of it, with both providers: keys, Initial packets, Retry, a short header. */
import { assert, describe, it } from "@effect/vitest"
import { headerProtection as nobleProtection } from "../../src/crypto/noble/headerProtection.ts"
import { primitives as noble } from "../../src/crypto/noble/index.ts"
import { headerProtection as nodeProtection } from "../../src/crypto/node/headerProtection.ts"
import { primitives as node } from "../../src/crypto/node/index.ts"
import * as QuicPackets from "../../src/crypto/quic/index.ts"
import { Secret, unsafeBytes } from "../../src/crypto/secret.ts"
import { type CipherSuite13, suites13 } from "../../src/crypto/suite.ts"
import { concat, fromHex, toHex } from "../support/answers.ts"
import * as Packets from "./fixtures/rfc9001.ts"

const connectionId = fromHex("8394c8f03e515708")

/** A packet of a host: what stands in it, and where its number stands. */
interface Packet {
  readonly header: string
  /** Bytes of the packet number, at the end of the header. */
  readonly numberSize: number
  readonly number: bigint
  readonly payload: Uint8Array
}

describe.each([
  ["node", node, nodeProtection],
  ["noble", noble, nobleProtection]
] as const)("RFC 9001 appendix A with %s", (_name, primitives, protection) => {
  const suiteOf = (name: CipherSuite13["name"]) =>
    suites13(primitives).find((suite) => suite.name === name) ?? assert.fail(name)
  const initialSuite = suiteOf("TLS_AES_128_GCM_SHA256")
  const initial = QuicPackets.initialSecrets(primitives.hashes.sha256, connectionId)

  const keysOf = (suite: CipherSuite13, secret: Secret<string>) => {
    const { key, iv } = QuicPackets.packetKeys(suite, secret)
    return { key: toHex(key), iv: toHex(iv), hp: toHex(QuicPackets.headerKey(suite, secret)) }
  }

  /** Section 5: seal, take a sample, mask the header. `steps` are the figures on the way. */
  const protect = (suite: CipherSuite13, secret: Secret<string>, packet: Packet) => {
    const header = fromHex(packet.header)
    const { key, iv } = QuicPackets.packetKeys(suite, secret)
    const sealed = new Uint8Array(packet.payload.length + 16)
    const nonce = QuicPackets.packetNonce(iv, packet.number)
    suite.aead.key(key).seal(nonce, header, packet.payload, new Uint8Array(0), sealed, 0)
    const sample = sealed.subarray(4 - packet.numberSize, 20 - packet.numberSize)
    const mask = protection[suite.aead.name](QuicPackets.headerKey(suite, secret))(sample) ?? assert.fail("no mask")
    const [first = 0] = header
    header[0] = first ^ ((mask[0] ?? 0) & (first >= 0x80 ? 0x0f : 0x1f))
    const at = header.length - packet.numberSize
    for (let i = 0; i < packet.numberSize; i++) header[at + i] = (header[at + i] ?? 0) ^ (mask[i + 1] ?? 0)
    const steps = { nonce: toHex(nonce), sample: toHex(sample), mask: toHex(mask), header: toHex(header) }
    return { ...steps, packet: toHex(concat(header, sealed)) }
  }

  it("A.1: the secrets and keys of Initial packets", () => {
    assert.strictEqual(
      toHex(unsafeBytes(initial.client)),
      "c00cf151ca5be075ed0ebfb5c80323c42d6b7db67881289af4008f1f6c357aea"
    )
    assert.strictEqual(
      toHex(unsafeBytes(initial.server)),
      "3c199828fd139efd216c155ad844cc81fb82fa8d7446fa7d78be803acdda951b"
    )
    assert.deepStrictEqual(keysOf(initialSuite, initial.client), {
      key: "1f369613dd76d5467730efcbe3b1a22d",
      iv: "fa044b2f42a3fd3b46fb255c",
      hp: "9f50449e04a0e810283a1e9933adedd2"
    })
    assert.deepStrictEqual(keysOf(initialSuite, initial.server), {
      key: "cf3a5331653c364c88f0f379b6067e37",
      iv: "0ac1493ca1905853b0bba03e",
      hp: "c206b8d9b9f0f37644430b490eeaa314"
    })
  })

  it("A.2: the client's Initial packet", () => {
    const payload = new Uint8Array(1162)
    payload.set(fromHex(Packets.clientPayload))
    const header = "c300000001088394c8f03e5157080000449e00000002"
    const made = protect(initialSuite, initial.client, { header, numberSize: 4, number: 2n, payload })
    assert.strictEqual(made.sample, "d1b1c98dd7689fb8ec11d242b123dc9b")
    assert.strictEqual(made.mask, "437b9aec36")
    assert.strictEqual(made.header, "c000000001088394c8f03e5157080000449e7b9aec34")
    assert.strictEqual(made.packet, Packets.clientPacket)
  })

  it("A.3: the server's Initial packet", () => {
    const payload = fromHex(Packets.serverPayload)
    const header = "c1000000010008f067a5502a4262b50040750001"
    const made = protect(initialSuite, initial.server, { header, numberSize: 2, number: 1n, payload })
    assert.strictEqual(made.sample, "2cd0991cd25b0aac406a5816b6394100")
    assert.strictEqual(made.mask, "2ec0d8356a")
    assert.strictEqual(made.header, "cf000000010008f067a5502a4262b5004075c0d9")
    assert.strictEqual(made.packet, Packets.serverPacket)
  })

  it("A.4: the tag of a Retry packet", () => {
    const packet = fromHex(Packets.retryPacket)
    const tag = QuicPackets.retryIntegrityTag(primitives.aeads["AES-128-GCM"], connectionId, packet.subarray(0, -16))
    assert.strictEqual(toHex(tag), Packets.retryPacket.slice(-32))
  })

  it("A.5: a packet with a short header and ChaCha20-Poly1305, and the secret after a key update", () => {
    const suite = suiteOf("TLS_CHACHA20_POLY1305_SHA256")
    const secret = new Secret("test", fromHex("9ac312a7f877468ebe69422748ad00a15443f18203a07d6060f688f30f21632b"))
    assert.deepStrictEqual(keysOf(suite, secret), {
      key: "c6d98ff3441c3fe1b2182094f69caa2ed4b716b65488960a7a984979fb23e1c8",
      iv: "e0459b3474bdd0e44a41c144",
      hp: "25a282b9e82f06f21f488917a4fc8f1b73573685608597d0efcb076b0ab7a7a4"
    })
    assert.strictEqual(
      toHex(unsafeBytes(QuicPackets.nextSecret(suite, secret))),
      "1223504755036d556342ee9361d253421a826c9ecdf3c7148684b36b714881f9"
    )
    const payload = Uint8Array.of(1)
    assert.deepStrictEqual(
      protect(suite, secret, { header: "4200bff4", numberSize: 3, number: 654_360_564n, payload }),
      {
        nonce: "e0459b3474bdd0e46d417eb0",
        sample: "5e5cd55c41f69080575d7999c25a5bfb",
        mask: "aefefe7d03",
        header: "4cfe4189",
        packet: "4cfe4189655e5cd55c41f69080575d7999c25a5bfb"
      }
    )
  })

  it("AES-256 masks by the whole key, and as the other provider does", () => {
    const key = Uint8Array.from({ length: 32 }, (_, i) => i)
    const sample = Uint8Array.from({ length: 16 }, (_, i) => 0x11 * i)
    // FIPS 197 appendix C.3.
    assert.strictEqual(toHex(protection["AES-256-GCM"](key)(sample) ?? assert.fail("no mask")), "8ea2b7ca51")
  })

  it("a sample that is not 16 bytes has no mask", () => {
    for (const [name, make] of Object.entries(protection)) {
      const mask = make(new Uint8Array(name === "AES-128-GCM" ? 16 : 32))
      for (const size of [0, 15, 17, 32]) assert.isUndefined(mask(new Uint8Array(size)), `${name} ${size}`)
    }
  })
})

describe("the nonce of a packet", () => {
  it("holds 62 bits of its number", () => {
    const iv = new Uint8Array(12)
    assert.strictEqual(toHex(QuicPackets.packetNonce(iv, 2n ** 62n - 1n)), "000000003fffffffffffffff")
    assert.strictEqual(toHex(QuicPackets.packetNonce(iv, 0n)), "00".repeat(12))
  })
})
