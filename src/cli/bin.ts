#!/usr/bin/env node
/** The program as a process: arguments, signals, exit status. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { run } from "./program.ts"

const args = process.argv.slice(2)

/** A server that was told to stop has done its work; anything else that was stopped has not. */
const stopped = args[0] === "serve" ? 0 : 130

/** `effect-tls … | head` ends the reader first, which is no reason for a stack trace. */
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1))

NodeRuntime.runMain(Effect.provide(run(args), NodeServices.layer), {
  disableErrorReporting: true,
  teardown: (exit) => {
    const status = Exit.isSuccess(exit) ? exit.value : Cause.hasInterruptsOnly(exit.cause) ? stopped : 1
    process.stdout.write("", () => process.exit(Number(status)))
  }
})
