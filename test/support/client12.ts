/**
 * A client of TLS 1.2 that says what it is told to, in records, with a transcript and keys of its own. It shares codec,
 * key schedule and record protection with the library, and none of its machines.
 */
import { assert } from "@effect/vitest"
import * as Result from "effect/Result"
import { find } from "../../src/codec/extension/extension.ts"
import type { ClientHello } from "../../src/codec/handshake/clientHello.ts"
import { decodeMessage12, encodeMessage12, type Message12 } from "../../src/codec/handshake/handshake.ts"
import { AlertDescription } from "../../src/codec/registry/alert.ts"
import type { World } from "../../src/core.ts"
import { primitives as node } from "../../src/crypto/node/index.ts"
import { Secret, unsafeBytes } from "../../src/crypto/secret.ts"
import { algorithm12 } from "../../src/crypto/signature.ts"
import { type CipherSuite12, suites12 } from "../../src/crypto/suite.ts"
import type { ServerConfig } from "../../src/state/config.ts"
import type { ReasonName } from "../../src/state/failure.ts"
import { HandshakeJoiner } from "../../src/state/record/joiner.ts"
import { Opener12, Sealer12 } from "../../src/state/record/protection12.ts"
import { RecordReader } from "../../src/state/record/reader.ts"
import { verifyData } from "../../src/state/tls12/finished.ts"
import * as KeySchedule from "../../src/state/tls12/keySchedule.ts"
import * as Transcript from "../../src/state/transcript.ts"
import { concat, credentials, okay, pairOf, type TestCredential, toHex } from "./answers.ts"
import { type End, serverEnd, serverWorld } from "./pair.ts"
import type { Read } from "./puppet.ts"
import { type } from "./puppet.ts"

export const suites = suites12(node)

/** A server of both versions. */
export const both: Partial<ServerConfig> = { versions: ["TLSv1.3", "TLSv1.2"], suites12: suites }

export const encode12 = (message: Message12): Uint8Array =>
  Result.match(encodeMessage12(message), { onSuccess: (raw) => raw, onFailure: (e) => assert.fail(e.expected) })

type Named<T extends string> = Extract<Message12, { readonly _tag: T }>
type Extensions = ClientHello["extensions"]

export const random = new Uint8Array(32).fill(3)

/** What a client of TLS 1.2 alone offers. */
export const hello12 = (changes: Partial<ClientHello> = {}): ClientHello => ({
  legacy_version: "TLSv1.2",
  random,
  legacy_session_id: new Uint8Array(0),
  cipher_suites: suites.map(({ name }) => name),
  legacy_compression_methods: Uint8Array.of(0),
  extensions: extensions12,
  ...changes
})

export const extensions12: Extensions = [
  { type: "server_name", data: { server_name_list: [{ name_type: "host_name", name: "server.test" }] } },
  { type: "extended_master_secret", data: {} },
  { type: "renegotiation_info", data: { renegotiated_connection: new Uint8Array(0) } },
  { type: "ec_point_formats", data: { ec_point_format_list: ["uncompressed"] } },
  { type: "supported_groups", data: { named_group_list: ["x25519", "secp256r1"] } },
  {
    type: "signature_algorithms",
    data: { supported_signature_algorithms: ["ecdsa_secp256r1_sha256", "ed25519", "rsa_pss_rsae_sha256"] }
  }
]

/** The same without one extension, or with another one of its type. */
export const without = (name: Extensions[number]["type"]): Extensions =>
  extensions12.filter(({ type }) => type !== name)
export const having = (...more: Extensions): Extensions => [
  ...extensions12.filter(({ type }) => !more.some((each) => each.type === type)),
  ...more
]
export const ticketWish = (ticket: Uint8Array = new Uint8Array(0)): Extensions[number] => ({
  type: "session_ticket",
  data: { ticket }
})

type Slot = "Certificate" | "ClientKeyExchange" | "CertificateVerify" | "ChangeCipherSpec" | "Finished"
/** What happens in the place of a message; `say` is what would have happened. */
type Edit = (puppet: Puppet12, say: () => void) => unknown

export interface Script12 extends Partial<Record<Slot, Edit>> {
  readonly config?: Partial<ServerConfig>
  readonly world?: World
  readonly hello?: Partial<ClientHello>
  /** What a client shows when it is asked. */
  readonly credential?: TestCredential | "none"
  /** The master secret of the session that is offered. */
  readonly session?: Secret<string>
  readonly masterSecret?: "plain"
  readonly after?: Edit
}

export class Puppet12 {
  readonly end: End
  readonly hello: ClientHello
  readonly read: Array<Read> = []
  readonly messages: Array<Message12> = []
  transcript: Transcript.Heard = { _tag: "Heard", messages: [] }
  master: KeySchedule.MasterSecret | undefined
  #sealer: Sealer12 | undefined
  readonly #reader = new RecordReader()
  readonly #joiner = new HandshakeJoiner()
  #keys: KeySchedule.WriteKeys | undefined

  constructor(end: End, hello: ClientHello) {
    this.end = end
    this.hello = hello
  }

  /** A handshake message that the transcript hears, in a record of its own. */
  say(message: Message12 | Uint8Array): this {
    const raw = message instanceof Uint8Array ? message : encode12(message)
    this.note(raw)
    return this.record(type.handshake, raw)
  }

  note(raw: Uint8Array): void {
    this.transcript = Transcript.hear(this.transcript, raw)
  }

  /** One record under the present key. */
  record(contentType: number, content: Uint8Array): this {
    if (this.#sealer === undefined) return this.plain(contentType, content)
    const out = new Uint8Array(5 + content.length + this.#sealer.expansion)
    okay(this.#sealer.seal(contentType, content, out, 0))
    return this.raw(out)
  }

  plain(contentType: number, content: Uint8Array, version = 0x0303): this {
    const header = [contentType, version >> 8, version & 255, content.length >> 8, content.length & 255]
    return this.raw(concat(Uint8Array.from(header), content))
  }

  /** Bytes as they are; the answer is read. */
  raw(bytes: Uint8Array): this {
    this.end.receive(bytes)
    this.#hear(this.end.flush())
    return this
  }

  changeCipherSpec(): this {
    return this.plain(type.change_cipher_spec, Uint8Array.of(1))
  }

  /** What is said from here on is protected. */
  protect(): this {
    this.#sealer = new Sealer12(this.suite, this.keys.client)
    return this
  }

  finished(): Named<"Finished"> {
    const master = this.master ?? assert.fail("no master secret")
    return { _tag: "Finished", body: { verify_data: verifyData("client", this.suite.hash, master, this.transcript) } }
  }

  heard<T extends Message12["_tag"]>(tag: T): Named<T> {
    const found = this.messages.find((message) => message._tag === tag)
    return (found ?? assert.fail(`the server said no ${tag}: ${this.end.failure?.detail}`)) as Named<T>
  }

  has(tag: Message12["_tag"]): boolean {
    return this.messages.some((message) => message._tag === tag)
  }

  get alerts(): ReadonlyArray<string> {
    return this.read.flatMap((read) => (read._tag === "Alert" ? [`${read.level} ${read.description}`] : []))
  }

  get suite(): CipherSuite12 {
    const { cipher_suite } = this.heard("ServerHello").body
    return suites.find(({ name }) => name === cipher_suite) ?? assert.fail(`suite ${cipher_suite}`)
  }

  get randoms(): KeySchedule.Randoms {
    return { client: this.hello.random, server: this.heard("ServerHello").body.random }
  }

  get keys(): KeySchedule.WriteKeys {
    this.#keys ??= KeySchedule.writeKeys(this.suite, this.master ?? assert.fail("no master secret"), this.randoms)
    return this.#keys
  }

  #hear(bytes: Uint8Array): void {
    okay(this.#reader.push(bytes.slice()))
    for (let record = okay(this.#reader.next()); record !== undefined; record = okay(this.#reader.next())) {
      const { fragment, protection } = record
      if (record.type === "change_cipher_spec") {
        this.read.push({ _tag: "ChangeCipherSpec" })
        this.#reader.protect(new Opener12(this.suite, this.keys.server))
      } else if (record.type === "application_data") this.read.push({ _tag: "Data", bytes: fragment })
      else if (record.type === "alert") {
        const description = AlertDescription.show(AlertDescription.of(fragment[1] ?? 0))
        this.read.push({ _tag: "Alert", level: fragment[0] ?? 0, description, protection })
      } else {
        okay(this.#joiner.push(fragment))
        for (let raw = okay(this.#joiner.next()); raw !== undefined; raw = okay(this.#joiner.next())) this.#take(raw)
      }
    }
  }

  #take(raw: Uint8Array): void {
    const message = Result.getOrThrow(decodeMessage12(raw))
    this.messages.push(message)
    if (message._tag === "Finished") {
      const master = this.master ?? assert.fail("no master secret")
      const expected = verifyData("server", this.suite.hash, master, this.transcript)
      assert.strictEqual(toHex(message.body.verify_data), toHex(expected), "the server's Finished")
    }
    this.note(raw)
  }

  /** Our share, and what it makes: the transcript ends with ClientKeyExchange. */
  exchangeKeys(masterSecret: Script12["masterSecret"], say: (share: Uint8Array) => void): void {
    const { namedcurve, public: theirs } = this.heard("ServerKeyExchange").body.params
    const pair = pairOf(namedcurve === "secp256r1" ? "secp256r1" : "x25519", new Uint8Array(32).fill(9))
    const premaster = new Secret("premaster", okay(pair.agree(theirs)))
    const { hash } = this.suite
    // The server may answer at once, so the keys are there before the message is.
    const raw = encode12({ _tag: "ClientKeyExchange", body: { ecdh_Yc: pair.share } })
    this.master =
      masterSecret === "plain"
        ? KeySchedule.masterSecret(hash, premaster, this.randoms)
        : KeySchedule.extendedMasterSecret(
            hash,
            premaster,
            Transcript.digestOf(Transcript.hear(this.transcript, raw), hash)
          )
    say(pair.share)
  }

  certificateVerify(credential: TestCredential, algorithm = credential.schemes[0] ?? "ed25519"): Message12 {
    const how = algorithm12(algorithm) ?? algorithm
    const signature = okay(credential.key.sign(how, Transcript.spoken(this.transcript)))
    return { _tag: "CertificateVerify", body: { algorithm, signature } }
  }
}

/** Our server against that client, to the end of the handshake or of the connection. */
export const run12 = (script: Script12 = {}): Puppet12 => {
  const end = serverEnd({ ...both, ...script.config }, script.world ?? serverWorld()).start()
  const puppet = new Puppet12(end, hello12(script.hello))
  if (script.session !== undefined) puppet.master = new Secret("master", unsafeBytes(script.session).slice())
  const step = (slot: Slot, say: () => unknown): void => {
    if (end.failure !== undefined) return
    const edit = script[slot]
    if (edit === undefined) say()
    else edit(puppet, say)
  }
  puppet.say({ _tag: "ClientHello", body: puppet.hello })
  if (end.failure !== undefined) return puppet
  if (puppet.has("ServerHelloDone")) {
    const { credential = credentials.clientEd25519 } = script
    const shown = puppet.has("CertificateRequest") && credential !== "none" ? credential : undefined
    if (puppet.has("CertificateRequest")) {
      const body = { certificate_list: shown?.chain ?? [] }
      step("Certificate", () => puppet.say({ _tag: "Certificate", body }))
    }
    if (end.failure !== undefined) return puppet
    puppet.exchangeKeys(script.masterSecret, (ecdh_Yc) =>
      step("ClientKeyExchange", () => puppet.say({ _tag: "ClientKeyExchange", body: { ecdh_Yc } }))
    )
    if (shown !== undefined) step("CertificateVerify", () => puppet.say(puppet.certificateVerify(shown)))
  }
  step("ChangeCipherSpec", () => puppet.changeCipherSpec().protect())
  step("Finished", () => puppet.say(puppet.finished()))
  if (end.failure === undefined) script.after?.(puppet, () => {})
  return puppet
}

/** It ended with this reason, told with this alert, once, and no data was released. */
export const refused12 = (puppet: Puppet12, reason: ReasonName, alert: string): void => {
  const { end } = puppet
  assert.strictEqual(end.failure?.reason, reason, end.failure?.detail ?? "nothing was refused")
  assert.deepStrictEqual(puppet.alerts, [`2 ${alert}`])
  assert.strictEqual(end.events.filter(({ _tag }) => _tag === "Failed").length, 1)
  assert.strictEqual(end.data.length, 0)
  assert.strictEqual(end.connection.receive(new Uint8Array(64).fill(22)).out.length, 0)
}

/** The handshake is done. */
export const accepted12 = (puppet: Puppet12): Puppet12 => {
  assert.isUndefined(puppet.end.failure, puppet.end.failure?.detail)
  assert.strictEqual(puppet.end.connection.state, "ESTABLISHED")
  return puppet
}

/** The extension of a ServerHello. */
export const extensionOf = <T extends string>(puppet: Puppet12, name: T) =>
  find(puppet.heard("ServerHello").body.extensions, name as "server_name")
