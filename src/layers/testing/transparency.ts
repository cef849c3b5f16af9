/**
 * Logs of Certificate Transparency for tests: they sign timestamps (RFC 6962 section 3.2), and publish nothing.
 *
 * @example
 * const logs = [yield* makeLog({ operator: "A" }), yield* makeLog({ operator: "B" })]
 * const server = yield* issue(ca, { names: ["example.org"], logs })
 * const Logged = CertificateTransparency.layer({ list: listOf(logs, now) })
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import { encode } from "../../codec/presentation/wire.ts"
import { encodeTbs, type TBSCertificate } from "../../codec/x509/certificate.ts"
import type { Extension } from "../../codec/x509/extension.ts"
import {
  type LogEntry,
  SignedCertificateTimestamp,
  signedContent,
  type TimestampV1,
  timestampsExtension,
  withoutTimestamps
} from "../../codec/x509/sct.ts"
import type { PrivateKey } from "../../crypto/primitives.ts"
import type { LogList, TransparencyLog } from "../../state/path/transparency.ts"
import { CryptoProvider } from "../CryptoProvider.ts"
import { type CertificateFactoryError, encoded, provided } from "./factory.ts"

/** A log with its key. */
export interface Log extends TransparencyLog {
  readonly privateKey: PrivateKey
}

/** What a log is called, who runs it, and what key it has. */
export interface LogOptions extends Partial<Pick<TransparencyLog, "description" | "retired" | "expiry">> {
  readonly operator: string
  /** Default p256. */
  readonly keyType?: "p256" | "rsa2048" | undefined
}

/** What a timestamp says, where it is not what it should be. */
export interface StampOptions {
  /** Milliseconds since 1970; default now. */
  readonly timestamp?: number | undefined
  readonly extensions?: Uint8Array | undefined
  /** Last changes, after the signature: for timestamps that are wrong. */
  readonly alter?: ((sct: TimestampV1) => TimestampV1) | undefined
}

/** A new log. */
export const makeLog = Effect.fnUntraced(function* (
  options: LogOptions
): Effect.fn.Return<Log, CertificateFactoryError, CryptoProvider> {
  const { keyType = "p256", operator, description = `log of ${operator}`, retired, expiry } = options
  const provider = yield* CryptoProvider
  const pkcs8 = yield* provided(provider.generatePrivateKey(keyType))
  const privateKey = yield* provided(provider.privateKey(pkcs8))
  return { operator, description, retired, expiry, privateKey, key: privateKey.publicKey.spki }
})

/** A list of these logs, made at this time: milliseconds since 1970. */
export const listOf = (logs: ReadonlyArray<TransparencyLog>, date: number): LogList => ({ date, logs })

/** A list of logs as a log_list.json of version 3, which `CertificateTransparency.fromJson` reads. */
export const listToJson = ({ date, logs }: LogList): string => {
  const at = (time: number) => new Date(time).toISOString()
  const operators = [...new Set(logs.map(({ operator }) => operator))].map((name) => ({
    name,
    logs: logs
      .filter(({ operator }) => operator === name)
      .map(({ description, key, retired, expiry }) => ({
        description,
        key: Base64.encode(key),
        state: retired === undefined ? { usable: { timestamp: at(date) } } : { retired: { timestamp: at(retired) } },
        ...(expiry && { temporal_interval: { start_inclusive: at(expiry.start), end_exclusive: at(expiry.end) } })
      }))
  }))
  return `${JSON.stringify({ version: "3", log_list_timestamp: at(date), operators }, undefined, 2)}\n`
}

/** A timestamp of a log about an entry, serialized. */
export const stamp = Effect.fnUntraced(function* (
  log: Log,
  entry: LogEntry,
  options: StampOptions = {}
): Effect.fn.Return<Uint8Array, CertificateFactoryError, CryptoProvider> {
  const provider = yield* CryptoProvider
  const timestamp = BigInt(options.timestamp ?? (yield* Clock.currentTimeMillis))
  const { extensions = new Uint8Array(0), alter = (sct) => sct } = options
  const rsa = log.privateKey.kind === "rsa"
  const content = yield* encoded(signedContent({ timestamp, extensions }, entry))
  const sign = provider.sign(log.privateKey, rsa ? "rsa_pkcs1_sha256" : "ecdsa_sha256", content)
  const made: TimestampV1 = {
    log_id: provider.primitives.hashes.sha256.digest(log.key),
    timestamp,
    extensions,
    algorithm: rsa ? "rsa_pkcs1_sha256" : "ecdsa_secp256r1_sha256",
    signature: yield* provided(sign)
  }
  return yield* encoded(encode(SignedCertificateTimestamp.wire, { sct_version: "v1", content: alter(made) }))
})

/** Timestamps about a certificate as it is, DER: for TLS and for OCSP responses. */
export const stampCertificate = (
  logs: ReadonlyArray<Log>,
  certificate: Uint8Array,
  options: StampOptions = {}
): Effect.Effect<ReadonlyArray<Uint8Array>, CertificateFactoryError, CryptoProvider> =>
  Effect.forEach(logs, (log) => stamp(log, { entry_type: "x509_entry", signed_entry: certificate }, options))

/** The extension with timestamps about what is to become a certificate; `issuerKey` is a SubjectPublicKeyInfo, DER. */
export const embed = Effect.fnUntraced(function* (
  logs: ReadonlyArray<Log>,
  tbs: TBSCertificate,
  issuerKey: Uint8Array,
  options: StampOptions = {}
): Effect.fn.Return<Extension, CertificateFactoryError, CryptoProvider> {
  const { primitives } = yield* CryptoProvider
  const entry: LogEntry = {
    entry_type: "precert_entry",
    signed_entry: {
      issuer_key_hash: primitives.hashes.sha256.digest(issuerKey),
      tbs_certificate: yield* encoded(encodeTbs(withoutTimestamps(tbs)))
    }
  }
  return yield* encoded(
    timestampsExtension(yield* Effect.forEach(logs, (log) => stamp(log, entry, options)), "certificate")
  )
})
