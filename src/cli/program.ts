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
import { cert } from "./cert.ts"
import { connect } from "./connect.ts"
import { decode } from "./decode.ts"
import { demo } from "./demo.ts"
import { oneLine, usage } from "./failure.ts"
import { complaintOf, type Form, formOf, showComplaint, showNote, showWarning } from "./report.ts"
import { serve } from "./serve.ts"
import { version } from "./version.ts"

/** 0: all went well. 1: TLS, the network or the input went wrong. 2: this is not how it is used. */
export type ExitStatus = 0 | 1 | 2

const root = Command.make("effect-tls").pipe(
  Command.withDescription("TLS from the command line: a client, a server, certificates, and bytes made readable"),
  Command.withSubcommands([demo, connect, serve, cert, decode])
)

const presenter = (form: Form): CliOutput.Presenter => ({
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
        const text = `${oneLine(first?.message ?? "wrong usage")}; see: ${event.commandPath.join(" ")} --help`
        return Console.error(showComplaint(form, complaintOf(usage(text))))
      }
    }
  }
})

/** What is left to say and to return when a command has failed; errors of usage have been shown by then. */
const explain = (form: Form, cause: Cause.Cause<unknown>): Effect.Effect<ExitStatus> => {
  const error = Cause.squash(cause)
  if (CliError.isCliError(error)) return Effect.succeed(2)
  const complaint = complaintOf(error)
  return Effect.as(Console.error(showComplaint(form, complaint)), complaint.status)
}

/** Standard output belongs to the data; what is logged goes to standard error, a line each. */
const logger = (form: Form) =>
  Logger.withConsoleError(
    Logger.make(({ logLevel, message }) => {
      const parts: ReadonlyArray<unknown> = Array.isArray(message) ? message : [message]
      const [first] = parts
      if (first instanceof Error) return showComplaint(form, complaintOf(first))
      const text = parts.map(String).join(" ")
      return logLevel === "Warn" ? showWarning(form, text) : showNote(form, text)
    })
  )

const settings = (form: Form) =>
  Layer.mergeAll(
    CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version, GlobalFlag.Completions] }),
    CliOutput.layerPresenter(presenter(form)),
    Logger.layer([logger(form)]),
    Layer.succeed(References.MinimumLogLevel, "Warn")
  )

/** Runs one command. Only interruption is left to the caller. */
export const run = (args: ReadonlyArray<string>): Effect.Effect<ExitStatus, never, Command.Environment> => {
  const form = formOf(args)
  return Command.runWith(root, { version })(args).pipe(
    Effect.as<ExitStatus>(0),
    Effect.catchCause((cause) => (Cause.hasInterruptsOnly(cause) ? Effect.interrupt : explain(form, cause))),
    Effect.provide(settings(form))
  )
}
