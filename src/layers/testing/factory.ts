/** What the factories of certificates, of revocation and of timestamps share. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Result from "effect/Result"
import type { CodecFailure } from "../../codec/presentation/cursor.ts"
import { describe } from "../../codec/presentation/wire.ts"
import type { SignatureAlgorithm } from "../../codec/x509/algorithm.ts"
import type { CryptoFailure, KeyKind } from "../../crypto/primitives.ts"

/** An option that no certificate can hold, or a provider that cannot sign so. */
export class CertificateFactoryError extends Data.TaggedError("CertificateFactoryError")<{
  readonly detail: string
}> {
  override get message() {
    return `cannot make the certificate: ${this.detail}`
  }
}

/** What a codec made, or refused to write. */
export const encoded = <A>(result: Result.Result<A, CodecFailure>): Effect.Effect<A, CertificateFactoryError> =>
  Effect.mapError(Effect.fromResult(result), (failure) => new CertificateFactoryError({ detail: describe(failure) }))

/** What the provider made, or could not make. */
export const provided = <A, R>(
  effect: Effect.Effect<A, CryptoFailure, R>
): Effect.Effect<A, CertificateFactoryError, R> =>
  Effect.mapError(effect, ({ detail }) => new CertificateFactoryError({ detail }))

/** How a key signs, where nobody says otherwise. */
export const usualAlgorithm: { readonly [K in KeyKind]: SignatureAlgorithm } = {
  p256: "ecdsa_sha256",
  p384: "ecdsa_sha384",
  p521: "ecdsa_sha512",
  ed25519: "ed25519",
  rsa: "rsa_pkcs1_sha256",
  "rsa-pss": "rsa_pss_pss_sha256"
}
