/** `effect-tls decode`: bytes on paper become structures with names. */
import * as Console from "effect/Console"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { render } from "../codec/presentation/explain.ts"
import { describe } from "../codec/presentation/wire.ts"
import { type Dissection, dissect, fromHex, type Piece } from "./dissect.ts"
import { failed } from "./failure.ts"
import { readFile, readStdin } from "./files.ts"

const hexadecimal = (offset: number): string => offset.toString(16).padStart(4, "0")

const showPiece = ({ kind, offset, title, lines, ja4 }: Piece): string => {
  const indent = kind === "record" ? "" : "  "
  const named = ja4 === undefined ? title : `${title}, JA4 ${ja4}`
  const heading = kind === "record" ? `${title}, at ${hexadecimal(offset)}` : named
  return `${heading}\n${render(lines)}`.replace(/^/gm, indent)
}

/** As text: each record, and below it the messages that end in it; offsets count from the start of each. */
export const toText = ({ pieces }: Dissection): string => pieces.map(showPiece).join("\n\n")

/** What JSON has no word for: bytes become hexadecimal digits, big integers decimal ones. */
const plain = (value: unknown): unknown => {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex")
  if (typeof value === "bigint") return value.toString()
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]))
}

/** As JSON: `{ form, pieces: [{ kind, offset, title, ja4, value }], failure }`; only a ClientHello has `ja4`. */
export const toJson = ({ form, pieces, failure }: Dissection): string =>
  JSON.stringify(
    plain({
      form,
      pieces: pieces.map(({ lines: _, value, ...piece }) => ({ ...piece, value: value ?? null })),
      failure: failure ?? null
    }),
    undefined,
    2
  )

export const decode = Command.make(
  "decode",
  {
    file: Argument.String("file").pipe(
      Argument.withDescription("The bytes, binary or as hexadecimal digits; standard input without it, or with -"),
      Argument.optional
    ),
    format: Flag.Literals("format", ["text", "json"]).pipe(
      Flag.withDefault("text" as const),
      Flag.withDescription("How to print it")
    )
  },
  Effect.fnUntraced(function* ({ file, format }) {
    const path = Option.getOrElse(file, () => "-")
    const input = path === "-" ? yield* readStdin : yield* readFile(path)
    const dissection = dissect(yield* Effect.fromResult(fromHex(input)))
    const text = format === "json" ? toJson(dissection) : toText(dissection)
    if (text !== "") yield* Console.log(text)
    if (dissection.failure !== undefined) return yield* failed(describe(dissection.failure))
  })
).pipe(
  Command.withDescription("Print TLS records or a handshake message with a name for every byte"),
  Command.withExamples([
    { command: "effect-tls decode hello.bin", description: "A captured ClientHello" },
    { command: "echo 14 03 03 00 01 01 | effect-tls decode", description: "A record, typed in" }
  ])
)
