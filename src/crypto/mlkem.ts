/** ML-KEM (FIPS 203) as a half of a key exchange: what both providers check before a library sees a byte of a peer. */
import type * as Result from "effect/Result"
import { attempt, refuse } from "./failure.ts"
import type { CryptoFailure, RandomBytes } from "./primitives.ts"

/** A row of FIPS 203 table 3; sizes in bytes. A shared secret has 32. */
export interface ParameterSet {
  readonly name: "ML-KEM-768" | "ML-KEM-1024"
  readonly encapsulationKey: number
  readonly ciphertext: number
}

export const mlkem768: ParameterSet = { name: "ML-KEM-768", encapsulationKey: 1184, ciphertext: 1088 }
export const mlkem1024: ParameterSet = { name: "ML-KEM-1024", encapsulationKey: 1568, ciphertext: 1568 }

/** What a library does, with bytes of a peer that were checked before. Every call may throw. */
export interface Library {
  readonly generate: (random: RandomBytes) => {
    readonly encapsulationKey: Uint8Array
    readonly decapsulate: (ciphertext: Uint8Array) => Uint8Array
  }
  readonly encapsulate: (
    encapsulationKey: Uint8Array,
    random: RandomBytes
  ) => { readonly ciphertext: Uint8Array; readonly secret: Uint8Array }
}

/** A pair: the key for the peer, and a handle on the rest. */
export interface KemPair {
  readonly encapsulationKey: Uint8Array
  /** The secret in a ciphertext; `InvalidPoint` when it has not the length of one. */
  readonly decapsulate: (ciphertext: Uint8Array) => Result.Result<Uint8Array, CryptoFailure>
}

/** ML-KEM with the checks of FIPS 203 sections 7.2 and 7.3 on what a peer sends. */
export interface Kem {
  readonly parameters: ParameterSet
  readonly generate: (random: RandomBytes) => KemPair
  /** A secret for the owner of a key; `InvalidPoint` for what is not one. */
  readonly encapsulate: (
    encapsulationKey: Uint8Array,
    random: RandomBytes
  ) => Result.Result<{ readonly ciphertext: Uint8Array; readonly secret: Uint8Array }, CryptoFailure>
}

const q = 3329
/** The seed of the matrix, which ends an encapsulation key. */
const seedSize = 32

/**
 * The modulus check of FIPS 203 section 7.2: a key encodes its coefficients in 12 bits each, and every one is less
 * than q. All are looked at, whatever they are.
 */
const isReduced = (encapsulationKey: Uint8Array): boolean => {
  let borrow = 0
  for (let at = 0; at < encapsulationKey.length - seedSize; at += 3) {
    const [low = 0, middle = 0, high = 0] = encapsulationKey.subarray(at, at + 3)
    borrow |= (q - 1 - (low | ((middle & 15) << 8))) | (q - 1 - ((middle >> 4) | (high << 4)))
  }
  return borrow >= 0
}

/** A pair of a library, with the check of what it is given. */
export const pair = (
  parameters: ParameterSet,
  { encapsulationKey, decapsulate }: ReturnType<Library["generate"]>
): KemPair => ({
  encapsulationKey,
  decapsulate: (ciphertext) =>
    ciphertext.length === parameters.ciphertext
      ? attempt("OperationFailed", `${parameters.name} failed to decapsulate`, () => decapsulate(ciphertext))
      : refuse("InvalidPoint", `a ciphertext of ${parameters.name} has ${parameters.ciphertext} bytes`)
})

/** A library, with the checks in front of it. */
export const make = (parameters: ParameterSet, library: Library): Kem => ({
  parameters,
  generate: (random) => pair(parameters, library.generate(random)),
  encapsulate: (encapsulationKey, random) => {
    if (encapsulationKey.length !== parameters.encapsulationKey) {
      return refuse("InvalidPoint", `a key of ${parameters.name} has ${parameters.encapsulationKey} bytes`)
    }
    if (!isReduced(encapsulationKey)) {
      return refuse("InvalidPoint", `a coefficient of the ${parameters.name} key is not reduced (FIPS 203 section 7.2)`)
    }
    return attempt("OperationFailed", `${parameters.name} failed to encapsulate`, () =>
      library.encapsulate(encapsulationKey, random)
    )
  }
})
