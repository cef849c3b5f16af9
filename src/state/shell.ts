/**
 * The shell around a machine. It owns the record layer, is mutable inside and has one owner; all it knows of the
 * handshake is `step`.
 */
import * as Result from "effect/Result"
import { AlertDescription } from "../codec/registry/alert.ts"
import { forget, type Secret, secretsOf } from "../crypto/secret.ts"
import type { Action, InstallKeys } from "./action.ts"
import { hearAlert, levelOf } from "./alert.ts"
import type { Answer } from "./command.ts"
import type { Connection, ConnectionEvent, Progress } from "./connection.ts"
import type { Established } from "./established.ts"
import { type Event, ownUpdate, type UpdateKeys } from "./event.ts"
import { alertOf, type Failure, fail, make as failure } from "./failure.ts"
import { directionKeys, type TrafficSecrets } from "./handOver.ts"
import { keyLogLine } from "./keyLog.ts"
import { writeData } from "./record/data.ts"
import { HandshakeJoiner } from "./record/joiner.ts"
import { maxChangeCipherSpecs, maxPostHandshakeMessages, maxWarnings } from "./record/limits.ts"
import { type IncomingRecord, RecordReader } from "./record/reader.ts"
import { RecordWriter, type RecordWriterOptions } from "./record/writer.ts"
import { type AnyState, aligned, answers, asksOf, hear, owesOf, type Runnable } from "./stepping.ts"
import { exportKeyingMaterial } from "./tls13/exporter.ts"

/** What the owner of a connection may choose. */
export interface ConnectionOptions extends RecordWriterOptions {
  /** Whether secrets are told to the owner, for a key log. Off unless somebody asks for it by name. */
  readonly keyLog?: "off" | "on" | undefined
}

const done: Result.Result<void, Failure> = Result.succeed(undefined)

/** A connection that runs `machine`; the role is the machine's business. */
export const make = <S extends AnyState>(machine: Runnable<S>, options: ConnectionOptions = {}): Connection =>
  new Shell(machine, options)

/** How far one direction of application data is: the handshake still goes on, data flows, or it has ended. */
type Flow = "handshake" | "open" | "closed"

class Shell<S extends AnyState> implements Connection {
  established: Established | undefined
  failure: Failure | undefined
  readonly #machine: Runnable<S>
  readonly #keyLog: "off" | "on"
  readonly #reader = new RecordReader()
  readonly #joiner = new HandshakeJoiner()
  readonly #writer: RecordWriter
  #state: S
  #reading: Flow = "handshake"
  #writing: Flow = "handshake"
  /** The latest secret of each direction, so that it can be wiped when the next one comes. */
  readonly #keys: { [D in InstallKeys["direction"]]: Secret<string> | undefined } = {
    read: undefined,
    write: undefined
  }
  #protectedRecords = 0
  #changeCipherSpecs = 0
  #warnings = 0
  #postHandshakeMessages = 0
  #events: Array<ConnectionEvent> = []

  constructor(machine: Runnable<S>, options: ConnectionOptions) {
    this.#machine = machine
    this.#keyLog = options.keyLog ?? "off"
    this.#state = machine.start
    this.#writer = new RecordWriter(options)
  }

  get state(): string {
    return this.#state._tag
  }

  start(): Progress {
    return this.#progress()
  }

  receive(bytes: Uint8Array): Progress {
    if (this.failure === undefined && this.#reading !== "closed") {
      this.#check(Result.flatMap(this.#reader.push(bytes), () => this.#read()))
    }
    return this.#progress()
  }

  answer(answer: Answer): Progress {
    if (this.failure === undefined) {
      const answered = Result.flatMap(answers(this.#state, answer), () => this.#advance(answer))
      this.#check(Result.flatMap(answered, () => this.#read()))
    }
    if (answer._tag === "SecretAgreed") answer.secret.fill(0)
    return this.#progress()
  }

  send(plaintext: Uint8Array): Result.Result<Progress, Failure> {
    return this.#write(() => writeData(this.#writer, plaintext, () => this.#advance(ownUpdate)))
  }

  updateKeys(request: UpdateKeys["request"]): Result.Result<Progress, Failure> {
    return this.#write(() => this.#advance({ _tag: "UpdateKeys", request }))
  }

  close(): Progress {
    if (this.#writing === "handshake") this.#die(failure("HandshakeCanceled", `closed in state ${this.state}`))
    else if (this.#writing === "open") {
      this.#alert("close_notify")
      this.#writing = "closed"
    }
    return this.#progress()
  }

  end(): Progress {
    if (this.#reading === "handshake") {
      this.#die(failure("ClosedDuringHandshake", `the peer hung up in state ${this.state}`))
    } else if (this.#reading === "open") {
      this.#die(failure("UncleanClose", "the transport ended without close_notify: data may be missing"))
    }
    return this.#progress()
  }

  abort(reason: Failure): Progress {
    this.#die(reason)
    return this.#progress()
  }

  exportKeyingMaterial(label: string, context: Uint8Array, length: number): Result.Result<Uint8Array, Failure> {
    if (this.established === undefined) return fail("NotEstablished", "keying material exists after the handshake only")
    const { suite, exporter } = this.established
    return exportKeyingMaterial(suite.hash, exporter, label, context, length)
  }

  dangerouslyExtractTrafficSecrets(): Result.Result<TrafficSecrets, Failure> {
    const { established } = this
    const { read, write } = this.#keys
    if (this.failure !== undefined) return Result.fail(this.failure)
    if (established === undefined || read === undefined || write === undefined) {
      return fail("NotEstablished", "there are traffic secrets after the handshake only")
    }
    if (this.#reading !== "open" || this.#writing !== "open") {
      return fail("ConnectionClosed", "one direction is closed already")
    }
    const unread = this.#reader.buffered
    if (unread > 0 || !this.#joiner.empty || asksOf(this.#state) !== undefined || owesOf(this.#state) !== undefined) {
      return fail("UnreadData", `${unread} bytes of a record, or a part of a message, wait to be read here`)
    }
    const { suite } = established
    const secrets: TrafficSecrets = {
      suite: suite.name,
      read: directionKeys(suite, read, this.#reader.opened),
      write: directionKeys(suite, write, this.#writer.sealed)
    }
    this.#die(failure("ConnectionClosed", "its traffic secrets were handed over"))
    this.dispose()
    return Result.succeed(secrets)
  }

  dispose(): void {
    this.#reading = "closed"
    this.#writing = "closed"
    this.#reader.wipe()
    this.#writer.wipe()
    this.#keys.read?.wipe()
    this.#keys.write?.wipe()
    for (const secret of secretsOf(this.#state)) secret.wipe()
  }

  /** Reads until the input is used up, a question waits, or the peer has closed. */
  #read(): Result.Result<void, Failure> {
    const read = this.#readAll()
    const owed = owesOf(this.#state)
    return Result.isFailure(read) || owed === undefined || this.#writing !== "open" ? read : this.#advance(owed)
  }

  #readAll(): Result.Result<void, Failure> {
    while (asksOf(this.#state) === undefined && this.#reading !== "closed") {
      const message = this.#joiner.next()
      if (Result.isFailure(message)) return Result.fail(message.failure)
      if (message.success !== undefined) {
        const heard = this.#hear(message.success)
        if (Result.isFailure(heard)) return heard
        continue
      }
      const record = this.#reader.next()
      if (Result.isFailure(record)) return Result.fail(record.failure)
      if (record.success === undefined) return done
      const taken = this.#take(record.success)
      if (Result.isFailure(taken)) return taken
    }
    this.#reader.settle()
    return done
  }

  #take(record: IncomingRecord): Result.Result<void, Failure> {
    if (record.type === "change_cipher_spec") return this.#changeCipherSpec(record)
    if (record.protection === "protected") this.#protectedRecords++
    else if (this.#keys.read !== undefined && !this.#earlyAlert(record)) {
      return fail("UnexpectedRecord", `an unprotected ${record.type} record after the keys`)
    }
    if (record.type !== "handshake" && !this.#joiner.empty) {
      return fail("InterleavedRecord", `a record of type ${record.type} inside a handshake message`)
    }
    switch (record.type) {
      case "handshake":
        return this.#joiner.push(record.fragment)
      case "alert":
        return this.#hearAlert(record.fragment)
      case "application_data":
        if (this.#reading !== "open") return fail("UnexpectedRecord", `application data in state ${this.state}`)
        if (record.fragment.length > 0) {
          this.#postHandshakeMessages = 0
          this.#events.push({ _tag: "ApplicationData", bytes: record.fragment })
        }
        return done
    }
  }

  /** A client that fails before it has the keys can only say so in the clear; a server has them before it speaks. */
  #earlyAlert(record: IncomingRecord): boolean {
    return this.#machine.role === "server" && record.type === "alert" && this.#protectedRecords === 0
  }

  /** RFC 9846 section 5: dropped, if it is the one byte 0x01 and the handshake has begun and not ended. */
  #changeCipherSpec({ fragment, protection }: IncomingRecord): Result.Result<void, Failure> {
    const inHandshake = this.#reading === "handshake" && this.state !== "START"
    if (!inHandshake || protection === "protected" || fragment.length !== 1 || fragment[0] !== 1) {
      return fail("UnexpectedRecord", `a change_cipher_spec record that means something, in state ${this.state}`)
    }
    if (!this.#joiner.empty) return fail("InterleavedRecord", "a change_cipher_spec record inside a handshake message")
    return ++this.#changeCipherSpecs > maxChangeCipherSpecs
      ? fail("TooManyChangeCipherSpecs", `more than ${maxChangeCipherSpecs} change_cipher_spec records`)
      : done
  }

  #hearAlert(fragment: Uint8Array): Result.Result<void, Failure> {
    const alert = hearAlert(fragment, this.state)
    if (Result.isFailure(alert)) return Result.fail(alert.failure)
    if (alert.success === "user_canceled") {
      return ++this.#warnings > maxWarnings ? fail("TooManyWarnings", "user_canceled again and again") : done
    }
    if (this.#reading === "handshake") {
      return fail("ClosedDuringHandshake", `the peer said close_notify in state ${this.state}`)
    }
    this.#reading = "closed"
    this.#events.push({ _tag: "PeerClosed" })
    return done
  }

  #hear(raw: Uint8Array): Result.Result<void, Failure> {
    if (this.#reading === "open" && ++this.#postHandshakeMessages > maxPostHandshakeMessages) {
      return fail("TooManyPostHandshakeMessages", `${maxPostHandshakeMessages} messages in a row and no data`)
    }
    return Result.flatMap(hear(this.#machine, this.#state, raw), (message) => {
      this.#events.push({ _tag: "Message", direction: "heard", message, raw })
      return this.#advance({ ...message, raw })
    })
  }

  #advance(event: Event): Result.Result<void, Failure> {
    const before = this.#state
    const step = this.#machine.step(before, event)
    if (Result.isFailure(step)) return Result.fail(step.failure)
    this.#state = step.success.state
    let acted = done
    for (const action of step.success.actions) {
      if (Result.isSuccess(acted)) acted = Result.flatMap(aligned(action, this.#joiner), () => this.#act(action))
    }
    if (this.established !== undefined || Result.isFailure(acted)) forget(before, this.#state)
    return acted
  }

  #act(action: Action): Result.Result<void, Failure> {
    switch (action._tag) {
      case "Send":
        this.#events.push({ _tag: "Message", direction: "said", message: action.message, raw: action.raw })
        return this.#writer.handshake(action.raw)
      case "SendChangeCipherSpec":
        this.#writer.changeCipherSpec()
        return done
      case "InstallKeys":
        return this.#install(action)
      case "LimitRecords":
        return action.direction === "read" ? this.#reader.limit(action.size) : this.#writer.limit(action.size)
      case "Open":
        if (action.direction === "read") this.#reading = "open"
        else if (this.#writing === "handshake") this.#writing = "open"
        return done
      case "Established":
        this.established = action.established
        this.#events.push(action)
        return done
      case "LogKey":
        if (this.#keyLog === "on") this.#events.push({ _tag: "LogKey", line: keyLogLine(action) })
        return done
    }
  }

  #install({ direction, suite, secret }: InstallKeys): Result.Result<void, Failure> {
    if (direction === "read") this.#reader.install(suite, secret)
    else this.#writer.install(suite, secret)
    this.#keys[direction]?.wipe()
    this.#keys[direction] = secret
    return done
  }

  #write(write: () => Result.Result<void, Failure>): Result.Result<Progress, Failure> {
    if (this.failure !== undefined) return Result.fail(this.failure)
    if (this.#writing === "handshake") return fail("NotEstablished", "data can be sent after the handshake only")
    if (this.#writing === "closed") return fail("ConnectionClosed", "this side of the connection is closed")
    this.#check(write())
    return this.failure === undefined ? Result.succeed(this.#progress()) : Result.fail(this.failure)
  }

  #check(result: Result.Result<void, Failure>): void {
    if (Result.isFailure(result)) this.#die(result.failure)
  }

  /** One alert, nothing after it (RFC 9846 section 6.2). */
  #die(reason: Failure): void {
    if (this.failure !== undefined) return
    this.failure = reason
    const alert = alertOf(reason)
    if (alert !== "none" && this.#writing !== "closed") {
      this.#alert(alert)
      if (alert === "user_canceled") this.#alert("close_notify")
    }
    this.#reading = "closed"
    this.#writing = "closed"
    this.#events.push({ _tag: "Failed", failure: reason, state: this.state })
  }

  #alert(description: Extract<AlertDescription, string>): void {
    this.#writer.alert(levelOf(description), AlertDescription.code(description))
  }

  #progress(): Progress {
    const events = this.#events
    this.#events = []
    const out = this.#writer.flush()
    if (this.failure === undefined) return { out, events, asks: asksOf(this.#state) }
    this.dispose()
    return { out, events, asks: undefined }
  }
}
