/**
 * Keys that both sides were given outside of TLS (RFC 9846 section 2.2), in the place of certificates: what a client
 * offers to which server, and what a server knows by an identity.
 */

import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { hex } from "../codec/bytes.ts"
import { Secret } from "../crypto/secret.ts"
import type { ClientConfig, ExternalPskPolicy, ServerConfig } from "../state/config.ts"
import { escape, type Failure } from "../state/failure.ts"
import * as Importer from "../state/tls13/importer.ts"
import type { ExternalPsk } from "../state/tls13/psk.ts"
import type { World } from "./answers.ts"
import { type Credentials, now } from "./Credentials.ts"
import type { CryptoProvider } from "./CryptoProvider.ts"
import { checked, identityOf, type Key, owned, show } from "./givenKey.ts"
import * as Imported from "./importedKeys.ts"
import { misconfigured, type TlsError } from "./TlsError.ts"

export type { ExternalPsk } from "../state/tls13/psk.ts"
export type { Key } from "./givenKey.ts"
export type { ImportedKey, Options as ImportedOptions } from "./importedKeys.ts"

/** What a source of keys does; a role that is absent has none. */
export interface Shape {
  /** What a client offers to the server of this `serverName`, the preferred first. Asked once, with the options. */
  readonly offer?: ((server: string) => Effect.Effect<ReadonlyArray<ExternalPsk>, TlsError>) | undefined
  /**
   * What a server knows by an identity, 1 to 65,535 bytes of a stranger. It should take as long for one that is not
   * known as for one that is. Binders are compared by the core, in constant time.
   */
  readonly lookup?: ((identity: Uint8Array) => Effect.Effect<ExternalPsk | undefined, Failure>) | undefined
}

/** The keys of clients and servers; none by default. */
export const ExternalPsks: Context.Reference<Shape> = Context.Reference<Shape>("effect-tls/layers/ExternalPsks", {
  defaultValue: () => ({})
})

/** A source for clients and for servers. */
export type BothRoles = { readonly [Role in keyof Shape]-?: NonNullable<Shape[Role]> }

/** The keys that {@link layerImported} provides, as a value of which both roles are there; the scope wipes them. */
export const fromImported: (
  options: Imported.Options
) => Effect.Effect<BothRoles, TlsError, CryptoProvider | Scope.Scope> = Imported.make

/** What a client calls a key that it imports; `undefined` for what is no imported identity. */
export const externalIdentity = (identity: Uint8Array): Uint8Array | undefined => Importer.asked(identity)?.identity

/**
 * Any source of keys, such as a database. What keeps them from being reflected (RFC 9257) is then its own affair,
 * unless {@link fromImported} does it.
 *
 * @example
 * const Keys = ExternalPsks.make({
 *   lookup: Effect.fnUntraced(function* (identity) {
 *     const key = yield* findKey(ExternalPsks.externalIdentity(identity))
 *     if (key === undefined) return undefined
 *     const { lookup } = yield* ExternalPsks.fromImported({ name: "gateway.example", keys: [key] })
 *     return yield* lookup(identity)
 *   }, Effect.scoped, Effect.orDie, Effect.provide(CryptoProvider.layerNoble))
 * })
 */
export const make = (shape: Shape): Layer.Layer<never> => Layer.succeed(ExternalPsks, shape)

/**
 * Keys that are imported (RFC 9258), for both roles. From each a PSK is derived for every KDF and for one client and
 * one server, by their names: so a handshake can neither be led back to its sender ("Selfie") nor on to another member
 * of a group that shares a key, and no key is used with two hashes. A client offers keys under `name` to the server
 * that it calls `serverName`; a server takes them from clients that call it `name`, or one of its `aliases`, and
 * themselves something else. Whoever has a key can still say any name, so a key between two is better than one of a
 * group. Names and identities are seen on the way.
 *
 * With keys for its server a client requires that the server has them, unless `externalPskPolicy` says otherwise. A
 * server with keys and `Credentials.layerNone` serves nobody else.
 *
 * Fails with `InvalidConfiguration` for keys that can be guessed: of less than 16 bytes, or the same byte throughout.
 *
 * @example
 * const Keys = ExternalPsks.layerImported({
 *   name: "sensor-7",
 *   keys: [{ identity: "fleet", secret: Redacted.make(bytes), peers: ["gateway.example"] }]
 * })
 */
export const layerImported = (options: Imported.Options): Layer.Layer<never, TlsError, CryptoProvider> =>
  Layer.effect(ExternalPsks, Imported.make(options))

/** How keys are used as they are. */
export interface UnimportedOptions {
  /** The one role that they are used in. Whoever has them in both roles can be made to talk to himself. */
  readonly role: "client" | "server"
  /** For a client: the `serverName`s that they are offered to; all when absent. */
  readonly servers?: ReadonlyArray<string> | undefined
  readonly keys: ReadonlyArray<Key>
}

const asItIs = Effect.fnUntraced(function* (key: Key) {
  const identity = identityOf(key)
  const { hash = "sha256" } = key
  const secret = yield* owned(new Secret("external PSK", Redacted.value(key.secret).slice()))
  return { identity, secret, hash, kind: "external", label: show(identity) } satisfies ExternalPsk
})

/**
 * Keys as they are, for peers that know no importer: OpenSSL, GnuTLS and Node do not. Nothing in such a key says whose
 * it is, so it is safe only between one client and one server, each of which uses it in one role and with nothing else
 * but TLS 1.3. In a group, whoever is in between decides who talks to whom (RFC 9257 section 4.1). A key serves the
 * suites of its hash alone.
 *
 * Fails as {@link layerImported} does.
 */
export const dangerouslyUnimported = (options: UnimportedOptions): Layer.Layer<never, TlsError> =>
  Layer.effect(
    ExternalPsks,
    Effect.gen(function* () {
      yield* checked(options.keys)
      const keys = yield* Effect.forEach(options.keys, asItIs)
      if (options.role === "server") {
        const known = new Map(keys.map((psk) => [hex(psk.identity), psk]))
        return { lookup: (identity) => Effect.succeed(known.get(hex(identity))) } satisfies Shape
      }
      const servers = options.servers?.map((name) => name.toLowerCase())
      return {
        offer: (server) => Effect.succeed(servers?.includes(server.toLowerCase()) === false ? [] : keys)
      } satisfies Shape
    })
  )

/** What keys add to a client's configuration. */
export const forClient = Effect.fnUntraced(function* (server: string, asked: ExternalPskPolicy | undefined) {
  const { offer } = yield* ExternalPsks
  const externalPsks = offer === undefined ? [] : yield* offer(server)
  if (externalPsks.length === 0) {
    return asked === "required"
      ? yield* misconfigured(`externalPskPolicy is "required", and there is no external PSK for ${escape(server)}`)
      : {}
  }
  const policy: ExternalPskPolicy = asked ?? "required"
  const config: Partial<ClientConfig> = { externalPsks, externalPskPolicy: policy }
  // No session says that the server has the key.
  return policy === "required" ? { ...config, resumption: undefined, earlyData: undefined } : config
})

/** What keys make of a server: whether there is anything besides them, and who looks them up. */
export const forServer = Effect.fnUntraced(function* (
  credentials: Credentials["Service"]
): Effect.fn.Return<
  { readonly config: Pick<ServerConfig, "externalPsks">; readonly world: Pick<World, "externalPsk"> },
  TlsError
> {
  const { lookup } = yield* ExternalPsks
  const keysAlone = (yield* now(credentials)).certificateTypes?.length === 0
  if (lookup !== undefined)
    return { config: { externalPsks: keysAlone ? "only" : "lookup" }, world: { externalPsk: lookup } }
  return keysAlone
    ? yield* misconfigured("there are no Credentials (layerNone), and no ExternalPsks for a server either")
    : { config: {}, world: {} }
})
