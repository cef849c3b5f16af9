/** Asks about every certificate of a path whether it was revoked, and checks the signatures of the answers. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { CertificateList } from "../codec/x509/crl.ts"
import { sha1 } from "../crypto/noble/sha1.ts"
import type { Primitives } from "../crypto/primitives.ts"
import type { AuthenticatePeer } from "../state/command.ts"
import type { Failure } from "../state/failure.ts"
import { bytesKey, type Path } from "../state/path/build.ts"
import { noList, readList } from "../state/path/crl.ts"
import { type CertIdDigest, readStaple } from "../state/path/ocsp.ts"
import { nameText } from "../state/path/refusal.ts"
import {
  type Conclusion,
  conclude,
  insistsOnStaple,
  judge,
  type Link,
  linksOf,
  type OwedSignature,
  owe,
  type Statement
} from "../state/path/revocation.ts"
import type { ChainMemory } from "./chainMemory.ts"
import { noLists } from "./crlSource.ts"
import type { RevocationChecking } from "./Revocation.ts"

/** What the peer sent besides its chain. */
export interface Stapled {
  /** Servers staple, when they are asked to; clients are asked by few. */
  readonly peer: AuthenticatePeer["peer"]["_tag"]
  /** An OCSPResponse, DER. */
  readonly ocsp: Uint8Array | undefined
}

/** Until when a path is known not to be revoked, in milliseconds since 1970; `undefined` for as long as it lasts. */
export type RevocationVerdict = Result.Result<number | undefined, Failure>

const makeDigest =
  ({ hashes }: Primitives): CertIdDigest =>
  (hash, bytes) =>
    hash === "sha1" ? sha1(bytes) : hashes[hash].digest(bytes)

/** Verdicts on signatures, kept for as long as what bears them: a list is long, and the same for many handshakes. */
const makeIsRight = ({ importKey }: ChainMemory) => {
  const verdicts = new WeakMap<object, Map<string, boolean>>()
  return ({ key, algorithm, message, signature, bearer }: OwedSignature): boolean => {
    const known = verdicts.get(bearer) ?? new Map<string, boolean>()
    verdicts.set(bearer, known)
    const name = bytesKey(key.spki)
    const imported = importKey(key)
    const verdict =
      known.get(name) ?? (Result.isSuccess(imported) && imported.success.verify(algorithm, message, signature))
    known.set(name, verdict)
    return verdict
  }
}

/** What a certificate makes of the policy that insists on its staple: that one is judged, if nothing else is. */
const insisting = (checking: RevocationChecking): RevocationChecking =>
  checking.policy === "off"
    ? { ...checking, policy: "prefer", depth: "leaf", staples: "judged", lists: () => Effect.succeed(noLists) }
    : { ...checking, staples: "judged" }

/** The checker of paths for one verifier. */
export const makeRevocationCheck = (primitives: Primitives, memory: ChainMemory, usual: RevocationChecking) => {
  const unusual = insisting(usual)
  const digest = makeDigest(primitives)
  const isRight = makeIsRight(memory)

  /** The statement, or that nobody who may say so does. */
  const believed = ({ issuer }: Link, statement: Statement): Statement =>
    statement._tag === "Unusable" || statement.owed.every(isRight)
      ? statement
      : {
          _tag: "Unusable",
          source: statement._tag === "Good" ? statement.source : "what is said of a revocation",
          why: `bears a signature that was not made by ${nameText(issuer.name)}, or by whom it appointed`
        }

  const isSigned =
    ({ issuer }: Link) =>
    (list: CertificateList): boolean => {
      const { tbs: message, signature } = list
      const owed = owe(issuer.publicKey, list, { message, signature, bearer: list })
      return Result.isSuccess(owed) && isRight(owed.success)
    }

  const askLists = Effect.fnUntraced(function* (checking: RevocationChecking, link: Link, now: number) {
    const { lists, problems } = yield* checking.lists(link, isSigned(link))
    const statements = lists.flatMap((list) => readList(list, link, now) ?? []).map((one) => believed(link, one))
    const conclusion = conclude(statements)
    if (conclusion._tag !== "Unknown") return conclusion
    const missing = statements.length === 0 ? [noList(link)] : []
    const told: Conclusion = { _tag: "Unknown", why: [...conclusion.why, ...missing, ...problems] }
    return told
  })

  /** Staples speak of the end-entity. */
  const askStaple = (link: Link, { peer, ocsp }: Stapled, now: number) => {
    if (ocsp === undefined) return peer === "Server" ? "absent" : "unasked"
    return conclude(readStaple(ocsp, link, now, digest).map((statement) => believed(link, statement)))
  }

  return Effect.fnUntraced(function* (path: Path, stapled: Stapled): Effect.fn.Return<RevocationVerdict> {
    const checking = insistsOnStaple(path.certificates[0]) ? unusual : usual
    const { policy, depth, staples } = checking
    if (policy === "off") return Result.succeed(undefined)
    const now = yield* Clock.currentTimeMillis
    let until = Number.POSITIVE_INFINITY
    for (const [i, link] of linksOf(path, depth).entries()) {
      const staple = i > 0 || staples === "ignored" ? "unasked" : askStaple(link, stapled, now)
      const lists = yield* askLists(checking, link, now)
      const verdict = judge({ certificate: link.certificate, policy, staple, lists })
      if (Result.isFailure(verdict)) return verdict
      until = Math.min(until, verdict.success ?? Number.POSITIVE_INFINITY)
    }
    return Result.succeed(policy === "require" && until !== Number.POSITIVE_INFINITY ? until : undefined)
  })
}
