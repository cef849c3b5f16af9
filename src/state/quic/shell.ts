/** The shell around a machine inside QUIC: encryption levels instead of records, error codes instead of alerts. */

import * as Result from "effect/Result"
import { decodeMessage } from "../../codec/handshake/handshake.ts"
import { forget, Secret, unsafeBytes } from "../../crypto/secret.ts"
import type { Action, Epoch, InstallKeys } from "../action.ts"
import type { Answer } from "../command.ts"
import type { Established } from "../established.ts"
import type { Event } from "../event.ts"
import { type EarlyExporter, exportEarlyKeyingMaterial, exportKeyingMaterial } from "../exporter.ts"
import { type Failure, fail } from "../failure.ts"
import { keyLogLine } from "../keyLog.ts"
import { HandshakeJoiner } from "../record/joiner.ts"
import { type AnyState, answers, asksOf, forgetAnswered, hear, perform, type Runnable, wipeState } from "../stepping.ts"
import type {
  CryptoData,
  CryptoLevel,
  QuicConnection,
  QuicEvent,
  QuicLevel,
  QuicOptions,
  QuicProgress,
  QuicSecret
} from "./connection.ts"
import { errorCode } from "./errorCode.ts"
import { mayCome, mayHold, parametersOf } from "./rules.ts"

const done: Result.Result<void, Failure> = Result.succeed(undefined)

/** Where a message of an epoch is sent. Nothing is said under the keys of 0-RTT (RFC 9001 section 8.3). */
const levelOf = (epoch: Epoch): CryptoLevel =>
  epoch === "plaintext" ? "initial" : epoch === "early" ? "application" : epoch

/** A QUIC connection that runs `machine`. */
export const make = <S extends AnyState>(machine: Runnable<S>, options: QuicOptions): QuicConnection =>
  new QuicShell(machine, options)

class QuicShell<S extends AnyState> implements QuicConnection {
  established: Established | undefined
  failure: Failure | undefined
  readonly #machine: Runnable<S>
  readonly #keyLog: "off" | "on"
  readonly #joiner = new HandshakeJoiner()
  #state: S
  #reading: CryptoLevel = "initial"
  /** Whether the peer's transport parameters were told; a second ClientHello repeats them. */
  #parameters: "awaited" | "told" = "awaited"
  #out: Array<CryptoData> = []
  #secrets: Array<QuicSecret> = []
  #events: Array<QuicEvent> = []
  #earlyExporter: EarlyExporter | undefined

  constructor(machine: Runnable<S>, options: QuicOptions) {
    this.#machine = machine
    this.#keyLog = options.keyLog ?? "off"
    this.#state = machine.start
  }

  get state(): string {
    return this.#state._tag
  }

  get reading(): CryptoLevel {
    return this.#reading
  }

  start(): QuicProgress {
    return this.#progress()
  }

  receive(level: CryptoLevel, bytes: Uint8Array): QuicProgress {
    if (this.failure === undefined && bytes.length > 0) this.#check(this.#take(level, bytes))
    return this.#progress()
  }

  answer(answer: Answer): QuicProgress {
    const asked = asksOf(this.#state)
    if (this.failure === undefined) {
      const answered = Result.flatMap(answers(this.#state, answer), () => this.#advance(answer))
      this.#check(Result.flatMap(answered, () => this.#read()))
    }
    forgetAnswered(asked, answer, this.#state)
    return this.#progress()
  }

  abort(reason: Failure): QuicProgress {
    this.#die(reason)
    return this.#progress()
  }

  exportKeyingMaterial(label: string, context: Uint8Array, length: number): Result.Result<Uint8Array, Failure> {
    return exportKeyingMaterial(this.established, label, context, length)
  }

  exportEarlyKeyingMaterial(label: string, context: Uint8Array, length: number): Result.Result<Uint8Array, Failure> {
    return exportEarlyKeyingMaterial(this.#earlyExporter, label, context, length)
  }

  dispose(): void {
    this.#earlyExporter?.secret.wipe()
    wipeState(this.#state)
  }

  #take(level: CryptoLevel, bytes: Uint8Array): Result.Result<void, Failure> {
    return level === this.#reading
      ? Result.flatMap(this.#joiner.push(bytes), () => this.#read())
      : fail("QuicWrongLevel", `${bytes.length} bytes at level ${level}, and ${this.#reading} is read`)
  }

  /** Reads until the input is used up, or a question waits. */
  #read(): Result.Result<void, Failure> {
    while (asksOf(this.#state) === undefined) {
      const message = this.#joiner.next()
      if (Result.isFailure(message)) return Result.fail(message.failure)
      if (message.success === undefined) return done
      const heard = this.#hear(message.success)
      if (Result.isFailure(heard)) return heard
    }
    return done
  }

  #hear(raw: Uint8Array): Result.Result<void, Failure> {
    const allowed = mayCome(raw[0], this.established === undefined ? "handshake" : "established")
    const message = Result.flatMap(allowed, () => hear(this.#machine, this.#state, raw, decodeMessage))
    if (Result.isFailure(message)) return Result.fail(message.failure)
    this.#events.push({ _tag: "Message", direction: "heard", message: message.success, raw })
    return mayHold(message.success).pipe(
      Result.flatMap(() => this.#advance({ ...message.success, raw })),
      Result.map(() => this.#tell(parametersOf(message.success)))
    )
  }

  #tell(parameters: Uint8Array | undefined): void {
    if (parameters === undefined || this.#parameters === "told") return
    this.#parameters = "told"
    this.#events.push({ _tag: "TransportParameters", parameters })
  }

  #advance(event: Event): Result.Result<void, Failure> {
    const before = this.#state
    const step = this.#machine.step(before, event)
    if (Result.isFailure(step)) return Result.fail(step.failure)
    this.#state = step.success.state
    const acted = perform(step.success.actions, this.#joiner, (action) => {
      this.#act(action)
      return done
    })
    if (this.established !== undefined || Result.isFailure(acted)) forget(before, this.#state)
    return acted
  }

  #act(action: Action): void {
    switch (action._tag) {
      case "Send":
        this.#events.push({ _tag: "Message", direction: "said", message: action.message, raw: action.raw })
        this.#out.push({ level: levelOf(action.epoch), bytes: action.raw })
        return
      case "InstallKeys":
        this.#install(action, action.epoch)
        return
      case "OfferEarlyData":
        this.#earlyExporter = { hash: action.hash, secret: action.exporter }
        this.#events.push({ _tag: "OfferEarlyData" })
        return
      case "AcceptEarlyData":
        this.#earlyExporter = { hash: action.established.suite.hash, secret: action.exporter }
        this.#events.push({ _tag: "AcceptEarlyData", established: action.established })
        return
      case "EarlyDataJudged":
      case "StoreTicket":
        this.#events.push(action)
        return
      case "Established":
        this.established = action.established
        this.#events.push(action)
        return
      case "LogKey":
        if (this.#keyLog === "on") this.#events.push({ _tag: "LogKey", line: keyLogLine(action) })
        return
      default:
        // The rest is about records and TLS 1.2: when data may flow, the host knows by the secrets that it has.
        return
    }
  }

  /**
   * A copy for the host, which keeps a level for as long as packets of it may come, and this side does not. The secret
   * of 0-RTT is in nobody's state, and goes to the host as it is.
   */
  #install({ direction, suite, secret }: InstallKeys, level: Exclude<QuicLevel, "initial">): void {
    const own = level === "early" ? secret : new Secret(secret.stage, unsafeBytes(secret).slice())
    this.#secrets.push({ level, direction, suite, secret: own })
    // 0-RTT packets hold no CRYPTO frames (section 4.1.3), so their keys change nothing about what is read here.
    if (direction === "read" && level !== "early") this.#reading = level
  }

  #check(result: Result.Result<void, Failure>): void {
    if (Result.isFailure(result)) this.#die(result.failure)
  }

  #die(reason: Failure): void {
    if (this.failure !== undefined) return
    this.failure = reason
    this.#events.push({ _tag: "Failed", failure: reason, errorCode: errorCode(reason), state: this.state })
  }

  #progress(): QuicProgress {
    const { failure } = this
    const [out, secrets, events] = [this.#out, this.#secrets, this.#events]
    this.#out = []
    this.#secrets = []
    this.#events = []
    if (failure !== undefined) this.dispose()
    return { out, secrets, events, asks: failure === undefined ? asksOf(this.#state) : undefined }
  }
}
