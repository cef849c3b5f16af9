/** The session that a client may resume later: behind a ticket, or kept here under an ID. */
import { Secret, unsafeBytes } from "../../../crypto/secret.ts"
import type { Established12 } from "../../established.ts"
import type { SessionDraft12 } from "../../session.ts"
import type { Keys } from "./state.ts"

/** What the ticket, or the ID, will stand for. */
export const sessionOf = (
  { selected, master }: Keys,
  { suite, group, protocol, serverName, peer }: Established12
): SessionDraft12 => ({
  version: "TLSv1.2",
  suite: suite.name,
  secret: new Secret("session", unsafeBytes(master).slice()),
  maxEarlyData: 0,
  group,
  serverName,
  protocol,
  policy: selected.choices.config.resumption?.policy ?? new Uint8Array(0),
  peer,
  authenticated: undefined
})
