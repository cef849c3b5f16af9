/** What Node 24 makes slow, undone. */

/**
 * Calls what takes a key that is not a bare KeyObject. Node 24 learns that by throwing and catching two errors for each
 * object it is given, and most of their cost is the stacks that nobody sees: an X25519 share takes 7 µs instead of 20,
 * a P-256 key 18 instead of 42. Other versions neither gain nor lose. Where the limit is frozen, it stays as it is.
 */
export const withoutStacks = <A>(call: () => A): A => {
  const limit = Error.stackTraceLimit
  Reflect.set(Error, "stackTraceLimit", 0)
  try {
    return call()
  } finally {
    Reflect.set(Error, "stackTraceLimit", limit)
  }
}
