/** What a client resumes: the PSKs that it offers (RFC 9846 section 4.3.11), and early data with the first of them. */
import type { CipherSuite13 } from "../../../crypto/suite.ts"
import type { HelloPrepared } from "../../command.ts"
import type { ClientConfig } from "../../config.ts"
import { usable } from "../../negotiation/resumption.ts"
import { type OfferedPsk, ofExternal, ofTicket } from "../psk.ts"

export type { OfferedPsk } from "../psk.ts"

/** Whether early data goes with a ClientHello; `Refused` after a retry, which takes back what was offered. */
export type EarlyDataOffer =
  | { readonly _tag: "None" }
  | { readonly _tag: "Refused" }
  | {
      readonly _tag: "Offered"
      readonly psk: OfferedPsk
      readonly suite: CipherSuite13
      /** Bytes. */
      readonly limit: number
      /** What ALPN settled on when the session began; it must be so again. */
      readonly protocol: string | undefined
    }

const suiteOf = (config: ClientConfig, name: CipherSuite13["name"]): CipherSuite13 | undefined =>
  config.suites.find((suite) => suite.name === name)

/**
 * The session out of the store, if it is good, then the keys that were given and whose hash a suite of ours has. A
 * session says nothing about such keys, so where they are required there is none.
 */
export const offeredPsks = (config: ClientConfig, { ticket, now }: HelloPrepared): ReadonlyArray<OfferedPsk> => {
  const session = ticket?.session.version === "TLSv1.3" ? ticket.session : undefined
  const suite = session === undefined ? undefined : suiteOf(config, session.suite)
  const resumed =
    ticket !== undefined &&
    session !== undefined &&
    suite !== undefined &&
    config.externalPskPolicy !== "required" &&
    usable(config, ticket, now)
      ? [ofTicket(session, ticket, suite.hash, now)]
      : []
  const external = (config.externalPsks ?? []).flatMap((psk) => {
    const hash = config.suites.find(({ hash }) => hash.name === psk.hash)?.hash
    return hash === undefined ? [] : [{ ...ofExternal(psk, hash), obfuscatedAge: 0 }]
  })
  return [...resumed, ...external]
}

/** Early data is offered when there is some, and the session of the first PSK takes all of it. */
export const earlyDataOffer = (config: ClientConfig, first: OfferedPsk | undefined): EarlyDataOffer => {
  const { earlyData: size } = config
  if (first === undefined || first.origin._tag === "External" || size === undefined) return { _tag: "None" }
  const { session } = first.origin
  const suite = suiteOf(config, session.suite)
  return suite === undefined || size === 0 || size > session.maxEarlyData
    ? { _tag: "None" }
    : { _tag: "Offered", psk: first, suite, limit: session.maxEarlyData, protocol: session.protocol }
}
