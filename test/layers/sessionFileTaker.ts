/** A program of its own that takes tickets out of a session file, and prints which it got. */
import { readdirSync, writeFileSync } from "node:fs"
import { basename, dirname } from "node:path"
import * as Effect from "effect/Effect"
import { ClientSessionStore } from "../../src/layers/ClientSessionStore.ts"
import * as SessionFile from "../../src/layers/node/SessionFile.ts"

const [path = "", ...servers] = process.argv.slice(2)

/** Both begin when both are there. */
writeFileSync(`${path}.ready.${process.pid}`, "")
const ready = () => readdirSync(dirname(path)).filter((name) => name.startsWith(`${basename(path)}.ready.`)).length
const together = Effect.sleep("2 millis").pipe(Effect.repeat({ until: () => ready() === 2, times: 5000 }))

const program = Effect.gen(function* () {
  const { take } = yield* ClientSessionStore
  const taken: Array<string> = []
  for (let idle = 0; idle < servers.length; ) {
    idle = 0
    for (const server of servers) {
      const found = yield* take(server, () => true)
      if (found === undefined) idle++
      else taken.push(`${server} ${found.ticket.join(".")}`)
    }
  }
  return taken
})

const taken = await Effect.runPromise(together.pipe(Effect.andThen(program), Effect.provide(SessionFile.layer(path))))
console.log(taken.join("\n"))
