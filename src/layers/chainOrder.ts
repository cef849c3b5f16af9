/** A chain in the order of RFC 9846 section 4.5.1: each certificate certifies the one before it. */
import { same } from "../codec/bytes.ts"
import type { Certificate } from "../codec/x509/certificate.ts"

/** By names, and by the identifiers of keys where both certificates have them (RFC 5280 section 4.2.1.1). */
const mayIssue = (issuer: Certificate, { issuer: name, known }: Certificate): boolean => {
  const [wanted, has] = [known.authorityKeyIdentifier?.keyIdentifier, issuer.known.subjectKeyIdentifier]
  return same(issuer.subject.der, name.der) && (wanted === undefined || has === undefined || same(wanted, has))
}

const isOrdered = (chain: ReadonlyArray<Certificate>): boolean =>
  chain.every((certificate, i) => {
    const issuer = chain[i + 1]
    return issuer === undefined || mayIssue(issuer, certificate)
  })

export interface Ordered {
  /** The end-entity first. */
  readonly chain: readonly [Certificate, ...ReadonlyArray<Certificate>]
  /** The certificates that certify nothing in the chain. */
  readonly dropped: ReadonlyArray<Certificate>
}

/**
 * The chain of `leaf` out of a file. What is in order stays as it is, cross-signed certificates included; otherwise
 * whatever certifies the leaf, or something above it, follows in the order of the search. The same certificate twice
 * is one.
 */
export const orderChain = (leaf: Certificate, file: ReadonlyArray<Certificate>): Ordered => {
  const all = file.filter((one, i) => file.findIndex(({ der }) => same(der, one.der)) === i)
  const others = all.filter((one) => one !== leaf && !same(one.der, leaf.der))
  if (isOrdered([leaf, ...others])) return { chain: [leaf, ...others], dropped: [] }
  const found: Array<Certificate> = []
  for (let below: ReadonlyArray<Certificate> = [leaf]; below.length > 0; ) {
    const above = others.filter((one) => !found.includes(one) && below.some((child) => mayIssue(one, child)))
    found.push(...above)
    below = above
  }
  return { chain: [leaf, ...found], dropped: others.filter((one) => !found.includes(one)) }
}

/** The certificate of a key among others: the first that has it, since a renewed one may stand beside the old. */
export const leafOf = (spki: Uint8Array, file: ReadonlyArray<Certificate>): Certificate | undefined =>
  file.find(({ publicKey }) => same(publicKey.spki, spki))
