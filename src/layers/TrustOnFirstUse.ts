/**
 * Trust on first use: the key that a server shows under a name is kept, and no other is believed under that name.
 *
 * One entry a name in a `KeyValueStore`: "effect-tls/known/NAME", a JSON object with the SHA-256 of the
 * SubjectPublicKeyInfo in hexadecimal and the time when it was first seen. Looking and storing are one step for all
 * that use the same store in this process; a store cannot be locked, so let one process use it.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Hex from "effect/encoding/Hex"
import type { KeyValueStore } from "effect/persistence/KeyValueStore"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Semaphore from "effect/Semaphore"
import type { Primitives } from "../crypto/primitives.ts"
import { tls13Schemes } from "../crypto/signature.ts"
import type { AuthenticatePeer } from "../state/command.ts"
import type { CertificateKind, ServerIdentity } from "../state/config.ts"
import { type Failure, make as failure } from "../state/failure.ts"
import { parseServerIdentity } from "../state/path/host.ts"
import { signer } from "./bareKey.ts"
import { signerOfRawKey } from "./rawPublicKey.ts"
import { misconfigured, type TlsError } from "./TlsError.ts"
import type { Verifier } from "./Verifier.ts"

/** A key that is known under a name. */
export const KnownKey = Schema.Struct({
  /** SHA-256 of the SubjectPublicKeyInfo, 64 hexadecimal digits. */
  pin: Schema.String.check(Schema.isPattern(/^[0-9a-f]{64}$/)),
  /** When it was first seen, in milliseconds since 1970. */
  since: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 8.64e15 }))
})
export type KnownKey = Schema.Schema.Type<typeof KnownKey>

const document = Schema.fromJsonString(KnownKey)

/** How servers are known again. */
export interface Options {
  /** What is believed at first sight; certificates alone by default, `RawPublicKey` for keys without one (RFC 7250). */
  readonly certificateTypes?: ReadonlyArray<CertificateKind> | undefined
}

const nameOf = (identity: ServerIdentity): string => (identity._tag === "DnsName" ? identity.name : identity.text)

const entryOf = (name: string): string => `effect-tls/known/${name}`

/** A store that fails, or holds what is no entry, lets nobody in. */
const broken = (what: string) => (): Failure => failure("AnswerFailed", `known servers: ${what}`)

const read = (store: KeyValueStore, name: string): Effect.Effect<KnownKey | undefined, Failure> =>
  Effect.flatMap(Effect.mapError(store.get(entryOf(name)), broken("the store cannot be read")), (text) =>
    text === undefined
      ? Effect.undefined
      : Effect.mapError(Schema.decodeEffect(document)(text), broken(`what is stored for ${name} is not a known key`))
  )

const write = (store: KeyValueStore, name: string, known: KnownKey): Effect.Effect<void, Failure> =>
  Effect.mapError(
    store.set(entryOf(name), JSON.stringify(known)),
    broken("the store cannot be written, so that the key would not be known again")
  )

/** One lock for all verifiers over one store. */
const locks = new WeakMap<KeyValueStore, Semaphore.Semaphore>()

const lockOf = (store: KeyValueStore): Semaphore.Semaphore => {
  const lock = locks.get(store) ?? Semaphore.makeUnsafe(1)
  locks.set(store, lock)
  return lock
}

/** What the peer showed, its signature checked: who it says it is, and its key. */
const shown = (primitives: Primitives, request: AuthenticatePeer) =>
  request.certificateType === "RawPublicKey" ? signerOfRawKey(primitives, request) : signer(primitives, request)

const date = (milliseconds: number): string => new Date(milliseconds).toISOString().slice(0, 16).replace("T", " ")

/** The verifier. Requests about clients are refused: they are called by no name. */
export const makeTofu = (primitives: Primitives, store: KeyValueStore, options: Options = {}): Verifier => {
  const types = options.certificateTypes ?? ["X509"]
  const settle = Effect.fnUntraced(function* (name: string, pin: string) {
    const known = yield* read(store, name)
    const now = yield* Clock.currentTimeMillis
    if (known === undefined) {
      yield* write(store, name, { pin, since: now })
      return "seen for the first time"
    }
    const since = `known since ${date(known.since)} UTC`
    if (known.pin === pin) return since
    const detail = `${name} shows the key sha256:${pin}, and sha256:${known.pin} is ${since}`
    return yield* Effect.fail(failure("CertificateKeyChanged", detail))
  })
  return {
    certificateTypes: types,
    schemes: tls13Schemes,
    verify: Effect.fnUntraced(function* (request) {
      const { peer, certificateType, chain } = request
      if (peer._tag === "Client") return yield* Effect.fail(failure("CertificateRejected", "a client has no name here"))
      if (!types.includes(certificateType)) {
        return yield* Effect.fail(failure("CertificateRejected", `${certificateType} is not what is believed here`))
      }
      const { subject, key } = yield* Effect.fromResult(shown(primitives, request))
      const pin = Hex.encode(primitives.hashes.sha256.digest(key.spki))
      const name = nameOf(peer.identity)
      const how = yield* lockOf(store).withPermit(settle(name, pin))
      return { chain, description: `${subject}, by its key, ${how}` }
    })
  }
}

const named = (name: string): Effect.Effect<string, TlsError> =>
  Effect.fromResult(
    Result.mapBoth(parseServerIdentity(name), {
      onSuccess: nameOf,
      onFailure: ({ detail }) => misconfigured(detail)
    })
  )

const asTlsError = ({ detail }: Failure): TlsError => misconfigured(detail)

/** The key that is known under a name, if one is. Fails with `InvalidConfiguration` for what is no name. */
export const known = (store: KeyValueStore, name: string): Effect.Effect<KnownKey | undefined, TlsError> =>
  Effect.flatMap(named(name), (name) => Effect.mapError(read(store, name), asTlsError))

/** Forgets the key of a name, so that the next one is believed: for a server that really has a new key. */
export const forget = (store: KeyValueStore, name: string): Effect.Effect<void, TlsError> =>
  Effect.flatMap(named(name), (name) =>
    Effect.mapError(lockOf(store).withPermit(store.remove(entryOf(name))), () =>
      misconfigured("known servers: the store cannot be written")
    )
  )
