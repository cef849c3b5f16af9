/** A record layer that is not the library's: what a kernel does with traffic keys, by node:crypto and hand. */
import * as Crypto from "node:crypto"
import { assert } from "@effect/vitest"
import type { DirectionKeys, TrafficSecrets } from "../../src/core.ts"

const ciphers = {
  TLS_AES_128_GCM_SHA256: "aes-128-gcm",
  TLS_AES_256_GCM_SHA384: "aes-256-gcm",
  TLS_CHACHA20_POLY1305_SHA256: "chacha20-poly1305"
} as const

/** Both directions of one connection, with the counters that it owns now. */
export class Kernel {
  readonly #cipher: "aes-128-gcm"
  readonly #read: DirectionKeys
  readonly #write: DirectionKeys
  #reads: bigint
  #writes: bigint
  #waiting = Buffer.alloc(0)

  constructor({ suite, read, write }: TrafficSecrets) {
    // The types of node tell AEADs apart by name; they are used alike.
    this.#cipher = ciphers[suite] as "aes-128-gcm"
    this.#read = read
    this.#write = write
    this.#reads = read.sequence
    this.#writes = write.sequence
  }

  /** One record of a type: 21 alert, 23 application data. */
  seal(data: Uint8Array, type = 23): Buffer {
    const header = Buffer.from([23, 3, 3, 0, 0])
    header.writeUInt16BE(data.length + 17, 3)
    const nonce = nonceOf(this.#write.iv, this.#writes++)
    const cipher = Crypto.createCipheriv(this.#cipher, this.#write.key, nonce, { authTagLength: 16 }).setAAD(header)
    const body = Buffer.concat([cipher.update(Buffer.concat([data, Buffer.from([type])])), cipher.final()])
    return Buffer.concat([header, body, cipher.getAuthTag()])
  }

  /** What is in the whole records so far, as type and content. */
  open(bytes: Uint8Array): ReadonlyArray<readonly [type: number, content: Buffer]> {
    this.#waiting = Buffer.concat([this.#waiting, bytes])
    const found: Array<readonly [number, Buffer]> = []
    while (this.#waiting.length >= 5 && this.#waiting.length >= 5 + this.#waiting.readUInt16BE(3)) {
      const size = this.#waiting.readUInt16BE(3)
      const [header, record] = [this.#waiting.subarray(0, 5), this.#waiting.subarray(5, 5 + size)]
      const nonce = nonceOf(this.#read.iv, this.#reads++)
      const cipher = Crypto.createDecipheriv(this.#cipher, this.#read.key, nonce, { authTagLength: 16 })
      cipher.setAAD(header).setAuthTag(record.subarray(-16))
      const inner = Buffer.concat([cipher.update(record.subarray(0, -16)), cipher.final()])
      found.push([inner.at(-1) ?? assert.fail("an empty record"), inner.subarray(0, -1)])
      this.#waiting = this.#waiting.subarray(5 + size)
    }
    return found
  }
}

const nonceOf = (iv: Uint8Array, sequence: bigint): Buffer => {
  const nonce = Buffer.from(iv)
  nonce.writeBigUInt64BE(nonce.readBigUInt64BE(4) ^ sequence, 4)
  return nonce
}
