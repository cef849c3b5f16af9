/** The client: the prologue and one machine for each version, as one table. Tags are unique on a side. */

import type { ClientConfig, Version } from "./config.ts"
import { clientHello, start } from "./hello/client.ts"
import type { ClientHelloState } from "./hello/state.ts"
import { compose, expects as expecting, reduce } from "./machine.ts"
import type { Runnable } from "./stepping.ts"
import { client12 } from "./tls12/client/machine.ts"
import type { State as State12 } from "./tls12/client/state.ts"
import { client13 } from "./tls13/client/machine.ts"
import type { State as State13 } from "./tls13/client/state.ts"

/** Every state of a client. */
export type ClientState = ClientHelloState | State12 | State13

/** The figure of the whole client. */
export const client = compose(compose(clientHello, client13), client12)

export { start }

/** `(state, event) → Step | Failure`, pure. */
export const step = reduce(client)

/** `(state, name of an event) → nothing | UnexpectedMessage`, without taking the step. */
export const expects = expecting(client)

/** Which version a state speaks: that of the machine it belongs to. */
export const speaks = ({ _tag }: ClientState): Version => (_tag in client12.figure ? "TLSv1.2" : "TLSv1.3")

/** The client of one connection, for a shell. */
export const runnable = (config: ClientConfig): Runnable<ClientState> => ({
  role: "client",
  start: start(config),
  speaks,
  step,
  expects
})
