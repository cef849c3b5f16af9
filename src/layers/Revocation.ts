/**
 * Whether certificates were taken back: by revocation lists (RFC 5280 section 6.3) and by the OCSP responses that
 * servers staple (RFC 6960, RFC 6066 section 8). A service that need not be there: `layerWebPki` of both verifiers
 * asks it, and by default nothing is looked at.
 *
 * @example
 * const Verifier = ServerVerifier.layerWebPki.pipe(
 *   Layer.provide(Revocation.layerCrls({ crls: [crlPem] })),
 *   Layer.provide(TrustAnchors.layerPem(ca))
 * )
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { CertificateList } from "../codec/x509/crl.ts"
import type { Link, RevocationDepth, RevocationPolicy } from "../state/path/revocation.ts"
import { type CrlSource, type Lists, makeSource, noLists } from "./crlSource.ts"
import { misconfigured, type TlsError } from "./TlsError.ts"

export type { RevocationDepth, RevocationPolicy } from "../state/path/revocation.ts"
export type { CrlInput, CrlSource, Lists } from "./crlSource.ts"

/** How revocation is checked. */
export interface RevocationChecking {
  /** What it means that nobody knows: `require` refuses, `prefer` does not, `off` never asks. */
  readonly policy: RevocationPolicy
  /** Which certificates of a path are looked at. */
  readonly depth: RevocationDepth
  /** What becomes of OCSP responses that come with the end-entity certificate. */
  readonly staples: "judged" | "ignored"
  /** Lists that may speak of a certificate. `isSigned` says whether a list is by the certificate's issuer. */
  readonly lists: (link: Link, isSigned: (list: CertificateList) => boolean) => Effect.Effect<Lists>
  /** What belongs to the name of the policy, for sessions (see `Verifier.fingerprint`). */
  readonly fingerprint: ReadonlyArray<Uint8Array | string>
}

const off: RevocationChecking = {
  policy: "off",
  depth: "leaf",
  staples: "ignored",
  lists: () => Effect.succeed(noLists),
  fingerprint: []
}

/** How the verifiers check revocation. By default they do not. */
export const Revocation: Context.Reference<RevocationChecking> = Context.Reference("effect-tls/layers/Revocation", {
  defaultValue: (): RevocationChecking => off
})

/** What all ways have in common. */
export interface PolicyOptions {
  /** Default `require`. A certificate that is known to be revoked is refused by both, `CertificateRevoked`. */
  readonly policy?: RevocationPolicy | undefined
  /** Default `chain` where there are lists, else `leaf`: nothing is stapled to other certificates. */
  readonly depth?: RevocationDepth | undefined
}

/** What is asked about certificates that may be revoked, and of whom. */
export interface Options extends PolicyOptions {
  /** Lists of any number of issuers. What is too old, or not by the issuer, says nothing. Default none. */
  readonly crls?: CrlSource | undefined
  /**
   * Default `judged`: a good response is an answer, and one that is missing from a certificate that says it must be
   * there (RFC 7633) is `CertificateStatusResponseInvalid`, whatever the policy.
   */
  readonly staples?: "judged" | "ignored" | undefined
}

/** The bytes of lists as a part of the policy's name: a list that is new may refuse whom the old one did not. */
const sourceName = (crls: CrlSource): ReadonlyArray<Uint8Array | string> =>
  Effect.isEffect(crls) ? ["lists of an effect"] : ["lists", String(crls.length), ...crls]

/** What the options mean. Fails with `InvalidConfiguration` for lists, given as values, that cannot be read. */
export const make = Effect.fnUntraced(function* (options: Options): Effect.fn.Return<RevocationChecking, TlsError> {
  const { crls = [], policy = "require", staples = "judged" } = options
  const source = makeSource(crls)
  if (!Effect.isEffect(crls)) {
    const [problem] = (yield* source).problems
    if (problem !== undefined) return yield* misconfigured(problem)
  }
  const hasLists = Effect.isEffect(crls) || crls.length > 0
  const depth = options.depth ?? (hasLists ? "chain" : "leaf")
  return {
    policy,
    depth,
    staples,
    lists: () => source,
    fingerprint: ["revocation", policy, depth, staples, ...sourceName(crls)]
  }
})

/** Lists and staples together: either is an answer. */
export const layer = (options: Options): Layer.Layer<never, TlsError> => Layer.effect(Revocation, make(options))

/** Nothing is looked at, below a layer that looks. */
export const layerNone: Layer.Layer<never> = Layer.succeed(Revocation, off)

/**
 * By revocation lists: as values, which are read at once and for ever, or by an effect, which is asked in every
 * handshake, such as `SubscriptionRef.get(ref)`. Lists are complete lists by the issuer of the certificate itself;
 * indirect and delta CRLs are not supported, and say so.
 *
 * Lists are never fetched by this layer; `RevocationFetch.layer` does that.
 */
export const layerCrls = (options: PolicyOptions & { readonly crls: CrlSource }): Layer.Layer<never, TlsError> =>
  layer({ ...options, staples: "ignored" })

/**
 * By the OCSP response that the peer staples to its certificate: by the issuer or a responder it appointed, about
 * this certificate, and fresh. With `require` every server must staple.
 */
export const layerStapled = (options: Pick<PolicyOptions, "policy"> = {}): Layer.Layer<never> =>
  Layer.effect(Revocation, Effect.orDie(make({ ...options, depth: "leaf" })))
