/** Which hash function a certificate is signed with, where that has an answer. */
import * as Result from "effect/Result"
import { decodeDer } from "../der/der.ts"
import type { CodecFailure } from "../presentation/cursor.ts"
import { type Returns, resultFn } from "../resultFn.ts"
import { AlgorithmIdentifier, oids, PssParameters } from "./algorithm.ts"

/** `none`: the algorithm takes the message as it is. `several`: more than one. `unknown`: we do not know it. */
export type SignatureHash = "md5" | "sha1" | "sha256" | "sha384" | "sha512" | "none" | "several" | "unknown"

/** RFC 3279 section 2.2, RFC 4055 section 5, RFC 5758 section 3.2, RFC 8410 section 3. */
const simple: ReadonlyMap<string, SignatureHash> = new Map([
  ["1.2.840.113549.1.1.4", "md5"],
  ["1.2.840.113549.1.1.5", "sha1"],
  ["1.2.840.113549.1.1.11", "sha256"],
  ["1.2.840.113549.1.1.12", "sha384"],
  ["1.2.840.113549.1.1.13", "sha512"],
  ["1.2.840.10045.4.1", "sha1"],
  ["1.2.840.10045.4.3.2", "sha256"],
  ["1.2.840.10045.4.3.3", "sha384"],
  ["1.2.840.10045.4.3.4", "sha512"],
  [oids["id-Ed25519"], "none"],
  [oids["id-Ed448"], "none"]
])

const hashes: ReadonlyMap<string, SignatureHash> = new Map([
  ["1.3.14.3.2.26", "sha1"],
  [oids["id-sha256"], "sha256"],
  [oids["id-sha384"], "sha384"],
  [oids["id-sha512"], "sha512"]
])

const nameOf = (hash: AlgorithmIdentifier): SignatureHash => hashes.get(hash.algorithm) ?? "unknown"

/** RSASSA-PSS has a hash for the message and one for its mask; what is left out means SHA-1 (RFC 4055 section 3.1). */
const ofPss = resultFn(function* (parameters: Uint8Array): Returns<SignatureHash, CodecFailure> {
  const { hashAlgorithm, maskGenAlgorithm } = yield* decodeDer(PssParameters, parameters)
  const ofMessage = hashAlgorithm === undefined ? "sha1" : nameOf(hashAlgorithm)
  if (maskGenAlgorithm === undefined) return ofMessage === "sha1" ? ofMessage : "several"
  if (maskGenAlgorithm.algorithm !== oids["id-mgf1"]) return "unknown"
  const ofMask = nameOf(yield* decodeDer(AlgorithmIdentifier, maskGenAlgorithm.parameters ?? new Uint8Array(0)))
  return ofMessage === ofMask ? ofMessage : "several"
})

/** The hash function of a certificate's `signatureAlgorithm`. */
export const signatureHashOf = ({ algorithm, parameters }: AlgorithmIdentifier): SignatureHash =>
  algorithm === oids["id-RSASSA-PSS"]
    ? Result.getOrElse(ofPss(parameters ?? new Uint8Array(0)), () => "unknown")
    : (simple.get(algorithm) ?? "unknown")
