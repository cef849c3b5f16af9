/** The keys of an end of TLS 1.2 in other hands: for what the end would never say. It keeps a key log for that. */
import { assert } from "@effect/vitest"
import { Secret } from "../../src/crypto/secret.ts"
import { Opener12, Sealer12 } from "../../src/state/record/protection12.ts"
import { RecordReader } from "../../src/state/record/reader.ts"
import { writeKeys } from "../../src/state/tls12/keySchedule.ts"
import { fromHex, okay } from "./answers.ts"
import { suites } from "./client12.ts"
import type { End } from "./pair.ts"

/** What the keys of both directions are, out of the key log and both hellos. */
const keysOf = ({ events }: End) => {
  const [line = ""] = events.flatMap((event) => (event._tag === "LogKey" ? [event.line] : []))
  const [, client = "", master = ""] = line.trim().split(" ")
  const [server] = events.flatMap((e) =>
    e._tag === "Message12" && e.message._tag === "ServerHello"
      ? [e.message.body.random]
      : e._tag === "Message" && e.message._tag === "ServerHello"
        ? [e.message.body.random]
        : []
  )
  const suite = suites[0] ?? assert.fail("no suite")
  const randoms = { client: fromHex(client), server: server ?? assert.fail("no ServerHello") }
  return { suite, keys: writeKeys(suite, new Secret("master", fromHex(master)), randoms) }
}

/** Seals and opens, in the place of this end, what follows the Finished of both. */
export const records = (end: End, role: "client" | "server") => {
  const { suite, keys } = keysOf(end)
  const sealer = new Sealer12(suite, keys[role], 1)
  const reader = new RecordReader()
  reader.protect(new Opener12(suite, keys[role === "client" ? "server" : "client"], 1))
  return {
    seal: (contentType: number, content: Uint8Array): Uint8Array => {
      const out = new Uint8Array(5 + content.length + sealer.expansion)
      okay(sealer.seal(contentType, content, out, 0))
      return out
    },
    opened: (bytes: Uint8Array) => {
      okay(reader.push(bytes))
      const record = okay(reader.next()) ?? assert.fail("no whole record")
      return [record.type, ...record.fragment]
    }
  }
}
