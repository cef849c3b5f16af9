/** Sessions of TLS 1.2 as a client offers and keeps them (RFC 5246 section 7.3, RFC 5077). */
import { Secret, unsafeBytes } from "../../../crypto/secret.ts"
import type { Action } from "../../action.ts"
import type { HelloPrepared } from "../../command.ts"
import type { ClientConfig } from "../../config.ts"
import type { Established12 } from "../../established.ts"
import { usable } from "../../negotiation/resumption.ts"
import { serverText } from "../../path/host.ts"
import { maxLifetime, type Session12 } from "../../session.ts"
import type { MasterSecret } from "../keySchedule.ts"
import { sessionLifetime } from "../limits.ts"
import type { Kept, Keyed, OfferedSession } from "./state.ts"

/** The session out of the store, if it is one of TLS 1.2 and good. */
export const offeredSession = (config: ClientConfig, { ticket, now }: HelloPrepared): OfferedSession | undefined =>
  ticket?.session.version === "TLSv1.2" && usable(config, ticket, now)
    ? { ticket, session: ticket.session, left: ticket.session.expires - now }
    : undefined

/** The master secret of a session, of its own. */
export const masterOf = ({ secret }: Session12): MasterSecret => new Secret("master", unsafeBytes(secret).slice())

/** What stands for a session that was not promised a ticket: its ID, if the server gave one. */
export const keptById = ({ negotiated: { sessionId } }: Keyed): Kept =>
  sessionId.length === 0
    ? { _tag: "Nothing" }
    : { _tag: "Ticket", ticket: sessionId, form: "session_id", lifetime: sessionLifetime }

/** What a NewSessionTicket leaves; of no bytes it takes back the promise (RFC 5077 section 3.3). */
export const keptByTicket = (ticket: Uint8Array, hint: number, otherwise: Kept): Kept =>
  ticket.length === 0
    ? otherwise
    : {
        _tag: "Ticket",
        ticket: ticket.slice(),
        form: "ticket",
        lifetime: hint === 0 ? sessionLifetime : Math.min(hint * 1000, maxLifetime)
      }

/** A session for the store, where one is kept; without an extended master secret never (RFC 7627 section 5.4). */
export const store = (
  { negotiated, proof, master }: Keyed,
  kept: Kept,
  established: Established12
): ReadonlyArray<Action> => {
  const { config } = negotiated.offer
  const { suite, group, protocol, peer } = established
  if (kept._tag === "Nothing" || config.resumption === undefined || negotiated.masterSecret === "plain") return []
  return [
    {
      _tag: "StoreTicket",
      ticket: kept.ticket,
      form: kept.form,
      ageAdd: 0,
      lifetime: kept.lifetime,
      draft: {
        version: "TLSv1.2",
        suite: suite.name,
        secret: new Secret("session", unsafeBytes(master).slice()),
        maxEarlyData: 0,
        group,
        serverName: serverText(config.server),
        protocol,
        policy: config.resumption.policy,
        peer,
        authenticated: proof._tag === "SessionResumed" ? proof.authenticated : undefined
      }
    }
  ]
}
