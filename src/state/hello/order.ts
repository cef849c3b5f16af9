/** The order of a ClientHello's extensions, of which only the end has a meaning (RFC 9846 section 4.3). */

type Typed = { readonly type: string | number }

/** A permutation that two bytes of entropy decide at each place; beyond them nothing is left to chance. */
export const permuted = <A>(items: ReadonlyArray<A>, entropy: Uint8Array): ReadonlyArray<A> => {
  const rest = [...items]
  return items.flatMap((_, place) => {
    const drawn = ((entropy[2 * place] ?? 0) << 8) | (entropy[2 * place + 1] ?? 0)
    return rest.splice((drawn * rest.length) >>> 16, 1)
  })
}

/** The extensions, and after them pre_shared_key, which MUST be the last one (section 4.3.11). */
const lastApart = <X extends Typed>(block: ReadonlyArray<X>): readonly [ReadonlyArray<X>, ReadonlyArray<X>] => [
  block.filter(({ type }) => type !== "pre_shared_key"),
  block.filter(({ type }) => type === "pre_shared_key")
]

/** Shuffles a block, but for its last extension. */
export const shuffled = <X extends Typed>(block: ReadonlyArray<X>, entropy: Uint8Array): ReadonlyArray<X> => {
  const [free, last] = lastApart(block)
  return [...permuted(free, entropy), ...last]
}

/** Adds extensions as near to the end as they may stand. */
export const appended = <X extends Typed>(block: ReadonlyArray<X>, added: ReadonlyArray<X>): ReadonlyArray<X> => {
  const [free, last] = lastApart(block)
  return [...free, ...added, ...last]
}
