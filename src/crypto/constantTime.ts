/** Comparison of secrets: Finished, binders, tickets, cookies. Time must not tell where they differ. */

/**
 * Whether two byte strings are equal, in a time that depends on their length only. Lengths are public: a mismatch
 * is `false` at once.
 */
export const equal = (a: Uint8Array, b: Uint8Array): boolean => {
  if (a.length !== b.length) return false
  let difference = 0
  for (let i = 0; i < a.length; i++) difference |= (a[i] ?? 0) ^ (b[i] ?? 0)
  return difference === 0
}

/** Whether every byte is zero, in a time that depends on the length only (RFC 9846 section 7.4.2). */
export const isZero = (bytes: Uint8Array): boolean => {
  let seen = 0
  for (const byte of bytes) seen |= byte
  return seen === 0
}
