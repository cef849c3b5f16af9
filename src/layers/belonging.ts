/** Whether a private key is that of a certificate: by a signature, whoever holds the key. */
import * as Effect from "effect/Effect"
import type { SignatureScheme } from "../codec/registry/signatureScheme.ts"
import type { Certificate } from "../codec/x509/certificate.ts"
import type { PrivateKey, SignatureAlgorithm } from "../crypto/primitives.ts"
import { tls12Schemes } from "../crypto/signature.ts"
import { CryptoProvider } from "./CryptoProvider.ts"

/** Nothing is signed here that a peer could use: the content has neither the 64 spaces nor the name of section 4.5.2. */
const probe = new TextEncoder().encode("effect-tls: does this key belong to this certificate?")

/** The algorithm of a scheme that a handshake signs with, in TLS 1.2 or 1.3. */
export const algorithmOf = (scheme: SignatureScheme | undefined): SignatureAlgorithm | undefined =>
  tls12Schemes.find((known) => known === scheme)

/** Whether a key's signature is right under the certificate's public key. */
export const belongs = Effect.fnUntraced(function* (key: PrivateKey, leaf: Certificate) {
  const provider = yield* CryptoProvider
  const algorithm = algorithmOf(key.schemes[0])
  if (algorithm === undefined) return false
  const publicKey = yield* provider.publicKey(leaf.publicKey.spki)
  const signature = yield* provider.sign(key, algorithm, probe)
  return publicKey.verify(algorithm, probe, signature)
})
