/** The judge of chains that `ServerVerifier` and `ClientVerifier` share: state/path with its signatures checked. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { resultFn } from "../codec/resultFn.ts"
import type { Certificate } from "../codec/x509/certificate.ts"
import type { Primitives } from "../crypto/primitives.ts"
import { tls13Schemes } from "../crypto/signature.ts"
import { inJavaScript } from "../crypto/verifyCost.ts"
import type { AuthenticatePeer } from "../state/command.ts"
import type { ServerIdentity } from "../state/config.ts"
import { type Failure, make as failure } from "../state/failure.ts"
import type { TrustAnchor } from "../state/path/anchor.ts"
import { type AnchorIndex, indexAnchors, type Path } from "../state/path/build.ts"
import { matchIdentity } from "../state/path/host.ts"
import type { Purpose } from "../state/path/purpose.ts"
import { along, moreTelling, nameText, refuse, subjectText } from "../state/path/refusal.ts"
import { defaultSearchLimits, type OwingPath, type SearchLimits, search } from "../state/path/search.ts"
import type { SignatureCheck } from "../state/path/validate.ts"
import { authoritiesOf } from "./authorities.ts"
import { CryptoProvider } from "./CryptoProvider.ts"
import { type ChainMemory, makeChainMemory } from "./chainMemory.ts"
import { webPkiPolicy, withRevocation } from "./fingerprint.ts"
import { checkPeerSignature } from "./peerSignature.ts"
import { Revocation, type RevocationChecking } from "./Revocation.ts"
import { makeRevocationCheck, type RevocationVerdict, type Stapled } from "./revocationCheck.ts"
import { TrustAnchors } from "./TrustAnchors.ts"
import type { Verifier } from "./Verifier.ts"

/** What may be set; what is absent stays at its default. */
export interface Options {
  /** Intermediate certificates between the end-entity and the anchor; default 6. */
  readonly maxIntermediates?: number | undefined
  /** Signatures checked for one chain, default 100; and never more than take 250 ms by the provider's own figures. */
  readonly maxSignatures?: number | undefined
  /**
   * Certificate policies (RFC 5280 section 6.1.1 (c)), object identifiers such as `2.23.140.1.2.1`: the end-entity must
   * be certified under one of them. Absent: policies do not matter, unless a CA of the path demands one.
   */
  readonly initialPolicies?: ReadonlyArray<string> | undefined
}

/** Certificates of one chain that are parsed at all. */
const maxCertificates = 128

/** Microseconds of checking before others get their turn. */
const workAtOnce = 2000

/** Paths judged without any signature before others get their turn: a millisecond or two. */
const pathsAtOnce = 64

/** Signatures that a path counts for which is found revoked: a few paths may be, and not hundreds. */
const revocationCost = 10

/** What judging one chain has cost so far, and what it has found. */
interface Effort {
  /** Microseconds, by the figures of the provider. */
  work: number
  checks: number
  /** Work since others had their turn. */
  unbroken: number
  readonly outcomes: Map<SignatureCheck["certificate"], Map<SignatureCheck["issuer"], Result.Result<void, Failure>>>
}

const parseChain = resultFn(function* (memory: ChainMemory, chain: ReadonlyArray<Uint8Array>) {
  const certificates: Array<Certificate> = []
  if (chain.length > maxCertificates) {
    const detail = `a chain of ${chain.length} certificates; ${maxCertificates} are looked at`
    yield* Result.fail(failure("CertificateSearchExhausted", detail))
  }
  for (const [at, der] of chain.entries()) certificates.push(yield* memory.read(der, at))
  const [leaf, ...intermediates] = certificates
  return leaf === undefined
    ? yield* Result.fail(failure("EmptyCertificateList", "the chain is empty"))
    : { leaf, intermediates }
})

const checkSignature = (memory: ChainMemory, check: SignatureCheck): Result.Result<void, Failure> => {
  const { certificate, issuer, algorithm } = check
  const key = memory.importKey(issuer)
  if (Result.isFailure(key)) {
    const detail = `was issued with a key that cannot be used: ${key.failure.detail}`
    return refuse("CertificateKeyUnsupported", certificate, detail)
  }
  const byWhom = `by ${nameText(certificate.issuer)}`
  return key.success.verify(algorithm, certificate.tbs, certificate.signature)
    ? Result.void
    : refuse("CertificateSignatureInvalid", certificate, `bears a signature (${algorithm}) that was not made ${byWhom}`)
}

const isSpent = ({ checks, work }: Effort, limits: SearchLimits): boolean =>
  checks > limits.maxSignatures || work > limits.maxWork

/** Checks what a path owes, each signature once however many paths share it. */
const makeDischarge = (memory: ChainMemory, limits: SearchLimits, cost: NonNullable<Primitives["verifyCost"]>) =>
  Effect.fnUntraced(function* ({ path, owed }: OwingPath, effort: Effort) {
    for (const check of owed) {
      if (memory.isVerified(check)) continue
      const outcomes =
        effort.outcomes.get(check.certificate) ?? new Map<typeof check.issuer, Result.Result<void, Failure>>()
      effort.outcomes.set(check.certificate, outcomes)
      const known = outcomes.get(check.issuer)
      if (known === undefined) {
        const { kind, bits } = check.issuer
        const micros = kind === "unsupported" ? 0 : cost({ kind, bits })
        effort.work += micros
        effort.checks++
        if (isSpent(effort, limits)) {
          const detail = `has too many possible paths: gave up after ${effort.checks - 1} signatures`
          return refuse("CertificateSearchExhausted", path.certificates[0], detail)
        }
        effort.unbroken += micros
        if (effort.unbroken > workAtOnce) {
          effort.unbroken = micros
          yield* Effect.yieldNow
        }
      }
      const outcome = known ?? checkSignature(memory, check)
      outcomes.set(check.issuer, outcome)
      if (Result.isFailure(outcome)) return outcome
    }
    memory.keep(owed)
    return Result.void
  })

/** What is asked about a chain, before any signature of the handshake. */
export interface Question {
  readonly purpose: Purpose
  /** Whom the end-entity must be; absent for clients, whose names mean what the application says. */
  readonly identity: ServerIdentity | undefined
  /** DER, the end-entity first. */
  readonly chain: ReadonlyArray<Uint8Array>
  /** An OCSPResponse that came with it, DER. */
  readonly ocsp?: Uint8Array | undefined
}

/** A path, and until when it is known not to be revoked, in milliseconds since 1970. */
export interface Judged {
  readonly path: Path
  readonly goodUntil: number | undefined
}

/** What every question is answered with. */
interface Means {
  readonly memory: ChainMemory
  readonly anchors: AnchorIndex
  readonly limits: SearchLimits
  readonly cost: NonNullable<Primitives["verifyCost"]>
  readonly initialPolicies: Options["initialPolicies"]
  /** See `makeRevocationCheck`. */
  readonly revocation: (path: Path, stapled: Stapled) => Effect.Effect<RevocationVerdict>
}

const makeFindPath = ({ memory, anchors, limits, cost, initialPolicies, revocation }: Means) => {
  const discharge = makeDischarge(memory, limits, cost)
  return Effect.fnUntraced(function* (
    purpose: Purpose,
    leaf: Certificate,
    others: ReadonlyArray<Certificate>,
    stapled: Stapled
  ) {
    const now = yield* Clock.currentTimeMillis
    const effort: Effort = { work: 0, checks: 0, unbroken: 0, outcomes: new Map() }
    let reported: Failure | undefined
    let judged = 0
    for (const candidate of search(leaf, others, anchors, { now, purpose, initialPolicies }, limits)) {
      if (judged++ % pathsAtOnce === pathsAtOnce - 1) yield* Effect.yieldNow
      if (Result.isFailure(candidate)) {
        reported = moreTelling(reported, candidate.failure)
        continue
      }
      const outcome: Result.Result<void, Failure> = yield* discharge(candidate.success, effort)
      const { path } = candidate.success
      const verdict: RevocationVerdict = Result.isFailure(outcome)
        ? Result.fail(outcome.failure)
        : yield* revocation(path, stapled)
      if (Result.isSuccess(verdict)) return { path, goodUntil: verdict.success }
      reported = moreTelling(reported, along(path.certificates, path.anchor, verdict.failure))
      if (Result.isSuccess(outcome)) effort.checks += revocationCost
      if (isSpent(effort, limits)) break
    }
    return yield* Effect.fail(reported ?? failure("CertificateIssuerUnknown", "no path to a trusted root"))
  })
}

const limitsOf = (options: Options): SearchLimits => ({
  ...defaultSearchLimits,
  maxIntermediates: options.maxIntermediates ?? defaultSearchLimits.maxIntermediates,
  maxSignatures: options.maxSignatures ?? defaultSearchLimits.maxSignatures
})

/** The path to an anchor that a chain was accepted by: the name is checked first, then RFC 5280 section 6. */
const makeJudge = (means: Means) => {
  const { memory } = means
  const findPath = makeFindPath(means)
  return Effect.fnUntraced(function* ({ purpose, identity, chain, ocsp }: Question) {
    const { leaf, intermediates } = yield* Effect.fromResult(parseChain(memory, chain))
    if (identity !== undefined) yield* Effect.fromResult(matchIdentity(identity, leaf))
    return yield* findPath(purpose, leaf, intermediates, {
      peer: purpose === "serverAuth" ? "Server" : "Client",
      ocsp
    })
  })
}

export interface WebPki {
  /** Judges a chain alone. */
  readonly judge: (question: Question) => Effect.Effect<Judged, Failure>
  /** Judges a chain, and then the signature of the handshake. */
  readonly verify: Verifier["verify"]
  /** The name of the policy for peers of one kind. */
  readonly fingerprint: (purpose: Purpose) => Verifier["fingerprint"]
}

/** The path ends with the first of its certificates, the anchor's included, or of the answers that had to be there. */
const validUntil = ({ path: { certificates, anchor }, goodUntil = Number.POSITIVE_INFINITY }: Judged): number =>
  Math.min(
    goodUntil,
    anchor.certificate?.validity.notAfter ?? goodUntil,
    ...certificates.map(({ validity }) => validity.notAfter)
  )

/**
 * The verifier of the usual kind. Time comes from Effect's `Clock`. Every failure is one of the failure table and names
 * the certificate it is about.
 */
export const makeWebPki = (
  primitives: Primitives,
  anchors: ReadonlyArray<TrustAnchor>,
  options: Options = {},
  revocation: RevocationChecking = Revocation.defaultValue()
): WebPki => {
  const memory = makeChainMemory(primitives)
  const limits = limitsOf(options)
  const { initialPolicies } = options
  const asked = { ...limits, initialPolicies }
  const judge = makeJudge({
    memory,
    anchors: indexAnchors(anchors),
    limits,
    cost: primitives.verifyCost ?? inJavaScript,
    initialPolicies,
    revocation: makeRevocationCheck(primitives, memory, revocation)
  })
  const verify = Effect.fnUntraced(function* (request: AuthenticatePeer) {
    const { peer, chain, ocsp } = request
    const judged = yield* judge(
      peer._tag === "Server"
        ? { purpose: "serverAuth", identity: peer.identity, chain, ocsp }
        : { purpose: "clientAuth", identity: undefined, chain, ocsp }
    )
    const { path } = judged
    const [leaf] = path.certificates
    const key = memory.importKey(leaf.publicKey)
    if (Result.isFailure(key)) {
      const detail = `has a key that cannot be used: ${key.failure.detail}`
      return yield* Effect.fromResult(refuse("CertificateKeyUnsupported", leaf, detail))
    }
    yield* Effect.fromResult(checkPeerSignature(key.success, request))
    const description = `${subjectText(leaf)}, issued under ${nameText(path.anchor.subject)}`
    const issuerKey = (path.certificates[1] ?? path.anchor).publicKey.spki
    return { chain, description, validUntil: validUntil(judged), issuerKey }
  })
  return {
    judge,
    verify,
    fingerprint: (purpose) =>
      withRevocation(primitives, webPkiPolicy(primitives, purpose, asked, anchors), revocation.fingerprint)
  }
}

/** The verifier of chains for peers of one kind, made of the services that are there. */
export const webPki = Effect.fnUntraced(function* (
  purpose: Purpose,
  options: Options
): Effect.fn.Return<Verifier, never, CryptoProvider | TrustAnchors> {
  const { primitives } = yield* CryptoProvider
  const { anchors } = yield* TrustAnchors
  const { verify, fingerprint } = makeWebPki(primitives, anchors, options, yield* Revocation)
  return { schemes: tls13Schemes, authorities: authoritiesOf(anchors), verify, fingerprint: fingerprint(purpose) }
})
