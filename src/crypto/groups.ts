/** The groups of a provider, made of its curves and its ML-KEM. */
import { secP256r1MLKEM768, secP384r1MLKEM1024, x25519MLKEM768 } from "./hybrid.ts"
import type { Kem } from "./mlkem.ts"
import type { Group } from "./primitives.ts"

/** The ECDHE groups of RFC 9846 section 4.3.8.2. */
export type Curve = "x25519" | "secp256r1" | "secp384r1" | "secp521r1"

/** What resists a quantum computer first, then X25519, which is the cheapest by far; the last three are on request. */
export const groupsOf = (
  { x25519, secp256r1, secp384r1, secp521r1 }: { readonly [C in Curve]: Group },
  { mlkem768, mlkem1024 }: { readonly mlkem768: Kem; readonly mlkem1024: Kem }
): ReadonlyArray<Group> => [
  x25519MLKEM768(x25519, mlkem768),
  x25519,
  secp256r1,
  secp384r1,
  secp521r1,
  secP256r1MLKEM768(secp256r1, mlkem768),
  secP384r1MLKEM1024(secp384r1, mlkem1024)
]
