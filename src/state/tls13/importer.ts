/**
 * RFC 9258: external PSKs are not used as they are. From each, and for each KDF, a PSK is derived that is good for
 * TLS 1.3, for that KDF and for its context alone.
 *
 * ```text
 * epskx = HKDF-Extract(0, epsk)
 * ipskx = HKDF-Expand-Label(epskx, "derived psk", Hash(ImportedIdentity), L)
 * ```
 *
 * Hash and HKDF are those of the external PSK, L is the length of the target KDF (section 5.1).
 */
import * as Result from "effect/Result"
import { decode, describe, encode } from "../../codec/presentation/wire.ts"
import { ImportedIdentity, type TargetKdf } from "../../codec/psk/importedIdentity.ts"
import { expandLabel, extract } from "../../crypto/hkdf.ts"
import type { Hash, HashName } from "../../crypto/primitives.ts"
import { Secret } from "../../crypto/secret.ts"
import { type Failure, fail } from "../failure.ts"
import type { ExternalPsk } from "./psk.ts"

/** An external PSK, ready to be imported. It is used for that and for nothing else. */
export interface Epsk {
  /** `external_identity`, 1 to 65,535 bytes. */
  readonly identity: Uint8Array
  /** The one hash that it belongs to (section 4); SHA-256 where nothing else was agreed. */
  readonly hash: Hash
  readonly secret: Secret<"epskx">
}

/** The KDFs of TLS 1.3, and with them the bytes of what is imported for them. */
const targets = {
  HKDF_SHA256: { hash: "sha256", size: 32 },
  HKDF_SHA384: { hash: "sha384", size: 48 }
} as const satisfies Record<Extract<TargetKdf, string>, { readonly hash: HashName; readonly size: number }>

/** The KDFs that keys are imported for (RFC 9258). */
export type KnownKdf = keyof typeof targets

/** One for each hash that a cipher suite may have, so that every suite is served. */
export const kdfs: ReadonlyArray<KnownKdf> = ["HKDF_SHA256", "HKDF_SHA384"]

/** `epskx`, the first half of the import. The bytes of the key may be wiped afterwards. */
export const epsk = (identity: Uint8Array, key: Uint8Array, hash: Hash): Epsk => ({
  identity,
  hash,
  secret: new Secret("epskx", extract(hash, new Uint8Array(hash.size), key))
})

/** `ipskx` for one KDF, under its identity. `InvalidConfiguration` for an identity or a context that is too long. */
export const importPsk = (
  { identity: external_identity, hash, secret }: Epsk,
  context: Uint8Array,
  target_kdf: KnownKdf
): Result.Result<ExternalPsk, Failure> => {
  const fields: ImportedIdentity = { external_identity, context, target_protocol: "TLSv1.3", target_kdf }
  const encoded = encode(ImportedIdentity.wire, fields)
  if (Result.isFailure(encoded)) return fail("InvalidConfiguration", `external PSK: ${describe(encoded.failure)}`)
  const identity = encoded.success
  if (identity.length > 0xffff) {
    return fail("InvalidConfiguration", `an ImportedIdentity has at most 65535 bytes, this one ${identity.length}`)
  }
  const { hash: target, size } = targets[target_kdf]
  const key = expandLabel(hash, secret, "derived psk", hash.digest(identity), size)
  return Result.succeed({ identity, secret: new Secret("external PSK", key), hash: target, kind: "imported" })
}

/** An identity that a client named, as far as it is one of TLS 1.3 and of a KDF that is known. */
export interface Asked {
  readonly identity: Uint8Array
  readonly context: Uint8Array
  readonly kdf: KnownKdf
}

/** Reads the identity of an imported PSK; `undefined` for what is none. */
export const asked = (identity: Uint8Array): Asked | undefined => {
  const read = decode(ImportedIdentity.wire, identity)
  if (Result.isFailure(read) || read.success.target_protocol !== "TLSv1.3") return undefined
  const { external_identity, context, target_kdf } = read.success
  const kdf = kdfs.find((known) => known === target_kdf)
  return kdf === undefined ? undefined : { identity: external_identity, context, kdf }
}
