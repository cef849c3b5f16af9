/** TLS for a QUIC host: the same machines as everywhere, in a shell of their own. */
import * as Client from "../client.ts"
import type { Answer } from "../command.ts"
import type { ClientConfig, ServerConfig } from "../config.ts"
import * as Server from "../server.ts"
import type { Runnable } from "../stepping.ts"
import type { QuicConnection, QuicOptions } from "./connection.ts"
import { unlimitedEarlyData } from "./rules.ts"
import { make } from "./shell.ts"

export type {
  CryptoData,
  CryptoLevel,
  QuicConnection,
  QuicEvent,
  QuicLevel,
  QuicOptions,
  QuicProgress,
  QuicSecret
} from "./connection.ts"
export { errorCode } from "./errorCode.ts"

/** A configuration without what QUIC decides itself (RFC 9001 section 8.4), and with ALPN, which QUIC demands. */
type ForQuic<C> = Omit<C, "compatibility" | "recordSizeLimit" | "transport" | "protocols"> & {
  /** Application protocols (RFC 7301), at least one (RFC 9001 section 8.1). */
  readonly protocols: readonly [string, ...ReadonlyArray<string>]
}
/** How a client inside QUIC is configured. */
export type QuicClientConfig = ForQuic<ClientConfig>
/** How a server inside QUIC is configured. */
export type QuicServerConfig = ForQuic<ServerConfig>

/** Whatever limit of early data was configured, in QUIC it is the only one that a ticket may have. */
const sessions = ({ resumption }: ServerConfig): Pick<ServerConfig, "resumption"> =>
  resumption === undefined || resumption.maxEarlyData === 0
    ? {}
    : { resumption: { ...resumption, maxEarlyData: unlimitedEarlyData } }

const inside = ({ transportParameters }: QuicOptions) =>
  ({
    compatibility: "none",
    recordSizeLimit: undefined,
    transport: { _tag: "Quic", parameters: transportParameters }
  }) as const

/**
 * The client of a QUIC connection; `start` yields its first question.
 *
 * @example
 * const tls = Core.quicClient(config, { transportParameters })
 * let progress = Core.settleQuic(tls, tls.start(), world)
 * for (const { level, bytes } of progress.out) crypto[level].append(bytes)
 */
export const quicClient = (config: QuicClientConfig, options: QuicOptions): QuicConnection =>
  make(Client.runnable({ ...config, ...inside(options) }), options)

/** The server of a QUIC connection; it waits for the bytes of a ClientHello at level `initial`. */
export const quicServer = (config: QuicServerConfig, options: QuicOptions): QuicConnection => {
  const own: ServerConfig = { ...config, ...inside(options) }
  const step: Runnable<Server.ServerState>["step"] = (state, event) =>
    Server.step(state, event._tag === "ConfigurationChosen" ? kept(event, options) : event)
  return make({ ...Server.runnable({ ...own, ...sessions(own) }), step }, options)
}

/** A configuration that is chosen for one client is still one for QUIC; it may bring parameters of its own. */
const kept = (answer: Extract<Answer, { readonly _tag: "ConfigurationChosen" }>, options: QuicOptions): Answer => {
  const { transportParameters } = options
  const parameters = answer.config.transport?.parameters ?? transportParameters
  const { config } = answer
  return {
    ...answer,
    config: { ...config, ...inside({ ...options, transportParameters: parameters }), ...sessions(config) }
  }
}
