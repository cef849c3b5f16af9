/** The questions of the core, answered by services: one row each. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Match from "effect/Match"
import type * as Scope from "effect/Scope"
import type { NamedGroup } from "../codec/registry/namedGroup.ts"
import type { CryptoFailure } from "../crypto/primitives.ts"
import {
  type Answer,
  type AuthenticatePeer,
  type ChooseConfiguration,
  type Command,
  type Exchanges,
  entropySize,
  type ResolveHello
} from "../state/command.ts"
import type { ServerConfig } from "../state/config.ts"
import { type Failure, make as failure } from "../state/failure.ts"
import { usable } from "../state/negotiation/resumption.ts"
import { serverText } from "../state/path/host.ts"
import { type PeerIdentity, peerAuthenticated } from "../state/proof.ts"
import { ageAddOf, begin, type Session, type SessionDraft, type Ticket } from "../state/session.ts"
import { known as asKnown, type ExternalPsk } from "../state/tls13/psk.ts"
import type { Shape as Replay } from "./AntiReplay.ts"
import { ClientSessionStore, type Shape as SessionStore } from "./ClientSessionStore.ts"
import type { Credentials } from "./Credentials.ts"
import type { CryptoProvider } from "./CryptoProvider.ts"
import { shownName } from "./fingerprint.ts"
import type { SessionsById } from "./sessionsById.ts"
import type { Shape as TicketMaker } from "./Tickets.ts"

/** The services that one connection asks. */
export interface World {
  /** What a client resumes from, and remembers. */
  readonly sessions?: SessionStore | undefined
  /** What a server makes tickets with. */
  readonly tickets?: TicketMaker | undefined
  readonly antiReplay?: Replay | undefined
  /** Sessions of TLS 1.2 that a server keeps without tickets. */
  readonly sessionsById?: SessionsById | undefined
  /** Keys that were given outside of TLS, by what a client calls them. */
  readonly externalPsk?: ((identity: Uint8Array) => Effect.Effect<ExternalPsk | undefined, Failure>) | undefined
  readonly crypto: CryptoProvider["Service"]
  /** Absent for a client that does not say who it is. */
  readonly credentials: Credentials["Service"] | undefined
  /** The judge of the peer: of servers for a client, of clients for a server. */
  readonly verify: (request: AuthenticatePeer) => Effect.Effect<PeerIdentity, Failure>
}

/** A row for every question, which yields that question's answer. The scope is that of the step which takes it. */
export type Answers = {
  readonly [Name in keyof Exchanges]: (
    command: Exchanges[Name]["command"]
  ) => Effect.Effect<Exchanges[Name]["answer"], Failure, Scope.Scope>
}

/** A peer's share that is no point is the peer's fault, everything else ours. */
const cryptoFailure = ({ reason, detail }: CryptoFailure): Failure =>
  failure(reason === "InvalidPoint" ? "InvalidKeyShare" : "AnswerFailed", detail)

/** Bytes of either random and of the legacy session id (RFC 9846 sections 4.2.2 and 4.2.3). */
const randomSize = 32

const noSessions = ClientSessionStore.defaultValue()

/** A session that is wiped unless its answer is taken: when what else was asked fails, or somebody interrupts. */
const held = <A extends Session | Ticket | undefined>(found: Effect.Effect<A>): Effect.Effect<A, never, Scope.Scope> =>
  Effect.acquireRelease(
    found,
    (found, exit) =>
      Effect.sync(() => {
        if (found === undefined || Exit.isSuccess(exit)) return
        const session: Session = "session" in found ? found.session : found
        session.secret.wipe()
      }),
    { interruptible: true }
  )

/** What the generator of an answer returns. They are made once, and not for each connection, which would cost it. */
type Answering<Name extends keyof Exchanges> = Effect.fn.Return<Exchanges[Name]["answer"], Failure, Scope.Scope>

const share = ({ crypto }: World, group: NamedGroup) => Effect.mapError(crypto.makeKeyShare(group), cryptoFailure)

const prepareHello = Effect.fnUntraced(function* (
  world: World,
  { groups, config }: Exchanges["PrepareHello"]["command"]
): Answering<"PrepareHello"> {
  const { crypto, sessions = noSessions } = world
  const server = serverText(config.server)
  const known = yield* sessions.group(server)
  const unlisted = known !== undefined && config.groups.includes(known) && !groups.includes(known)
  const shares = yield* Effect.forEach(unlisted ? [known] : groups, (group) => share(world, group))
  const ticket =
    config.resumption === undefined
      ? undefined
      : yield* held(sessions.take(server, (ticket, now) => usable(config, ticket, now)))
  return {
    _tag: "HelloPrepared",
    random: yield* crypto.randomBytes(randomSize),
    sessionId: yield* crypto.randomBytes(randomSize),
    shares,
    ticket,
    now: yield* Clock.currentTimeMillis,
    entropy: yield* crypto.randomBytes(entropySize)
  }
})

/** What an identity stands for: a key that was given, or a session (RFC 9846 section 4.3.11). */
const knownPsk = Effect.fnUntraced(function* ({ externalPsk, tickets }: World, identity: Uint8Array) {
  const external = externalPsk === undefined ? undefined : yield* externalPsk(identity)
  if (external !== undefined) return { _tag: "External", external } as const
  const session = tickets === undefined ? undefined : yield* held(tickets.redeem(identity))
  if (session === undefined) return undefined
  return asKnown(session, yield* tickets?.sealedBy?.(identity) ?? Effect.undefined)
})

/** What a client of TLS 1.2 resumes by without a ticket, and what its new session may be called. */
const byId = Effect.fnUntraced(function* ({ sessionsById, crypto }: World, asked: ResolveHello["byId"]) {
  if (asked === undefined || sessionsById === undefined) return {}
  const session = asked.offered === undefined ? undefined : yield* held(sessionsById.find(asked.offered))
  return { session, sessionId: yield* crypto.randomBytes(randomSize) }
})

const resolveHello = Effect.fnUntraced(function* (world: World, command: ResolveHello): Answering<"ResolveHello"> {
  const { crypto, credentials } = world
  const credential = credentials === undefined ? undefined : yield* credentials.choose(command)
  const name = credential === undefined ? undefined : shownName(crypto.primitives, credential)
  const psks = yield* Effect.forEach(command.identities, (identity) => knownPsk(world, identity))
  const now = yield* Clock.currentTimeMillis
  const found = yield* byId(world, command.byId)
  return {
    _tag: "HelloResolved",
    credential,
    name,
    psks,
    ...found,
    random: yield* crypto.randomBytes(randomSize),
    now,
    entropy: yield* crypto.randomBytes(entropySize)
  }
})

const takeSession = Effect.fnUntraced(function* (
  { tickets, antiReplay }: World,
  { ticket, earlyData }: Exchanges["TakeSession"]["command"]
): Answering<"TakeSession"> {
  if (tickets?.take !== undefined && !(yield* tickets.take(ticket))) {
    return { _tag: "SessionTaken", session: "gone", earlyData: "replayed" }
  }
  const judged = earlyData && antiReplay?.judge(earlyData.binder, earlyData.until)
  return { _tag: "SessionTaken", session: "taken", earlyData: judged === undefined ? "replayed" : yield* judged }
})

const sign = Effect.fnUntraced(function* (
  { credentials }: World,
  { credential, scheme, algorithm, content }: Exchanges["Sign"]["command"]
): Answering<"Sign"> {
  if (credentials === undefined) return yield* Effect.fail(failure("InternalError", "nobody is here who can sign"))
  return { _tag: "Signed", signature: yield* credentials.sign(credential, scheme, content, algorithm) }
})

/** A session becomes a ticket. One that would be over at once is not worth it. */
const seal = Effect.fnUntraced(function* (crypto: World["crypto"], tickets: TicketMaker, draft: SessionDraft) {
  const now = yield* Clock.currentTimeMillis
  const ageAdd = ageAddOf(yield* crypto.randomBytes(4))
  const session = begin(draft, { now, lifetime: Duration.toMillis(tickets.lifetime), ageAdd })
  const lifetime = session.expires - now
  const ticket = lifetime < 1000 ? undefined : yield* tickets.issue(session)
  return ticket === undefined ? undefined : { ticket, ageAdd, lifetime }
})

/** The table for one world. */
export const answers = (world: World): Answers => {
  const { crypto, credentials, verify, tickets } = world
  return {
    PrepareHello: (command) => prepareHello(world, command),

    MakeKeyShare: ({ group }) => Effect.map(share(world, group), (share) => ({ _tag: "KeyShareMade", share })),

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

    ResolveHello: (command) => resolveHello(world, command),

    TakeSession: (command) => takeSession(world, command),

    SealTickets: ({ sessions }) =>
      Effect.map(
        tickets === undefined ? Effect.succeed([]) : Effect.forEach(sessions, (draft) => seal(crypto, tickets, draft)),
        (tickets) => ({ _tag: "TicketsSealed", tickets })
      ),

    ChooseCredential: (command) =>
      Effect.map(credentials?.choose(command) ?? Effect.undefined, (credential) => ({
        _tag: "CredentialChosen",
        credential
      })),

    Sign: (command) => sign(world, command),

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
const guarded = (
  command: Command,
  work: () => Effect.Effect<Answer, Failure, Scope.Scope>
): Effect.Effect<Answer, Failure, Scope.Scope> =>
  Effect.catchCause(Effect.suspend(work), (cause) => {
    const error = Cause.findError(cause)
    return error._tag === "Success" ? Effect.fail(error.success) : died(command, error.failure)
  })

/** Who answers the questions of one connection. Fails with what it is to be aborted with; never dies. */
export type Answerer = (command: Command) => Effect.Effect<Answer, Failure, Scope.Scope>

/** All questions answered by one table. */
export const answering =
  (table: Answers): Answerer =>
  (command) =>
    guarded(command, () => Match.valueTags(command, table))

/** How a server serves a client: with these settings, and with whoever answers in this table. */
export interface Served {
  readonly config: ServerConfig
  readonly answers: Answers
  /** Keeps a session of TLS 1.2 under its ID. */
  readonly keepSession?: SessionsById["keep"] | undefined
}

/** What picks it when the ClientHello is there; `undefined` leaves everything as it is. */
export type Chooser = (request: ChooseConfiguration) => Effect.Effect<Served | undefined, Failure>

/** Who serves one connection. */
export interface Attendant extends Pick<Served, "keepSession"> {
  readonly answer: Answerer
}

/** For one connection: once the ClientHello is there the table may be another. */
export const choosing = (own: Served, choose: Chooser): Attendant => {
  let served = own
  let answer = answering(own.answers)
  const configurationChosen = (request: ChooseConfiguration) =>
    Effect.map(choose(request), (chosen): Answer => {
      if (chosen !== undefined) {
        served = chosen
        answer = answering(chosen.answers)
      }
      return { _tag: "ConfigurationChosen", config: chosen?.config ?? request.config }
    })
  return {
    answer: (command) =>
      command._tag === "ChooseConfiguration" ? guarded(command, () => configurationChosen(command)) : answer(command),
    keepSession: (session) => served.keepSession?.(session) ?? Effect.sync(() => session.draft.secret.wipe())
  }
}
