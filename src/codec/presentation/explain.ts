/** Annotated bytes of any structure, made by reading it: what each byte is, and where the reading failed. */
import { type CodecFailure, type Note, Reader } from "./cursor.ts"
import type { Wire } from "./wire.ts"

/** One field, in the order of the bytes; its parts follow it one level deeper. */
export interface Line {
  readonly name: string | number
  readonly depth: number
  /** Where the whole field starts and ends, in bytes from the start of the input. */
  readonly start: number
  readonly end: number
  /** The bytes of the field that are not in one of its parts: all of it, or the length before them. */
  readonly bytes: Uint8Array
  /** The value of a field without parts, escaped and cut; `undefined` where the bytes say it all. */
  readonly value: string | undefined
  /** Present in the last line when the bytes are not such a structure. */
  readonly failure: CodecFailure | undefined
}

interface Node extends Note {
  readonly parts: ReadonlyArray<Node>
  readonly failure?: CodecFailure
}

/** The nodes deeper than `depth` at the end of the list, which are the parts of what comes next. */
const partsBelow = (depth: number, nodes: Array<Node>): ReadonlyArray<Node> => {
  let first = nodes.length
  while (first > 0 && (nodes[first - 1]?.depth ?? 0) > depth) first--
  return nodes.splice(first)
}

/** Fields are noted when they end, so parts come before the whole: this puts them inside it. */
const tree = (notes: ReadonlyArray<Note>, failure: CodecFailure | undefined): ReadonlyArray<Node> => {
  const nodes: Array<Node> = []
  for (const note of notes) nodes.push({ ...note, parts: partsBelow(note.depth, nodes) })
  if (failure === undefined) return nodes
  const { offset, path } = failure
  const end = Math.max(offset, notes.at(-1)?.end ?? 0)
  nodes.push({ name: "", depth: path.length, start: offset, end: offset, value: undefined, parts: [], failure })
  for (const [up, name] of [...path].reverse().entries()) {
    const depth = path.length - 1 - up
    const parts = partsBelow(depth, nodes)
    const before = nodes.at(-1)
    const start = before?.depth === depth ? before.end : Math.min(...parts.map((part) => part.start))
    nodes.push({ name, depth, start, end, value: undefined, parts })
  }
  return nodes
}

const printable = (text: string): string =>
  text.replace(/[^\x20-\x7e]/g, (character) => `\\x${(character.codePointAt(0) ?? 0).toString(16).padStart(2, "0")}`)

/** Text of a peer is never printed as it came. */
const show = (value: unknown): string | undefined => {
  if (typeof value === "string") return value.length > 256 ? `${printable(value.slice(0, 256))}…` : printable(value)
  if (typeof value === "number" || typeof value === "bigint") return `${value}`
  if (value instanceof Uint8Array || Array.isArray(value)) return value.length === 0 ? "empty" : undefined
  return undefined
}

const lines = (node: Node, bytes: Uint8Array): ReadonlyArray<Line> => {
  const { name, depth, start, end, failure, parts } = node
  const own = bytes.subarray(start, Math.max(start, parts[0]?.start ?? end))
  const value = parts.length === 0 ? show(node.value) : undefined
  return [{ name, depth, start, end, bytes: own, value, failure }, ...parts.flatMap((part) => lines(part, bytes))]
}

/**
 * The fields of a structure with their bytes and values, as far as it can be read; the last line tells what is wrong.
 *
 * @example render(explain(Handshake.wire, message))
 */
export const explain = <A>(wire: Wire<A>, bytes: Uint8Array): ReadonlyArray<Line> => {
  const notes: Array<Note> = []
  const reader = new Reader(bytes, notes)
  reader.window(bytes.length, wire.read)
  return tree(notes, reader.failure).flatMap((node) => lines(node, bytes))
}

const WIDTH = 12

const hex = (bytes: Uint8Array): string => {
  const head = Array.from(bytes.subarray(0, WIDTH), (byte) => byte.toString(16).padStart(2, "0")).join(" ")
  return bytes.length > WIDTH ? `${head} …` : head
}

const label = ({ name, depth, bytes, value, failure }: Line): string => {
  const indent = "  ".repeat(depth)
  if (failure !== undefined) return `${indent}✗ expected ${printable(failure.expected)} (${failure.alert})`
  const field = typeof name === "number" ? `[${name}]` : name
  const shown = value ?? (bytes.length > WIDTH ? `${bytes.length} bytes` : undefined)
  return shown === undefined ? `${indent}${field}` : `${indent}${field}: ${shown}`
}

/** The lines as text: offset, bytes (the first twelve of a long field), then name and value, indented by depth. */
export const render = (annotated: ReadonlyArray<Line>): string =>
  annotated
    .map((line) => {
      const offset = line.start.toString(16).padStart(4, "0")
      return `${offset}  ${hex(line.bytes).padEnd(WIDTH * 3 + 2)} ${label(line)}`.trimEnd()
    })
    .join("\n")
