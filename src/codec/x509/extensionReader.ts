/** Extensions of certificates, lists and responses alike: each at most once, and those with a name read. */
import * as Result from "effect/Result"
import { type Der, decodeDer } from "../der/der.ts"
import { within } from "../der/tlv.ts"
import type { CodecFailure } from "../presentation/cursor.ts"
import type { Extension } from "./extension.ts"

type Types = { readonly [name: string]: Der.Any }

/** What the known extensions say; absent ones are absent. */
export type Known<T extends Types> = { readonly [N in keyof T]?: Der.Type<T[N]> }

/**
 * A reader of lists of extensions; one that occurs twice is refused (RFC 5280 section 4.2). `whole` is what the list
 * was read from: offsets in failures count from its start.
 */
export const extensionReader = <T extends Types>(oids: { readonly [N in keyof T & string]: string }, types: T) => {
  const names = new Map<string, string>(Object.entries(oids).map(([name, oid]) => [String(oid), name]))
  return (extensions: ReadonlyArray<Extension>, whole: Uint8Array): Result.Result<Known<T>, CodecFailure> => {
    const known: Record<string, unknown> = {}
    const seen = new Set<string>()
    for (const [i, { extnID, extnValue }] of extensions.entries()) {
      const name = names.get(extnID)
      const path = [i, name ?? extnID]
      const offset = extnValue.byteOffset - whole.byteOffset
      if (seen.has(extnID))
        return Result.fail({ alert: "decode_error", offset: 0, expected: "each extension once", path })
      seen.add(extnID)
      if (name === undefined) continue
      const value = decodeDer<unknown>(types[name] as unknown as Der<unknown>, extnValue)
      if (Result.isFailure(value)) return Result.fail(within(value.failure, offset, path))
      known[name] = value.success
    }
    return Result.succeed(known as Known<T>)
  }
}
