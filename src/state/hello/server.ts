/** START, CHOOSING_CONFIGURATION: the only door to a version on the server's side. */
import * as Result from "effect/Result"
import { resultFn } from "../../codec/resultFn.ts"
import type { Action } from "../action.ts"
import type { ConfigurationChosen } from "../command.ts"
import type { ServerConfig } from "../config.ts"
import type { Event, Heard } from "../event.ts"
import type { Failure } from "../failure.ts"
import { land, machine, type Of, type Stepped, type Steps } from "../machine.ts"
import * as ServerName from "../negotiation/serverName.ts"
import { fixedBy13, select } from "../negotiation/version.ts"
import * as Tls12 from "../tls12/server/hello.ts"
import type { ReceivedClientHello as ReceivedClientHello12, State as State12 } from "../tls12/server/state.ts"
import * as Tls13 from "../tls13/server/hello.ts"
import type { ReceivedClientHello, State as State13 } from "../tls13/server/state.ts"
import type { ChoosingConfiguration, ServerHelloState, ServerStart } from "./state.ts"

export const figure = {
  START: { ClientHello: ["CHOOSING_CONFIGURATION"] },
  CHOOSING_CONFIGURATION: { ConfigurationChosen: ["RECVD_CH", "RECVD_CLIENT_HELLO"] }
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

/** CHOOSING_CONFIGURATION --ConfigurationChosen--> RECVD_CH | RECVD_CLIENT_HELLO */
const configurationChosen = resultFn(function* (
  { asks: { hello, raw } }: ChoosingConfiguration,
  { config }: ConfigurationChosen
): Steps<ReceivedClientHello | ReceivedClientHello12> {
  const event = { _tag: "ClientHello", body: hello, raw } as const
  if ((yield* select(config, hello)) === "TLSv1.2") return yield* Tls12.clientHello(config, event)
  yield* fixedBy13(hello)
  return yield* Tls13.clientHello(config, event)
})

export const serverHello = machine<ServerHelloState, Event, ServerHelloState | State13 | State12, Action, Failure>()(
  figure,
  {
    START: { ClientHello: clientHello },
    CHOOSING_CONFIGURATION: { ConfigurationChosen: configurationChosen }
  }
)
