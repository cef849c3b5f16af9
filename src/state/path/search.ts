/** Building and validating together: the paths that are valid if their signatures are. */
import * as Result from "effect/Result"
import type { Certificate } from "../../codec/x509/certificate.ts"
import type { Failure } from "../failure.ts"
import { type AnchorIndex, type BuildLimits, candidatePaths, defaultBuildLimits, type Path } from "./build.ts"
import { comparisons } from "./constraints.ts"
import { statements } from "./policy.ts"
import { along, refuse } from "./refusal.ts"
import { type Circumstances, type SignatureCheck, validate } from "./validate.ts"

export interface SearchLimits extends BuildLimits {
  /** Names compared with name constraints, and policies looked at, over all paths. */
  readonly maxComparisons: number
  /** Signatures checked, over all paths. */
  readonly maxSignatures: number
  /** Microseconds that checking them may take, by what the provider says that each costs. */
  readonly maxWork: number
}

export const defaultSearchLimits: SearchLimits = {
  ...defaultBuildLimits,
  maxComparisons: 250_000,
  maxSignatures: 100,
  maxWork: 250_000
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
    compared += comparisons(path) + statements(path.certificates)
    if (compared > limits.maxComparisons) {
      yield refuse(
        "CertificateSearchExhausted",
        leaf,
        "has too many names for the name constraints above it, or too many policies"
      )
      return
    }
    yield Result.mapBoth(validate(path, circumstances), {
      onSuccess: (owed) => ({ path, owed }),
      onFailure: (failure) => along(path.certificates, path.anchor, failure)
    })
  }
}
