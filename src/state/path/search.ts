/** Building and validating together: the paths that are valid if their signatures are. */
import * as Result from "effect/Result"
import type { Certificate } from "../../codec/x509/certificate.ts"
import type { PublicKeyInfo } from "../../codec/x509/publicKey.ts"
import type { Failure } from "../failure.ts"
import { type AnchorIndex, type BuildLimits, candidatePaths, defaultBuildLimits, type Path } from "./build.ts"
import { comparisons } from "./constraints.ts"
import { refuse } from "./refusal.ts"
import { type Circumstances, type SignatureCheck, validate } from "./validate.ts"

export interface SearchLimits extends BuildLimits {
  /** Names compared with name constraints, over all paths. */
  readonly maxComparisons: number
  /** Signatures checked, over all paths, each weighted by {@link signatureCost}. */
  readonly maxSignatures: number
}

export const defaultSearchLimits: SearchLimits = { ...defaultBuildLimits, maxComparisons: 250_000, maxSignatures: 100 }

/** What one check costs, in checks with P-256: roughly what JavaScript needs, which is the slowest we have. */
export const signatureCost = ({ kind, bits }: PublicKeyInfo): number => {
  switch (kind) {
    case "p384":
      return 3
    case "p521":
      return 6
    default:
      return bits > 4096 ? 4 : 1
  }
}

/** A path, and what it still owes. */
export interface OwingPath {
  readonly path: Path
  readonly owed: ReadonlyArray<SignatureCheck>
}

/** Every candidate, judged but for its signatures; lazily, the shortest first. Failures say why there is no other. */
export function* search(
  leaf: Certificate,
  intermediates: ReadonlyArray<Certificate>,
  anchors: AnchorIndex,
  circumstances: Circumstances,
  limits: SearchLimits = defaultSearchLimits
): Generator<Result.Result<OwingPath, Failure>, void> {
  let compared = 0
  for (const candidate of candidatePaths(leaf, intermediates, anchors, limits)) {
    if (Result.isFailure(candidate)) {
      yield Result.fail(candidate.failure)
      continue
    }
    const path = candidate.success
    compared += comparisons(path)
    if (compared > limits.maxComparisons) {
      yield refuse("CertificateSearchExhausted", leaf, "has too many names for the name constraints above it")
      return
    }
    yield Result.map(validate(path, circumstances), (owed) => ({ path, owed }))
  }
}
