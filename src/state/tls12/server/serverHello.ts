/** ServerHello of TLS 1.2 (RFC 5246 section 7.4.1.3), of a full handshake and of one that resumes. */
import { find } from "../../../codec/extension/extension.ts"
import type { Extension } from "../../../codec/extension/placement.ts"
import type { Message12 } from "../../../codec/handshake/handshake.ts"
import { CipherSuite } from "../../../codec/registry/cipherSuite.ts"
import type { CipherSuite12 } from "../../../crypto/suite.ts"
import type { LimitRecords } from "../../action.ts"
import * as RecordSizeLimit from "../../negotiation/recordSizeLimit.ts"
import type { Choices } from "./state.ts"

type Extensions = ReadonlyArray<Extension<"ServerHello">>

/** RFC 5746 section 3.3: the suite that is none, by which a client says that it knows of secure renegotiation. */
const emptyRenegotiationInfo = CipherSuite.registry.TLS_EMPTY_RENEGOTIATION_INFO_SCSV

/** RFC 5746 section 3.6: empty, in answer to the extension or to the suite that stands for it. */
const renegotiationInfo = ({ hello }: Choices): Extensions =>
  find(hello.extensions, "renegotiation_info") !== undefined ||
  hello.cipher_suites.some((suite) => CipherSuite.code(suite) === emptyRenegotiationInfo)
    ? [{ type: "renegotiation_info", data: { renegotiated_connection: new Uint8Array(0) } }]
    : []

const extendedMasterSecret = ({ masterSecret }: Choices): Extensions =>
  masterSecret === "extended" ? [{ type: "extended_master_secret", data: {} }] : []

const protocol = ({ protocol }: Choices): Extensions =>
  protocol === undefined
    ? []
    : [{ type: "application_layer_protocol_negotiation", data: { protocol_name_list: [protocol] } }]

/** RFC 8422 section 5.2: in answer to a client that speaks of them. */
const pointFormats = ({ hello }: Choices): Extensions =>
  find(hello.extensions, "ec_point_formats") === undefined
    ? []
    : [{ type: "ec_point_formats", data: { ec_point_format_list: ["uncompressed"] } }]

/** What both kinds of handshake answer. */
export const common = (choices: Choices): Extensions => [
  ...renegotiationInfo(choices),
  ...extendedMasterSecret(choices),
  ...protocol(choices),
  ...pointFormats(choices),
  ...RecordSizeLimit.answered(choices.config, choices.hello, "TLSv1.2")
]

/** What follows from a limit on both sides, for the records under the keys to come. */
export const recordLimits = ({ config, hello }: Choices): ReadonlyArray<LimitRecords> =>
  RecordSizeLimit.agreed(config, find(hello.extensions, "record_size_limit"))

/** RFC 6066 section 3: not in a handshake that resumes. */
export const serverName = ({ serverName }: Choices): Extensions =>
  serverName === undefined ? [] : [{ type: "server_name", data: {} }]

/** RFC 5077 section 3.2: a NewSessionTicket will follow. */
export const ticketPromise: Extensions = [{ type: "session_ticket", data: { ticket: new Uint8Array(0) } }]

/** The message. An empty session ID says that the session cannot be resumed by one. */
export const serverHello = (
  random: Uint8Array,
  sessionId: Uint8Array,
  suite: CipherSuite12,
  extensions: Extensions
): Extract<Message12, { readonly _tag: "ServerHello" }> => ({
  _tag: "ServerHello",
  body: {
    legacy_version: "TLSv1.2",
    random,
    legacy_session_id_echo: sessionId,
    cipher_suite: suite.name,
    legacy_compression_method: 0,
    extensions
  }
})
