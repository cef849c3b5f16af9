/** A connection driven without I/O or waiting: its questions are answered at once, by plain functions. */
import * as Result from "effect/Result"
import type { NamedGroup } from "../codec/registry/namedGroup.ts"
import type { CryptoFailure, KeyPair, Primitives } from "../crypto/primitives.ts"
import {
  type Answer,
  type AuthenticatePeer,
  type ChooseConfiguration,
  type ChooseCredential,
  type Command,
  type Credential,
  type EarlyDataOffered,
  entropySize,
  type ResolveHello,
  type SealedTicket,
  type SessionTaken,
  type Sign,
  type TakeSession
} from "./command.ts"
import type { ClientConfig, ServerConfig } from "./config.ts"
import type { Connection, ConnectionEvent, Progress } from "./connection.ts"
import { type Failure, fail, make as failure } from "./failure.ts"
import { type PeerIdentity, peerAuthenticated } from "./proof.ts"
import type { CryptoData, QuicConnection, QuicEvent, QuicProgress, QuicSecret } from "./quic/connection.ts"
import { ageAddOf, begin, type Session, type SessionDraft, type Ticket } from "./session.ts"
import { type ExternalPsk, type Known, known, type SealedBy } from "./tls13/psk.ts"

/** Tickets as functions that answer at once. */
export interface TicketMaker {
  /** Milliseconds; 7 days at most. */
  readonly lifetime: number
  readonly issue: (session: Session) => Uint8Array | undefined
  /** The session of a ticket, which stays where it is. */
  readonly redeem: (ticket: Uint8Array) => Session | undefined
  /** Whether a ticket that was redeemed is under the key of new ones; where it is not, TLS 1.2 renews it. */
  readonly sealedBy?: ((ticket: Uint8Array) => SealedBy) | undefined
  /** Takes the session away, and says whether it was still there; absent where a ticket may be used again. */
  readonly take?: ((ticket: Uint8Array) => boolean) | undefined
}

/** Everything that a connection asks for, as functions that answer at once. */
export interface World {
  readonly primitives: Primitives
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** How a server serves a client, told by its ClientHello; by default as it was configured. */
  readonly configure?: ((request: ChooseConfiguration) => Result.Result<ServerConfig, Failure>) | undefined
  /** A session for a client to resume; each is used once, and its secret is wiped. */
  readonly takeTicket?: ((config: ClientConfig) => Ticket | undefined) | undefined
  /** How a server makes tickets of sessions, and finds sessions by them. */
  readonly tickets?: TicketMaker | undefined
  /**
   * The session of TLS 1.2 that a server keeps by this ID, and forgets by that. Where it is there, sessions are kept
   * so: each comes as the event `KeepSession`.
   */
  readonly takeSession?: ((id: Uint8Array) => Session | undefined) | undefined
  /** A key that was given outside of TLS, by what a client calls it. */
  readonly externalPsk?: ((identity: Uint8Array) => ExternalPsk | undefined) | undefined
  /** Whether early data is taken; never by default. */
  readonly judgeEarlyData?: ((request: EarlyDataOffered) => "fresh" | "replayed") | undefined
  readonly choose: (request: ResolveHello | ChooseCredential) => Credential | undefined
  readonly sign: (request: Sign) => Result.Result<Uint8Array, CryptoFailure>
  /** Judges chain and signature; whoever returns success here vouches for the peer. */
  readonly verify: (request: AuthenticatePeer) => Result.Result<PeerIdentity, Failure>
}

const cryptoFailure = (error: CryptoFailure): Failure =>
  failure(error.reason === "InvalidPoint" ? "InvalidKeyShare" : "AnswerFailed", error.detail)

const groupOf = (world: World, name: NamedGroup) => {
  const group = world.primitives.groups.find((candidate) => candidate.name === name)
  return group === undefined
    ? fail("InvalidConfiguration", `${world.primitives.name} has no group ${name}`)
    : Result.succeed(group)
}

const generate = (world: World, name: NamedGroup): Result.Result<KeyPair, Failure> =>
  Result.map(groupOf(world, name), (group) => group.generate(world.primitives.random))

const knownPsk = (world: World, identity: Uint8Array): Known | undefined => {
  const external = world.externalPsk?.(identity)
  if (external !== undefined) return { _tag: "External", external }
  const session = world.tickets?.redeem(identity)
  return session === undefined ? undefined : known(session, world.tickets?.sealedBy?.(identity))
}

const byId = ({ takeSession, primitives }: World, { byId }: ResolveHello) =>
  byId === undefined || takeSession === undefined
    ? {}
    : { session: byId.offered && takeSession(byId.offered), sessionId: primitives.random(32) }

const takeSession = ({ tickets, judgeEarlyData }: World, { ticket, earlyData }: TakeSession): SessionTaken =>
  tickets?.take?.(ticket) === false
    ? { _tag: "SessionTaken", session: "gone", earlyData: "replayed" }
    : { _tag: "SessionTaken", session: "taken", earlyData: (earlyData && judgeEarlyData?.(earlyData)) ?? "replayed" }

const seal = ({ tickets, primitives, now }: World, draft: SessionDraft): SealedTicket | undefined => {
  if (tickets === undefined) return undefined
  const ageAdd = ageAddOf(primitives.random(4))
  const session = begin(draft, { now: now(), lifetime: tickets.lifetime, ageAdd })
  const ticket = tickets.issue(session)
  return ticket === undefined ? undefined : { ticket, ageAdd, lifetime: session.expires - session.created }
}

/** The answer to one question. */
export const answer = (world: World, command: Command): Result.Result<Answer, Failure> => {
  const { random } = world.primitives
  switch (command._tag) {
    case "PrepareHello":
      return Result.map(Result.all(command.groups.map((group) => generate(world, group))), (shares) => ({
        _tag: "HelloPrepared",
        random: random(32),
        sessionId: random(32),
        shares,
        ticket: world.takeTicket?.(command.config),
        now: world.now(),
        entropy: random(entropySize)
      }))
    case "MakeKeyShare":
      return Result.map(generate(world, command.group), (share) => ({ _tag: "KeyShareMade", share }))
    case "AgreeSecret":
      return Result.mapBoth(command.key.agree(command.peerShare), {
        onSuccess: (secret) => ({ _tag: "SecretAgreed", secret, share: command.key.share }),
        onFailure: cryptoFailure
      })
    case "EncapsulateSecret":
      return Result.flatMap(groupOf(world, command.group), (group) =>
        Result.mapBoth(group.encapsulate(command.peerShare, random), {
          onSuccess: (answer) => ({ _tag: "SecretAgreed", ...answer }),
          onFailure: cryptoFailure
        })
      )
    case "ChooseConfiguration":
      return Result.map(world.configure?.(command) ?? Result.succeed(command.config), (config) => ({
        _tag: "ConfigurationChosen",
        config
      }))
    case "ResolveHello":
      return Result.succeed({
        _tag: "HelloResolved",
        credential: world.choose(command),
        psks: command.identities.map((identity) => knownPsk(world, identity)),
        ...byId(world, command),
        random: random(32),
        now: world.now(),
        entropy: random(entropySize)
      })
    case "TakeSession":
      return Result.succeed(takeSession(world, command))
    case "SealTickets":
      return Result.succeed({ _tag: "TicketsSealed", tickets: command.sessions.map((draft) => seal(world, draft)) })
    case "ChooseCredential":
      return Result.succeed({ _tag: "CredentialChosen", credential: world.choose(command) })
    case "Sign":
      return Result.mapBoth(world.sign(command), {
        onSuccess: (signature) => ({ _tag: "Signed", signature }),
        onFailure: cryptoFailure
      })
    case "AuthenticatePeer":
      return Result.map(world.verify(command), (identity) => peerAuthenticated(identity, command))
  }
}

interface Asking<P> {
  answer(answer: Answer): P
  abort(failure: Failure): P
}

/** Answers until nothing is asked, and hands over what each step came to. */
const answerAll = <P extends { readonly asks: Command | undefined }>(
  connection: Asking<P>,
  first: P,
  world: World,
  take: (progress: P) => void
): void => {
  let progress = first
  take(progress)
  while (progress.asks !== undefined) {
    progress = Result.match(answer(world, progress.asks), {
      onSuccess: (answer) => connection.answer(answer),
      onFailure: (failure) => connection.abort(failure)
    })
    take(progress)
  }
}

/** Answers until nothing is asked; the output and the events of all steps together. */
export const settle = (connection: Connection, progress: Progress, world: World): Progress => {
  const out: Array<Uint8Array> = []
  const events: Array<ConnectionEvent> = []
  answerAll(connection, progress, world, (each) => {
    out.push(...each.out)
    events.push(...each.events)
  })
  return { out, events, asks: undefined }
}

/** Answers a connection inside QUIC until nothing is asked; the output of all steps together. */
export const settleQuic = (connection: QuicConnection, progress: QuicProgress, world: World): QuicProgress => {
  const out: Array<CryptoData> = []
  const secrets: Array<QuicSecret> = []
  const events: Array<QuicEvent> = []
  answerAll(connection, progress, world, (each) => {
    out.push(...each.out)
    secrets.push(...each.secrets)
    events.push(...each.events)
  })
  return { out, secrets, events, asks: undefined }
}
