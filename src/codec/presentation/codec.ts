/** A `Wire` as the rest of the world sees it: a real `Schema.Codec` to bytes that carries its wire. */
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaTransformation from "effect/SchemaTransformation"
import type { CodecFailure } from "./cursor.ts"
import { decode, describe, encode, type Wire } from "./wire.ts"

/** A schema between a value and its bytes; `wire` holds the direct functions. */
export type Codec<A> = Schema.Codec<A, Uint8Array> & { readonly wire: Wire<A> }

/**
 * Makes the schema of a named structure: `Schema.decodeUnknownResult(codec)` reads it, `Arbitrary.schema(codec)`
 * generates it, `codec.wire` is what the core uses.
 *
 * A refusal carries the path to the field and what should have stood there.
 */
export const codec = <A>(identifier: string, wire: Wire<A>): Codec<A> => {
  const issue = (failure: CodecFailure): SchemaIssue.Issue => {
    const expected = `${identifier}: ${describe(failure)}`
    const leaf = new SchemaIssue.InvalidValue({ expected })
    return failure.path.length === 0 ? leaf : new SchemaIssue.Pointer(failure.path, leaf)
  }
  const schema = Schema.Uint8Array.pipe(
    Schema.decodeTo(
      Schema.toType(wire.schema) as Schema.Codec<A>,
      SchemaTransformation.transformEffect<A, Uint8Array>({
        decode: (bytes) =>
          Result.match(decode(wire, bytes), { onSuccess: Exit.succeed, onFailure: (f) => Exit.fail(issue(f)) }),
        encode: (value) =>
          Result.match(encode(wire, value), { onSuccess: Exit.succeed, onFailure: (f) => Exit.fail(issue(f)) })
      })
    )
  ).annotate({ identifier })
  return Object.assign(schema, { wire }) as unknown as Codec<A>
}
