/** A map that forgets what has not been asked for the longest. */
export class Lru<K, V> {
  readonly capacity: number
  private readonly entries = new Map<K, V>()

  constructor(capacity: number) {
    this.capacity = capacity
  }

  get(key: K): V | undefined {
    const value = this.entries.get(key)
    if (value !== undefined) this.set(key, value)
    return value
  }

  set(key: K, value: V): void {
    this.entries.delete(key)
    this.entries.set(key, value)
    for (const oldest of this.entries.keys()) {
      if (this.entries.size <= this.capacity) return
      this.entries.delete(oldest)
    }
  }
}
