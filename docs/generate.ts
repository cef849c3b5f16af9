/**
 * The generated pages of `docs/`: `npm run docs` writes them, and a test compares them with what stands there.
 */
import * as fs from "node:fs"
import { placement, placement12 } from "../src/codec/extension/placement.ts"
import { client } from "../src/state/client.ts"
import { answerOf } from "../src/state/command.ts"
import { reasons } from "../src/state/failure.ts"
import { contract, type Drawing, mermaid } from "../src/state/machine.ts"
import { server } from "../src/state/server.ts"
import { limboPage } from "../test/vector/limbo.ts"
import { bytesPage, flightPages } from "./flights.ts"

/** Every generated page by its path below `docs/`. */
export const pages = (): Record<string, string> => ({
  "figures/client.mmd": shaded(client.figure),
  "figures/client.contracted.mmd": mermaid(contract(client.figure, askingIn(client.figure))),
  "figures/server.mmd": shaded(server.figure),
  "figures/server.contracted.mmd": mermaid(contract(server.figure, askingIn(server.figure))),
  "ARCHITECTURE.md": architecture(),
  "failures.md": failures(),
  "LIMBO.md": limboPage(),
  "extensions.md": extensions(),
  ...flightPages(),
  "bytes/full.md": bytesPage()
})

const answers: ReadonlySet<string> = new Set(Object.values(answerOf))

/** The states that wait for an answer: all their arrows are answers. */
const askingIn = (figure: Drawing): ReadonlySet<string> =>
  new Set(
    Object.entries(figure).flatMap(([state, row]) =>
      Object.keys(row).every((event) => answers.has(event)) ? [state] : []
    )
  )

const shaded = (figure: Drawing): string =>
  `${mermaid(figure)}\n  classDef asks fill:#eef,stroke:#99c\n  class ${[...askingIn(figure)].join(",")} asks\n`

const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n")

const failures = (): string => `# Failures

Generated from \`src/state/failure.ts\`. A reason decides the alert on the wire; "none" where the peer is gone or has
sent an alert itself, and for what QUIC calls a PROTOCOL_VIOLATION. \`TlsError.reason._tag\` is the reason.

${table(
  ["reason", "about", "alert", "see"],
  Object.entries(reasons).map(([name, { kind, alert, see }]) => [name, kind, alert, see])
)}
`

const messages = [
  "ClientHello",
  "ServerHello",
  "HelloRetryRequest",
  "EncryptedExtensions",
  "CertificateRequest",
  "Certificate",
  "NewSessionTicket"
] as const

const extensions = (): string => {
  const rows: Drawing | Record<string, Record<string, unknown>> = placement
  const rows12: Record<string, Record<string, unknown>> = placement12
  const names = [...new Set([...Object.keys(rows), ...Object.keys(rows12)])]
  const cell = (name: string, message: string) =>
    rows[name]?.[message] !== undefined ? "1.3" : rows12[name]?.[message] !== undefined ? "1.2" : ""
  return `# Extensions and messages

Generated from \`src/codec/extension/placement.ts\`: which extension may stand in which message (RFC 9846 section 4.3),
and since a hello is read before its version is known, what TLS 1.2 adds. An extension in another place is
\`illegal_parameter\`.

${table(
  ["extension", ...messages],
  names.map((name) => [name, ...messages.map((message) => cell(name, message))])
)}
`
}

/** ARCHITECTURE.md is written by hand; the figures in it are not. */
const architecture = (): string => {
  const text = fs.readFileSync(new URL("ARCHITECTURE.md", import.meta.url), "utf8")
  const [open, close] = ["<!-- generated: figures -->\n", "<!-- /generated -->"]
  const before = text.slice(0, text.indexOf(open) + open.length)
  const after = text.slice(text.indexOf(close))
  const drawing = (title: string, figure: Drawing) => `### ${title}\n\n\`\`\`mermaid\n${shaded(figure)}\`\`\`\n`
  return `${before}\n${drawing("The client", client.figure)}\n${drawing("The server", server.figure)}\n${after}`
}

if (import.meta.main) {
  for (const [name, text] of Object.entries(pages())) {
    const file = new URL(name, import.meta.url)
    fs.mkdirSync(new URL(".", file), { recursive: true })
    fs.writeFileSync(file, text)
  }
}
