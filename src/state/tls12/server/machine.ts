/** The TLS 1.2 server, top to bottom: each row of the figure names its handler. */
import type { Action } from "../../action.ts"
import type { Event12 } from "../../event.ts"
import type { Failure } from "../../failure.ts"
import { machine } from "../../machine.ts"
import * as Authentication from "./authentication.ts"
import { figure } from "./figure.ts"
import * as Finished from "./finished.ts"
import * as Hello from "./hello.ts"
import * as KeyExchange from "./keyExchange.ts"
import * as Resumption from "./resumption.ts"
import type { State } from "./state.ts"
import * as Ticket from "./ticket.ts"

export const server12 = machine<State, Event12, State, Action, Failure>()(figure, {
  RECVD_CLIENT_HELLO: { HelloResolved: Hello.helloResolved },
  OFFERING_KEY: { KeyShareMade: KeyExchange.keyShareMade },
  SIGNING_KEY: { Signed: KeyExchange.signed },
  WAIT_CLIENT_CERTIFICATE: { Certificate: Authentication.certificate },
  WAIT_CLIENT_KEY_EXCHANGE: { ClientKeyExchange: KeyExchange.clientKeyExchange },
  DERIVING_SECRET: { SecretAgreed: KeyExchange.secretAgreed },
  WAIT_CERTIFICATE_VERIFY: { CertificateVerify: Authentication.certificateVerify },
  AUTHENTICATING_CLIENT: { PeerAuthenticated: Authentication.peerAuthenticated },
  WAIT_CLIENT_CHANGE_CIPHER_SPEC: { ChangeCipherSpec: Finished.changeCipherSpec },
  WAIT_CLIENT_FINISHED: { Finished: Finished.finished },
  SEALING_TICKET: { TicketsSealed: Ticket.ticketsSealed },
  RESUMED_SEALING_TICKET: { TicketsSealed: Resumption.ticketRenewed },
  RESUMED_WAIT_CLIENT_CHANGE_CIPHER_SPEC: { ChangeCipherSpec: Resumption.changeCipherSpec },
  RESUMED_WAIT_CLIENT_FINISHED: { Finished: Resumption.finished },
  ESTABLISHED: { ClientHello: Finished.renegotiation }
})
