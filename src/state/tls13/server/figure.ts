/**
 * RFC 9846 appendix A.2, from RECVD_CH on, with the states that ask made visible. AGREEING_2 exists so that early data
 * cannot follow a retry (section 4.3.10).
 */
export const figure = {
  RECVD_CH: { HelloResolved: ["TAKING_SESSION", "AGREEING", "WAIT_CH_2"] },
  TAKING_SESSION: { SessionTaken: ["AGREEING", "WAIT_CH_2"] },
  WAIT_CH_2: { ClientHello: ["AGREEING_2"] },
  AGREEING: { SecretAgreed: ["NEGOTIATED", "WAIT_EOED", "WAIT_FINISHED"] },
  AGREEING_2: { SecretAgreed: ["NEGOTIATED", "WAIT_FINISHED"] },
  NEGOTIATED: { Signed: ["WAIT_CERT", "WAIT_FINISHED"] },
  WAIT_EOED: { EndOfEarlyData: ["WAIT_FINISHED"] },
  WAIT_CERT: {
    Certificate: ["WAIT_CV", "WAIT_FINISHED"],
    CompressedCertificate: ["WAIT_CV", "WAIT_FINISHED"]
  },
  WAIT_CV: { CertificateVerify: ["AUTHENTICATING"] },
  AUTHENTICATING: { PeerAuthenticated: ["WAIT_FINISHED"] },
  WAIT_FINISHED: { Finished: ["SEALING_TICKETS", "CONNECTED"] },
  SEALING_TICKETS: { TicketsSealed: ["CONNECTED"] },
  CONNECTED: { KeyUpdate: ["CONNECTED"], UpdateKeys: ["CONNECTED"] }
} as const
