/** What checking a signature costs, in microseconds: medians on a slow core, the import of the key included. */
import type { KeyKind, Primitives } from "./primitives.ts"

type Cost = NonNullable<Primitives["verifyCost"]>

/** Curves by name, RSA by its size: its exponent is short, so that twice the bits are about three times the work. */
const costs =
  (curves: { readonly [K in Exclude<KeyKind, "rsa" | "rsa-pss">]: number }, rsa2048: number): Cost =>
  ({ kind, bits }) =>
    kind === "rsa" || kind === "rsa-pss" ? rsa2048 * (bits / 2048) ** 1.5 : curves[kind]

export const inJavaScript: Cost = costs({ p256: 3000, p384: 5500, p521: 10_500, ed25519: 2500 }, 300)

export const inNode: Cost = costs({ p256: 250, p384: 700, p521: 1400, ed25519: 200 }, 150)
