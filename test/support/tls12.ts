/**
 * Our TLS 1.2 client, without any shell, against a server that is a script: it shares codec and key schedule with the
 * library and none of its machines, and says something else, or nothing, where a test wants it to.
 */
import { assert } from "@effect/vitest"
import * as Result from "effect/Result"
import { concat } from "../../src/codec/bytes.ts"
import { encodeMessage12, type Message12 } from "../../src/codec/handshake/handshake.ts"
import { ServerECDHParams } from "../../src/codec/handshake/serverKeyExchange.ts"
import { encode } from "../../src/codec/presentation/wire.ts"
import { answer, type World } from "../../src/core.ts"
import { primitives as node } from "../../src/crypto/node/index.ts"
import { Secret, unsafeBytes } from "../../src/crypto/secret.ts"
import { type CipherSuite12, suites12 } from "../../src/crypto/suite.ts"
import { type ClientState, start as startClient, step } from "../../src/state/client.ts"
import type { ClientConfig } from "../../src/state/config.ts"
import type { Event, Heard12 } from "../../src/state/event.ts"
import type { Failure, ReasonName } from "../../src/state/failure.ts"
import type { Ticket } from "../../src/state/session.ts"
import { verifyData } from "../../src/state/tls12/finished.ts"
import { extendedMasterSecret, type MasterSecret, masterSecret, writeKeys } from "../../src/state/tls12/keySchedule.ts"
import * as Transcript from "../../src/state/transcript.ts"
import { credentials, okay, pairOf, type TestCredential } from "./answers.ts"
import { clientConfig, clientWorld } from "./pair.ts"
import { copy, keeping, kept } from "./resumption.ts"
import type { Travelled } from "./travel.ts"

export const suites = suites12(node)
const firstSuite = suites[0] ?? assert.fail("node has suites")

export const encode12 = (message: Message12): Uint8Array =>
  Result.match(encodeMessage12(message), { onSuccess: (raw) => raw, onFailure: (e) => assert.fail(e.expected) })

type Named<T extends string> = Extract<Message12, { readonly _tag: T }>
type Slot =
  | "ServerHello"
  | "Certificate"
  | "CertificateStatus"
  | "ServerKeyExchange"
  | "CertificateRequest"
  | "ServerHelloDone"
  | "NewSessionTicket"
  | "Finished"

/** A message that is due: another one in its place, or none. */
export type Edits = { readonly [T in Slot]?: (message: Named<T>) => Message12 | undefined }

export interface Plan12 extends Edits {
  readonly client?: Partial<ClientConfig>
  readonly world?: () => World
  readonly suite?: CipherSuite12
  readonly credential?: TestCredential
  /** Whether the server promises a status, and says it. */
  readonly status?: "said" | "promised"
  readonly request?: "client"
  /** What the server says of tickets; nothing when absent. */
  readonly ticket?: Uint8Array
  readonly sessionId?: Uint8Array
  /** Resumes what the client offers, whose master secret this is of. */
  readonly resume?: Ticket
  readonly masterSecret?: "plain"
  readonly ChangeCipherSpec?: "left out"
  readonly then?: ReadonlyArray<Message12>
}

const random = new Uint8Array(32).fill(5)
const pair = pairOf("x25519", new Uint8Array(32).fill(7))

/** Both versions, as a client has them by default. */
export const client12 = (changes: Partial<ClientConfig> = {}): Partial<ClientConfig> => ({
  versions: ["TLSv1.3", "TLSv1.2"],
  suites12: suites,
  ...changes
})

/** One run: all transitions of the client, and the failure that ended it, if one did. */
export class Run12 {
  readonly trip: Array<Travelled> = []
  /** What the server said, in order; `undefined` is its ChangeCipherSpec. */
  readonly said: Array<Uint8Array | undefined> = []
  failure: Failure | undefined
  state: ClientState
  master: MasterSecret | undefined
  transcript: Transcript.Heard = { _tag: "Heard", messages: [] }
  readonly suite: CipherSuite12
  readonly #world: World

  constructor(plan: Plan12) {
    this.state = startClient(clientConfig(client12(plan.client)))
    this.suite = plan.suite ?? firstSuite
    this.#world = (plan.world ?? clientWorld)()
    this.settle()
  }

  /** What the client said last under this name. */
  heard<T extends string>(tag: T): Named<T> {
    const found = this.trip
      .flatMap(({ actions }) => actions)
      .findLast((a) => (a._tag === "Send" || a._tag === "Send12") && a.message._tag === tag)
    if (found?._tag !== "Send" && found?._tag !== "Send12") assert.fail(`the client said no ${tag}`)
    return found.message as Named<T>
  }

  get randoms() {
    return { client: this.heard("ClientHello").body.random, server: random }
  }

  note(raw: Uint8Array): void {
    this.transcript = Transcript.hear(this.transcript, raw)
  }

  take(event: Event): void {
    if (this.failure !== undefined) return
    const from = this.state
    const next = step(from, event)
    if (Result.isFailure(next)) {
      this.failure = next.failure
      return
    }
    const { state, actions } = next.success
    this.trip.push({ role: "client", from, event, to: state, actions })
    this.state = state
    for (const action of actions) if (action._tag === "Send" || action._tag === "Send12") this.hear(action)
    this.settle()
  }

  settle(): void {
    if ("asks" in this.state) this.take(okay(answer(this.#world, this.state.asks)))
  }

  /** The master secret is made where ClientKeyExchange is heard (RFC 7627 section 3). */
  hear({ message, raw }: { readonly message: { readonly _tag: string }; readonly raw: Uint8Array }): void {
    if (message._tag === "Finished") {
      const expected = verifyData("client", this.suite.hash, this.master ?? assert.fail("no keys"), this.transcript)
      assert.deepStrictEqual(raw.slice(4), expected)
    }
    this.note(raw)
  }

  say(message: Message12 | undefined): void {
    if (message === undefined || this.failure !== undefined) return
    const raw = encode12(message)
    this.said.push(raw)
    if (message._tag !== "HelloRequest") this.note(raw)
    this.take({ ...message, raw })
  }

  changeCipherSpec(): void {
    if (this.failure !== undefined) return
    this.said.push(undefined)
    this.take({ _tag: "ChangeCipherSpec" })
  }

  finish(edit: Edits["Finished"]): void {
    if (this.failure !== undefined) return
    const verify_data = verifyData("server", this.suite.hash, this.master ?? assert.fail("no keys"), this.transcript)
    const message = { _tag: "Finished", body: { verify_data } } as const
    this.say(edit === undefined ? message : edit(message))
  }

  /** The keys of both directions. */
  get keys() {
    return writeKeys(this.suite, this.master ?? assert.fail("no keys"), this.randoms)
  }
}

const serverHello = (run: Run12, plan: Plan12): Named<"ServerHello"> => {
  const resumed = plan.resume === undefined ? undefined : run.heard("ClientHello").body.legacy_session_id
  return {
    _tag: "ServerHello",
    body: {
      legacy_version: "TLSv1.2",
      random,
      legacy_session_id_echo: resumed ?? plan.sessionId ?? new Uint8Array(0),
      cipher_suite: run.suite.name,
      legacy_compression_method: 0,
      extensions: [
        { type: "renegotiation_info", data: { renegotiated_connection: new Uint8Array(0) } },
        { type: "application_layer_protocol_negotiation", data: { protocol_name_list: ["h2"] } },
        ...(plan.masterSecret === "plain" ? [] : [{ type: "extended_master_secret", data: {} } as const]),
        ...(plan.ticket === undefined ? [] : [{ type: "session_ticket", data: {} } as const]),
        ...(plan.status === undefined ? [] : [{ type: "status_request", data: {} } as const])
      ]
    }
  }
}

/** The signature is made with the credential, whatever scheme it is said to have. */
const serverKeyExchange = (run: Run12, credential: TestCredential): Named<"ServerKeyExchange"> => {
  const params = { namedcurve: "x25519", public: pair.share } as const
  const { client, server } = run.randoms
  const content = concat([client, server, Result.getOrThrow(encode(ServerECDHParams.wire, params))])
  const algorithm = credential.schemes[0] ?? assert.fail("a key signs something")
  return {
    _tag: "ServerKeyExchange",
    body: { params, algorithm, signature: okay(credential.key.sign(algorithm, content)) }
  }
}

const agree = (run: Run12, plan: Plan12): void => {
  const { ecdh_Yc } = run.heard("ClientKeyExchange").body
  const premaster = new Secret("premaster", okay(pair.agree(ecdh_Yc)))
  const { hash } = run.suite
  const upTo = run.transcript.messages.findLastIndex((message) => message[0] === 16)
  const heard = { _tag: "Heard", messages: run.transcript.messages.slice(0, upTo + 1) } as const
  run.master =
    plan.masterSecret === "plain"
      ? masterSecret(hash, premaster, run.randoms)
      : extendedMasterSecret(hash, premaster, Transcript.digestOf(heard, hash))
}

/** What comes before the server's Finished, and the end. */
const end = (run: Run12, plan: Plan12): void => {
  if (plan.ticket !== undefined) {
    const message = { _tag: "NewSessionTicket", body: { ticket_lifetime_hint: 3600, ticket: plan.ticket } } as const
    run.say(plan.NewSessionTicket === undefined ? message : plan.NewSessionTicket(message))
  }
  if (plan.ChangeCipherSpec === undefined) run.changeCipherSpec()
  run.finish(plan.Finished)
  for (const message of plan.then ?? []) run.say(message)
}

/** Runs the client to the end, its own or that of the handshake. */
export const run12 = (plan: Plan12 = {}): Run12 => {
  const run = new Run12(plan)
  const due = <T extends Slot>(
    message: () => Named<T>,
    edit: ((message: Named<T>) => Message12 | undefined) | undefined
  ) => {
    if (run.failure === undefined) run.say(edit === undefined ? message() : edit(message()))
  }
  due<"ServerHello">(() => serverHello(run, plan), plan.ServerHello)
  if (plan.resume !== undefined) {
    run.master = masterOf(plan.resume)
    end(run, plan)
    return run
  }
  const { credential = credentials.serverEd25519 } = plan
  due<"Certificate">(() => ({ _tag: "Certificate", body: { certificate_list: credential.chain } }), plan.Certificate)
  if (plan.status === "said") {
    const response = Uint8Array.of(1, 2, 3)
    due<"CertificateStatus">(
      () => ({ _tag: "CertificateStatus", body: { status_type: "ocsp", response } }),
      plan.CertificateStatus
    )
  }
  due<"ServerKeyExchange">(() => serverKeyExchange(run, credential), plan.ServerKeyExchange)
  if (plan.request !== undefined) {
    due<"CertificateRequest">(
      () => ({
        _tag: "CertificateRequest",
        body: {
          certificate_types: ["ecdsa_sign"],
          supported_signature_algorithms: ["ed25519"],
          certificate_authorities: []
        }
      }),
      plan.CertificateRequest
    )
  }
  // The client's whole flight answers this one, its Finished too, which is checked when there is a key to do it.
  const check = run.hear.bind(run)
  run.hear = (said) => {
    check(said)
    if (said.message._tag === "ClientKeyExchange") agree(run, plan)
  }
  due<"ServerHelloDone">(() => ({ _tag: "ServerHelloDone", body: {} }), plan.ServerHelloDone)
  if (run.failure === undefined && run.master !== undefined) end(run, plan)
  return run
}

/** The master secret of a session, which its ticket keeps. */
const masterOf = ({ session }: Ticket): MasterSecret => new Secret("master", unsafeBytes(session.secret).slice())

/** The same, which must come to its end. */
export const travel12 = (plan: Plan12 = {}): ReadonlyArray<Travelled> => {
  const run = run12(plan)
  if (run.failure !== undefined) assert.fail(`${run.failure.reason}: ${run.failure.detail}`)
  assert.strictEqual(run.state._tag, "ESTABLISHED")
  return run.trip
}

/** What the client kept of a run. */
export const ticketOf12 = (plan: Plan12): Ticket => {
  const stored = travel12({ client: keeping(), ...plan })
    .flatMap(({ actions }) => actions)
    .flatMap((action) => (action._tag === "StoreTicket" ? [action] : []))
  return kept(stored[0] ?? assert.fail("no session was kept"))
}

/** The second of two handshakes. */
export const resuming = (ticket: Ticket, plan: Plan12 = {}): Plan12 => ({
  client: keeping(),
  world: () => clientWorld({ takeTicket: () => copy(ticket) }),
  resume: ticket,
  ...plan
})

export const reasonOf12 = (plan: Plan12): ReasonName | undefined => run12(plan).failure?.reason

const ticket = Uint8Array.of(1, 2, 3)
const helloRequest: Message12 = { _tag: "HelloRequest", body: {} }
const decline = () => clientWorld({ choose: () => undefined })

/** Every kind of handshake there is. */
export const plans12: { readonly [name: string]: Plan12 } = {
  "1.2: full": {},
  "1.2: full, of a client that speaks nothing else": { client: { versions: ["TLSv1.2"] } },
  "1.2: full, with a status": { status: "said", client: { stapling: "ask" } },
  "1.2: full, with a status that was only promised": { status: "promised", client: { stapling: "ask" } },
  "1.2: full, with a ticket": { client: keeping(), ticket },
  "1.2: full, with a session ID": { client: keeping(), sessionId: ticket },
  "1.2: full, with a plain master secret": { masterSecret: "plain", client: { extendedMasterSecret: "optional" } },
  "1.2: client authentication": { request: "client" },
  "1.2: client authentication and a ticket": { request: "client", ticket, client: keeping() },
  "1.2: client authentication declined": { request: "client", world: decline },
  "1.2: a wish to renegotiate": { then: [helloRequest] },
  get "1.2: resumed by ticket"() {
    return resuming(ticketOf12({ ticket }))
  },
  get "1.2: resumed by ticket, which is renewed"() {
    return resuming(ticketOf12({ ticket }), { ticket: Uint8Array.of(4, 5) })
  },
  get "1.2: resumed by session ID"() {
    return resuming(ticketOf12({ sessionId: ticket }))
  }
}

/** A message as the other side takes it in. */
export const hearing12 = (message: Message12): Heard12 => ({ ...message, raw: encode12(message) })
