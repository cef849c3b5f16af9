/** What somebody on the way does to bytes, and what both ends take for true afterwards. */
import { assert } from "@effect/vitest"
import { concat, okay, toHex } from "./answers.ts"
import { type End, handshake, type Link } from "./pair.ts"

export type Direction = "toClient" | "toServer"
export interface Ends {
  readonly client: End
  readonly server: End
}
export const directions: ReadonlyArray<Direction> = ["toClient", "toServer"]

type Mutation = (bytes: Uint8Array, at: number) => Uint8Array

export const mutations: { readonly [name: string]: Mutation } = {
  "a bit flipped": (bytes, at) => bytes.with(at, (bytes[at] ?? 0) ^ (1 << (at % 8))),
  "set to 0x00": (bytes, at) => bytes.with(at, 0),
  "set to 0xff": (bytes, at) => bytes.with(at, 0xff),
  deleted: (bytes, at) => concat(bytes.subarray(0, at), bytes.subarray(at + 1)),
  doubled: (bytes, at) => concat(bytes.subarray(0, at + 1), bytes.subarray(at)),
  "preceded by another": (bytes, at) => concat(bytes.subarray(0, at), Uint8Array.of(0x55), bytes.subarray(at))
}

/** Changes the byte at this place of everything that goes one way. */
const once = (direction: Direction, at: number, mutate: Mutation): Link => {
  let passed = 0
  return (flight, which) => {
    if (which !== direction) return [flight]
    const place = at - passed
    passed += flight.length
    return [place >= 0 && place < flight.length ? mutate(flight, place) : flight]
  }
}

const exported = (end: End): string => toHex(okay(end.connection.exportKeyingMaterial("view", new Uint8Array(0), 32)))

/** What an end takes for true: every message it heard, early data, and the secret that it would export. */
export const view = (end: End): string => {
  const heard = end.events.flatMap((event) => {
    if (event._tag === "EarlyData") return [toHex(event.bytes)]
    const isHeard = (event._tag === "Message" || event._tag === "Message12") && event.direction === "heard"
    return isHeard ? [toHex(event.raw)] : []
  })
  return [...heard, exported(end)].join(" ")
}

/** What goes over the wire, and what each end hears, when nobody touches it. */
export const record = ({ client, server }: Ends) => {
  const wire: { [D in Direction]: Uint8Array } = { toServer: new Uint8Array(0), toClient: new Uint8Array(0) }
  handshake(client, server, (flight, direction) => {
    wire[direction] = concat(wire[direction], flight)
    return [flight]
  })
  return { wire, toClient: view(client), toServer: view(server), established: client.connection.established }
}

/**
 * Changes every so many bytes between two ends: never are both connected with two views of the handshake, and more often
 * than not they are not connected. `look` checks what else must hold.
 */
export const assertNeverApart = (
  fresh: () => Ends,
  step: number,
  look: (ends: Ends, where: string) => void
): { readonly both: number; readonly apart: number } => {
  const { wire } = record(fresh())
  let both = 0
  let apart = 0
  for (const direction of directions) {
    for (const [what, mutate] of Object.entries(mutations)) {
      for (let at = 0; at < wire[direction].length; at += step) {
        const ends = fresh()
        const { client, server } = ends
        const where = `${direction}: ${what} at ${at}`
        handshake(client, server, once(direction, at, mutate))
        look(ends, where)
        const fine = [client, server].every(({ connection, failure }) => connection.established && !failure)
        if (!fine) apart++
        else {
          both++
          assert.strictEqual(exported(client), exported(server), where)
        }
      }
    }
  }
  return { both, apart }
}

/** Whoever refuses does so once. */
export const assertOneFailure = ({ client, server }: Ends, where: string): void => {
  for (const end of [client, server]) {
    assert.isAtMost(end.events.filter(({ _tag }) => _tag === "Failed").length, 1, where)
  }
}
