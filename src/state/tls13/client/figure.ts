/** RFC 9846 appendix A.1, from ServerHello on, with the states that ask made visible. */
export const figure = {
  RETRYING: { KeyShareMade: ["WAIT_SH_2"] },
  WAIT_SH_2: { ServerHello: ["AGREEING"] },
  AGREEING: { SecretAgreed: ["WAIT_EE"] },
  WAIT_EE: { EncryptedExtensions: ["WAIT_CERT_CR", "WAIT_FINISHED"] },
  WAIT_CERT_CR: {
    CertificateRequest: ["CHOOSING_CREDENTIAL"],
    Certificate: ["WAIT_CV"],
    CompressedCertificate: ["WAIT_CV"]
  },
  CHOOSING_CREDENTIAL: { CredentialChosen: ["WAIT_CERT"] },
  WAIT_CERT: { Certificate: ["WAIT_CV"], CompressedCertificate: ["WAIT_CV"] },
  WAIT_CV: { CertificateVerify: ["AUTHENTICATING"] },
  AUTHENTICATING: { PeerAuthenticated: ["WAIT_FINISHED"] },
  WAIT_FINISHED: { Finished: ["SIGNING", "CONNECTED"] },
  SIGNING: { Signed: ["CONNECTED"] },
  CONNECTED: { NewSessionTicket: ["CONNECTED"], KeyUpdate: ["CONNECTED"], UpdateKeys: ["CONNECTED"] }
} as const
