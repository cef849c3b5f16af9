/** Handshakes of one of our connections against a puppet, honest but for what a test edits. */
import { assert } from "@effect/vitest"
import { find } from "../../src/codec/extension/extension.ts"
import type { ClientHello } from "../../src/codec/handshake/clientHello.ts"
import type { Message } from "../../src/codec/handshake/handshake.ts"
import { isGrease } from "../../src/codec/registry/grease.ts"
import { NamedGroup } from "../../src/codec/registry/namedGroup.ts"
import { answer, type World } from "../../src/core.ts"
import type { KeyPair } from "../../src/crypto/primitives.ts"
import type { Secret } from "../../src/crypto/secret.ts"
import type { CipherSuite13 } from "../../src/crypto/suite.ts"
import type { ClientConfig, ServerConfig } from "../../src/state/config.ts"
import type { ReasonName } from "../../src/state/failure.ts"
import { first, type Offer, second } from "../../src/state/hello/clientHello.ts"
import { certificateOf } from "../../src/state/tls13/authentication.ts"
import { verifyData } from "../../src/state/tls13/finished.ts"
import * as KeySchedule from "../../src/state/tls13/keySchedule.ts"
import type { Hashing } from "../../src/state/transcript.ts"
import { credentials, fixedGroups, okay, pairOf, type TestCredential } from "./answers.ts"
import { clientConfig, clientEnd, clientWorld, type End, serverEnd, serverWorld, suites } from "./pair.ts"
import { encode, Puppet } from "./puppet.ts"

type Named<T extends string> = Extract<Message, { readonly _tag: T }>

/** A message that is due: say it, or something else, or nothing. */
export interface Slot<P extends Puppet, T extends Message["_tag"] = Message["_tag"]> {
  readonly puppet: P
  readonly message: Named<T>
  readonly raw: Uint8Array
}

const firstSuite = suites[0] ?? assert.fail("node has suites")

export class PuppetServer extends Puppet {
  hellos: Array<ClientHello> = []
  applicationRead: Secret<string> | undefined

  protected heard(message: Message, raw: Uint8Array): void {
    if (message._tag === "ClientHello") {
      this.hellos.push(message.body)
      this.note(raw)
      return
    }
    if (message._tag === "EndOfEarlyData") this.readKey(this.client ?? assert.fail("no traffic secret"))
    if (message._tag === "Finished") {
      assert.deepStrictEqual(
        message.body.verify_data,
        verifyData(this.client ?? assert.fail("a Finished before the keys"), this.transcript)
      )
      if (this.applicationRead !== undefined) this.readKey(this.applicationRead)
    }
    this.note(raw)
  }

  get hello(): ClientHello {
    return this.hellos.at(-1) ?? assert.fail("no ClientHello was heard")
  }
}

type ServerSlot =
  | "HelloRetryRequest"
  | "ServerHello"
  | "EncryptedExtensions"
  | "CertificateRequest"
  | "Certificate"
  | "CertificateVerify"
  | "Finished"

export type ServerEdits = { readonly [T in ServerSlot]?: (slot: Slot<PuppetServer, T>) => unknown }

export interface ServerScript extends ServerEdits {
  readonly config?: Partial<ClientConfig>
  readonly world?: World
  readonly suite?: CipherSuite13
  /** Sends a HelloRetryRequest first. */
  readonly retry?: { readonly group?: NamedGroup; readonly cookie?: Uint8Array }
  /** Sends a CertificateRequest. */
  readonly authenticate?: "client"
  readonly credential?: TestCredential
  /** Takes the PSK at `index`, whose early secret is made of this key; no certificate speaks then. */
  readonly psk?: { readonly index: number; readonly key: Secret<string> } | undefined
  /** Reads on under the early keys of that PSK, as one does who takes early data: `EncryptedExtensions` may say so. */
  readonly earlyData?: "read" | undefined
  /** Once the client is connected. */
  readonly after?: (puppet: PuppetServer, end: End) => unknown
}

export interface Run<P extends Puppet> {
  readonly end: End
  readonly puppet: P
}

/** What the puppet said goes to the connection, and the reply comes back. */
export const exchange = ({ end, puppet }: Run<Puppet>): void => {
  for (const chunk of puppet.take()) end.receive(chunk)
  puppet.hear(end.flush())
}

const play = <P extends Puppet, T extends Message["_tag"]>(
  run: Run<P>,
  edit: ((slot: Slot<P, T>) => unknown) | undefined,
  message: Named<T>
): void => {
  const raw = encode(message)
  if (edit === undefined) run.puppet.say(raw)
  else edit({ puppet: run.puppet, message, raw })
  run.puppet.endRecord()
}

const afterServerHello = ({ puppet }: Run<PuppetServer>, { earlyData }: ServerScript, hello: Hashing): void => {
  const { early, client } = puppet
  if (earlyData !== undefined && early !== undefined) puppet.readKey(KeySchedule.clientEarlyTraffic(early, hello))
  else if (client !== undefined) puppet.readKey(client)
}

/** Our client against a server that is a puppet. */
export const againstClient = (script: ServerScript = {}): Run<PuppetServer> => {
  const suite = script.suite ?? firstSuite
  const run = { end: clientEnd(script.config, script.world), puppet: new PuppetServer(suite) }
  const { end, puppet } = run
  puppet.hear(end.start().flush())

  const common = {
    legacy_version: "TLSv1.2",
    legacy_session_id_echo: puppet.hello.legacy_session_id,
    cipher_suite: suite.name,
    legacy_compression_method: 0
  } as const
  const version = { type: "supported_versions", data: { selected_version: "TLSv1.3" } } as const

  if (script.retry !== undefined) {
    puppet.noteRetry()
    const { group, cookie } = script.retry
    play<PuppetServer, "HelloRetryRequest">(run, script.HelloRetryRequest, {
      _tag: "HelloRetryRequest",
      body: {
        ...common,
        extensions: [
          version,
          ...(group === undefined ? [] : [{ type: "key_share", data: { selected_group: group } } as const]),
          ...(cookie === undefined ? [] : [{ type: "cookie", data: { cookie } } as const])
        ]
      }
    })
    exchange(run)
  }
  if (end.failure !== undefined) return run

  const shares = find(puppet.hello.extensions, "key_share")?.client_shares ?? []
  const share = shares.find(({ group }) => !isGrease(NamedGroup.code(group))) ?? assert.fail("no share was sent")
  const group = fixedGroups.find(({ name }) => name === share.group) ?? assert.fail(`no group ${share.group}`)
  const { psk } = script
  if (psk !== undefined) puppet.early = KeySchedule.earlySecret(suite.hash, psk.key)
  const hello = puppet.transcript
  const agreed = okay(group.encapsulate(share.key_exchange, (size) => new Uint8Array(size).fill(7)))
  play<PuppetServer, "ServerHello">(run, script.ServerHello, {
    _tag: "ServerHello",
    body: {
      ...common,
      random: new Uint8Array(32).fill(5),
      extensions: [
        version,
        { type: "key_share", data: { server_share: { group: share.group, key_exchange: agreed.share } } },
        ...(psk === undefined ? [] : [{ type: "pre_shared_key", data: { selected_identity: psk.index } } as const])
      ]
    }
  })
  puppet.handshakeKeys(agreed.secret)
  afterServerHello(run, script, hello)
  exchange(run)
  if (puppet.server !== undefined) puppet.writeKey(puppet.server)

  protectedFlight(run, script)
  if (end.failure === undefined && end.connection.state === "CONNECTED") {
    script.after?.(puppet, end)
    exchange(run)
  }
  return run
}

const protectedFlight = (run: Run<PuppetServer>, script: ServerScript): void => {
  const { end, puppet } = run
  const credential = script.credential ?? credentials.serverEd25519
  const next = <T extends ServerSlot>(edit: ServerEdits[T], message: () => Named<T>): void => {
    if (end.failure !== undefined) return
    play<PuppetServer, T>(run, edit as ((slot: Slot<PuppetServer, T>) => unknown) | undefined, message())
    exchange(run)
  }
  next<"EncryptedExtensions">(script.EncryptedExtensions, () => ({
    _tag: "EncryptedExtensions",
    body: { extensions: [] }
  }))
  if (script.authenticate !== undefined) {
    next<"CertificateRequest">(script.CertificateRequest, () => ({
      _tag: "CertificateRequest",
      body: {
        certificate_request_context: new Uint8Array(0),
        extensions: [{ type: "signature_algorithms", data: { supported_signature_algorithms: ["ed25519"] } }]
      }
    }))
  }
  if (script.psk === undefined) {
    next<"Certificate">(script.Certificate, () => ({ _tag: "Certificate", body: certificateOf(credential) }))
    next<"CertificateVerify">(
      script.CertificateVerify,
      () => puppet.certificateVerify("Server", credential) as Named<"CertificateVerify">
    )
  }
  if (end.failure !== undefined) return
  play<PuppetServer, "Finished">(run, script.Finished, puppet.finished(puppet.server) as Named<"Finished">)
  const application = puppet.applicationKeys()
  puppet.applicationRead = application.client
  exchange(run)
  puppet.writeKey(application.server)
}

export class PuppetClient extends Puppet {
  offer: Offer
  readonly #pairs: (group: NamedGroup) => KeyPair
  retry: Named<"HelloRetryRequest"> | undefined
  request: Named<"CertificateRequest"> | undefined
  application: { readonly client: Secret<string>; readonly server: Secret<string> } | undefined
  /** The keys of early data, once a ClientHello was said that offers it. */
  earlyKey: Secret<string> | undefined
  accepted: "early data" | undefined

  constructor(suite: CipherSuite13, offer: Offer, pairs: (group: NamedGroup) => KeyPair) {
    super(suite)
    this.offer = offer
    this.#pairs = pairs
  }

  protected heard(message: Message, raw: Uint8Array): void {
    if (message._tag === "HelloRetryRequest") {
      this.noteRetry()
      this.retry = message
    }
    if (message._tag === "CertificateRequest") this.request = message
    if (message._tag === "Finished") {
      assert.deepStrictEqual(
        message.body.verify_data,
        verifyData(this.server ?? assert.fail("a Finished before the keys"), this.transcript)
      )
    }
    this.note(raw)
    if (message._tag === "EncryptedExtensions" && find(message.body.extensions, "early_data") !== undefined) {
      this.accepted = "early data"
      if (this.earlyKey !== undefined) this.writeKey(this.earlyKey)
    }
    if (message._tag === "ServerHello") {
      const selected = find(message.body.extensions, "pre_shared_key")?.selected_identity
      if (selected !== undefined) this.early = this.offer.psks[selected]?.early
      const share = find(message.body.extensions, "key_share")?.server_share ?? assert.fail("no share")
      this.handshakeKeys(okay(this.#pairs(share.group).agree(share.key_exchange)))
      if (this.server !== undefined) this.readKey(this.server)
      if (this.client !== undefined) this.writeKey(this.client)
    }
    if (message._tag === "Finished") {
      this.application = this.applicationKeys()
      this.readKey(this.application.server)
    }
  }

  /** Early data goes with the ClientHello that was just said: from here on under its keys. */
  startEarlyData(): this {
    const { earlyData } = this.offer
    if (earlyData._tag !== "Offered") return assert.fail("no early data is offered")
    this.endRecord()
    this.earlyKey = KeySchedule.clientEarlyTraffic(earlyData.psk.early, this.transcript)
    this.writeKey(this.earlyKey)
    return this
  }

  /** The second ClientHello, with other shares. */
  again(shares: ReadonlyArray<KeyPair>): Offer {
    return okay(second(this.offer, { suite: this.suite, cookie: undefined, shares, transcript: this.transcript }))
  }
}

type ClientSlot = "ClientHello" | "EndOfEarlyData" | "Certificate" | "CertificateVerify" | "Finished"

export interface ClientScript {
  readonly config?: Partial<ServerConfig>
  readonly world?: World
  readonly suite?: CipherSuite13
  readonly hello?: Partial<ClientConfig>
  /** What the puppet makes its hello of: a ticket, perhaps. */
  readonly helloWorld?: World
  /** Absent to decline. */
  readonly credential?: TestCredential | "none"
  readonly ClientHello?: (slot: Slot<PuppetClient, "ClientHello">) => unknown
  readonly SecondClientHello?: (slot: Slot<PuppetClient, "ClientHello">) => unknown
  readonly EndOfEarlyData?: (slot: Slot<PuppetClient, "EndOfEarlyData">) => unknown
  readonly Certificate?: (slot: Slot<PuppetClient, "Certificate">) => unknown
  readonly CertificateVerify?: (slot: Slot<PuppetClient, "CertificateVerify">) => unknown
  readonly Finished?: (slot: Slot<PuppetClient, "Finished">) => unknown
  readonly after?: (puppet: PuppetClient, end: End) => unknown
}

/** Our server against a client that is a puppet. */
export const againstServer = (script: ClientScript = {}): Run<PuppetClient> => {
  const world = script.helloWorld ?? clientWorld()
  const config = clientConfig({ compatibility: "none", ...script.hello })
  const prepared = okay(answer(world, { _tag: "PrepareHello", groups: config.shares, config }))
  if (prepared._tag !== "HelloPrepared") assert.fail("the answer of another question")
  const spare = new Map<NamedGroup, KeyPair>()
  const pairs = (group: NamedGroup): KeyPair => {
    const pair =
      prepared.shares.find((each) => each.group === group) ??
      spare.get(group) ??
      pairOf(group === "secp256r1" ? "secp256r1" : "x25519", new Uint8Array(32).fill(9))
    spare.set(group, pair)
    return pair
  }
  const puppet = new PuppetClient(script.suite ?? firstSuite, okay(first(config, prepared)), pairs)
  const run = { end: serverEnd(script.config, script.world ?? serverWorld()).start(), puppet }
  const { end } = run
  const next = <T extends ClientSlot>(
    edit: ((slot: Slot<PuppetClient, T>) => unknown) | undefined,
    message: () => Named<T>
  ): void => {
    if (end.failure !== undefined) return
    play<PuppetClient, T>(run, edit, message())
    exchange(run)
  }

  next<"ClientHello">(script.ClientHello, () => ({ _tag: "ClientHello", body: puppet.offer.hello }))
  if (puppet.retry !== undefined) {
    const group = find(puppet.retry.body.extensions, "key_share")?.selected_group ?? assert.fail("no group")
    puppet.offer = puppet.again([pairs(group)])
    puppet.inTheClear()
    next<"ClientHello">(script.SecondClientHello, () => ({ _tag: "ClientHello", body: puppet.offer.hello }))
  }
  if (end.failure !== undefined || puppet.application === undefined) return run
  if (puppet.accepted !== undefined) {
    next<"EndOfEarlyData">(script.EndOfEarlyData, () => ({ _tag: "EndOfEarlyData", body: {} }))
    if (puppet.client !== undefined) puppet.writeKey(puppet.client)
  }
  if (puppet.request !== undefined) {
    const credential = script.credential ?? credentials.clientEd25519
    const shown = credential === "none" ? undefined : credential
    next<"Certificate">(script.Certificate, () => ({ _tag: "Certificate", body: certificateOf(shown) }))
    if (shown !== undefined) {
      next<"CertificateVerify">(
        script.CertificateVerify,
        () => puppet.certificateVerify("Client", shown) as Named<"CertificateVerify">
      )
    }
  }
  next<"Finished">(script.Finished, () => puppet.finished(puppet.client) as Named<"Finished">)
  if (end.failure === undefined && end.connection.state === "CONNECTED") {
    puppet.writeKey(puppet.application.client)
    script.after?.(puppet, end)
    exchange(run)
  }
  return run
}

/** The run ended with this reason, told with this alert, once, and no data was released. */
export const refused = ({ end, puppet }: Run<Puppet>, reason: ReasonName, alert: string | "no alert"): void => {
  assert.strictEqual(end.failure?.reason, reason, end.failure?.detail ?? "nothing was refused")
  assert.deepStrictEqual(
    puppet.alerts.map(({ level, description }) => `${level} ${description}`),
    alert === "no alert" ? [] : [`2 ${alert}`]
  )
  assert.strictEqual(end.events.filter(({ _tag }) => _tag === "Failed").length, 1)
  assert.strictEqual(end.data.length, 0)
  assert.strictEqual(end.connection.receive(new Uint8Array(64).fill(22)).out.length, 0)
}
