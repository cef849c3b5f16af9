/**
 * TLS without I/O and without the Effect runtime: a `Connection`, and a way to answer its questions at once.
 *
 * ```ts
 * let progress = Core.settle(connection, connection.start(), world)
 * for (const bytes of progress.out) socket.write(bytes)
 * socket.on("data", (bytes) => { progress = Core.settle(connection, connection.receive(bytes), world) })
 * ```
 */
import * as Result from "effect/Result"
import type { NamedGroup } from "./codec/registry/namedGroup.ts"
import type { CryptoFailure, KeyPair, Primitives } from "./crypto/primitives.ts"
import {
  expects as clientExpects,
  speaks as clientSpeaks,
  step as clientStep,
  start as startClient
} from "./state/client.ts"
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
} from "./state/command.ts"
import type { ClientConfig, ServerConfig } from "./state/config.ts"
import type { Connection, ConnectionEvent, Progress } from "./state/connection.ts"
import { type Failure, fail, make as failure } from "./state/failure.ts"
import { type PeerIdentity, peerAuthenticated } from "./state/proof.ts"
import type { CryptoData, QuicConnection, QuicEvent, QuicProgress, QuicSecret } from "./state/quic/index.ts"
import {
  expects as serverExpects,
  speaks as serverSpeaks,
  step as serverStep,
  start as startServer
} from "./state/server.ts"
import { ageAddOf, begin, type Session, type SessionDraft, type Ticket } from "./state/session.ts"
import { type ConnectionOptions, make } from "./state/shell.ts"
import { type ExternalPsk, type Known, known, type SealedBy } from "./state/tls13/psk.ts"

export type { CertificateCompressor } from "./crypto/compression.ts"
/** Header protection of QUIC packets in JavaScript; `effect-tls/node` has that of node:crypto. */
export { headerProtection as nobleHeaderProtection } from "./crypto/noble/headerProtection.ts"
/** Primitives in JavaScript, which run anywhere; `effect-tls/node` has those of node:crypto. */
export { primitives as noblePrimitives } from "./crypto/noble/index.ts"
export type { Primitives } from "./crypto/primitives.ts"
/** What protects QUIC packets: keys, header masks, the tag of a Retry packet (RFC 9001 section 5). */
export * as QuicPackets from "./crypto/quic/index.ts"
/** The bytes of a secret, as a view, for a QUIC host whose packet protection is elsewhere. */
export { type Secret, unsafeBytes as dangerouslyRevealSecret } from "./crypto/secret.ts"
/** The suites that a configuration offers or accepts. */
export { type CipherSuite12, type CipherSuite13, suites12, suites13 } from "./crypto/suite.ts"
/** Certificates compressed in JavaScript, for `certificateCompression`. */
export { zlib as portableZlib } from "./crypto/zlib.ts"
/** What a login inside a connection is bound to: `channelBinding(connection, primitives.hashes, "tls-exporter")`. */
export { type ChannelBindingType, channelBinding } from "./state/channelBinding.ts"
/** The reducer of the client: `start(config)`, `step(state, event)`, and its figure. */
export * as ClientMachine from "./state/client.ts"
export type { Answer, Command, Credential } from "./state/command.ts"
export type { ClientAuthentication, ClientConfig, ServerConfig, ServerIdentity } from "./state/config.ts"
export type { Connection, ConnectionEvent, Progress } from "./state/connection.ts"
export type { Established } from "./state/established.ts"
export type { Failure } from "./state/failure.ts"
/** What `dangerouslyExtractTrafficSecrets` yields. */
export type { DirectionKeys, TrafficSecrets } from "./state/handOver.ts"
/** What software a ClientHello comes from: JA4. */
export * as Fingerprint from "./state/hello/ja4.ts"
/** What it takes to read a name that a client means to reach. */
export { parseServerIdentity } from "./state/path/host.ts"
/** TLS inside QUIC (RFC 9001): `quicClient` and `quicServer` make the handshake of a host's connection. */
export {
  type CryptoData,
  type CryptoLevel,
  errorCode as quicErrorCode,
  type QuicClientConfig,
  type QuicConnection,
  type QuicEvent,
  type QuicLevel,
  type QuicOptions,
  type QuicProgress,
  type QuicSecret,
  type QuicServerConfig,
  quicClient,
  quicServer
} from "./state/quic/index.ts"
/** What `ConnectionOptions.padding` may be. */
export * as Padding from "./state/record/padding.ts"
/** The reducer of the server. */
export * as ServerMachine from "./state/server.ts"
export type { ConnectionOptions } from "./state/shell.ts"
/** External PSKs imported for TLS 1.3 (RFC 9258): for `externalPsks` of a client, and a server's `externalPsk`. */
export * as PskImporter from "./state/tls13/importer.ts"
export type { ExternalPsk } from "./state/tls13/psk.ts"

/** A client; `start` yields its first question. */
export const client = (config: ClientConfig, options?: ConnectionOptions): Connection =>
  make(
    { role: "client", start: startClient(config), speaks: clientSpeaks, step: clientStep, expects: clientExpects },
    options
  )

/** A server; it waits for bytes. */
export const server = (config: ServerConfig, options?: ConnectionOptions): Connection =>
  make(
    { role: "server", start: startServer(config), speaks: serverSpeaks, step: serverStep, expects: serverExpects },
    options
  )

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

/** The same for a connection inside QUIC. */
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
