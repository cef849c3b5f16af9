/** START, WAIT_SH: the only door to a version. Whatever leaves here belongs to one version and never looks back. */
import { resultFn } from "../../codec/resultFn.ts"
import type { Action } from "../action.ts"
import type { HelloPrepared } from "../command.ts"
import type { ClientConfig } from "../config.ts"
import type { Event, Heard } from "../event.ts"
import type { Failure } from "../failure.ts"
import { encodeHandshake } from "../flight.ts"
import { land, machine, type Of, type Steps } from "../machine.ts"
import { offeredVersions, serverChose } from "../negotiation/version.ts"
import * as Tls12 from "../tls12/client/hello.ts"
import type { State as State12 } from "../tls12/client/state.ts"
import { offerEarlyData } from "../tls13/client/earlyData.ts"
import { retried, retry, serverHello } from "../tls13/client/hello.ts"
import type { Agreeing, Retrying, State as State13, WaitServerHello2 } from "../tls13/client/state.ts"
import * as Transcript from "../transcript.ts"
import { first } from "./clientHello.ts"
import type { ClientHelloState, ClientStart, WaitServerHello } from "./state.ts"

export const figure = {
  START: { HelloPrepared: ["WAIT_SH"] },
  WAIT_SH: {
    HelloRetryRequest: ["RETRYING", "WAIT_SH_2"],
    ServerHello: [
      "AGREEING",
      "WAIT_SERVER_CERTIFICATE",
      "RESUMED_WAIT_NEW_SESSION_TICKET",
      "RESUMED_WAIT_CHANGE_CIPHER_SPEC"
    ]
  }
} as const

/** Where TLS 1.2 begins, with a session or without. */
type FirstOf12 = Of<
  State12,
  "WAIT_SERVER_CERTIFICATE" | "RESUMED_WAIT_NEW_SESSION_TICKET" | "RESUMED_WAIT_CHANGE_CIPHER_SPEC"
>

/** Where a client begins. */
export const start = (config: ClientConfig): ClientStart => ({
  _tag: "START",
  // Shares MUST stand in the order of supported_groups (section 4.3.8).
  asks: {
    _tag: "PrepareHello",
    groups: offeredVersions(config).includes("TLSv1.3")
      ? config.groups.filter((group) => config.shares.includes(group))
      : [],
    config
  },
  config
})

/** START --HelloPrepared--> WAIT_SH */
const helloPrepared = resultFn(function* (state: ClientStart, event: HelloPrepared): Steps<WaitServerHello> {
  const offer = yield* first(state.config, event)
  const message = { _tag: "ClientHello", body: offer.hello } as const
  const raw = yield* encodeHandshake(message)
  const transcript = Transcript.heard(raw)
  return land({ _tag: "WAIT_SH", offer, transcript }, [
    { _tag: "Send", epoch: "plaintext", message, raw },
    ...offerEarlyData(offer, transcript)
  ])
})

/** WAIT_SH --HelloRetryRequest--> RETRYING | WAIT_SH_2: a retry for a cookie alone keeps the shares. */
const helloRetryRequest = resultFn(function* (
  state: WaitServerHello,
  event: Of<Heard, "HelloRetryRequest">
): Steps<Retrying | WaitServerHello2> {
  const { offer } = state
  yield* serverChose(offeredVersions(offer.config), event.body)
  const asked = yield* retry(offer, state.transcript, event)
  const { group } = asked.retry
  if (group === undefined) return yield* retried({ offer, ...asked }, offer.shares)
  return land({ _tag: "RETRYING", asks: { _tag: "MakeKeyShare", group }, offer, ...asked })
})

/** WAIT_SH --ServerHello--> AGREEING, or one of the states of TLS 1.2: here the version is chosen. */
const serverHelloFirst = resultFn(function* (
  { offer, transcript }: WaitServerHello,
  { body, raw }: Of<Heard, "ServerHello">
): Steps<Agreeing | FirstOf12> {
  const version = yield* serverChose(offeredVersions(offer.config), body)
  return version === "TLSv1.2"
    ? yield* Tls12.serverHello(offer, Transcript.hear(transcript, raw), body)
    : yield* serverHello(
        offer,
        "full",
        (suite) => Transcript.append(Transcript.hashing(transcript, suite.hash), raw),
        body
      )
})

export const clientHello = machine<ClientHelloState, Event, ClientHelloState | State12 | State13, Action, Failure>()(
  figure,
  {
    START: { HelloPrepared: helloPrepared },
    WAIT_SH: { HelloRetryRequest: helloRetryRequest, ServerHello: serverHelloFirst }
  }
)
