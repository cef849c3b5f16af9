/**
 * What need not be done again for a chain seen before: parsing, importing keys, checking signatures.
 *
 * Only what belongs to an accepted path is kept, so that nobody fills the memory with what was refused; and only what
 * cannot change: dates, names and constraints are judged anew for every handshake.
 */
import * as Result from "effect/Result"
import type { Certificate } from "../codec/x509/certificate.ts"
import type { PublicKeyInfo } from "../codec/x509/publicKey.ts"
import type { CryptoFailure, Primitives, PublicKey } from "../crypto/primitives.ts"
import type { Failure } from "../state/failure.ts"
import { bytesKey } from "../state/path/build.ts"
import type { SignatureCheck } from "../state/path/validate.ts"
import { Lru } from "./lru.ts"
import { readCertificate } from "./peerSignature.ts"

/** Entries of each kind; a certificate is 64 KiB at most and 2 KiB as a rule. */
const capacity = 256

export interface ChainMemory {
  readonly read: (der: Uint8Array, at: number) => Result.Result<Certificate, Failure>
  readonly importKey: (key: PublicKeyInfo) => Result.Result<PublicKey, CryptoFailure>
  /** Whether this signature was found right before. */
  readonly isVerified: (check: SignatureCheck) => boolean
  /** Keeps what an accepted path was made of. */
  readonly keep: (checks: ReadonlyArray<SignatureCheck>) => void
}

export const makeChainMemory = ({ hashes, publicKey }: Primitives): ChainMemory => {
  const digest = (bytes: Uint8Array): string => bytesKey(hashes.sha256.digest(bytes))
  const certificates = new Lru<string, Certificate>(capacity)
  const keys = new Lru<string, PublicKey>(capacity)
  const verified = new Lru<string, true>(capacity)
  const digests = new WeakMap<object, string>()
  const digestOf = (owner: object, bytes: Uint8Array): string => {
    const found = digests.get(owner) ?? digest(bytes)
    digests.set(owner, found)
    return found
  }
  const edge = ({ certificate, issuer }: SignatureCheck): string =>
    digestOf(certificate, certificate.der) + digestOf(issuer, issuer.spki)
  const importKey: ChainMemory["importKey"] = (key) => {
    const found = keys.get(digestOf(key, key.spki))
    return found === undefined ? publicKey(key.spki) : Result.succeed(found)
  }
  const keepKey = (key: PublicKeyInfo) =>
    Result.map(importKey(key), (imported) => keys.set(digestOf(key, key.spki), imported))
  return {
    // the copy is for keeping: what was received belongs to a buffer that is used again
    read: (der, at) => {
      const found = certificates.get(digest(der))
      return found === undefined ? readCertificate(der.slice(), at) : Result.succeed(found)
    },
    importKey,
    isVerified: (check) => verified.get(edge(check)) === true,
    keep: (checks) => {
      for (const check of checks) {
        const { certificate, issuer } = check
        certificates.set(digestOf(certificate, certificate.der), certificate)
        verified.set(edge(check), true)
        keepKey(certificate.publicKey)
        keepKey(issuer)
      }
    }
  }
}
