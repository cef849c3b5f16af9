/**
 * RFC 5246 section 7.3, figures 1 and 2, with the tickets of RFC 5077 section 3.1 and the states that ask made visible.
 * ChangeCipherSpec is an event like any other, so one that comes early is an arrow that is not there.
 */
export const figure = {
  RECVD_CLIENT_HELLO: {
    HelloResolved: ["OFFERING_KEY", "RESUMED_SEALING_TICKET", "RESUMED_WAIT_CLIENT_CHANGE_CIPHER_SPEC"]
  },
  OFFERING_KEY: { KeyShareMade: ["SIGNING_KEY"] },
  SIGNING_KEY: { Signed: ["WAIT_CLIENT_CERTIFICATE", "WAIT_CLIENT_KEY_EXCHANGE"] },
  WAIT_CLIENT_CERTIFICATE: { Certificate: ["WAIT_CLIENT_KEY_EXCHANGE"] },
  WAIT_CLIENT_KEY_EXCHANGE: { ClientKeyExchange: ["DERIVING_SECRET"] },
  DERIVING_SECRET: { SecretAgreed: ["WAIT_CERTIFICATE_VERIFY", "WAIT_CLIENT_CHANGE_CIPHER_SPEC"] },
  WAIT_CERTIFICATE_VERIFY: { CertificateVerify: ["AUTHENTICATING_CLIENT"] },
  AUTHENTICATING_CLIENT: { PeerAuthenticated: ["WAIT_CLIENT_CHANGE_CIPHER_SPEC"] },
  WAIT_CLIENT_CHANGE_CIPHER_SPEC: { ChangeCipherSpec: ["WAIT_CLIENT_FINISHED"] },
  WAIT_CLIENT_FINISHED: { Finished: ["SEALING_TICKET", "ESTABLISHED"] },
  SEALING_TICKET: { TicketsSealed: ["ESTABLISHED"] },
  RESUMED_SEALING_TICKET: { TicketsSealed: ["RESUMED_WAIT_CLIENT_CHANGE_CIPHER_SPEC"] },
  RESUMED_WAIT_CLIENT_CHANGE_CIPHER_SPEC: { ChangeCipherSpec: ["RESUMED_WAIT_CLIENT_FINISHED"] },
  RESUMED_WAIT_CLIENT_FINISHED: { Finished: ["ESTABLISHED"] },
  ESTABLISHED: { ClientHello: ["ESTABLISHED"] }
} as const
