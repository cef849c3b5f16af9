/**
 * The per-record nonce of RFC 9846 section 5.3, which is also that of RFC 7905 section 2; with zeros where the explicit
 * part stands it is that of RFC 5288 section 3.
 */
import { nonceSize } from "../../crypto/primitives.ts"
import { maxSequence } from "./limits.ts"

/** The IV of one direction, xored with the sequence number, in one array that is used again. */
export class NonceCounter {
  readonly nonce: Uint8Array
  readonly #iv: Uint8Array
  #next: number

  /** `iv` is 12 bytes, and copied. */
  constructor(iv: Uint8Array, sequence: number) {
    this.nonce = iv.slice()
    this.#iv = iv.slice()
    this.#next = sequence
  }

  /** The sequence number of the next record, which is also the number of records so far. */
  get sequence(): number {
    return this.#next
  }

  /** Puts the nonce of the next record in place and counts it; `false` when no number is left. */
  advance(): boolean {
    const sequence = this.#next
    if (sequence > maxSequence) return false
    for (let i = nonceSize - 1, rest = sequence; i >= nonceSize - 8; i--) {
      this.nonce[i] = (this.#iv[i] ?? 0) ^ (rest % 256)
      rest = Math.floor(rest / 256)
    }
    // MAX_SAFE_INTEGER + 1 is exact, compares greater, and is where counting stops.
    this.#next = sequence + 1
    return true
  }

  /** Takes back the last number: what came was no record of this key. */
  retract(): void {
    this.#next--
  }

  /** Forgets the IV and leaves no number to use. */
  wipe(): void {
    this.nonce.fill(0)
    this.#iv.fill(0)
    this.#next = maxSequence + 1
  }
}
