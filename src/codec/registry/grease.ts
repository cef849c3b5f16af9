/** RFC 8701 section 2: the code points kept free so that peers stay used to values they do not know. */

/** The two-byte values 0x0a0a, 0x1a1a … 0xfafa: suites, extensions, groups, signature schemes and versions. */
export const greaseValues: ReadonlyArray<number> = Array.from({ length: 16 }, (_, n) => n * 0x1010 + 0x0a0a)

/** The one-byte values 0x0b, 0x2a … 0xe4 of psk_key_exchange_modes. */
export const greaseModes: ReadonlyArray<number> = Array.from({ length: 8 }, (_, n) => n * 0x1f + 0x0b)

/** Whether a two-byte code point is one of {@link greaseValues}. */
export const isGrease = (code: number): boolean => (code & 0x0f0f) === 0x0a0a && code >> 8 === (code & 0xff)
