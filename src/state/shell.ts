/**
 * The shell around a machine. It owns the record layer, is mutable inside and has one owner; all it knows of the
 * handshake is `step`.
 */
import * as Result from "effect/Result"
import { AlertDescription, AlertLevel } from "../codec/registry/alert.ts"
import { forget, type Secret } from "../crypto/secret.ts"
import type { Action, InstallKeys, InstallKeys12 } from "./action.ts"
import { levelOf } from "./alert.ts"
import type { Answer } from "./command.ts"
import type { Connection, ConnectionEvent, ConnectionOptions, Progress } from "./connection.ts"
import type { Established } from "./established.ts"
import { type Event, ownUpdate, type UpdateKeys } from "./event.ts"
import { type EarlyExporter, exportEarlyKeyingMaterial, exportKeyingMaterial } from "./exporter.ts"
import { alertOf, type Failure, fail, make as failure } from "./failure.ts"
import { type TrafficSecrets, trafficSecrets } from "./handOver.ts"
import { type Flow, Intake, inHandshake } from "./incoming.ts"
import { keyLogLine } from "./keyLog.ts"
import { writeData } from "./record/data.ts"
import { openerOf, sealerOf } from "./record/keys.ts"
import { maxPostHandshakeMessages } from "./record/limits.ts"
import { RecordWriter } from "./record/writer.ts"
import {
  type AnyState,
  answers,
  asksOf,
  forgetAnswered,
  hearEither,
  owesOf,
  perform,
  type Runnable,
  wipeState
} from "./stepping.ts"

const done: Result.Result<void, Failure> = Result.succeed(undefined)

/** A connection that runs `machine`; the role is the machine's business. */
export const make = <S extends AnyState>(machine: Runnable<S>, options: ConnectionOptions = {}): Connection =>
  new Shell(machine, options)

class Shell<S extends AnyState> implements Connection {
  established: Established | undefined
  failure: Failure | undefined
  readonly #machine: Runnable<S>
  readonly #keyLog: "off" | "on"
  readonly #intake: Intake
  readonly #writer: RecordWriter
  #state: S
  #writing: Flow = "handshake"
  /** The latest secret of each direction, so that it can be wiped when the next one comes. */
  readonly #keys: Record<InstallKeys["direction"], Secret<string> | undefined> = { read: undefined, write: undefined }
  #postHandshakeMessages = 0
  /** Bytes of early data that may still be sent. */
  #earlyDataLeft = 0
  #earlyExporter: EarlyExporter | undefined
  #events: Array<ConnectionEvent> = []

  constructor(machine: Runnable<S>, options: ConnectionOptions) {
    this.#machine = machine
    this.#keyLog = options.keyLog ?? "off"
    this.#state = machine.start
    this.#intake = new Intake(machine.role)
    this.#writer = new RecordWriter(options)
  }

  get state(): string {
    return this.#state._tag
  }

  get handshake(): "going on" | "done" {
    return inHandshake(this.#intake.flow) ? "going on" : "done"
  }

  start(): Progress {
    return this.#progress()
  }

  receive(bytes: Uint8Array): Progress {
    if (this.failure === undefined && this.#intake.flow !== "closed") {
      this.#check(Result.flatMap(this.#intake.push(bytes), () => this.#read()))
    }
    return this.#progress()
  }

  answer(answer: Answer): Progress {
    const asked = asksOf(this.#state)
    if (this.failure === undefined) {
      const answered = Result.flatMap(answers(this.#state, answer), () => this.#advance(answer))
      this.#check(Result.flatMap(answered, () => this.#read()))
    }
    forgetAnswered(asked, answer, this.#state)
    return this.#progress()
  }

  send(plaintext: Uint8Array): Result.Result<Progress, Failure> {
    // A server that answers early data has no peer yet that could hear of new keys.
    const update = () => (inHandshake(this.#intake.flow) ? done : this.#freshKeys())
    return this.#write(() => writeData(this.#writer, plaintext, update))
  }

  sendEarlyData(plaintext: Uint8Array): Result.Result<Progress, Failure> {
    if (this.failure !== undefined) return Result.fail(this.failure)
    if (this.#writing !== "early") return fail("NoEarlyData", "early data cannot be sent now: no session allows it")
    if (plaintext.length > this.#earlyDataLeft) {
      return fail("NoEarlyData", `${plaintext.length} bytes; the server takes ${this.#earlyDataLeft} more`)
    }
    this.#earlyDataLeft -= plaintext.length
    this.#check(this.#writer.applicationData(plaintext))
    return Result.succeed(this.#progress())
  }

  updateKeys(request: UpdateKeys["request"]): Result.Result<Progress, Failure> {
    if (inHandshake(this.#intake.flow)) return fail("NotEstablished", "keys are updated after the handshake only")
    if (this.established?.version === "TLSv1.2") return fail("NotInThisVersion", "TLS 1.2 has no KeyUpdate")
    return this.#write(() => this.#advance({ _tag: "UpdateKeys", request }))
  }

  close(): Progress {
    if (inHandshake(this.#writing)) this.#die(failure("HandshakeCanceled", `closed in state ${this.state}`))
    else if (this.#writing === "open") {
      this.#alert("close_notify")
      this.#writing = "closed"
    }
    return this.#progress()
  }

  end(): Progress {
    if (inHandshake(this.#intake.flow)) {
      this.#die(failure("ClosedDuringHandshake", `the peer hung up in state ${this.state}`))
    } else if (this.#intake.flow === "open") {
      this.#die(failure("UncleanClose", "the transport ended without close_notify: data may be missing"))
    }
    return this.#progress()
  }

  abort(reason: Failure): Progress {
    this.#die(reason)
    return this.#progress()
  }

  exportKeyingMaterial(
    label: string,
    context: Uint8Array | undefined,
    length: number
  ): Result.Result<Uint8Array, Failure> {
    return exportKeyingMaterial(this.established, label, context, length)
  }

  exportEarlyKeyingMaterial(label: string, context: Uint8Array, length: number): Result.Result<Uint8Array, Failure> {
    return exportEarlyKeyingMaterial(this.#earlyExporter, label, context, length)
  }

  dangerouslyExtractTrafficSecrets(): Result.Result<TrafficSecrets, Failure> {
    const { established } = this
    const { read, write } = this.#keys
    if (this.failure !== undefined) return Result.fail(this.failure)
    if (established === undefined || read === undefined || write === undefined || inHandshake(this.#intake.flow)) {
      return fail("NotEstablished", "there are traffic secrets after the handshake only")
    }
    if (this.#intake.flow !== "open" || this.#writing !== "open") {
      return fail("ConnectionClosed", "one direction is closed already")
    }
    const { unread } = this.#intake
    if (unread > 0 || !this.#intake.empty || asksOf(this.#state) !== undefined || owesOf(this.#state) !== undefined) {
      return fail("UnreadData", `${unread} bytes of a record, or a part of a message, wait to be read here`)
    }
    const { opened } = this.#intake
    const keys = trafficSecrets(established, [read, opened], [write, this.#writer.sealed])
    if (Result.isFailure(keys)) return keys
    this.#die(failure("ConnectionClosed", "its traffic secrets were handed over"))
    this.dispose()
    return keys
  }

  dispose(): void {
    this.#intake.flow = "closed"
    this.#writing = "closed"
    this.#earlyExporter?.secret.wipe()
    this.#intake.wipe()
    this.#writer.wipe()
    this.#keys.read?.wipe()
    this.#keys.write?.wipe()
    wipeState(this.#state)
  }

  /** Reads until the input is used up, a question waits, or the peer has closed. */
  #read(): Result.Result<void, Failure> {
    const read = this.#readAll()
    const owed = owesOf(this.#state)
    return Result.isFailure(read) || owed === undefined || this.#writing !== "open" ? read : this.#advance(owed)
  }

  #readAll(): Result.Result<void, Failure> {
    while (asksOf(this.#state) === undefined && this.#intake.flow !== "closed") {
      const next = this.#intake.next(this.state, this.#machine.speaks(this.#state))
      if (Result.isFailure(next)) return Result.fail(next.failure)
      const incoming = next.success
      if (incoming === undefined) return done
      if (incoming._tag === "HandshakeMessage" || incoming._tag === "ChangeCipherSpec") {
        const heard = incoming._tag === "ChangeCipherSpec" ? this.#advance(incoming) : this.#hear(incoming.raw)
        if (Result.isFailure(heard)) return heard
        continue
      }
      if (incoming._tag === "ApplicationData") this.#postHandshakeMessages = 0
      this.#events.push(incoming)
    }
    this.#intake.settle()
    return done
  }

  #hear(raw: Uint8Array): Result.Result<void, Failure> {
    if (this.#intake.flow === "open" && ++this.#postHandshakeMessages > maxPostHandshakeMessages) {
      return fail("TooManyPostHandshakeMessages", `${maxPostHandshakeMessages} messages in a row and no data`)
    }
    return Result.flatMap(hearEither(this.#machine, this.#state, raw), ({ told, event }) => {
      this.#events.push(told)
      return this.#advance(event)
    })
  }

  /** Before a key has done enough: TLS 1.2 has no way to change it, so there the connection ends (RFC 9846 5.5). */
  #freshKeys(): Result.Result<void, Failure> {
    return this.established?.version === "TLSv1.2"
      ? fail("WriteLimitReached", "the write key has done enough, and TLS 1.2 cannot change it")
      : this.#advance(ownUpdate)
  }

  #advance(event: Event): Result.Result<void, Failure> {
    const before = this.#state
    const step = this.#machine.step(before, event)
    if (Result.isFailure(step)) return Result.fail(step.failure)
    this.#state = step.success.state
    const acted = perform(step.success.actions, this.#intake, (action) => this.#act(action))
    if (this.established !== undefined || Result.isFailure(acted)) forget(before, this.#state)
    return acted
  }

  #act(action: Action): Result.Result<void, Failure> {
    switch (action._tag) {
      case "Send":
        // A server that answered early data may have said close_notify before its tickets were sealed.
        if (this.#writing === "closed") return done
        this.#events.push({ _tag: "Message", direction: "said", message: action.message, raw: action.raw })
        return this.#writer.handshake(action.raw)
      case "Send12":
        this.#events.push({ _tag: "Message12", direction: "said", message: action.message, raw: action.raw })
        return this.#writer.handshake(action.raw)
      case "SendChangeCipherSpec":
        this.#writer.changeCipherSpec()
        return done
      case "InstallKeys":
      case "InstallKeys12":
        return this.#install(action)
      case "RefuseRenegotiation":
        // Behind our close_notify there is nothing (RFC 5246 section 7.2.1).
        if (this.#writing === "closed") return done
        return this.#writer.alert(AlertLevel.code("warning"), AlertDescription.code("no_renegotiation_RESERVED"))
      case "LimitRecords":
        return action.direction === "read" ? this.#intake.limit(action.size) : this.#writer.limit(action.size)
      case "Open":
        if (action.direction === "read") this.#intake.flow = "open"
        else if (inHandshake(this.#writing)) this.#writing = "open"
        return done
      case "OfferEarlyData":
        this.#writing = "early"
        this.#earlyDataLeft = action.limit
        this.#earlyExporter = { hash: action.hash, secret: action.exporter }
        return done
      case "AcceptEarlyData":
        this.#intake.acceptEarlyData(action.limit)
        this.#writing = "open"
        this.#earlyExporter = { hash: action.established.suite.hash, secret: action.exporter }
        this.established = action.established
        return done
      case "EarlyDataJudged":
        if (action.outcome === "rejected" && this.#writing === "early") {
          this.#writing = "handshake"
          this.#writer.uninstall()
        }
        this.#events.push(action)
        return done
      case "SkipEarlyData":
        this.#intake.skipEarlyData(action.limit)
        return done
      case "StoreTicket":
      case "KeepSession":
      case "Established":
        if (action._tag === "Established") this.established = action.established
        this.#events.push(action)
        return done
      case "LogKey":
        if (this.#keyLog === "on") this.#events.push({ _tag: "LogKey", line: keyLogLine(action) })
        return done
    }
  }

  #install(action: InstallKeys | InstallKeys12): Result.Result<void, Failure> {
    const { direction, suite, secret } = action
    if (direction === "read") this.#intake.install(openerOf(action))
    else {
      this.#writer.protect(sealerOf(action), suite.aead)
      if (this.#writing === "early") this.#writing = "handshake"
    }
    this.#keys[direction]?.wipe()
    this.#keys[direction] = secret
    return done
  }

  #write(write: () => Result.Result<void, Failure>): Result.Result<Progress, Failure> {
    if (this.failure !== undefined) return Result.fail(this.failure)
    if (inHandshake(this.#writing)) return fail("NotEstablished", "data can be sent after the handshake only")
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
    this.#intake.flow = "closed"
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
