/** What a ClientHello says for the sake of servers that speak TLS 1.2. */
import type { Extension } from "../../../codec/extension/placement.ts"
import type { ClientConfig } from "../../config.ts"
import type { OfferedSession } from "./state.ts"

const none = new Uint8Array(0)

/** RFC 5077 section 3.2: the ticket, or the wish for one. */
const sessionTicket = (
  { resumption }: ClientConfig,
  session: OfferedSession | undefined
): ReadonlyArray<Extension<"ClientHello">> => {
  if (resumption === undefined) return []
  const ticket = session === undefined || session.ticket.form === "session_id" ? none : session.ticket.ticket
  return [{ type: "session_ticket", data: { ticket } }]
}

/** RFC 7627, 5746, 8422 and 5077. The extension of RFC 5746 is said, so its signalling suite is not. */
export const extensions = (
  config: ClientConfig,
  session: OfferedSession | undefined
): ReadonlyArray<Extension<"ClientHello">> => [
  { type: "extended_master_secret", data: {} },
  { type: "renegotiation_info", data: { renegotiated_connection: none } },
  { type: "ec_point_formats", data: { ec_point_format_list: ["uncompressed"] } },
  ...sessionTicket(config, session)
]
