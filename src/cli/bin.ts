#!/usr/bin/env node
/** The program as a process: arguments, signals, exit status. */
import { writeSync } from "node:fs"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { failed } from "./failure.ts"
import { run } from "./program.ts"
import { complaintOf, formOf, showComplaint } from "./report.ts"

const args = process.argv.slice(2)

/** Milliseconds for the reader of standard output to take the rest, once we are told to stop. */
const grace = 1000

/** 128 and the number of the signal. */
const signals = { SIGINT: 130, SIGTERM: 143 } as const
let stopped: number = signals.SIGINT
const stop = (signal: NodeJS.Signals) => {
  stopped = signal === "SIGTERM" ? signals.SIGTERM : signals.SIGINT
}
process.on("SIGINT", stop)
process.on("SIGTERM", stop)

/** A server that was told to stop has done its work; anything else that was stopped has not. */
const statusOf = (exit: Exit.Exit<unknown, unknown>): number => {
  if (Exit.isSuccess(exit)) return Number(exit.value)
  if (!Cause.hasInterruptsOnly(exit.cause)) return 1
  return args[0] === "serve" ? 0 : stopped
}

/** `effect-tls … | head` ends the reader first, which is no reason for a line, let alone a stack trace. */
const broken = (error: NodeJS.ErrnoException): never => {
  if (error.code === "EPIPE") process.exit(0)
  const complaint = complaintOf(failed(`cannot write to standard output: ${error.message}`))
  writeSync(2, `${showComplaint(formOf(args), complaint)}\n`)
  process.exit(1)
}
process.stdout.on("error", broken)

NodeRuntime.runMain(Effect.provide(run(args), NodeServices.layer), {
  disableErrorReporting: true,
  teardown: (exit) => {
    // From here on a signal does what it does to any program, even while nobody reads what we print.
    process.off("SIGINT", stop)
    process.off("SIGTERM", stop)
    const end = () => process.exit(statusOf(exit))
    if (Exit.isFailure(exit)) setTimeout(end, grace)
    process.stdout.write("", (error) => (error ? broken(error) : end()))
  }
})
