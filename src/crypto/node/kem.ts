/**
 * ML-KEM on node:crypto where it has it (Node 24.7 and later, with OpenSSL 3.5), else on noble.
 *
 * Measured on Node 24 for ML-KEM-768, in µs: a pair 84, encapsulate 25, decapsulate 36 (noble: 440, 640, 730). Keys go
 * out and in as SPKI in 31 and 29. As `raw-public`, or JWK, they would in 5 and 28, but these are of 2026, and the JWK
 * form has changed since.
 */
import * as Crypto from "node:crypto"
import * as Result from "effect/Result"
import { attempt } from "../failure.ts"
import { type Kem, type KemPair, type Library, make, mlkem768, mlkem1024, type ParameterSet, pair } from "../mlkem.ts"
import { kems as noble } from "../noble/kem.ts"
import type { CryptoFailure } from "../primitives.ts"
import { plain } from "./bytes.ts"
import { withoutStacks } from "./stacks.ts"

/** A parameter set of Node. */
interface Form {
  readonly parameters: ParameterSet
  readonly generate: () => Crypto.KeyPairKeyObjectResult
  /** All of a SubjectPublicKeyInfo but the key at its end: its algorithm is id-alg-ml-kem-768 or -1024. */
  readonly prefix: Buffer
}

const forms = {
  mlkem768: {
    parameters: mlkem768,
    generate: () => Crypto.generateKeyPairSync("ml-kem-768"),
    prefix: Buffer.from("308204b2300b0609608648016503040402038204a100", "hex")
  },
  mlkem1024: {
    parameters: mlkem1024,
    generate: () => Crypto.generateKeyPairSync("ml-kem-1024"),
    prefix: Buffer.from("30820632300b06096086480165030404030382062100", "hex")
  }
} satisfies { readonly [name: string]: Form }

const opened = (
  { encapsulationKey }: ParameterSet,
  { privateKey, publicKey }: Crypto.KeyPairKeyObjectResult
): ReturnType<Library["generate"]> => ({
  encapsulationKey: Uint8Array.from(publicKey.export({ format: "der", type: "spki" }).subarray(-encapsulationKey)),
  decapsulate: (ciphertext) => plain(Crypto.decapsulate(privateKey, ciphertext))
})

const library = ({ parameters, generate, prefix }: Form): Library => ({
  generate: () => opened(parameters, generate()),
  encapsulate: (encapsulationKey) => {
    const key = Buffer.concat([prefix, encapsulationKey])
    const publicKey = withoutStacks(() => Crypto.createPublicKey({ key, format: "der", type: "spki" }))
    const { ciphertext, sharedKey } = Crypto.encapsulate(publicKey)
    return { ciphertext: plain(ciphertext), secret: plain(sharedKey) }
  }
})

/** A pair of ML-KEM-768 of a private key at hand, such as one of a test vector. */
export const kemPair = (privateKey: Crypto.KeyObject): Result.Result<KemPair, CryptoFailure> =>
  attempt("InvalidKey", `the key is not one of ${mlkem768.name}`, () =>
    pair(mlkem768, opened(mlkem768, { privateKey, publicKey: Crypto.createPublicKey(privateKey) }))
  )

/** Node's, when one whole exchange of it works here; versions and builds differ in what they have. */
const kem = (form: Form, otherwise: Kem): Kem => {
  const own = make(form.parameters, library(form))
  const works = attempt("UnsupportedAlgorithm", `no ${form.parameters.name}`, () => {
    const { encapsulationKey, decapsulate } = own.generate(Crypto.randomBytes)
    return Result.flatMap(own.encapsulate(encapsulationKey, Crypto.randomBytes), ({ ciphertext }) =>
      decapsulate(ciphertext)
    )
  })
  return Result.isSuccess(works) && Result.isSuccess(works.success) ? own : otherwise
}

export const kems = { mlkem768: kem(forms.mlkem768, noble.mlkem768), mlkem1024: kem(forms.mlkem1024, noble.mlkem1024) }
