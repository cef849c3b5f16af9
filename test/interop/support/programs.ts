/** Programs beside this one: which are there, and running them for a bounded time. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"

/** What a program prints when it succeeds; undefined where it is absent. */
export const answers = (program: string, ...args: ReadonlyArray<string>): string | undefined => {
  const { status, stdout } = spawnSync(program, args, { encoding: "utf8", timeout: 10_000 })
  return status === 0 ? stdout : undefined
}

/** For example `OpenSSL 3.0.19 …`. */
export const openssl = answers("openssl", "version")?.trim()
export const hasOpenssl = openssl !== undefined && /^OpenSSL [3-9]\./.test(openssl)

/** A Python that has curl_cffi: curl with BoringSSL, which says what browsers say. */
export const curlCffi = answers("python3", "-c", "import curl_cffi; print(curl_cffi.__version__)")?.trim()

/** A curl that can do TLS 1.3. */
export const hasCurl = /OpenSSL|GnuTLS|BoringSSL|quictls/.test(answers("curl", "--version") ?? "")

/** The Wireshark of the command line. */
export const hasTshark = answers("tshark", "--version") !== undefined

/** Both programs of GnuTLS 3.7 or later (`gnutls-bin`). */
export const hasGnutls = ["gnutls-cli", "gnutls-serv"].every((program) => answers(program, "--version") !== undefined)

/** A child that is killed when its time is up, whatever it does. */
export interface Program extends AsyncDisposable {
  readonly child: ChildProcess
  /** All that it printed so far. */
  readonly stdout: () => string
  readonly stderr: () => string
  readonly bytes: () => Buffer
  /** What its outputs match, once they do; rejects when it ends before, or after 15 s. */
  readonly until: (pattern: RegExp) => Promise<RegExpExecArray>
  /** Its exit status: a number, or the name of a signal. */
  readonly exit: Promise<number | string>
  readonly write: (input: string | Uint8Array) => void
  readonly end: (input?: string | Uint8Array) => void
}

const lifetime = 60_000
const patience = 15_000

export const start = (program: string, args: ReadonlyArray<string>, milliseconds = lifetime): Program => {
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] })
  const chunks: Array<Buffer> = []
  let err = ""
  const listeners = new Set<() => void>()
  const notify = () => {
    for (const listener of listeners) listener()
  }
  child.stdout.on("data", (chunk: Buffer) => {
    chunks.push(chunk)
    notify()
  })
  child.stderr.on("data", (chunk: Buffer) => {
    err += chunk.toString("latin1")
    notify()
  })
  child.stdin.on("error", () => {})
  const timer = setTimeout(() => child.kill("SIGKILL"), milliseconds)
  let ended = false
  const exit = new Promise<number | string>((resolve) => {
    child.once("error", (error) => resolve(error.message))
    child.once("close", (code, signal) => resolve(code ?? signal ?? "unknown"))
  }).then((status) => {
    clearTimeout(timer)
    ended = true
    notify()
    return status
  })
  const bytes = () => Buffer.concat(chunks)
  const stdout = () => bytes().toString("latin1")
  const until = (pattern: RegExp) =>
    new Promise<RegExpExecArray>((resolve, reject) => {
      const said = () => `${program} ${args.join(" ")}\n${stdout()}\n${err}`
      const give = (act: () => void) => {
        clearTimeout(timeout)
        listeners.delete(look)
        act()
      }
      const look = () => {
        const found = pattern.exec(stdout()) ?? pattern.exec(err)
        if (found !== null) give(() => resolve(found))
        else if (ended) give(() => reject(new Error(`ended before ${pattern}: ${said()}`)))
      }
      const timeout = setTimeout(() => give(() => reject(new Error(`no ${pattern} in time: ${said()}`))), patience)
      listeners.add(look)
      look()
    })
  return {
    child,
    stdout,
    stderr: () => err,
    bytes,
    until,
    exit,
    write: (input) => void child.stdin.write(input),
    end: (input) => void (input === undefined ? child.stdin.end() : child.stdin.end(input)),
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL")
      await exit
    }
  }
}

/** Runs a program to its end. */
export const finish = async (
  program: string,
  args: ReadonlyArray<string>,
  input: string | Uint8Array = "",
  milliseconds = lifetime
) => {
  await using running = start(program, args, milliseconds)
  running.end(input)
  const status = await running.exit
  return { status, stdout: running.stdout(), bytes: running.bytes(), stderr: running.stderr() }
}

const bin = new URL("../../../src/cli/bin.ts", import.meta.url).pathname

/** `effect-tls`, as a process of its own. */
export const effectTls = (...args: ReadonlyArray<string>): Program => start(process.execPath, [bin, ...args])

export const finishEffectTls = (args: ReadonlyArray<string>, input?: string | Uint8Array) =>
  finish(process.execPath, [bin, ...args], input)
