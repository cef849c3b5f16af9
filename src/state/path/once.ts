/** Work that a search would do again on every path. */

/** What is worked out of a value is worked out once, for as long as the value lives. */
export const once = <Key extends object, A>(work: (key: Key) => A): ((key: Key) => A) => {
  const known = new WeakMap<Key, { readonly result: A }>()
  return (key) => {
    const found = known.get(key) ?? { result: work(key) }
    known.set(key, found)
    return found.result
  }
}
