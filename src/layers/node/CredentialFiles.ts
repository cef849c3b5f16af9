/** Certificates in files, read again when they change: without a restart, and without dropping a connection. */
import { createHash } from "node:crypto"
import { readFile } from "node:fs/promises"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import * as Ref from "effect/Ref"
import * as Result from "effect/Result"
import * as Credentials from "../Credentials.ts"
import { CryptoProvider } from "../CryptoProvider.ts"
import { misconfigured, type TlsError } from "../TlsError.ts"
import { describeError } from "../transport.ts"

/** The files of a chain and its key, PEM (twice the same file when both are in one), and of what is stapled to it. */
export interface Files {
  /** The end-entity certificate first, then its intermediates. */
  readonly chain: string
  /** PKCS#8, which may be encrypted, SEC1 or PKCS#1. */
  readonly key: string
  /** Where the password of an encrypted key is: the first line of a file. */
  readonly password?: string | undefined
  /** An OCSPResponse about the certificate, DER. */
  readonly ocsp?: string | undefined
}

/** Which files, and when they are read again. */
export interface Options {
  /** How often the files are looked at; every 10 seconds by default. */
  readonly every?: Duration.Input | undefined
  /** A signal on which they are looked at at once, which then no longer ends the process: `SIGHUP`. None by default. */
  readonly signal?: NodeJS.Signals | undefined
}

const every: Duration.Input = "10 seconds"

const read = (path: string): Effect.Effect<Uint8Array, TlsError> =>
  Effect.tryPromise({
    try: () => readFile(path),
    catch: (cause) => misconfigured(`cannot read ${path}: ${describeError(cause)}`)
  })

/** A password in a file: its first line, without the end that editors put there. */
export const firstLine = (bytes: Uint8Array): Uint8Array => {
  const end = bytes.indexOf(10)
  const line = end === -1 ? bytes : bytes.subarray(0, end)
  return line.at(-1) === 13 ? line.subarray(0, -1) : line
}

const pairOf = Effect.fnUntraced(function* (files: Files) {
  const ocsp = files.ocsp === undefined ? undefined : yield* read(files.ocsp)
  const password = files.password === undefined ? undefined : Redacted.make(firstLine(yield* read(files.password)))
  return { files, chain: yield* read(files.chain), key: yield* read(files.key), password, ocsp }
})

type Pairs = ReadonlyArray<Effect.Success<ReturnType<typeof pairOf>>>

/** Tells whether files have changed, and keeps no key for it. */
const digestOf = (pairs: Pairs): string => {
  const hash = createHash("sha256")
  for (const { chain, key, password, ocsp = new Uint8Array(0) } of pairs) {
    const secret = password === undefined ? new Uint8Array(0) : Redacted.value(password)
    hash.update(`${chain.length} ${key.length} ${secret.length} ${ocsp.length} `)
    hash.update(chain).update(key).update(secret).update(ocsp)
  }
  return hash.digest("hex")
}

const load = ({ files, ...pem }: Pairs[number]) =>
  Effect.mapError(Credentials.loadPem(pem), ({ reason }) =>
    misconfigured(`${files.chain} with ${files.key}: ${reason.detail}`)
  )

const shapeOf = Effect.fnUntraced(function* (pairs: Pairs) {
  const credentials = yield* Effect.forEach(pairs, load)
  return Credentials.fromList(credentials, yield* CryptoProvider)
})

/** Takes what is in the files, when it is new and good; what is wrong with it is told once. */
const makeLook = Effect.fnUntraced(function* (list: ReadonlyArray<Files>) {
  const all = Effect.forEach(list, pairOf)
  const first = yield* all
  const current = yield* Ref.make(yield* shapeOf(first))
  let seen = digestOf(first)
  const replace = Effect.fnUntraced(function* (found: Result.Result<Pairs, TlsError>) {
    yield* Ref.set(current, yield* shapeOf(yield* Effect.fromResult(found)))
    yield* Effect.logInfo(`new certificates from ${list.map(({ chain }) => chain).join(", ")}`)
  })
  const look = Effect.gen(function* () {
    const found = yield* Effect.result(all)
    const now = Result.isSuccess(found) ? digestOf(found.success) : found.failure.reason.detail
    if (now === seen) return
    seen = now
    yield* Effect.catchTag(replace(found), "TlsError", ({ reason }) =>
      Effect.logWarning(`the certificates in use are kept: ${reason.detail}`)
    )
  })
  return { current: Ref.get(current), look }
})

/** Wakes up for the signal, from now until the scope ends. */
const signalled = Effect.fnUntraced(function* (signal: NodeJS.Signals | undefined) {
  const queue = yield* Queue.sliding<void>(1)
  if (signal === undefined) return queue
  const wake = () => Queue.offerUnsafe(queue, undefined)
  yield* Effect.acquireRelease(
    Effect.sync(() => process.on(signal, wake)),
    () => Effect.sync(() => process.off(signal, wake))
  )
  return queue
})

/**
 * Credentials from PEM files, chosen as `Credentials.layerPem` does it. The files are looked at again and again; new
 * content serves new handshakes, while those under way end with the certificate they began with. Content that cannot be
 * used, such as a certificate whose key is not there yet, changes nothing and is told in a warning.
 *
 * Fails with `InvalidConfiguration`, naming the file, when the files are of no use to begin with.
 *
 * @example
 * const Identity = CredentialFiles.layer([{ chain: "/etc/tls/cert.pem", key: "/etc/tls/key.pem" }], { signal: "SIGHUP" })
 */
export const layer = (
  files: ReadonlyArray<Files>,
  options: Options = {}
): Layer.Layer<Credentials.Credentials, TlsError, CryptoProvider> =>
  Layer.unwrap(
    Effect.gen(function* () {
      if (files.length === 0) return yield* misconfigured("at least one certificate is needed")
      const pause = Duration.fromInputUnsafe(options.every ?? every)
      if (Duration.toMillis(pause) <= 0) return yield* misconfigured("`every` is a duration longer than nothing")
      const { current, look } = yield* makeLook(files)
      const wake = yield* signalled(options.signal)
      const turn = Effect.timeoutOrElse(Queue.take(wake), { duration: pause, orElse: () => Effect.void })
      yield* Effect.forkScoped(Effect.forever(Effect.andThen(turn, look)))
      return Credentials.layerReloading(current)
    })
  )
