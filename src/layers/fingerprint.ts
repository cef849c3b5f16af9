/**
 * The names of trust policies: 32 bytes that are the same where the same peers are believed for the same reasons, so
 * that a session is not resumed under a policy that might have refused its peer (CVE-2025-68121 and its kin).
 */
import * as Hex from "effect/encoding/Hex"
import * as Result from "effect/Result"
import { encodeDer } from "../codec/der/der.ts"
import type { CodecFailure } from "../codec/presentation/cursor.ts"
import { type Certificate, parseCertificate } from "../codec/x509/certificate.ts"
import { showGeneralName } from "../codec/x509/generalName.ts"
import { NameConstraints } from "../codec/x509/nameConstraints.ts"
import type { Primitives } from "../crypto/primitives.ts"
import type { Credential } from "../state/command.ts"
import type { TrustAnchor } from "../state/path/anchor.ts"
import type { Purpose } from "../state/path/purpose.ts"
import type { SearchLimits } from "../state/path/search.ts"
import type { Circumstances } from "../state/path/validate.ts"
import { bytesOf, joined } from "./bytes.ts"

const length = (size: number): Uint8Array => {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, size)
  return bytes
}

/** SHA-256 of all parts, each with its length before it. */
const digest = ({ hashes }: Primitives, parts: ReadonlyArray<Uint8Array | string>): Uint8Array =>
  hashes.sha256.digest(joined(parts.map(bytesOf).flatMap((part) => [length(part.length), part])))

/** In one order, and each once. */
const sorted = (all: ReadonlyArray<Uint8Array>): ReadonlyArray<string> => [...new Set(all.map(Hex.encode))].sort()

/**
 * All that a path may be refused for by its anchor: name, key and constraints and, of an anchor that came in a
 * certificate, that certificate whole, since its dates, path length, usages and policies are judged as well.
 */
const anchorDigest = (primitives: Primitives, anchor: TrustAnchor): Result.Result<Uint8Array, CodecFailure> => {
  const constraints: Result.Result<Uint8Array | string, CodecFailure> =
    anchor.nameConstraints === undefined
      ? Result.succeed("any name")
      : encodeDer(NameConstraints, anchor.nameConstraints)
  return Result.map(constraints, (constraints) =>
    digest(primitives, [
      anchor.subject.der,
      anchor.publicKey.spki,
      constraints,
      anchor.certificate?.der ?? "no certificate"
    ])
  )
}

const rulesOf = ({
  maxIntermediates,
  maxSignatures,
  initialPolicies
}: Pick<SearchLimits, "maxIntermediates" | "maxSignatures"> & Pick<Circumstances, "initialPolicies">): string =>
  `${maxIntermediates} ${maxSignatures} ${initialPolicies?.toSorted().join() ?? "any policy"}`

/** RFC 5280 under these anchors; `undefined` when one of them says what has no encoding, so that nothing is resumed. */
export const webPkiPolicy = (
  primitives: Primitives,
  purpose: Purpose,
  asked: Pick<SearchLimits, "maxIntermediates" | "maxSignatures"> & Pick<Circumstances, "initialPolicies">,
  anchors: ReadonlyArray<TrustAnchor>
): Uint8Array | undefined => {
  const digests = Result.all(anchors.map((anchor) => anchorDigest(primitives, anchor)))
  return Result.isFailure(digests)
    ? undefined
    : digest(primitives, ["webpki", purpose, rulesOf(asked), ...sorted(digests.success)])
}

/** A policy under which revocation is checked so: without these parts the policy alone. */
export const withRevocation = (
  primitives: Primitives,
  policy: Uint8Array | undefined,
  parts: ReadonlyArray<Uint8Array | string>
): Uint8Array | undefined =>
  policy === undefined || parts.length === 0 ? policy : digest(primitives, [policy, ...parts])

/** One of these keys, whatever the certificate says besides. */
export const pinnedPolicy = (primitives: Primitives, pins: ReadonlyArray<Uint8Array>): Uint8Array =>
  digest(primitives, ["pinned", ...sorted(pins)])

/** One of these keys, shown without a certificate (RFC 7250). */
export const rawPublicKeyPolicy = (primitives: Primitives, pins: ReadonlyArray<Uint8Array>): Uint8Array =>
  digest(primitives, ["raw public key", ...sorted(pins)])

/** The name of what a peer shows: these chains, in whatever order they are tried. */
export const credentialsName = (
  primitives: Primitives,
  credentials: ReadonlyArray<{ readonly chain: ReadonlyArray<Uint8Array> }>
): Uint8Array => digest(primitives, ["shown", ...sorted(credentials.map(({ chain }) => digest(primitives, chain)))])

/** What counts in a name of a server (RFC 9525): whatever else a renewed certificate has that is new. */
const serverNames = ({ known }: Certificate): ReadonlyArray<string> =>
  (known.subjectAltName ?? [])
    .filter(({ _tag }) => _tag === "dNSName" || _tag === "iPAddress")
    .map((name) => showGeneralName(name).toLowerCase())

const nameOfLeaf = (primitives: Primitives, { chain: [leaf = new Uint8Array(0)], certificateType }: Credential) => {
  const certificate = certificateType === "RawPublicKey" ? undefined : Result.getOrUndefined(parseCertificate(leaf))
  const names = certificate === undefined ? [] : serverNames(certificate)
  if (names.length > 0) return digest(primitives, ["called", ...new Set(names.toSorted())])
  return digest(primitives, ["key", certificate?.publicKey.spki ?? leaf])
}

const shownNames = new WeakMap<Credential, Uint8Array>()

/** Whom a server shows itself to be: the names in its certificate or, where there are none, its key. */
export const shownName = (primitives: Primitives, credential: Credential): Uint8Array => {
  const name = shownNames.get(credential) ?? nameOfLeaf(primitives, credential)
  shownNames.set(credential, name)
  return name
}

/** A policy for sessions of a client that may show what is named so. */
export const shownBy = (primitives: Primitives, policy: Uint8Array, name: Uint8Array): Uint8Array =>
  digest(primitives, ["as", policy, name])

/** Anybody. */
export const acceptAnyPolicy = (primitives: Primitives): Uint8Array => digest(primitives, ["accept any"])
