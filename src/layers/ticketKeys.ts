/** The keys that seal tickets: one for every six hours, each forgotten when the last of its tickets has expired. */
import * as Hex from "effect/encoding/Hex"
import { expand, extract } from "../crypto/hkdf.ts"
import type { Aead, AeadKey, Primitives } from "../crypto/primitives.ts"
import { Secret } from "../crypto/secret.ts"

/** Milliseconds for which a key seals. A fleet that shares keys has to agree on it, so it is no option. */
const rotation = 6 * 3600 * 1000

/** Bytes of the public name of a key. */
export const idSize = 16

export interface TicketKey {
  readonly id: Uint8Array
  readonly key: AeadKey
}

/** Where keys come from. */
interface Source {
  /** The name and the key of an epoch, {@link idSize} and `keySize` bytes. */
  readonly material: (epoch: number, size: number) => Uint8Array
  /** The epochs whose keys there should be in this epoch, when tickets of `back` epochs ago may be valid yet. */
  readonly epochs: (epoch: number, back: number) => ReadonlyArray<number>
  readonly wipe: () => void
}

/** Every key is chance, so that nobody can make one again that was forgotten. */
const random = (primitives: Primitives): Source => ({
  material: (_, size) => primitives.random(size),
  epochs: (epoch) => [epoch],
  wipe: () => {}
})

const encoder = new TextEncoder()
const salt = encoder.encode("effect-tls ticket keys")

/** Whoever has the secret makes the same keys. Those of the epoch to come open too, for clocks that are ahead. */
const derived = ({ hashes }: Primitives, shared: Uint8Array): Source => {
  const secret = new Secret("ticket keys", extract(hashes.sha256, salt, shared))
  return {
    material: (epoch, size) => expand(hashes.sha256, secret, encoder.encode(`epoch ${epoch}`), size),
    epochs: (epoch, back) => Array.from({ length: back + 2 }, (_, i) => epoch + 1 - i),
    wipe: () => secret.wipe()
  }
}

/** Mutable, with one owner. It has no timers: what is old is dropped when somebody asks. */
export class TicketKeys {
  readonly #aead: Aead
  readonly #source: Source
  readonly #back: number
  readonly #byEpoch = new Map<number, TicketKey>()
  readonly #byId = new Map<string, TicketKey>()
  #epoch: number | undefined
  #closed = false

  /** `lifetime` of a ticket in milliseconds; `shared` is the secret of a fleet, which is not kept. */
  constructor(primitives: Primitives, lifetime: number, shared: Uint8Array | undefined) {
    this.#aead = primitives.aeads["AES-256-GCM"]
    this.#source = shared === undefined ? random(primitives) : derived(primitives, shared)
    this.#back = Math.ceil(lifetime / rotation)
  }

  #make(epoch: number): void {
    const material = this.#source.material(epoch, idSize + this.#aead.keySize)
    const made = { id: material.slice(0, idSize), key: this.#aead.key(material.subarray(idSize)) }
    material.fill(0)
    this.#byEpoch.set(epoch, made)
    this.#byId.set(Hex.encode(made.id), made)
  }

  #drop(epoch: number, { id }: TicketKey): void {
    this.#byEpoch.delete(epoch)
    this.#byId.delete(Hex.encode(id))
  }

  /** Makes the keys of this time, and drops those whose tickets have all expired. */
  #turn(now: number): void {
    const epoch = Math.floor(now / rotation)
    if (this.#closed || epoch === this.#epoch) return
    this.#epoch = epoch
    for (const [old, key] of this.#byEpoch) if (old < epoch - this.#back) this.#drop(old, key)
    for (const wanted of this.#source.epochs(epoch, this.#back)) if (!this.#byEpoch.has(wanted)) this.#make(wanted)
  }

  /** The key to seal with; `undefined` after the end. */
  sealing(now: number): TicketKey | undefined {
    this.#turn(now)
    return this.#byEpoch.get(Math.floor(now / rotation))
  }

  /** The key of this name, if its tickets may be valid. */
  opening(id: Uint8Array, now: number): TicketKey | undefined {
    this.#turn(now)
    return this.#byId.get(Hex.encode(id))
  }

  /** Whether the key of this name sealed before the one that does now. */
  isOld(id: Uint8Array, now: number): boolean {
    this.#turn(now)
    const name = Hex.encode(id)
    const epoch = Math.floor(now / rotation)
    return [...this.#byEpoch].some(([made, key]) => made < epoch && Hex.encode(key.id) === name)
  }

  /** Forgets all keys, for good. */
  close(): void {
    this.#closed = true
    this.#source.wipe()
    for (const [epoch, key] of this.#byEpoch) this.#drop(epoch, key)
  }
}
