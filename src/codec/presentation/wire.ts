/** `Wire<A>`: the schema of a value, its reader and its writer, made together so that they cannot disagree. */
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import { type CodecFailure, Reader, Writer } from "./cursor.ts"

/**
 * A structure of RFC 9846 section 3.
 *
 * `schema` describes the value (its arbitraries, its JSON, its documentation), `read` and `write` its bytes.
 */
export interface Wire<A> {
  readonly schema: Schema.Codec<A>
  readonly read: (reader: Reader) => A
  readonly write: (writer: Writer, value: A) => void
}

export declare namespace Wire {
  /** Any wire, whatever its value. */
  export interface Any {
    readonly schema: Schema.Top
    readonly read: (reader: Reader) => unknown
    readonly write: (writer: Writer, value: never) => void
  }
  /** The value of a wire, or of a codec made from one. */
  export type Type<W> = W extends Wire<infer A> ? A : W extends { readonly wire: Wire<infer A> } ? A : never
}

/** A value from bytes that hold it and nothing else. The value may alias the bytes: keep a copy of what you keep. */
export const decode = <A>(wire: Wire<A>, bytes: Uint8Array): Result.Result<A, CodecFailure> => {
  const reader = new Reader(bytes)
  const value = reader.window(bytes.length, wire.read)
  return reader.failure === undefined ? Result.succeed(value) : Result.fail(reader.failure)
}

/** The bytes of a value, in an array of their own. Fails when a field is out of its range. */
export const encode = <A>(wire: Wire<A>, value: A): Result.Result<Uint8Array, CodecFailure> => {
  const writer = new Writer()
  wire.write(writer, value)
  return writer.failure === undefined ? Result.succeed(writer.finish()) : Result.fail(writer.failure)
}

/** One line for people: where, and what should have stood there. */
export const describe = (failure: CodecFailure): string => {
  const path = failure.path.map((part) => (typeof part === "number" ? `[${part}]` : `.${part}`)).join("")
  return `expected ${failure.expected} at byte ${failure.offset}${path === "" ? "" : ` (${path.replace(/^\./, "")})`}`
}
