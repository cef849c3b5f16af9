/** Which sessions may be resumed, in either version: never one that a full handshake of today would not come to. */
import { equal } from "../../crypto/constantTime.ts"
import type { AnyCipherSuite } from "../../crypto/suite.ts"
import type { ClientConfig, ServerConfig, Version } from "../config.ts"
import { serverText } from "../path/host.ts"
import type { Session, Ticket } from "../session.ts"
import { freshness } from "../tls13/limits.ts"
import { offeredVersions } from "./version.ts"

/** What is offered of a version; nothing of one that is not. */
const suitesOf = (config: ClientConfig, version: Version): ReadonlyArray<AnyCipherSuite> => {
  if (!offeredVersions(config).includes(version)) return []
  return version === "TLSv1.2" ? (config.suites12 ?? []) : config.suites
}

/**
 * Whether a client may use a ticket with this configuration: the same server, verified under the same policy, with a
 * suite and a protocol that would be offered today.
 */
export const usable = (config: ClientConfig, { session }: Ticket, now: number): boolean =>
  config.resumption !== undefined &&
  equal(session.policy, config.resumption.policy) &&
  session.serverName === serverText(config.server) &&
  session.expires > now &&
  suitesOf(config, session.version).some(({ name }) => name === session.suite) &&
  (session.protocol === undefined ? config.protocols.length === 0 : config.protocols.includes(session.protocol))

/** What of a ClientHello a session must not differ in. */
interface Choices {
  readonly config: ServerConfig
  readonly serverName: string | undefined
  readonly protocol: string | undefined
}

/**
 * Whether a server may resume a session here and now: under the same name, the same protocol and the same policy, for a
 * client that shows no more than it did then. What differs gets a full handshake. The clock of the server that began it
 * may be a little ahead of ours.
 */
export const acceptable = ({ config, protocol, serverName }: Choices, session: Session, now: number): boolean =>
  config.resumption !== undefined &&
  equal(session.policy, config.resumption.policy) &&
  session.serverName === serverName &&
  session.protocol === protocol &&
  session.created <= now + freshness &&
  session.expires > now &&
  (config.clientAuthentication._tag !== "Required" || session.peer !== undefined)
