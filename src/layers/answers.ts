/** The questions of the core, answered by services: one row each. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Match from "effect/Match"
import type { NamedGroup } from "../codec/registry/namedGroup.ts"
import type { CryptoFailure } from "../crypto/primitives.ts"
import {
  type Answer,
  type AuthenticatePeer,
  type ChooseConfiguration,
  type Command,
  type Exchanges,
  entropySize
} from "../state/command.ts"
import type { ServerConfig } from "../state/config.ts"
import { type Failure, make as failure } from "../state/failure.ts"
import { type PeerIdentity, peerAuthenticated } from "../state/proof.ts"
import type { Credentials } from "./Credentials.ts"
import type { CryptoProvider } from "./CryptoProvider.ts"

/** The services that one connection asks. */
export interface World {
  readonly crypto: CryptoProvider["Service"]
  /** Absent for a client that does not say who it is. */
  readonly credentials: Credentials["Service"] | undefined
  /** The judge of the peer: of servers for a client, of clients for a server. */
  readonly verify: (request: AuthenticatePeer) => Effect.Effect<PeerIdentity, Failure>
}

/** A row for every question, which yields that question's answer. */
export type Answers = {
  readonly [Name in keyof Exchanges]: (
    command: Exchanges[Name]["command"]
  ) => Effect.Effect<Exchanges[Name]["answer"], Failure>
}

/** A peer's share that is no point is the peer's fault, everything else ours. */
const cryptoFailure = ({ reason, detail }: CryptoFailure): Failure =>
  failure(reason === "InvalidPoint" ? "InvalidKeyShare" : "AnswerFailed", detail)

/** Bytes of either random and of the legacy session id (RFC 9846 sections 4.2.2 and 4.2.3). */
const randomSize = 32

/** The table for one world. */
export const answers = ({ crypto, credentials, verify }: World): Answers => {
  const random = crypto.randomBytes(randomSize)
  const entropy = crypto.randomBytes(entropySize)
  const share = (group: NamedGroup) => Effect.mapError(crypto.makeKeyShare(group), cryptoFailure)
  return {
    PrepareHello: Effect.fnUntraced(function* ({ groups }) {
      const shares = yield* Effect.forEach(groups, share)
      const now = yield* Clock.currentTimeMillis
      return {
        _tag: "HelloPrepared",
        random: yield* random,
        sessionId: yield* random,
        shares,
        now,
        entropy: yield* entropy
      }
    }),

    MakeKeyShare: ({ group }) => Effect.map(share(group), (share) => ({ _tag: "KeyShareMade", share })),

    AgreeSecret: ({ key, peerShare }) =>
      Effect.mapBoth(crypto.agree(key, peerShare), {
        onSuccess: (secret) => ({ _tag: "SecretAgreed", secret, share: key.share }),
        onFailure: cryptoFailure
      }),

    EncapsulateSecret: ({ group, peerShare }) =>
      Effect.mapBoth(crypto.encapsulate(group, peerShare), {
        onSuccess: (agreed) => ({ _tag: "SecretAgreed", ...agreed }),
        onFailure: cryptoFailure
      }),

    ChooseConfiguration: ({ config }) => Effect.succeed({ _tag: "ConfigurationChosen", config }),

    ResolveHello: Effect.fnUntraced(function* (command) {
      const credential = credentials === undefined ? undefined : yield* credentials.choose(command)
      const now = yield* Clock.currentTimeMillis
      return { _tag: "HelloResolved", credential, random: yield* random, now, entropy: yield* entropy }
    }),

    ChooseCredential: Effect.fnUntraced(function* (command) {
      const credential = credentials === undefined ? undefined : yield* credentials.choose(command)
      return { _tag: "CredentialChosen", credential }
    }),

    Sign: Effect.fnUntraced(function* ({ credential, scheme, content }) {
      if (credentials === undefined) return yield* Effect.fail(failure("InternalError", "nobody is here who can sign"))
      return { _tag: "Signed", signature: yield* credentials.sign(credential, scheme, content) }
    }),

    AuthenticatePeer: (command) => Effect.map(verify(command), (identity) => peerAuthenticated(identity, command))
  }
}

/** A layer that dies, or interrupts itself, ends the connection and not the program; the cause is logged. */
const died = (command: Command, cause: Cause.Cause<never>): Effect.Effect<never, Failure> =>
  Effect.andThen(
    Effect.logDebug("a layer died", cause),
    Effect.fail(failure("InternalError", `the answer to ${command._tag} died`))
  )

/** Fails with what the connection is to be aborted with; never dies. */
const guarded = (command: Command, work: () => Effect.Effect<Answer, Failure>): Effect.Effect<Answer, Failure> =>
  Effect.catchCause(Effect.suspend(work), (cause) => {
    const error = Cause.findError(cause)
    return error._tag === "Success" ? Effect.fail(error.success) : died(command, error.failure)
  })

/** Who answers the questions of one connection. Fails with what it is to be aborted with; never dies. */
export type Answerer = (command: Command) => Effect.Effect<Answer, Failure>

/** All questions answered by one table. */
export const answering =
  (table: Answers): Answerer =>
  (command) =>
    guarded(command, () => Match.valueTags(command, table))

/** How a server serves a client: with these settings, and with whoever answers in this table. */
export interface Served {
  readonly config: ServerConfig
  readonly answers: Answers
}

/** What picks it when the ClientHello is there; `undefined` leaves everything as it is. */
export type Chooser = (request: ChooseConfiguration) => Effect.Effect<Served | undefined, Failure>

/** For one connection: once the ClientHello is there the table may be another. */
export const choosing = (own: Answers, choose: Chooser): Answerer => {
  let answer = answering(own)
  const configurationChosen = (request: ChooseConfiguration) =>
    Effect.map(choose(request), (served): Answer => {
      if (served !== undefined) answer = answering(served.answers)
      return { _tag: "ConfigurationChosen", config: served?.config ?? request.config }
    })
  return (command) =>
    command._tag === "ChooseConfiguration" ? guarded(command, () => configurationChosen(command)) : answer(command)
}
