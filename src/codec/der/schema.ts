/** An ASN.1 type as the rest of the world sees it: a `Schema.Codec` between a value and its DER. */
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaTransformation from "effect/SchemaTransformation"
import type { CodecFailure } from "../presentation/cursor.ts"
import { describe } from "../presentation/wire.ts"
import { type Der, decodeDer, encodeDer } from "./der.ts"

/** A schema between a value and its DER; `der` holds the direct functions. */
export type DerCodec<A> = Schema.Codec<A, Uint8Array> & { readonly der: Der<A> }

/** Makes the schema of a named type. A refusal carries the path to the field and what should have stood there. */
export const derCodec = <A>(identifier: string, type: Der<A>): DerCodec<A> => {
  const issue = (failure: CodecFailure): SchemaIssue.Issue => {
    const leaf = new SchemaIssue.InvalidValue({ expected: `${identifier}: ${describe(failure)}` })
    return failure.path.length === 0 ? leaf : new SchemaIssue.Pointer(failure.path, leaf)
  }
  const schema = Schema.Uint8Array.pipe(
    Schema.decodeTo(
      Schema.toType(type.schema) as Schema.Codec<A>,
      SchemaTransformation.transformEffect<A, Uint8Array>({
        decode: (bytes) =>
          Result.match(decodeDer(type, bytes), { onSuccess: Exit.succeed, onFailure: (f) => Exit.fail(issue(f)) }),
        encode: (value) =>
          Result.match(encodeDer(type, value), { onSuccess: Exit.succeed, onFailure: (f) => Exit.fail(issue(f)) })
      })
    )
  ).annotate({ identifier })
  return Object.assign(schema, { der: type }) as unknown as DerCodec<A>
}

/** A schema of values known by a guard, of which examples are made out of those of a simpler schema. */
export const drawn = <A, B>(
  identifier: string,
  is: (value: unknown) => value is A,
  from: Schema.Codec<B>,
  make: (simple: B) => A,
  simplify: (value: A) => B
): Schema.Codec<A> =>
  Schema.declare(is, {
    identifier,
    toCodecArbitrary: () => Schema.link<A>()(from, SchemaTransformation.transform({ decode: make, encode: simplify }))
  })
