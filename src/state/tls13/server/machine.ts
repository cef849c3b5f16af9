/** The TLS 1.3 server, top to bottom: each row of the figure names its handler. */
import type { Action } from "../../action.ts"
import type { Event } from "../../event.ts"
import type { Failure } from "../../failure.ts"
import { machine } from "../../machine.ts"
import * as KeyUpdate from "../keyUpdate.ts"
import * as Authentication from "./authentication.ts"
import { figure } from "./figure.ts"
import * as Finished from "./finished.ts"
import * as Hello from "./hello.ts"
import * as Parameters from "./parameters.ts"
import type { State } from "./state.ts"

export const server13 = machine<State, Event, State, Action, Failure>()(figure, {
  RECVD_CH: { HelloResolved: Hello.helloResolved },
  WAIT_CH_2: { ClientHello: Hello.clientHello2 },
  AGREEING: { SecretAgreed: Parameters.secretAgreed },
  AGREEING_2: { SecretAgreed: Parameters.secretAgreed },
  NEGOTIATED: { Signed: Authentication.signed },
  WAIT_CERT: {
    Certificate: Authentication.certificate,
    CompressedCertificate: Authentication.compressedCertificate
  },
  WAIT_CV: { CertificateVerify: Authentication.certificateVerify },
  AUTHENTICATING: { PeerAuthenticated: Authentication.peerAuthenticated },
  WAIT_FINISHED: { Finished: Finished.finished },
  CONNECTED: { KeyUpdate: KeyUpdate.keyUpdate, UpdateKeys: KeyUpdate.updateKeys }
})
