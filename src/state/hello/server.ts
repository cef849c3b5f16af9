/** START: the only door to a version on the server's side. */
import * as Result from "effect/Result"
import type { Action } from "../action.ts"
import type { ServerConfig } from "../config.ts"
import type { Event, Heard } from "../event.ts"
import type { Failure } from "../failure.ts"
import { machine, type Of, type Stepped } from "../machine.ts"
import { clientSpeaks13 } from "../negotiation/version.ts"
import * as Tls13 from "../tls13/server/hello.ts"
import type { ReceivedClientHello, State as State13 } from "../tls13/server/state.ts"
import type { ServerHelloState, ServerStart } from "./state.ts"

export const figure = {
  START: { ClientHello: ["RECVD_CH"] }
} as const

/** Where a server begins. */
export const start = (config: ServerConfig): ServerStart => ({ _tag: "START", config })

/** START --ClientHello--> RECVD_CH */
const clientHello = (state: ServerStart, event: Of<Heard, "ClientHello">): Stepped<ReceivedClientHello> =>
  Result.flatMap(clientSpeaks13(event.body), () => Tls13.clientHello(state.config, event))

export const serverHello = machine<ServerHelloState, Event, ServerHelloState | State13, Action, Failure>()(figure, {
  START: { ClientHello: clientHello }
})
