/** START, CHOOSING_CONFIGURATION: the only door to a version on the server's side. */
import * as Result from "effect/Result"
import type { Action } from "../action.ts"
import type { ConfigurationChosen } from "../command.ts"
import type { ServerConfig } from "../config.ts"
import type { Event, Heard } from "../event.ts"
import type { Failure } from "../failure.ts"
import { land, machine, type Of, type Stepped } from "../machine.ts"
import * as ServerName from "../negotiation/serverName.ts"
import { clientSpeaks13 } from "../negotiation/version.ts"
import * as Tls13 from "../tls13/server/hello.ts"
import type { ReceivedClientHello, State as State13 } from "../tls13/server/state.ts"
import type { ChoosingConfiguration, ServerHelloState, ServerStart } from "./state.ts"

export const figure = {
  START: { ClientHello: ["CHOOSING_CONFIGURATION"] },
  CHOOSING_CONFIGURATION: { ConfigurationChosen: ["RECVD_CH"] }
} as const

/** Where a server begins. */
export const start = (config: ServerConfig): ServerStart => ({ _tag: "START", config })

/** START --ClientHello--> CHOOSING_CONFIGURATION: before anything is negotiated, the version too. */
const clientHello = (state: ServerStart, event: Of<Heard, "ClientHello">): Stepped<ChoosingConfiguration> => {
  const { body: hello, raw } = event
  return Result.map(ServerName.asked(hello.extensions), (serverName) =>
    land({
      _tag: "CHOOSING_CONFIGURATION",
      asks: { _tag: "ChooseConfiguration", config: state.config, hello, raw, serverName }
    })
  )
}

/** CHOOSING_CONFIGURATION --ConfigurationChosen--> RECVD_CH */
const configurationChosen = (
  { asks: { hello, raw } }: ChoosingConfiguration,
  { config }: ConfigurationChosen
): Stepped<ReceivedClientHello> =>
  Result.flatMap(clientSpeaks13(hello), () => Tls13.clientHello(config, { _tag: "ClientHello", body: hello, raw }))

export const serverHello = machine<ServerHelloState, Event, ServerHelloState | State13, Action, Failure>()(figure, {
  START: { ClientHello: clientHello },
  CHOOSING_CONFIGURATION: { ConfigurationChosen: configurationChosen }
})
