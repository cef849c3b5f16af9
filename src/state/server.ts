/** The server: the prologue and one machine for each version, as one table. */

import type { ServerConfig, Version } from "./config.ts"
import { serverHello, start } from "./hello/server.ts"
import type { ServerHelloState } from "./hello/state.ts"
import { compose, expects as expecting, reduce } from "./machine.ts"
import type { Runnable } from "./stepping.ts"
import { server12 } from "./tls12/server/machine.ts"
import type { State as State12 } from "./tls12/server/state.ts"
import { server13 } from "./tls13/server/machine.ts"
import type { State as State13 } from "./tls13/server/state.ts"

/** Every state of a server. */
export type ServerState = ServerHelloState | State13 | State12

/** The figure of the whole server. */
export const server = compose(compose(serverHello, server13), server12)

export { start }

/** `(state, event) → Step | Failure`, pure. */
export const step = reduce(server)

/** `(state, name of an event) → nothing | UnexpectedMessage`, without taking the step. */
export const expects = expecting(server)

/** Which version a state speaks: that of the machine it belongs to. */
export const speaks = ({ _tag }: ServerState): Version => (_tag in server12.figure ? "TLSv1.2" : "TLSv1.3")

/** The server of one connection, for a shell. */
export const runnable = (config: ServerConfig): Runnable<ServerState> => ({
  role: "server",
  start: start(config),
  speaks,
  step,
  expects
})
