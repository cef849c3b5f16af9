/**
 * RFC 9846 section 5.4: zeros behind the content of a protected record, so that its length tells less. Appendix F.3
 * says what they hide and what they do not: the moment at which something was sent shows all the same.
 */

/**
 * How many zero bytes are added to a record with `length` bytes of content, of which there may be `room`: what the
 * protocol, the peer's record_size_limit and our own `maxFragmentSize` leave. Asked once for every protected record,
 * those of the handshake and alerts included. What it says is rounded down and held between 0 and `room`; it must not
 * throw.
 */
export type Policy = (length: number, room: number) => number

/** No padding, which is the default. */
export const none: Policy = () => 0

/** Content and padding together are a multiple of so many bytes, or fill the record where that does not fit. */
export const toMultipleOf =
  (size: number): Policy =>
  (length, room) =>
    Math.min(room, Math.ceil(length / size) * size - length)

/** Every record is as long as a record may be: 16 KiB for each byte that is sent alone. */
export const toFull: Policy = (_, room) => room

/** What a policy says, made a number that can be kept. */
export const zeros = (policy: Policy, length: number, room: number): number => {
  const wanted = Math.floor(policy(length, room))
  // NaN is not greater than 0 either.
  return wanted > 0 ? Math.min(wanted, room) : 0
}
