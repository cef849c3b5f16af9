/** ML-KEM on @noble/post-quantum. */
import { ml_kem768, ml_kem1024 } from "@noble/post-quantum/ml-kem.js"
import { type Kem, make, mlkem768, mlkem1024, type ParameterSet } from "../mlkem.ts"

const kem = (parameters: ParameterSet, library: typeof ml_kem768): Kem =>
  make(parameters, {
    generate: (random) => {
      const seed = random(64)
      const { publicKey, secretKey } = library.keygen(seed)
      seed.fill(0)
      return { encapsulationKey: publicKey, decapsulate: (ciphertext) => library.decapsulate(ciphertext, secretKey) }
    },
    encapsulate: (encapsulationKey, random) => {
      const message = random(32)
      const { cipherText, sharedSecret } = library.encapsulate(encapsulationKey, message)
      message.fill(0)
      return { ciphertext: cipherText, secret: sharedSecret }
    }
  })

export const kems = { mlkem768: kem(mlkem768, ml_kem768), mlkem1024: kem(mlkem1024, ml_kem1024) }
