/** The TLS 1.2 client, top to bottom: each row of the figure names its handler. */
import type { Action } from "../../action.ts"
import type { Event12 } from "../../event.ts"
import type { Failure } from "../../failure.ts"
import { machine } from "../../machine.ts"
import * as Authentication from "./authentication.ts"
import { figure } from "./figure.ts"
import * as Finished from "./finished.ts"
import * as KeyExchange from "./keyExchange.ts"
import type { State } from "./state.ts"

export const client12 = machine<State, Event12, State, Action, Failure>()(figure, {
  WAIT_SERVER_CERTIFICATE: { Certificate: Authentication.certificate },
  WAIT_CERTIFICATE_STATUS: {
    CertificateStatus: Authentication.certificateStatus,
    ServerKeyExchange: Authentication.serverKeyExchangeAtOnce
  },
  WAIT_SERVER_KEY_EXCHANGE: { ServerKeyExchange: Authentication.serverKeyExchange },
  AUTHENTICATING_KEY: { PeerAuthenticated: Authentication.peerAuthenticated },
  WAIT_SERVER_HELLO_DONE: {
    CertificateRequest: Authentication.certificateRequest,
    ServerHelloDone: Authentication.serverHelloDone
  },
  CHOOSING_CLIENT_CREDENTIAL: { CredentialChosen: Authentication.credentialChosen },
  WAIT_DONE_AFTER_REQUEST: { ServerHelloDone: Authentication.doneAfterRequest },
  EXCHANGING_KEY: { SecretAgreed: KeyExchange.secretAgreed },
  SIGNING_TRANSCRIPT: { Signed: KeyExchange.signed },
  WAIT_NEW_SESSION_TICKET: { NewSessionTicket: Finished.newSessionTicket },
  WAIT_CHANGE_CIPHER_SPEC: { ChangeCipherSpec: Finished.changeCipherSpec },
  WAIT_SERVER_FINISHED: { Finished: Finished.finished },
  RESUMED_WAIT_NEW_SESSION_TICKET: { NewSessionTicket: Finished.resumedNewSessionTicket },
  RESUMED_WAIT_CHANGE_CIPHER_SPEC: { ChangeCipherSpec: Finished.resumedChangeCipherSpec },
  RESUMED_WAIT_SERVER_FINISHED: { Finished: Finished.resumedFinished },
  ESTABLISHED: { HelloRequest: Finished.helloRequest }
})
