/** What a puppet may do with a message that is due: edits for the slots of a script. */

import { assert } from "@effect/vitest"
import * as Result from "effect/Result"
import { type MessageName, placement } from "../../src/codec/extension/placement.ts"
import type { Message } from "../../src/codec/handshake/handshake.ts"
import * as Wire from "../../src/codec/presentation/wire.ts"
import { ExtensionType } from "../../src/codec/registry/extensionType.ts"
import { concat } from "./answers.ts"
import { encode, type Puppet, type } from "./puppet.ts"
import type { Slot } from "./script.ts"

/** Any slot of any puppet. */
interface Any {
  readonly puppet: Puppet
  readonly message: Message
  readonly raw: Uint8Array
}
type Body<T extends Message["_tag"]> = Extract<Message, { readonly _tag: T }>["body"]

/** Says nothing. */
export const drop = (): void => undefined

/** Says it twice, in records of their own. */
export const twice = ({ puppet, raw }: Any) => puppet.say(raw).endRecord().say(raw)

/** Says it, and once more in the clear where no transcript hears it. */
export const echoed = ({ puppet, raw }: Any) => puppet.say(raw).plain(type.handshake, raw)

/** Says something else. */
export const instead =
  (...raws: ReadonlyArray<Uint8Array>) =>
  ({ puppet }: Any) =>
    puppet.say(...raws)

/** Says something in front of it, or behind it, in a record of its own. */
export const before =
  (raw: Uint8Array) =>
  ({ puppet, raw: due }: Any) =>
    puppet.say(raw).endRecord().say(due)
export const behind =
  (raw: Uint8Array) =>
  ({ puppet, raw: due }: Any) =>
    puppet.say(due).endRecord().say(raw)

/** Says it with bytes behind it in the same record. */
export const followed =
  (...bytes: ReadonlyArray<number>) =>
  ({ puppet, raw }: Any) =>
    puppet.say(raw, Uint8Array.from(bytes))

/** Says what `change` makes of its bytes. */
export const rewritten =
  (change: (raw: Uint8Array) => Uint8Array) =>
  ({ puppet, raw }: Any) =>
    puppet.say(change(raw))

/** Says it with another body. */
export const changed =
  <T extends Message["_tag"]>(change: (body: Body<T>) => object) =>
  <P extends Puppet>({ puppet, message }: Slot<P, T>) =>
    puppet.say(encode({ _tag: message._tag, body: change(message.body as Body<T>) } as unknown as Message))

export interface AnyExtension {
  readonly type: string | number
  readonly data: unknown
}

/** Says it with other extensions. An extension of which the type is a number may hold, and stand, whatever one likes. */
export const extensions =
  (change: (extensions: ReadonlyArray<AnyExtension>) => ReadonlyArray<AnyExtension>) =>
  ({ puppet, message }: Omit<Any, "raw">) => {
    const body = message.body as { readonly extensions: ReadonlyArray<AnyExtension> }
    return puppet.say(
      encode({ _tag: message._tag, body: { ...body, extensions: change(body.extensions) } } as unknown as Message)
    )
  }

/** Says it with one more extension: by name as a value, or by number as bytes. */
export const extended = (type: string | number, data: unknown) => extensions((block) => [...block, { type, data }])

/** In front, where the last place matters. */
export const preceded = (type: string | number, data: unknown) => extensions((block) => [{ type, data }, ...block])

export const without = (type: string) => extensions((block) => block.filter((extension) => extension.type !== type))

export const replaced = (type: string, data: unknown) =>
  extensions((block) => block.map((extension) => (extension.type === type ? { type, data } : extension)))

interface Carrier {
  readonly wire: Wire.Wire<unknown>
}

/** The extension as a number with bytes, and bytes behind them. */
export const lengthenedExtension = (message: MessageName, { type, data }: AnyExtension): AnyExtension => {
  const row = placement[type as keyof typeof placement] as unknown as { readonly [M in MessageName]?: Carrier }
  const wire = row[message]?.wire ?? assert.fail(`${type} has no place in ${message}`)
  return {
    type: ExtensionType.code(type as keyof typeof placement),
    data: concat(Result.getOrThrow(Wire.encode(wire, data)), Uint8Array.of(0))
  }
}

/** Says its first bytes, then a record of another kind, then the rest. */
export const interrupted =
  (at: number, interrupt: (puppet: Puppet) => unknown) =>
  ({ puppet, raw }: Any) => {
    puppet.record(type.handshake, raw.subarray(0, at))
    interrupt(puppet)
    puppet.record(type.handshake, raw.subarray(at))
  }

/** Says it without protection, whatever the keys. */
export const inTheClear = ({ puppet, raw }: Any) => puppet.plain(type.handshake, raw)
