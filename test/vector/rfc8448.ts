/** The traces of RFC 8448 as values, out of a fixture that holds the RFC's figures under the RFC's own titles. */
import { readFileSync } from "node:fs"
import { assert } from "@effect/vitest"
import type { Message } from "../../src/codec/handshake/handshake.ts"
import { isHelloRetryRequestRandom } from "../../src/codec/handshake/serverHello.ts"
import { concat, fromHex, toHex } from "../support/answers.ts"
import { decode } from "../support/puppet.ts"

const url = new URL("./fixtures/rfc8448.txt", import.meta.url)
const text = readFileSync(url, "utf8")

type Role = "client" | "server"
interface Figure {
  readonly role: Role
  readonly title: string
  readonly name: string
  readonly bytes: Uint8Array
}

/** A record that was sent: its content and all its bytes. */
export interface Sent {
  readonly role: Role
  readonly type: "handshake" | "application_data" | "alert" | "change_cipher_spec"
  readonly payload: Uint8Array
  readonly record: Uint8Array
}
export interface Said {
  readonly role: Role
  readonly raw: Uint8Array
  readonly message: Message
}

/** One section of the RFC. */
export interface Trace {
  readonly name: string
  readonly figures: ReadonlyArray<Figure>
  /** All handshake messages, in order. */
  readonly messages: ReadonlyArray<Said>
  /** All records, in order. */
  readonly records: ReadonlyArray<Sent>
  /** A figure by role, a part of its title and its name; the last one when a retry repeats it. */
  readonly figure: (role: Role, title: string, name: string) => Uint8Array
  readonly message: <T extends Message["_tag"]>(
    role: Role,
    tag: T
  ) => Said & { readonly message: Extract<Message, { readonly _tag: T }> }
}

const parse = (name: string, lines: ReadonlyArray<string>): Trace => {
  const figures = lines.map((line): Figure => {
    const [, role = "", title = "", field = "", hex = ""] = /^(\w+): (.*): ([^:]*) = ([0-9a-f]+)$/.exec(line) ?? []
    if (role !== "client" && role !== "server") assert.fail(line)
    return { role, title, name: field, bytes: fromHex(hex) }
  })
  const messages = figures
    .filter(({ title }) => title.startsWith("construct "))
    .map(({ role, bytes }) => ({ role, raw: bytes, message: decode(bytes) }))
  const figure: Trace["figure"] = (role, title, field) =>
    figures.findLast((each) => each.role === role && each.title.includes(title) && each.name === field)?.bytes ??
    assert.fail(`${name} has no ${role} ${title} ${field}`)
  const message: Trace["message"] = (role, tag) => {
    const found = messages.findLast((each) => each.role === role && each.message._tag === tag)
    return (found ?? assert.fail(`${name} has no ${tag}`)) as ReturnType<Trace["message"]> as never
  }
  return { name, figures, messages, records: recordsOf(figures), figure, message }
}

const recordsOf = (figures: ReadonlyArray<Figure>): ReadonlyArray<Sent> => {
  const sent: Array<Sent> = []
  const waiting: { [R in Role]: Array<Uint8Array> } = { client: [], server: [] }
  let payload: Uint8Array | undefined
  for (const { role, title, name, bytes } of figures) {
    if (title.startsWith("construct ")) waiting[role].push(bytes)
    const type = /^send (\w+) record$/.exec(title)?.[1] as Sent["type"] | undefined
    if (type !== undefined && name === "payload") payload = bytes
    if (type !== undefined && name === "complete record") {
      sent.push({ role, type, payload: payload ?? concat(...waiting[role].splice(0)), record: bytes })
      payload = undefined
    }
  }
  return sent
}

export const traces: ReadonlyArray<Trace> = text
  .split(/^\[(.*)\]$/m)
  .slice(1)
  .reduce<ReadonlyArray<Trace>>((done, part, i, parts) => {
    const lines = (parts[i + 1] ?? "").split("\n").filter((line) => line !== "")
    return i % 2 === 0 ? [...done, parse(part, lines)] : done
  }, [])

/** Every figure of the fixture, for a comparison with the RFC's text. */
export const everyFigure: ReadonlyArray<string> = traces.flatMap(({ figures }) =>
  figures.map(({ bytes }) => toHex(bytes))
)

/** Whether the payload of a record is a ServerHello that is no HelloRetryRequest. */
export const isServerHello = ({ role, type, payload }: Sent): boolean =>
  role === "server" && type === "handshake" && payload[0] === 2 && !isHelloRetryRequestRandom(payload.subarray(6, 38))
