/** certificate_authorities: the names of trust anchors, for peers with several certificates (RFC 9846 section 4.3.4). */
import type { TrustAnchor } from "../state/path/anchor.ts"

/** certificate_authorities is a vector of at most 2^16-1 bytes; a long list helps no peer. */
const mostAuthorities = 4096

/** The names of the anchors, each once; none at all where they would be too many to send. */
export const authoritiesOf = (anchors: ReadonlyArray<TrustAnchor>): ReadonlyArray<Uint8Array> => {
  const names = new Map(anchors.map(({ subject }) => [subject.der.join(), subject.der]))
  const size = [...names.values()].reduce((sum, { length }) => sum + length + 2, 0)
  return size > mostAuthorities ? [] : [...names.values()]
}
