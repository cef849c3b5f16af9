/** RFC 9846 section 4.3: a response may carry only what was asked for. */
import * as Result from "effect/Result"
import { ExtensionType } from "../../codec/registry/extensionType.ts"
import { isGrease } from "../../codec/registry/grease.ts"
import { type Failure, fail } from "../failure.ts"

type Typed = { readonly type: ExtensionType }

/**
 * Refuses an extension in a response that the request did not carry; `cookie` in a retry is the RFC's exception. What
 * the request carried as GREASE asks for nothing either (RFC 8701 sections 3.1 and 4.1).
 */
export const onlySolicited = (
  where: string,
  received: ReadonlyArray<Typed>,
  asked: ReadonlyArray<Typed>,
  unasked: ReadonlyArray<ExtensionType> = []
): Result.Result<void, Failure> => {
  const allowed = new Set<ExtensionType>([...asked.map((extension) => extension.type), ...unasked])
  const stray = received.find(({ type }) => !allowed.has(type) || isGrease(ExtensionType.code(type)))
  return stray === undefined
    ? Result.succeed(undefined)
    : fail("UnsolicitedExtension", `${where} answers ${ExtensionType.show(stray.type)}, which was not asked for`)
}

/** An extension that the RFC requires here (section 9.2). */
export const required = <A>(where: string, type: ExtensionType, data: A | undefined): Result.Result<A, Failure> =>
  data === undefined ? fail("MissingExtension", `${where} lacks ${ExtensionType.show(type)}`) : Result.succeed(data)
