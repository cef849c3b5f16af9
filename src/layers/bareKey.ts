/** Verifiers without a chain: one key that is known, or any key at all. Both check CertificateVerify. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { type Returns, resultFn } from "../codec/resultFn.ts"
import { equal } from "../crypto/constantTime.ts"
import type { Primitives, PublicKey } from "../crypto/primitives.ts"
import { tls13Schemes } from "../crypto/signature.ts"
import type { AuthenticatePeer } from "../state/command.ts"
import { type Failure, make as failure } from "../state/failure.ts"
import { refuse, subjectText } from "../state/path/refusal.ts"
import { CryptoProvider } from "./CryptoProvider.ts"
import { acceptAnyPolicy, pinnedPolicy } from "./fingerprint.ts"
import { checkPeerSignature, readCertificate } from "./peerSignature.ts"
import { misconfigured, type TlsError } from "./TlsError.ts"
import type { Verifier } from "./Verifier.ts"

/** The end-entity's key and who it says it is, its signature checked. */
export const signer = resultFn(function* (
  primitives: Primitives,
  request: AuthenticatePeer
): Returns<{ readonly subject: string; readonly key: PublicKey }, Failure> {
  const [first] = request.chain
  if (first === undefined) return yield* Result.fail(failure("EmptyCertificateList", "the chain is empty"))
  const leaf = yield* readCertificate(first, 0)
  const key = primitives.publicKey(leaf.publicKey.spki)
  if (Result.isFailure(key)) {
    return yield* refuse("CertificateKeyUnsupported", leaf, `has a key that cannot be used: ${key.failure.detail}`)
  }
  yield* checkPeerSignature(key.success, request)
  return { subject: subjectText(leaf), key: key.success }
})

const verifyAny = (primitives: Primitives): Verifier["verify"] =>
  Effect.fnUntraced(function* (request: AuthenticatePeer) {
    const { subject } = yield* Effect.fromResult(signer(primitives, request))
    return { chain: request.chain, description: `${subject}, not verified` }
  })

/** Whoever has the key of whatever certificate was sent; `warning` is logged where it is built. */
export const acceptAny = (warning: string): Effect.Effect<Verifier, never, CryptoProvider> =>
  CryptoProvider.use(({ primitives }) =>
    Effect.as(Effect.logWarning(warning), {
      schemes: tls13Schemes,
      verify: verifyAny(primitives),
      fingerprint: acceptAnyPolicy(primitives)
    })
  )

const verifyPin = (primitives: Primitives, pins: ReadonlyArray<Uint8Array>): Verifier["verify"] =>
  Effect.fnUntraced(function* (request: AuthenticatePeer) {
    const { subject, key } = yield* Effect.fromResult(signer(primitives, request))
    const digest = primitives.hashes.sha256.digest(key.spki)
    if (!pins.some((pin) => equal(pin, digest))) {
      const detail = `certificate ${subject} has a key that is not pinned`
      return yield* Effect.fail(failure("CertificateRejected", detail))
    }
    return { chain: request.chain, description: `${subject}, by its pinned key` }
  })

/**
 * Whoever has one of the keys, known by the SHA-256 of their SubjectPublicKeyInfo (RFC 7469 section 2.4). Fails with
 * `InvalidConfiguration` for no pins, and for one of another length.
 */
export const pinned = Effect.fnUntraced(function* (
  pins: ReadonlyArray<Uint8Array>
): Effect.fn.Return<Verifier, TlsError, CryptoProvider> {
  if (pins.length === 0) return yield* misconfigured("at least one pin is needed")
  for (const [i, { length }] of pins.entries()) {
    if (length !== 32) return yield* misconfigured(`pin ${i + 1} has ${length} bytes, a SHA-256 has 32`)
  }
  const { primitives } = yield* CryptoProvider
  return { schemes: tls13Schemes, verify: verifyPin(primitives, pins), fingerprint: pinnedPolicy(primitives, pins) }
})
