/** The TLS 1.3 server, top to bottom: each row of the figure names its handler. */
import type { Action } from "../../action.ts"
import type { Event13 } from "../../event.ts"
import type { Failure } from "../../failure.ts"
import { machine } from "../../machine.ts"
import * as KeyUpdate from "../keyUpdate.ts"
import * as Authentication from "./authentication.ts"
import * as EarlyData from "./earlyData.ts"
import { figure } from "./figure.ts"
import * as Finished from "./finished.ts"
import * as Hello from "./hello.ts"
import * as Parameters from "./parameters.ts"
import type { State } from "./state.ts"
import * as Tickets from "./tickets.ts"

export const server13 = machine<State, Event13, State, Action, Failure>()(figure, {
  RECVD_CH: { HelloResolved: Hello.helloResolved },
  TAKING_SESSION: { SessionTaken: Hello.sessionTaken },
  WAIT_CH_2: { ClientHello: Hello.clientHello2 },
  AGREEING: { SecretAgreed: Parameters.secretAgreed },
  AGREEING_2: { SecretAgreed: Parameters.secretAgreed2 },
  NEGOTIATED: { Signed: Authentication.signed },
  WAIT_EOED: { EndOfEarlyData: EarlyData.endOfEarlyData },
  WAIT_CERT: {
    Certificate: Authentication.certificate,
    CompressedCertificate: Authentication.compressedCertificate
  },
  WAIT_CV: { CertificateVerify: Authentication.certificateVerify },
  AUTHENTICATING: { PeerAuthenticated: Authentication.peerAuthenticated },
  WAIT_FINISHED: { Finished: Finished.finished },
  SEALING_TICKETS: { TicketsSealed: Tickets.ticketsSealed },
  CONNECTED: { KeyUpdate: KeyUpdate.keyUpdate, UpdateKeys: KeyUpdate.updateKeys }
})
