/** Certificates and keys out of PEM and DER, checked: what `Credentials` are made of. */
import * as Effect from "effect/Effect"
import type * as Result from "effect/Result"
import type { CodecFailure } from "../codec/presentation/cursor.ts"
import { describe } from "../codec/presentation/wire.ts"
import { type Certificate, parseCertificate } from "../codec/x509/certificate.ts"
import { certificatesFromPem } from "../codec/x509/pem.ts"
import type { PrivateKey } from "../crypto/primitives.ts"
import type { Credential } from "../state/command.ts"
import { subjectText } from "../state/path/refusal.ts"
import { belongs } from "./belonging.ts"
import { CryptoProvider } from "./CryptoProvider.ts"
import { leafOf, orderChain } from "./chainOrder.ts"
import { type KeyOptions, pkcs8Of, textOf } from "./keyPem.ts"
import { ocspResponse, type StapleOptions, timestampList } from "./staples.ts"
import { misconfigured, type TlsError } from "./TlsError.ts"

/** A chain of certificates whose key is here. */
export interface LoadedCertificate extends Credential {
  readonly certificateType?: "X509" | undefined
  readonly key: PrivateKey
  /** The end-entity certificate, read. */
  readonly leaf: Certificate
}

/** A key that is shown without a certificate (RFC 7250); `chain` is its SubjectPublicKeyInfo. */
export interface LoadedRawPublicKey extends Credential {
  readonly certificateType: "RawPublicKey"
  readonly key: PrivateKey
}

/** A credential whose key is here. */
export type LoadedCredential = LoadedCertificate | LoadedRawPublicKey

/** A chain and its key as text or bytes of PEM, and what is stapled to the chain. */
export interface PemOptions extends StapleOptions, KeyOptions {
  /** The end-entity certificate and its intermediates; another order is repaired. */
  readonly chain: string | Uint8Array
}

const parsed = <A>(what: string, result: Result.Result<A, CodecFailure>): Effect.Effect<A, TlsError> =>
  Effect.mapError(Effect.fromResult(result), (cause) => misconfigured(`${what}: ${describe(cause)}`))

const provided = (what: string) =>
  Effect.mapError(({ detail }: { readonly detail: string }) => misconfigured(`${what}: ${detail}`))

/** The certificates of a chain; each must be readable, or its place in it could not be found. */
const readAll = (chain: ReadonlyArray<Uint8Array>) =>
  Effect.forEach(chain, (der, i) =>
    parsed(chain.length === 1 ? "certificate" : `certificate ${i + 1} of ${chain.length}`, parseCertificate(der))
  )

/**
 * A credential from DER: the key as PKCS#8, and its certificate with those above it. A chain in another order is put
 * right; what does not belong to it is left out, with a warning.
 */
export const load = Effect.fnUntraced(function* (certificates: ReadonlyArray<Uint8Array>, pkcs8: Uint8Array) {
  const provider = yield* CryptoProvider
  const all = yield* readAll(certificates)
  const key = yield* provider.privateKey(pkcs8).pipe(provided("private key"))
  const leaf = leafOf(key.publicKey.spki, all) ?? all[0]
  if (leaf === undefined) return yield* misconfigured("the certificate chain is empty")
  const fits = yield* belongs(key, leaf).pipe(provided("certificate and private key"))
  if (!fits) {
    const others = all.length === 1 ? "" : ", nor to any other"
    return yield* misconfigured(`the private key does not belong to the first certificate of the chain${others}`)
  }
  const { chain, dropped } = orderChain(leaf, all)
  if (dropped.length > 0) {
    const names = dropped.map(subjectText).join(", ")
    yield* Effect.logWarning(`certificates that do not belong to the chain of ${subjectText(leaf)}: ${names}`)
  }
  const credential: LoadedCertificate = { chain: chain.map(({ der }) => der), schemes: key.schemes, key, leaf }
  return credential
})

/**
 * Reads a chain and its key, and checks that they belong together. Fails with `InvalidConfiguration` that says what
 * is wrong; no failure contains a part of the key.
 */
export const loadPem = Effect.fnUntraced(function* (options: PemOptions) {
  const { chain, ocsp, timestamps } = options
  const certificates = yield* parsed("certificate chain", certificatesFromPem(textOf(chain)))
  const loaded = yield* load(certificates, yield* pkcs8Of(options))
  const credential: LoadedCertificate = {
    ...loaded,
    ocspStaple: ocsp && (yield* parsed("OCSP response (DER)", ocspResponse(ocsp))),
    signedCertificateTimestamps: timestamps && (yield* parsed("timestamps", timestampList(timestamps)))
  }
  return credential
})

/** Loads the key of a raw public key, PEM. Fails as {@link loadPem} does. */
export const loadRawPublicKey = Effect.fnUntraced(function* (options: KeyOptions) {
  const provider = yield* CryptoProvider
  const key = yield* provider.privateKey(yield* pkcs8Of(options)).pipe(provided("private key"))
  const credential: LoadedRawPublicKey = {
    certificateType: "RawPublicKey",
    chain: [key.publicKey.spki],
    schemes: key.schemes,
    key
  }
  return credential
})
