/**
 * Imported keys between ends that have names (RFC 9258 appendix A, RFC 9257 section 4.1): each key is derived for one
 * client and one server, so that a handshake which is led back to its sender, or to another member of the group, ends
 * up with somebody who has no such key.
 */

import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { hex } from "../codec/bytes.ts"
import { decode, describe, encode } from "../codec/presentation/wire.ts"
import { RoleContext } from "../codec/psk/importedIdentity.ts"
import { resultFn } from "../codec/resultFn.ts"
import { equal } from "../crypto/constantTime.ts"
import { escape, type Failure, make as failure } from "../state/failure.ts"
import * as Importer from "../state/tls13/importer.ts"
import { maxIdentities } from "../state/tls13/limits.ts"
import type { ExternalPsk } from "../state/tls13/psk.ts"
import { CryptoProvider } from "./CryptoProvider.ts"
import { checked, identityOf, type Key, mostIdentity, owned, show } from "./givenKey.ts"
import { asConfiguration, misconfigured, type TlsError } from "./TlsError.ts"

/** A key that is imported. */
export interface ImportedKey extends Key {
  /** The names of those who have it besides; anybody who has it when absent. */
  readonly peers?: ReadonlyArray<string> | undefined
  /**
   * What else the key was derived under, such as a channel binding of the protocol that made it (RFC 9258 section 5.1):
   * the same on both sides, seen by everybody on the way, 4,096 bytes at most.
   */
  readonly provisioning?: Uint8Array | undefined
}

export interface Options {
  /**
   * Who we are among those who have the keys: 1 to 255 printable characters of ASCII, of which upper and lower case are
   * the same. Of a server it is what its clients call `serverName`. No two that have a key in common share a name.
   */
  readonly name: string
  /** Other names that clients call us by. */
  readonly aliases?: ReadonlyArray<string> | undefined
  readonly keys: ReadonlyArray<ImportedKey>
}

interface Member {
  readonly epsk: Importer.Epsk
  readonly peers: ReadonlySet<string> | undefined
  readonly provisioning: Uint8Array
}

const none = new Uint8Array(0)

const nameOf = (name: string): Effect.Effect<string, TlsError> =>
  /^[\x21-\x7e]{1,255}$/.test(name)
    ? Effect.succeed(name.toLowerCase())
    : Effect.fail(misconfigured(`"${escape(name)}" is no name: it takes 1 to 255 printable characters of ASCII`))

const namesOf = (names: ReadonlyArray<string>) => Effect.map(Effect.forEach(names, nameOf), (all) => new Set(all))

const member = Effect.fnUntraced(function* (key: ImportedKey) {
  const { primitives } = yield* CryptoProvider
  const { provisioning = none, hash = "sha256" } = key
  if (provisioning.length > mostIdentity) {
    return yield* misconfigured(`\`provisioning\` has at most ${mostIdentity} bytes, not ${provisioning.length}`)
  }
  const epsk = Importer.epsk(identityOf(key), Redacted.value(key.secret), primitives.hashes[hash])
  yield* owned(epsk.secret)
  const peers = key.peers === undefined ? undefined : yield* namesOf(key.peers)
  return { epsk, peers, provisioning: provisioning.slice() } satisfies Member
})

const mayMeet = ({ peers }: Member, peer: string): boolean => peers === undefined || peers.has(peer)

/** `fleet (sensor-7 to gateway.example)` */
const labelOf = (identity: Uint8Array, { client, server }: RoleContext): string =>
  `${show(identity)} (${escape(client)} to ${escape(server)})`

/** What one client offers one server. */
const offered = resultFn(function* ({ epsk, provisioning }: Member, client: string, server: string) {
  const roles = { client, server, provisioning }
  const context = yield* Result.mapError(encode(RoleContext.wire, roles), (error) =>
    failure("InvalidConfiguration", `external PSK: ${describe(error)}`)
  )
  const psks: Array<ExternalPsk> = []
  for (const kdf of Importer.kdfs) {
    const psk = yield* Importer.importPsk(epsk, context, kdf)
    psks.push({ ...psk, label: labelOf(epsk.identity, roles), peer: server })
  }
  return psks
})

/** What the keys of somebody with a name come to, in both roles. */
export const make = Effect.fnUntraced(function* ({ name, aliases = [], keys }: Options) {
  yield* checked(keys)
  const { primitives } = yield* CryptoProvider
  const self = yield* nameOf(name)
  const ours = (yield* namesOf(aliases)).add(self)
  const members = yield* Effect.forEach(keys, member)
  const known = new Map(members.map((each) => [hex(each.epsk.identity), each]))
  const nobody = Importer.epsk(Uint8Array.of(0), primitives.random(32), primitives.hashes.sha256)

  /** Whether these two names may meet here: a client that we are not, and a server that we are. */
  const admits = (member: Member, roles: RoleContext): boolean => {
    const client = roles.client.toLowerCase()
    return (
      ours.has(roles.server.toLowerCase()) &&
      !ours.has(client) &&
      mayMeet(member, client) &&
      equal(member.provisioning, roles.provisioning)
    )
  }

  /** Nobody offers a key to himself. */
  const offer = Effect.fnUntraced(function* (server: string) {
    const peer = server.toLowerCase()
    if (ours.has(peer)) {
      yield* Effect.logWarning(`no external PSK is offered to ${escape(peer)}: that is a name of our own`)
      return []
    }
    const fitting = members.filter((member) => mayMeet(member, peer))
    const psks = yield* asConfiguration(
      Effect.fromResult(Result.all(fitting.map((member) => offered(member, self, peer))))
    )
    const flat = psks.flat()
    return flat.length <= maxIdentities
      ? flat
      : yield* misconfigured(
          `${fitting.length} keys are for ${escape(peer)}, and ${maxIdentities / Importer.kdfs.length} are the most: ` +
            "say with `peers` whom each is for"
        )
  })

  /** The key is derived before anything is decided, whether it is known or not. */
  const lookup = (identity: Uint8Array): Effect.Effect<ExternalPsk | undefined, Failure> =>
    Effect.suspend(() => {
      const asked = Importer.asked(identity)
      if (asked === undefined) return Effect.undefined
      const member = known.get(hex(asked.identity))
      const psk = Importer.importPsk(
        { ...(member?.epsk ?? nobody), identity: asked.identity },
        asked.context,
        asked.kdf
      )
      const roles = decode(RoleContext.wire, asked.context)
      return member !== undefined && Result.isSuccess(roles) && admits(member, roles.success)
        ? Effect.map(Effect.fromResult(psk), (psk) => ({
            ...psk,
            label: labelOf(asked.identity, roles.success),
            peer: escape(roles.success.client)
          }))
        : Effect.undefined
    })
  return { offer, lookup }
})
