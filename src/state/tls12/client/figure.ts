/**
 * RFC 5246 section 7.3, figures 1 and 2, from ServerHello on, with the states that ask made visible; RFC 5077 section
 * 3.1 for the ticket, RFC 6066 section 8 for the status, which a server may promise and leave out.
 */
export const figure = {
  WAIT_SERVER_CERTIFICATE: { Certificate: ["WAIT_CERTIFICATE_STATUS", "WAIT_SERVER_KEY_EXCHANGE"] },
  WAIT_CERTIFICATE_STATUS: {
    CertificateStatus: ["WAIT_SERVER_KEY_EXCHANGE"],
    ServerKeyExchange: ["AUTHENTICATING_KEY"]
  },
  WAIT_SERVER_KEY_EXCHANGE: { ServerKeyExchange: ["AUTHENTICATING_KEY"] },
  AUTHENTICATING_KEY: { PeerAuthenticated: ["WAIT_SERVER_HELLO_DONE"] },
  WAIT_SERVER_HELLO_DONE: {
    CertificateRequest: ["CHOOSING_CLIENT_CREDENTIAL"],
    ServerHelloDone: ["EXCHANGING_KEY"]
  },
  CHOOSING_CLIENT_CREDENTIAL: { CredentialChosen: ["WAIT_DONE_AFTER_REQUEST"] },
  WAIT_DONE_AFTER_REQUEST: { ServerHelloDone: ["EXCHANGING_KEY"] },
  EXCHANGING_KEY: { SecretAgreed: ["SIGNING_TRANSCRIPT", "WAIT_NEW_SESSION_TICKET", "WAIT_CHANGE_CIPHER_SPEC"] },
  SIGNING_TRANSCRIPT: { Signed: ["WAIT_NEW_SESSION_TICKET", "WAIT_CHANGE_CIPHER_SPEC"] },
  WAIT_NEW_SESSION_TICKET: { NewSessionTicket: ["WAIT_CHANGE_CIPHER_SPEC"] },
  WAIT_CHANGE_CIPHER_SPEC: { ChangeCipherSpec: ["WAIT_SERVER_FINISHED"] },
  WAIT_SERVER_FINISHED: { Finished: ["ESTABLISHED"] },
  RESUMED_WAIT_NEW_SESSION_TICKET: { NewSessionTicket: ["RESUMED_WAIT_CHANGE_CIPHER_SPEC"] },
  RESUMED_WAIT_CHANGE_CIPHER_SPEC: { ChangeCipherSpec: ["RESUMED_WAIT_SERVER_FINISHED"] },
  RESUMED_WAIT_SERVER_FINISHED: { Finished: ["ESTABLISHED"] },
  ESTABLISHED: { HelloRequest: ["ESTABLISHED"] }
} as const
