/** One root of the bundled list: what RFC 5280 section 6.1.1 (d) asks of a trust anchor, and nothing else. */
import * as Base64 from "effect/encoding/Base64"
import { decodeDer, encodeDer } from "../codec/der/der.ts"
import { explicit, optional, sequence } from "../codec/der/structure.ts"
import { type Returns, resultFn } from "../codec/resultFn.ts"
import { Name } from "../codec/x509/name.ts"
import { NameConstraints } from "../codec/x509/nameConstraints.ts"
import { parsePublicKey, SubjectPublicKeyInfo } from "../codec/x509/publicKey.ts"
import type { TrustAnchor } from "../state/path/anchor.ts"

export const MozillaRoot = sequence({
  subject: Name,
  publicKey: SubjectPublicKeyInfo,
  nameConstraints: optional(explicit(0, NameConstraints))
})

/** The anchor in a line of the list. Fails for what is no such line. */
export const anchorOfRoot = resultFn(function* (line: string): Returns<TrustAnchor, unknown> {
  const root = yield* decodeDer(MozillaRoot, yield* Base64.decode(line))
  const publicKey = yield* parsePublicKey(yield* encodeDer(SubjectPublicKeyInfo, root.publicKey))
  return { subject: root.subject, publicKey, nameConstraints: root.nameConstraints }
})
