/** Where the bytes of outgoing records are put. */
import * as Context from "effect/Context"

/** An array of exactly `size` bytes; all of it is written before anyone reads it, so it need not be zeroed. */
export type Allocate = (size: number) => Uint8Array

/** Portable by default; a platform that can leave out the zeroing provides its own. */
export const Allocator: Context.Reference<Allocate> = Context.Reference("effect-tls/layers/Allocator", {
  defaultValue: (): Allocate => (size) => new Uint8Array(size)
})
