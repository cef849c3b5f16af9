/** A program of its own that takes tickets out of a session file, and prints which it got. */
import * as Effect from "effect/Effect"
import { ClientSessionStore } from "../../src/layers/ClientSessionStore.ts"
import * as SessionFile from "../../src/layers/node/SessionFile.ts"

const [path = "", ...servers] = process.argv.slice(2)

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

const taken = await Effect.runPromise(Effect.provide(program, SessionFile.layer(path)))
console.log(taken.join("\n"))
