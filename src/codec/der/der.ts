/** `Der<A>`: an ASN.1 type as a value: its schema, its reader and its writer, made together (as `Wire<A>` is). */
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import type { CodecFailure } from "../presentation/cursor.ts"
import { DerReader, DerWriter, type Tag } from "./tlv.ts"

/** An ASN.1 type. `read` reads one element of it, `write` writes one. */
export interface Der<A> {
  /** What ASN.1 calls it; stands in failures. */
  readonly name: string
  readonly schema: Schema.Codec<A>
  /** Whether an element with this tag can be one of this type: what CHOICE and OPTIONAL decide by. */
  readonly starts: (tag: Tag) => boolean
  readonly read: (reader: DerReader) => A
  readonly write: (writer: DerWriter, value: A) => void
}

/** A type with one tag of its own, which an implicit tag can therefore take the place of. */
export interface Tagged<A> extends Der<A> {
  readonly tag: Tag
  readonly readContents: (reader: DerReader) => A
  readonly writeContents: (writer: DerWriter, value: A) => void
}

export declare namespace Der {
  /** Any type, whatever its value. */
  export interface Any {
    readonly name: string
    readonly schema: Schema.Top
    readonly starts: (tag: Tag) => boolean
    readonly read: (reader: DerReader) => unknown
    readonly write: (writer: DerWriter, value: never) => void
  }
  /** The value of a type. */
  export type Type<D> = D extends Der<infer A> ? A : never
}

/** A type from its tag and the reader and writer of its contents. */
export const tagged = <A>(
  name: string,
  tag: Tag,
  schema: Schema.Codec<A>,
  readContents: (reader: DerReader) => A,
  writeContents: (writer: DerWriter, value: A) => void
): Tagged<A> => ({
  name,
  tag,
  schema,
  readContents,
  writeContents,
  starts: (candidate) => candidate === tag,
  read: (reader) => reader.element(tag, () => readContents(reader)),
  write: (writer, value) => writer.element(tag, (contents) => writeContents(contents, value))
})

/**
 * A value from bytes that hold one element of the type and nothing else. The value may alias the bytes.
 *
 * Fails with the offset and the path of the first thing that is not DER, or not of the type.
 */
export const decodeDer = <A>(type: Der<A>, bytes: Uint8Array): Result.Result<A, CodecFailure> => {
  const reader = new DerReader(bytes)
  const value = reader.window(bytes.length, () => type.read(reader))
  return reader.failure === undefined ? Result.succeed(value) : Result.fail(reader.failure)
}

/** The one encoding of a value, in an array of its own. Fails when a part is out of its range. */
export const encodeDer = <A>(type: Der<A>, value: A): Result.Result<Uint8Array, CodecFailure> => {
  const writer = new DerWriter()
  type.write(writer, value)
  return writer.failure === undefined ? Result.succeed(writer.finish()) : Result.fail(writer.failure)
}
