/** Raw public keys (RFC 7250): a key that is known beforehand, and no certificate around it. */

import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { hex } from "../codec/bytes.ts"
import { describe } from "../codec/presentation/wire.ts"
import { type Returns, resultFn } from "../codec/resultFn.ts"
import { parsePublicKey } from "../codec/x509/publicKey.ts"
import { equal } from "../crypto/constantTime.ts"
import type { Primitives, PublicKey } from "../crypto/primitives.ts"
import { tls13Schemes } from "../crypto/signature.ts"
import type { AuthenticatePeer } from "../state/command.ts"
import { escape, type Failure, make as failure } from "../state/failure.ts"
import { CryptoProvider } from "./CryptoProvider.ts"
import { rawPublicKeyPolicy } from "./fingerprint.ts"
import { checkPeerSignature } from "./peerSignature.ts"
import { misconfigured, type TlsError } from "./TlsError.ts"
import type { Verifier } from "./Verifier.ts"

/** Bytes of a SHA-256 digest; every SubjectPublicKeyInfo is longer. */
const pinSize = 32

/** The SHA-256 of each key, however it was given. */
const pinsOf = Effect.fnUntraced(function* (
  { hashes }: Primitives,
  keys: ReadonlyArray<Uint8Array>
): Effect.fn.Return<ReadonlyArray<Uint8Array>, TlsError> {
  if (keys.length === 0) return yield* misconfigured("at least one raw public key is needed")
  return yield* Effect.forEach(keys, (key, i) => {
    if (key.length === pinSize) return Effect.succeed(key)
    return Effect.mapBoth(Effect.fromResult(parsePublicKey(key)), {
      onSuccess: ({ spki }) => hashes.sha256.digest(spki),
      onFailure: (reason) =>
        misconfigured(`raw public key ${i + 1}: a SubjectPublicKeyInfo in DER or its SHA-256: ${describe(reason)}`)
    })
  })
})

/** The key itself, its signature over the handshake checked; `subject` is how people call it. */
export const signerOfRawKey = resultFn(function* (
  primitives: Primitives,
  request: AuthenticatePeer
): Returns<{ readonly subject: string; readonly key: PublicKey }, Failure> {
  const [spki = new Uint8Array(0)] = request.chain
  const subject = shownAs(primitives, spki)
  const key = yield* Result.mapError(primitives.publicKey(spki), ({ detail }) =>
    failure("CertificateKeyUnsupported", `${subject}, cannot be used: ${escape(detail)}`)
  )
  yield* checkPeerSignature(key, request)
  return { subject, key }
})

const shownAs = ({ hashes }: Primitives, spki: Uint8Array): string =>
  `raw public key, SHA-256 ${hex(hashes.sha256.digest(spki))}`

/** Whoever has the private half of one of the pinned keys, and proves it in this handshake. */
const verifyRawKey = (primitives: Primitives, pins: ReadonlyArray<Uint8Array>): Verifier["verify"] =>
  Effect.fnUntraced(function* (request: AuthenticatePeer) {
    const [spki] = request.chain
    if (request.certificateType !== "RawPublicKey" || spki === undefined) {
      return yield* Effect.fail(failure("CertificateRejected", "a certificate, where raw public keys are judged"))
    }
    if (!pins.some((pin) => equal(pin, primitives.hashes.sha256.digest(spki)))) {
      const detail = `${shownAs(primitives, spki)}, is not one that is believed`
      return yield* Effect.fail(failure("CertificateRejected", detail))
    }
    const { subject } = yield* Effect.fromResult(signerOfRawKey(primitives, request))
    return { chain: request.chain, description: subject }
  })

/**
 * Whoever has one of these keys: each a SubjectPublicKeyInfo in DER, or its SHA-256 of 32 bytes. Fails with
 * `InvalidConfiguration` for no keys, and for what is neither.
 */
export const rawPublicKeys = Effect.fnUntraced(function* (
  keys: ReadonlyArray<Uint8Array>
): Effect.fn.Return<Verifier, TlsError, CryptoProvider> {
  const { primitives } = yield* CryptoProvider
  const pins = yield* pinsOf(primitives, keys)
  return {
    schemes: tls13Schemes,
    certificateTypes: ["RawPublicKey"],
    verify: verifyRawKey(primitives, pins),
    fingerprint: rawPublicKeyPolicy(primitives, pins)
  }
})
