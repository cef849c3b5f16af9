/** From the end-entity towards the anchors: candidate paths, the shortest first, made one at a time. */

import * as Result from "effect/Result"
import { same } from "../../codec/bytes.ts"
import type { Certificate } from "../../codec/x509/certificate.ts"
import type { Failure } from "../failure.ts"
import type { TrustAnchor } from "./anchor.ts"
import { along, nameText, refuse } from "./refusal.ts"

/** A path that holds together by its names; nothing else of it is checked yet. */
export interface Path {
  /** The end-entity first, the certificate that the anchor issued last; never empty. */
  readonly certificates: readonly [Certificate, ...Array<Certificate>]
  readonly anchor: TrustAnchor
}

/** Anchors by the bytes of their name. */
export type AnchorIndex = ReadonlyMap<string, ReadonlyArray<TrustAnchor>>

export interface BuildLimits {
  /** Intermediate certificates of one path at most. */
  readonly maxIntermediates: number
  /** Certificates tried as an issuer, over all paths: what bounds the search. */
  readonly maxSteps: number
}

export const defaultBuildLimits: BuildLimits = { maxIntermediates: 6, maxSteps: 2000 }

/** Bytes as the key of a map; in pieces, since a string grown byte by byte is slow to hash. */
export const bytesKey = (bytes: Uint8Array): string => {
  let key = ""
  for (let at = 0; at < bytes.length; at += 4096) key += String.fromCharCode(...bytes.subarray(at, at + 4096))
  return key
}

const groupBy = <A>(all: ReadonlyArray<A>, key: (value: A) => string): ReadonlyMap<string, ReadonlyArray<A>> => {
  const groups = new Map<string, Array<A>>()
  for (const value of all) {
    const group = groups.get(key(value))
    if (group === undefined) groups.set(key(value), [value])
    else group.push(value)
  }
  return groups
}

export const indexAnchors = (anchors: ReadonlyArray<TrustAnchor>): AnchorIndex =>
  groupBy(anchors, ({ subject }) => bytesKey(subject.der))

/** How well key identifiers agree (RFC 5280 section 4.2.1.1): 0 is best. A hint for the order and never a verdict. */
const distance = (child: Certificate, issuer: Certificate | undefined): number => {
  const wanted = child.known.authorityKeyIdentifier?.keyIdentifier
  const has = issuer?.known.subjectKeyIdentifier
  return wanted === undefined || has === undefined ? 1 : same(wanted, has) ? 0 : 2
}

const nearestFirst = <A>(
  child: Certificate,
  all: ReadonlyArray<A> | undefined,
  certificateOf: (value: A) => Certificate | undefined
): ReadonlyArray<A> =>
  all === undefined || all.length < 2
    ? (all ?? [])
    : [...all].sort((a, b) => distance(child, certificateOf(a)) - distance(child, certificateOf(b)))

/**
 * A certificate as the search sees it. Names may be long, so they are made into keys once, and name and key of a CA
 * into a number: certificates that share both are the same CA, and a path through it twice leads nowhere new.
 */
interface Node {
  readonly certificate: Certificate
  readonly issuer: string
  readonly subject: string
  readonly authority: number
}

const nodesOf = (certificates: ReadonlyArray<Certificate>): ReadonlyArray<Node> => {
  const numberIn = (known: Map<string, number>, key: string): number => {
    const number = known.get(key) ?? known.size
    known.set(key, number)
    return number
  }
  const names = new Map<string, number>()
  const authorities = new Map<string, number>()
  return certificates.map((certificate) => {
    const subject = bytesKey(certificate.subject.der)
    const identity = `${numberIn(names, subject)} ${bytesKey(certificate.publicKey.spki)}`
    const authority = numberIn(authorities, identity)
    return { certificate, issuer: bytesKey(certificate.issuer.der), subject, authority }
  })
}

/** A path as far as it has come: its topmost certificate, and what that one issued. */
interface Partway {
  readonly top: Node
  readonly below: Partway | undefined
  readonly intermediates: number
}

const passes = (partway: Partway | undefined, { authority }: Node): boolean => {
  for (let at = partway; at !== undefined; at = at.below) if (at.top.authority === authority) return true
  return false
}

const certificatesOf = (partway: Partway): Path["certificates"] => {
  const downwards: Array<Certificate> = []
  let at = partway
  for (; at.below !== undefined; at = at.below) downwards.push(at.top.certificate)
  return [at.top.certificate, ...downwards.reverse()]
}

/** Signed by its own key, as far as names and key identifiers tell: a CA that changes its key issues itself too. */
const isSelfSigned = (certificate: Certificate): boolean =>
  same(certificate.subject.der, certificate.issuer.der) && distance(certificate, certificate) < 2

/** A path that does not go on, and why. */
interface DeadEnd {
  readonly partway: Partway
  readonly why: "no issuer" | "loop" | "too long"
}

const refuseDeadEnd = (deadEnd: DeadEnd, limits: BuildLimits): Result.Result<never, Failure> =>
  Result.mapError(reasonOf(deadEnd, limits), (failure) => along(certificatesOf(deadEnd.partway), undefined, failure))

const reasonOf = ({ partway: { top, below }, why }: DeadEnd, limits: BuildLimits) => {
  const { certificate } = top
  const issuer = nameText(certificate.issuer)
  switch (why) {
    case "too long": {
      const detail = `needs more than ${limits.maxIntermediates} intermediate certificates`
      return refuse("CertificatePathTooLong", certificate, `is one too many: the path ${detail}`)
    }
    case "loop":
    case "no issuer": {
      if (isSelfSigned(certificate)) {
        const what = below === undefined ? "is self-signed" : "is a root"
        return refuse("CertificateRootUntrusted", certificate, `${what} and not among those that are trusted`)
      }
      const detail = why === "loop" ? "leads back to it and to no trusted root" : "is neither in the chain nor trusted"
      return refuse("CertificateIssuerUnknown", certificate, `was issued by ${issuer}, which ${detail}`)
    }
  }
}

/**
 * Every path from `leaf` to an anchor among `intermediates`, which may come in any order, with some too many and with
 * loops among them. Names are compared as bytes (RFC 9846 section 4.5.1 has them sent that way; RFC 5280 section 7.1
 * would fold case, which nobody relies on).
 *
 * Breadth first: a short path is found however many others there are. Lazy: nothing is searched beyond what is asked
 * for. What is yielded last is why there are no more paths.
 *
 * The end-entity may be an anchor itself only where it issued itself: then it is a path of one certificate by the
 * ordinary rules, and an anchor that is no CA is good for exactly this.
 */
export function* candidatePaths(
  leaf: Certificate,
  intermediates: ReadonlyArray<Certificate>,
  anchors: AnchorIndex,
  limits: BuildLimits = defaultBuildLimits
): Generator<Result.Result<Path, Failure>, void> {
  const [end, ...others] = nodesOf([leaf, ...intermediates])
  if (end === undefined) return
  const issuers = groupBy(others, ({ subject }) => subject)
  const queue: Array<Partway> = [{ top: end, below: undefined, intermediates: 0 }]
  let stopped: DeadEnd | undefined
  let steps = 0
  for (const partway of queue) {
    const { certificate, issuer } = partway.top
    const trusted = nearestFirst(certificate, anchors.get(issuer), (anchor) => anchor.certificate)
    for (const anchor of trusted) yield Result.succeed({ certificates: certificatesOf(partway), anchor })
    const above = nearestFirst(certificate, issuers.get(issuer), (node) => node.certificate)
    steps += above.length + trusted.length
    if (steps > limits.maxSteps) {
      const detail = `has too many possible paths: gave up after ${limits.maxSteps} certificates tried as issuers`
      yield refuse("CertificateSearchExhausted", leaf, detail)
      return
    }
    const next = above.filter((node) => !passes(partway, node))
    const isFurther = stopped === undefined || partway.intermediates > stopped.partway.intermediates
    if (next.length === 0 && trusted.length === 0 && isFurther) {
      stopped = { partway, why: above.length > 0 ? "loop" : "no issuer" }
    }
    for (const top of next) {
      const longer: Partway = { top, below: partway, intermediates: partway.intermediates + 1 }
      if (longer.intermediates <= limits.maxIntermediates) queue.push(longer)
      else stopped = { partway: longer, why: "too long" }
    }
  }
  if (stopped !== undefined) yield refuseDeadEnd(stopped, limits)
}
