/** The states of the two prologues: before anybody knows which version is spoken. */
import type { Asking, ChooseConfiguration, PrepareHello } from "../command.ts"
import type { ClientConfig, ServerConfig } from "../config.ts"
import type { Heard } from "../transcript.ts"
import type { Offer } from "./clientHello.ts"

export interface ClientStart extends Asking<"START", PrepareHello> {
  readonly config: ClientConfig
}
export interface WaitServerHello {
  readonly _tag: "WAIT_SH"
  readonly offer: Offer
  readonly transcript: Heard
}
export type ClientHelloState = ClientStart | WaitServerHello

export interface ServerStart {
  readonly _tag: "START"
  readonly config: ServerConfig
}
export interface ChoosingConfiguration extends Asking<"CHOOSING_CONFIGURATION", ChooseConfiguration> {}
export type ServerHelloState = ServerStart | ChoosingConfiguration
