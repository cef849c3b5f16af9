/** The TLS 1.3 client, top to bottom: each row of the figure names its handler. */
import type { Action } from "../../action.ts"
import type { Event13 } from "../../event.ts"
import type { Failure } from "../../failure.ts"
import { machine } from "../../machine.ts"
import * as KeyUpdate from "../keyUpdate.ts"
import * as Authentication from "./authentication.ts"
import * as After from "./connected.ts"
import { figure } from "./figure.ts"
import * as Finished from "./finished.ts"
import * as Hello from "./hello.ts"
import * as Parameters from "./parameters.ts"
import type { State } from "./state.ts"

export const client13 = machine<State, Event13, State, Action, Failure>()(figure, {
  RETRYING: { KeyShareMade: Hello.keyShareMade },
  WAIT_SH_2: { ServerHello: Hello.serverHello2 },
  AGREEING: { SecretAgreed: Hello.secretAgreed },
  WAIT_EE: { EncryptedExtensions: Parameters.encryptedExtensions },
  WAIT_CERT_CR: {
    CertificateRequest: Authentication.certificateRequest,
    Certificate: Authentication.certificateUnasked,
    CompressedCertificate: Authentication.compressedUnasked
  },
  CHOOSING_CREDENTIAL: { CredentialChosen: Authentication.credentialChosen },
  WAIT_CERT: { Certificate: Authentication.certificateAsked, CompressedCertificate: Authentication.compressedAsked },
  WAIT_CV: { CertificateVerify: Authentication.certificateVerify },
  AUTHENTICATING: { PeerAuthenticated: Authentication.peerAuthenticated },
  WAIT_FINISHED: { Finished: Finished.finished },
  SIGNING: { Signed: Finished.signed },
  CONNECTED: {
    NewSessionTicket: After.newSessionTicket,
    KeyUpdate: KeyUpdate.keyUpdate,
    UpdateKeys: KeyUpdate.updateKeys
  }
})
