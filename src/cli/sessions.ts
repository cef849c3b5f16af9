/** Sessions and early data on the command line: the flags of both commands, and what they come to. */
import type * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as AntiReplay from "../layers/AntiReplay.ts"
import type { CryptoProvider } from "../layers/CryptoProvider.ts"
import * as SessionFile from "../layers/node/SessionFile.ts"
import type * as Resumption from "../layers/resumption.ts"
import * as ServerSessionStore from "../layers/ServerSessionStore.ts"
import * as Tickets from "../layers/Tickets.ts"
import type { TlsConnection } from "../layers/TlsConnection.ts"
import type { TlsError } from "../layers/TlsError.ts"
import { type CliFailure, usage } from "./failure.ts"
import { readFile } from "./files.ts"
import { optionalInt, optionalText, toggle } from "./flags.ts"

/** Of `connect`. */
export const clientFlags = {
  session: optionalText(
    "session",
    "FILE",
    "Resume a session kept in FILE, and keep new ones there; who has it can read what is said with them"
  ),
  earlyData: optionalText(
    "early-data",
    "FILE",
    "Send FILE together with the first message, if a session of --session allows so much; who records it can replay it"
  )
}

/** What they are read as. */
export type ClientFlags = Command.Command.Config.Infer<typeof clientFlags>

/** What can be refused before anything is opened. */
export const checkClient = Effect.fnUntraced(function* (flags: ClientFlags & { readonly http: string | undefined }) {
  if (flags.earlyData === undefined) return
  if (flags.session === undefined) {
    const hint = "a first run with --session FILE gets a session, if the server gives any"
    return yield* usage("--early-data needs --session FILE: early data is for servers that we have talked to", hint)
  }
  if (flags.http !== undefined) {
    return yield* usage("--http sends a request of its own: with --early-data, write the request into the file")
  }
})

/** The file of `--session`. */
export const layerClient = ({ session }: ClientFlags): Layer.Layer<never, TlsError> =>
  session === undefined ? Layer.empty : SessionFile.layer(session)

/** What `--early-data` names. */
export const readEarlyData = ({
  earlyData
}: ClientFlags): Effect.Effect<Uint8Array | undefined, CliFailure, FileSystem.FileSystem> =>
  earlyData === undefined
    ? Effect.undefined
    : Effect.filterOrFail(
        readFile(earlyData),
        ({ length }) => length > 0,
        () => usage(`${earlyData} is empty: there is nothing to send early`)
      )

/** Tells whoever wanted to send early data that it has not arrived: to say it again may be to say it twice. */
export const tellLost = ({ earlyData }: ClientFlags, { info }: TlsConnection): Effect.Effect<void> => {
  if (earlyData === undefined || info.earlyData === "accepted") return Effect.void
  return info.earlyData === "rejected"
    ? Effect.logWarning(`the server did not take the early data: ${earlyData} is lost, and is not sent again`)
    : Effect.logWarning(`no session was there that allows so much early data: ${earlyData} was not sent`)
}

/** Of `serve`. */
export const serverFlags = {
  tickets: optionalInt(
    "tickets",
    "N",
    [0, 255],
    "Tickets after a full handshake, 0 to 255, and one after a resumed one, unless the client wants others; default 2"
  ),
  stateful: toggle("stateful", "Keep sessions here, each for one use, and not sealed inside of the tickets"),
  noTickets: toggle("no-tickets", "Resume nothing, and give no tickets"),
  maxEarlyData: optionalInt(
    "max-early-data",
    "N",
    [0, 2 ** 32 - 1],
    "Take N bytes of early data from who resumes a session, and answer at once; with --mode forward, too"
  )
}

/** What they are read as. */
export type ServerFlags = Command.Command.Config.Infer<typeof serverFlags>

/** The flag in use that needs tickets. */
const needy = ({ stateful, maxEarlyData = 0 }: ServerFlags): string | undefined =>
  stateful ? "--stateful" : maxEarlyData > 0 ? "--max-early-data" : undefined

/** What can be refused before anything is opened. */
export const checkServer = Effect.fnUntraced(function* (flags: ServerFlags) {
  const { tickets, noTickets } = flags
  if (noTickets && tickets !== undefined && tickets > 0) return yield* usage("--no-tickets and --tickets: choose one")
  const flag = needy(flags)
  if (flag !== undefined && (noTickets || tickets === 0)) {
    return yield* usage(`${flag} needs tickets: leave ${noTickets ? "--no-tickets" : "--tickets 0"} out`)
  }
})

export const serverOptions = ({ tickets, maxEarlyData }: ServerFlags): Resumption.ServerOptions => ({
  tickets,
  maxEarlyData
})

const tickets = ({ stateful, noTickets }: ServerFlags): Layer.Layer<never, TlsError, CryptoProvider> =>
  noTickets
    ? Tickets.layerNone
    : stateful
      ? Tickets.layerStateful().pipe(Layer.provide(ServerSessionStore.layerMemory()))
      : Tickets.layerSealed()

/**
 * A register that has just begun does not know what early data came before, and would have to refuse all for a while
 * (RFC 9846 section 8.2). Here nothing can have come: the keys of tickets, and stateful sessions, began with this
 * process too, so no ticket from before opens, and nobody waits.
 */
const register = AntiReplay.layerMemory({ warmUp: 0 })

/** Tickets, and a register of early data. */
export const layerServer = (flags: ServerFlags): Layer.Layer<never, TlsError, CryptoProvider> =>
  Layer.merge(tickets(flags), register)
