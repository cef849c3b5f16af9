/** A private key out of PEM, whatever container it is in. No failure contains a part of the key or of its password. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Result from "effect/Result"
import type { CodecFailure } from "../codec/presentation/cursor.ts"
import { describe } from "../codec/presentation/wire.ts"
import { parseEncryptedPrivateKey } from "../codec/x509/encryptedPrivateKey.ts"
import { privateKeyContainer } from "../codec/x509/privateKey.ts"
import { openPrivateKey } from "../crypto/noble/pbes2.ts"
import { bytesOf } from "./bytes.ts"
import { misconfigured, type TlsError } from "./TlsError.ts"

/** A key and, when it is encrypted, what opens it. */
export interface KeyOptions {
  /**
   * PKCS#8, SEC1 or PKCS#1 as text or bytes of PEM. PKCS#8 may be encrypted: PBES2 with PBKDF2 or scrypt, and AES-CBC.
   */
  readonly key: string | Uint8Array | Redacted.Redacted<string | Uint8Array>
  /** Opens an encrypted key; text is taken as UTF-8. A key that is not encrypted needs none and takes no notice. */
  readonly password?: Redacted.Redacted<string | Uint8Array> | undefined
}

const needed =
  "private key: it is encrypted: give its password (`password`, --key-password-file), " +
  "or decrypt it with: openssl pkey -in KEY -out PLAIN"

const decoder = new TextDecoder()
export const textOf = (pem: string | Uint8Array): string => (typeof pem === "string" ? pem : decoder.decode(pem))

const parsed = <A>(result: Result.Result<A, CodecFailure>): Effect.Effect<A, TlsError> =>
  Effect.mapError(Effect.fromResult(result), (cause) => misconfigured(`private key: ${describe(cause)}`))

/** The key as PKCS#8, DER. */
export const pkcs8Of = Effect.fnUntraced(function* ({
  key,
  password
}: KeyOptions): Effect.fn.Return<Uint8Array, TlsError> {
  const text = textOf(Redacted.isRedacted(key) ? Redacted.value(key) : key)
  const container = yield* parsed(privateKeyContainer(text))
  if (container._tag === "Plain") return container.pkcs8
  if (password === undefined) return yield* misconfigured(needed)
  const encrypted = yield* parsed(parseEncryptedPrivateKey(container.der))
  const opened = yield* Effect.promise(() => openPrivateKey(encrypted, bytesOf(Redacted.value(password))))
  return yield* Effect.mapError(Effect.fromResult(opened), ({ detail }) => misconfigured(`private key: ${detail}`))
})
