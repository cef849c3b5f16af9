/**
 * A peer that says what it is told to, under the right keys and with a transcript of its own. It shares codec, key
 * schedule and record protection with the library, and none of its machines: so it can lie at any point and stay
 * consistent with its lie.
 */
import { assert } from "@effect/vitest"
import * as Result from "effect/Result"
import { decodeMessage, encodeMessage, type Message } from "../../src/codec/handshake/handshake.ts"
import { AlertDescription } from "../../src/codec/registry/alert.ts"
import { HandshakeType } from "../../src/codec/registry/handshakeType.ts"
import type { Secret } from "../../src/crypto/secret.ts"
import type { CipherSuite13 } from "../../src/crypto/suite.ts"
import { HandshakeJoiner } from "../../src/state/record/joiner.ts"
import { Sealer } from "../../src/state/record/protection13.ts"
import { RecordReader } from "../../src/state/record/reader.ts"
import { signedContent } from "../../src/state/tls13/certificateVerify.ts"
import { verifyData } from "../../src/state/tls13/finished.ts"
import * as KeySchedule from "../../src/state/tls13/keySchedule.ts"
import * as Transcript from "../../src/state/transcript.ts"
import { concat, okay, type TestCredential } from "./answers.ts"

/** Content types, as numbers: some of what is said here has no name. */
export const type = { change_cipher_spec: 20, alert: 21, handshake: 22, application_data: 23 } as const

export const encode = (message: Message): Uint8Array =>
  Result.match(encodeMessage(message), { onSuccess: (raw) => raw, onFailure: (e) => assert.fail(e.expected) })

export const decode = (raw: Uint8Array): Message =>
  Result.match(decodeMessage(raw), { onSuccess: (message) => message, onFailure: (e) => assert.fail(e.expected) })

/** What was read off the wire, in order. */
export type Read =
  | { readonly _tag: "Message"; readonly message: Message; readonly raw: Uint8Array }
  | { readonly _tag: "Alert"; readonly level: number; readonly description: string; readonly protection: string }
  | { readonly _tag: "Data"; readonly bytes: Uint8Array }
  | { readonly _tag: "ChangeCipherSpec" }

export abstract class Puppet {
  readonly suite: CipherSuite13
  readonly read: Array<Read> = []
  /** What was said and not yet taken to the other side. */
  #out: Array<Uint8Array> = []
  #said: Array<Uint8Array> = []
  #transcript: Transcript.Hashing | undefined
  #hello: Uint8Array = new Uint8Array(0)
  #sealer: Sealer | undefined
  readonly #sealers = new Map<Secret<string>, Sealer>()
  readonly #reader = new RecordReader()
  readonly #joiner = new HandshakeJoiner()
  #handshake: KeySchedule.HandshakeSecret | undefined
  /** That of a PSK; without one, zeros stand for it. */
  early: KeySchedule.EarlySecret | undefined
  /** Both traffic secrets of the present epoch. */
  client: Secret<string> | undefined
  server: Secret<string> | undefined

  constructor(suite: CipherSuite13) {
    this.suite = suite
  }

  protected abstract heard(message: Message, raw: Uint8Array): void

  get transcript(): Transcript.Hashing {
    return this.#transcript ?? Transcript.hashing(Transcript.heard(new Uint8Array(0)), this.suite.hash)
  }

  note(raw: Uint8Array): void {
    if (this.#transcript === undefined) this.#hello = raw
    this.#transcript = Transcript.append(this.transcript, raw)
  }

  /** The first ClientHello, alone so far, becomes its hash (RFC 9846 section 4.1). */
  noteRetry(): void {
    this.#transcript = Transcript.messageHash(Transcript.heard(this.#hello), this.suite.hash)
  }

  /** A handshake message, or anything else that the peer will take for some: heard, and put into the next record. */
  say(...raws: ReadonlyArray<Uint8Array>): this {
    for (const raw of raws) this.note(raw)
    this.#said.push(...raws)
    return this
  }

  /** What was said so far makes one record. */
  endRecord(): this {
    const content = concat(...this.#said)
    this.#said = []
    return content.length === 0 ? this : this.record(type.handshake, content)
  }

  /** One record of any type under the present key; `inner` is the whole TLSInnerPlaintext when given. */
  record(contentType: number, content: Uint8Array): this {
    if (this.#sealer === undefined) return this.plain(contentType, content)
    this.endRecord()
    const out = new Uint8Array(5 + content.length + 17)
    okay(this.#sealer.seal(contentType, content, out, 0))
    return this.raw(out)
  }

  /** A record without protection, whatever keys there are. */
  plain(contentType: number, content: Uint8Array): this {
    this.endRecord()
    return this.raw(concat(Uint8Array.of(contentType, 3, 3, content.length >> 8, content.length & 255), content))
  }

  /** Bytes for the wire as they are. */
  raw(bytes: Uint8Array): this {
    this.#out.push(bytes)
    return this
  }

  alert(description: AlertDescription, level = 2): this {
    return this.record(type.alert, Uint8Array.of(level, AlertDescription.code(description)))
  }

  writeKey(secret: Secret<string>): void {
    this.endRecord()
    // A key that was changed and comes back goes on counting.
    this.#sealer = this.#sealers.get(secret) ?? new Sealer(this.suite, secret)
    this.#sealers.set(secret, this.#sealer)
  }

  /** No key any more: what comes after a retry. */
  inTheClear(): void {
    this.endRecord()
    this.#sealer = undefined
  }

  readKey(secret: Secret<string>): void {
    this.#reader.install(this.suite, secret)
  }

  /** Handshake traffic secrets: the transcript ends with ServerHello. */
  handshakeKeys(shared: Uint8Array): void {
    const { hash } = this.suite
    this.#handshake = KeySchedule.handshakeSecret(hash, this.early ?? KeySchedule.earlySecret(hash), shared)
    this.client = KeySchedule.clientHandshakeTraffic(this.#handshake, this.transcript)
    this.server = KeySchedule.serverHandshakeTraffic(this.#handshake, this.transcript)
  }

  /** Application traffic secrets: the transcript ends with the server's Finished. */
  applicationKeys(): { readonly client: Secret<string>; readonly server: Secret<string> } {
    const main = KeySchedule.mainSecret(this.suite.hash, this.#handshake ?? assert.fail("no handshake secret"))
    return {
      client: KeySchedule.clientApplicationTraffic(main, this.transcript),
      server: KeySchedule.serverApplicationTraffic(main, this.transcript)
    }
  }

  finished(secret: Secret<string> | undefined): Message {
    const verify_data = verifyData(secret ?? assert.fail("no traffic secret"), this.transcript)
    return { _tag: "Finished", body: { verify_data } }
  }

  /** A CertificateVerify over the transcript so far. */
  certificateVerify(
    role: "Server" | "Client",
    credential: TestCredential,
    algorithm: TestCredential["schemes"][number] = credential.schemes[0] ?? "ed25519"
  ): Message {
    const signature = okay(credential.key.sign(algorithm, signedContent(role, this.transcript)))
    return { _tag: "CertificateVerify", body: { algorithm, signature } }
  }

  /** Everything that was said, once. */
  take(): ReadonlyArray<Uint8Array> {
    this.endRecord()
    const out = this.#out
    this.#out = []
    return out
  }

  hear(bytes: Uint8Array): void {
    okay(this.#reader.push(bytes.slice()))
    for (;;) {
      const record = okay(this.#reader.next())
      if (record === undefined) return
      const { fragment, protection } = record
      if (record.type === "change_cipher_spec") this.read.push({ _tag: "ChangeCipherSpec" })
      else if (record.type === "application_data") this.read.push({ _tag: "Data", bytes: fragment })
      else if (record.type === "alert") {
        assert.strictEqual(fragment.length, 2)
        const description = AlertDescription.show(AlertDescription.of(fragment[1] ?? 0))
        this.read.push({ _tag: "Alert", level: fragment[0] ?? 0, description, protection })
      } else {
        okay(this.#joiner.push(fragment))
        for (let raw = okay(this.#joiner.next()); raw !== undefined; raw = okay(this.#joiner.next())) {
          const message = decode(raw)
          this.read.push({ _tag: "Message", message, raw })
          this.heard(message, raw)
        }
      }
    }
  }

  get alerts(): ReadonlyArray<Extract<Read, { _tag: "Alert" }>> {
    return this.read.flatMap((read) => (read._tag === "Alert" ? [read] : []))
  }
}

/** The bytes of a message with another type. */
export const retyped = (raw: Uint8Array, code: number): Uint8Array => concat(Uint8Array.of(code), raw.subarray(1))

/** A message of this type with this body, whatever it is. */
export const framed = (name: keyof typeof HandshakeType.registry, body: Uint8Array): Uint8Array =>
  concat(
    Uint8Array.of(HandshakeType.registry[name], body.length >> 16, (body.length >> 8) & 255, body.length & 255),
    body
  )

/** The message with bytes appended to its body, its length still right. */
export const lengthened = (raw: Uint8Array, ...extra: ReadonlyArray<number>): Uint8Array => {
  const length = raw.length - 4 + extra.length
  return concat(
    Uint8Array.of(raw[0] ?? 0, length >> 16, (length >> 8) & 255, length & 255),
    raw.subarray(4),
    Uint8Array.from(extra)
  )
}
