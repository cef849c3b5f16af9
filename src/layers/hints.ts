/** What to try: one sentence for the failures that people meet, and can do something about. */
import type { AlertDescription } from "../codec/registry/alert.ts"
import type { ReasonName } from "../state/failure.ts"

const byReason: { readonly [R in ReasonName]?: string } = {
  UnsupportedVersion: "the two ends have no version of TLS in common: see the option `versions` (--tls)",
  NoExtendedMasterSecret: 'the server should be updated; until then there is `extendedMasterSecret: "optional"`',
  NoSecureRenegotiation: "the server is open to an attack of 2009 (RFC 5746): it must be updated",
  NoExporter: "connections of TLS 1.3 always have keying material, and those of TLS 1.2 with RFC 7627",
  NotInThisVersion: "this needs TLS 1.3",
  Downgraded: "something between the two ends changed the ClientHello, or the server is misconfigured",
  NoCommonCipherSuite: "allow a suite that the peer has, with the option `suites`",
  NoCommonGroup: "allow a group that the peer has, with the option `groups`",
  NoCommonSignatureScheme: "use a certificate with a key of another type, P-256 for example",
  NoCommonProtocol: "offer a protocol that the peer has, with the option `alpnProtocols` (--alpn)",
  UnrecognizedName:
    "give a certificate for this name (Credentials.layerPem, layerSni), or serve unknown ones with `serverNamePolicy`",
  NoCredential: "give a certificate for this name, or a first one that serves any name, with Credentials.layerPem",
  NoCommonCertificateType:
    "one side shows a raw public key and the other wants a certificate, or the other way round: make them agree",
  ClientCertificateRequired: "the client must show a certificate: provide Credentials on its side",
  UnknownPsk: "check the identity, the names of both ends, and that both import the key or neither does",
  PskRequired: "both ends need the same key and the same names; `externalPskPolicy` lets certificates do too",
  BinderMismatch: "both ends need the same bytes of the key, with the same hash",
  UnexpectedRecord: "check the port: this may be no TLS at all",
  RecordOverflow: "check the port: this may be no TLS at all",
  CertificateExpired: "renew the certificate, or set this machine's clock right",
  CertificateNotYetValid: "set this machine's clock right, or wait",
  CertificateNameMismatch: "connect under a name that is in the certificate, or set `serverName` (--servername)",
  CertificateIssuerUnknown:
    "if that issuer is an intermediate, the peer must send it with its own certificate: tell whoever runs it; if it is a root that you believe, give it with TrustAnchors.layerPem (--ca)",
  CertificateRootUntrusted: "if you believe it, give it with TrustAnchors.layerPem (--ca)",
  CertificateMalformed:
    "a certificate breaks the rules of RFC 5280: the peer needs a new one, or must not send one that nobody needs",
  CertificateSignatureInvalid:
    "another authority of the same name may have issued it: check which CA is given (TrustAnchors.layerPem, --ca)",
  CertificateNotAuthority: "the chain names an issuer that may not issue: ask for a new certificate",
  CertificatePurposeMismatch:
    "the certificate is made for another purpose: servers need serverAuth, clients clientAuth",
  CertificatePolicyMismatch:
    "a policy is demanded by a CA of the chain or by `initialPolicies`: ask for a new certificate",
  CertificateKeyUnsupported: "use a key of P-256, P-384, Ed25519, or RSA of 2048 bits and more",
  CertificateAlgorithmUnsupported: "a certificate of the chain is signed with an old algorithm: ask for a new one",
  CertificateNotLogged:
    "ask the server's authority for a certificate with timestamps of logs, or take a newer list of logs",
  CertificateKeyChanged:
    "ask whoever runs the server whether its key is new; if it is, TrustOnFirstUse.forget the old one",
  CertificateRevoked: "do not trust this peer: whoever runs it must get a new certificate, and a new key",
  CertificateStatusUnknown:
    "give the CRLs of its issuers with Revocation.layerCrls (--crl), or be content with what is known (--revocation prefer)",
  CertificateStatusResponseInvalid: "the server must staple a fresh OCSP response: tell whoever runs it",
  UnreadData: "hand over before data flows, or pull what has come and ask again",
  NoChannelBinding: 'bind to "tls-exporter", which every connection has (RFC 9266)',
  UncleanClose: "the data may be cut short: do not trust what came as complete",
  ClosedDuringHandshake: "check that the port speaks TLS, and the peer's log for why it hung up",
  TransportFailed: "check host, port and network",
  HandshakeTimeout: "the peer answers too slowly, or not in TLS; `handshakeTimeout` sets the limit",
  TooBusy: "try again later, or raise `maxWaiting`",
  WriteLimitReached: "TLS 1.2 cannot change its keys: connect again for more; with TLS 1.3 this is a bug"
}

const byAlert: { readonly [A in AlertDescription]?: string } = {
  handshake_failure:
    "there may be no suite, group or signature scheme in common, or the peer wants a key of another kind (--psk, --raw-key)",
  protocol_version: "the peer does not speak the version that was offered: see the option `versions` (--tls)",
  decrypt_error: "the peer may not know our key, or under other names, or have other bytes for it",
  unknown_psk_identity: "the peer does not know our key, or knows it under other names",
  unknown_ca: "the peer does not know who issued our certificate",
  bad_certificate: "the peer does not accept our certificate",
  unsupported_certificate: "our certificate, or a raw public key in its place, is not of a kind that the peer takes",
  certificate_expired: "our certificate is out of date for the peer",
  certificate_unknown: "the peer does not accept our certificate",
  certificate_required: "the server wants a client certificate: provide Credentials (--cert and --key)",
  unrecognized_name: "the server does not know this name: check `serverName` (--servername)",
  no_application_protocol: "the server has none of the protocols in `alpnProtocols` (--alpn)"
}

/** The hint for a failure, if there is one; `received` is the alert of the peer. */
export const hintFor = (reason: ReasonName, received?: string | undefined): string | undefined =>
  reason === "AlertReceived" && received !== undefined ? hintForAlert(received) : byReason[reason]

const hintForAlert = (name: string): string | undefined =>
  Object.entries(byAlert).find(([alert]) => alert === name)?.[1]
