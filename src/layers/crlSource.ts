/** Revocation lists out of bytes and texts, each read once. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { CodecFailure } from "../codec/presentation/cursor.ts"
import { describe } from "../codec/presentation/wire.ts"
import { type CertificateList, parseCertificateList } from "../codec/x509/crl.ts"
import { crlsFromPem } from "../codec/x509/pem.ts"
import { Lru } from "./lru.ts"

/** One list in DER, or one or more in PEM, as text or as its bytes. */
export type CrlInput = Uint8Array | string

/** Lists that are there, or an effect that has them: it is run for every certificate that is looked at. */
export type CrlSource = ReadonlyArray<CrlInput> | Effect.Effect<ReadonlyArray<CrlInput>, unknown>

/** Lists that could be read, and what is to be said of those that could not. */
export interface Lists {
  readonly lists: ReadonlyArray<CertificateList>
  readonly problems: ReadonlyArray<string>
}

export const noLists: Lists = { lists: [], problems: [] }

type Read = Result.Result<ReadonlyArray<CertificateList>, CodecFailure>

const decoder = new TextDecoder()

/** Every structure of DER that is meant here begins with SEQUENCE; no PEM does. */
const isDer = (bytes: Uint8Array): boolean => bytes[0] === 0x30

/** Reads an input: a list in DER, or all lists of a PEM text. */
export const readLists = (input: CrlInput): Read => {
  if (typeof input !== "string" && isDer(input)) return Result.map(parseCertificateList(input), (list) => [list])
  const text = typeof input === "string" ? input : decoder.decode(input)
  return Result.flatMap(crlsFromPem(text), (all) => Result.all(all.map((der) => parseCertificateList(der))))
}

/** `readLists` that knows again what it was given before: the same array of bytes, or an equal text. */
export const makeReader = (): ((input: CrlInput) => Read) => {
  const arrays = new WeakMap<Uint8Array, Read>()
  const texts = new Lru<string, Read>(16)
  return (input) => {
    const found = typeof input === "string" ? texts.get(input) : arrays.get(input)
    if (found !== undefined) return found
    const read = readLists(input)
    if (typeof input === "string") texts.set(input, read)
    else arrays.set(input, read)
    return read
  }
}

const gather = (inputs: ReadonlyArray<CrlInput>, read: (input: CrlInput) => Read): Lists => {
  const all = inputs.map(read)
  return {
    lists: all.flatMap((one) => (Result.isSuccess(one) ? one.success : [])),
    problems: all.flatMap((one, i) =>
      Result.isFailure(one) ? [`CRL ${i + 1} of ${all.length} cannot be read: ${describe(one.failure)}`] : []
    )
  }
}

/** What a source has at this moment; a source that fails has nothing, and says so. */
export const makeSource = (source: CrlSource): Effect.Effect<Lists> => {
  const read = makeReader()
  if (!Effect.isEffect(source)) {
    const lists = gather(source, read)
    return Effect.succeed(lists)
  }
  return Effect.match(source, {
    onSuccess: (inputs) => gather(inputs, read),
    onFailure: () => ({ lists: [], problems: ["the source of CRLs failed"] })
  })
}
