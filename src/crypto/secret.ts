/** Secrets that print nothing, one type per stage of the key schedule (RFC 9846 section 7.1). */
import type { Hash, Mac } from "./primitives.ts"

/** What a wiped secret says to everything. */
const nothing: Mac = () => new Uint8Array(0)

const reveal = Symbol("effect-tls/crypto/Secret/reveal")

/**
 * Bytes of the key schedule under the name of their stage. It shows its stage and nothing else to `String`, `JSON`
 * and `inspect`, and a secret of one stage is not assignable to another.
 */
export class Secret<Stage extends string> {
  readonly stage: Stage
  readonly #bytes: Uint8Array
  #keyed: { readonly hash: Hash; readonly mac: Mac } | undefined
  #wiped = false

  constructor(stage: Stage, bytes: Uint8Array) {
    this.stage = stage
    this.#bytes = bytes
  }

  [reveal](): Uint8Array {
    return this.#bytes
  }

  /** `HMAC(this, ·)`, the key set up once for a hash; both HKDF functions and Finished are made of it. */
  mac(hash: Hash): Mac {
    if (this.#keyed?.hash !== hash) this.#keyed = { hash, mac: this.#wiped ? nothing : hash.hmac(this.#bytes) }
    return this.#keyed.mac
  }

  /** Whether the bytes are gone, and nothing can be derived any more. */
  get wiped(): boolean {
    return this.#wiped
  }

  /** Overwrites the bytes. What was derived before stays usable; nothing can be derived afterwards. */
  wipe(): void {
    this.#bytes.fill(0)
    this.#wiped = true
    this.#keyed = undefined
  }

  toString(): string {
    return `<secret:${this.stage}>`
  }

  toJSON(): string {
    return this.toString()
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString()
  }
}

/** The bytes of a secret, as a view: for the key log, for HKDF-Extract and for nothing else. */
export const unsafeBytes = (secret: Secret<string>): Uint8Array => secret[reveal]()

/** What a state was given and does not own, which is not ours to wipe, and what holds no secret. */
const lent: ReadonlySet<string> = new Set([
  "config",
  "external",
  "externalPsks",
  "credential",
  "asks",
  "proof",
  "suite",
  "hello",
  "transcript"
])

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !ArrayBuffer.isView(value)

/** The secrets that a state holds as its own, however deep; for whoever wipes them all. */
export const secretsOf = (
  value: unknown,
  found = new Set<Secret<string>>(),
  depth = 0
): ReadonlySet<Secret<string>> => {
  if (value instanceof Secret) found.add(value)
  else if (Array.isArray(value)) {
    // Apart from other objects: naming its indices takes ten times as long.
    for (const part of value) if (isRecord(part)) secretsOf(part, found, depth + 1)
  } else if (isRecord(value) && depth < 10) {
    for (const name in value) {
      const part = value[name]
      if (isRecord(part) && !lent.has(name)) secretsOf(part, found, depth + 1)
    }
  }
  return found
}

/** Wipes what one state held and the next does not: a secret that has served its purpose (RFC 9846 section 7.1). */
export const forget = (before: unknown, after: unknown): void => {
  const held = secretsOf(before)
  if (held.size === 0) return
  const kept = secretsOf(after)
  for (const secret of held) if (!kept.has(secret)) secret.wipe()
}
