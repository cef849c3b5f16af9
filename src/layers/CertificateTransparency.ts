/**
 * Certificate Transparency: a server's certificate must have been published, by the word of several logs (RFC 6962).
 * Off unless a layer of this file is provided to `ServerVerifier.layerWebPki`.
 *
 * @example
 * const list = yield* Effect.fromResult(CertificateTransparency.fromJson(text))
 * const Logged = ServerVerifier.layerWebPki.pipe(Layer.provide(CertificateTransparency.layer({ list })))
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { hex } from "../codec/bytes.ts"
import { type Returns, resultFn } from "../codec/resultFn.ts"
import { timestampsInOcsp } from "../codec/x509/sct.ts"
import type { Primitives } from "../crypto/primitives.ts"
import type { AuthenticatePeer } from "../state/command.ts"
import { checkTimestamps, type LoadedLog, type LogList, maxListAge, type Rules } from "../state/path/transparency.ts"
import type { PeerIdentity } from "../state/proof.ts"
import { bytesOf, joined } from "./bytes.ts"
import { CryptoProvider } from "./CryptoProvider.ts"
import { readCertificate } from "./peerSignature.ts"
import { misconfigured, type TlsError } from "./TlsError.ts"
import type { Verifier } from "./Verifier.ts"

export type { LogList, TransparencyLog } from "../state/path/transparency.ts"
export { fromJson } from "./logList.ts"

/** Which logs are believed, and how much of them is asked for. */
export interface Options {
  /** The logs that are believed, as they were on a day. Older than 70 days it refuses nobody, and warns. */
  readonly list: LogList
  /** How many different operators must have logged a certificate; default 2. */
  readonly operators?: number | undefined
}

/** What a verifier becomes. */
type Demand = (verifier: Verifier) => Verifier

/** What is demanded of servers besides a path; nothing by default. */
export const CertificateTransparency = Context.Reference<Demand>("effect-tls/layers/CertificateTransparency", {
  defaultValue: () => (verifier) => verifier
})

const badLog = (description: string, detail: string): TlsError =>
  misconfigured(`list of logs: the key of ${description}: ${detail}`)

const loadLogs = resultFn(function* (
  { publicKey, hashes }: Primitives,
  { logs }: LogList
): Returns<ReadonlyMap<string, LoadedLog>, TlsError> {
  const loaded = new Map<string, LoadedLog>()
  for (const log of logs) {
    const key = yield* Result.mapError(publicKey(log.key), ({ detail }) => badLog(log.description, detail))
    loaded.set(hex(hashes.sha256.digest(log.key)), { log, key })
  }
  return loaded
})

/** The policy in a few bytes: another list, or another number, is another policy. */
const nameOf = ({ date }: LogList, { logs, operators, sha256 }: Rules, verifier: Uint8Array): Uint8Array => {
  const ids = [...logs].map(([id, { log }]) => `${id} ${log.retired} ${log.expiry?.start} ${log.expiry?.end}`)
  return sha256.digest(joined([verifier, bytesOf(`transparency ${operators} ${date} ${ids.sort().join()}`)]))
}

const judge = resultFn(function* (request: AuthenticatePeer, identity: PeerIdentity, rules: Rules, now: number) {
  const [first = new Uint8Array(0)] = request.chain
  const certificate = yield* readCertificate(first, 0)
  const { issuerKey } = identity
  const { timestamps = [], ocsp } = request
  const beside = [...timestamps, ...(ocsp === undefined ? [] : timestampsInOcsp(ocsp))]
  return yield* checkTimestamps({ certificate, issuerKey, beside, now }, rules)
})

const demanding =
  (list: LogList, rules: Rules): Demand =>
  (verifier) => {
    let warned = false
    const warn = Effect.suspend(() => {
      if (warned) return Effect.void
      warned = true
      const day = new Date(list.date).toISOString().slice(0, 10)
      return Effect.logWarning(`Certificate Transparency is off: the list of logs, of ${day}, is older than 70 days`)
    })
    const { fingerprint } = verifier
    return {
      ...verifier,
      verify: Effect.fnUntraced(function* (request) {
        const identity = yield* verifier.verify(request)
        const now = yield* Clock.currentTimeMillis
        if (request.peer._tag === "Client") return identity
        if (now - list.date > maxListAge) return yield* Effect.as(warn, identity)
        const logs = yield* Effect.fromResult(judge(request, identity, rules, now))
        return { ...identity, description: `${identity.description}, published by ${logs.join(" and ")}` }
      }),
      fingerprint: fingerprint && nameOf(list, rules, fingerprint)
    }
  }

/**
 * A verifier that also demands timestamps, for verifiers of one's own. Those in a certificate count where the verifier
 * tells `issuerKey`, as `layerWebPki` does. Fails with `InvalidConfiguration` for a key of a log that cannot be used.
 */
export const make = (primitives: Primitives, options: Options): Result.Result<Demand, TlsError> => {
  const { list, operators = 2 } = options
  if (!Number.isInteger(operators) || operators < 1) {
    return Result.fail(misconfigured("`operators` is a whole number, at least 1"))
  }
  return Result.map(loadLogs(primitives, list), (logs) =>
    demanding(list, { logs, operators, sha256: primitives.hashes.sha256 })
  )
}

/**
 * Servers of `ServerVerifier.layerWebPki` must show timestamps of several operators: in the certificate, in a stapled
 * OCSP response or by TLS. Too few are `CertificateNotLogged`. Clients are not asked: their certificates are private.
 */
export const layer = (options: Options): Layer.Layer<never, TlsError, CryptoProvider> =>
  Layer.effect(
    CertificateTransparency,
    CryptoProvider.use(({ primitives }) => Effect.fromResult(make(primitives, options)))
  )
