/** The command line program `effect-tls`, whole: arguments in, an exit status out. */
import * as Cause from "effect/Cause"
import * as Console from "effect/Console"
import * as CliConfig from "effect/cli/CliConfig"
import * as CliError from "effect/cli/CliError"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import { isSocketError } from "effect/socket/Socket"
import { find } from "../layers/TlsError.ts"
import { describeError } from "../layers/transport.ts"
import { type Failure, reasons } from "../state/failure.ts"
import { cert } from "./cert.ts"
import { connect } from "./connect.ts"
import { decode } from "./decode.ts"
import { demo } from "./demo.ts"
import { CliFailure, oneLine } from "./failure.ts"
import { serve } from "./serve.ts"
import { version } from "./version.ts"

/** 0: all went well. 1: TLS, the network or the input went wrong. 2: this is not how it is used. */
export type ExitStatus = 0 | 1 | 2

const root = Command.make("effect-tls").pipe(
  Command.withDescription("TLS 1.3 from the command line: a client, a server, certificates, and bytes made readable"),
  Command.withSubcommands([demo, connect, serve, cert, decode])
)

const presenter: CliOutput.Presenter = {
  present: (event) => {
    const formatter = CliOutput.defaultFormatter({ colors: false })
    switch (event._tag) {
      case "Help":
        return event.reason === "Requested"
          ? Console.log(formatter.formatHelpDoc(event.helpDoc))
          : Console.error(formatter.formatHelpDoc(event.helpDoc))
      case "Version":
        return Console.log(`${event.name} ${event.version}`)
      case "InvalidInvocation": {
        const [first] = event.errors
        return complain(`${oneLine(first?.message ?? "wrong usage")}; see: ${event.commandPath.join(" ")} --help`)
      }
    }
  }
}

const complain = (line: string): Effect.Effect<void> => Console.error(`effect-tls: ${line}`)

const isFailure = (error: unknown): error is Failure =>
  typeof error === "object" && error !== null && "_tag" in error && error._tag === "Failure"

/** What is left to say and to return when a command has failed; errors of usage have been shown by then. */
const explain = (cause: Cause.Cause<unknown>): Effect.Effect<ExitStatus> => {
  const error = Cause.squash(cause)
  const tls = find(error)
  if (tls !== undefined) return Effect.as(complain(oneLine(tls.message)), tls.reason.kind === "Misuse" ? 2 : 1)
  if (error instanceof CliFailure) return Effect.as(complain(error.message), error.kind === "Usage" ? 2 : 1)
  if (isFailure(error)) return Effect.as(complain(error.detail), reasons[error.reason].kind === "Misuse" ? 2 : 1)
  if (CliError.isCliError(error)) return Effect.succeed(2)
  if (isSocketError(error)) return Effect.as(complain(describeError(error)), 1)
  return Effect.as(complain(`this is a bug: ${describeError(error)}`), 1)
}

/** Standard output belongs to the data; what is logged goes to standard error, a line each. */
const logger = Logger.withConsoleError(
  Logger.make(({ logLevel, message }) => {
    const words = (Array.isArray(message) ? message : [message]).map(String).join(" ")
    return `effect-tls: ${logLevel === "Warn" ? "warning: " : ""}${oneLine(words)}`
  })
)

const settings = Layer.mergeAll(
  CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version, GlobalFlag.Completions] }),
  CliOutput.layerPresenter(presenter),
  Logger.layer([logger]),
  Layer.succeed(References.MinimumLogLevel, "Warn")
)

/** Runs one command. Only interruption is left to the caller. */
export const run = (args: ReadonlyArray<string>): Effect.Effect<ExitStatus, never, Command.Environment> =>
  Command.runWith(root, { version })(args).pipe(
    Effect.as<ExitStatus>(0),
    Effect.catchCause((cause) => (Cause.hasInterruptsOnly(cause) ? Effect.interrupt : explain(cause))),
    Effect.provide(settings)
  )
