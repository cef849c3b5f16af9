/** Certificates in files that change while a server is at work. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, layer } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Credentials from "../../src/layers/Credentials.ts"
import * as CredentialFiles from "../../src/layers/node/CredentialFiles.ts"
import { type Issued, issue } from "../../src/layers/testing/certificates.ts"
import * as TlsTest from "../../src/layers/testing/TlsTest.ts"
import { open, read, text, world } from "./support.ts"

/** A directory of its own with one certificate in it, replaced as careful people do it: whole, and all at once. */
const folder = Effect.gen(function* () {
  const path = mkdtempSync(join(tmpdir(), "effect-tls-files-"))
  yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(path, { recursive: true, force: true })))
  const files = { chain: join(path, "cert.pem"), key: join(path, "key.pem") }
  const write = (name: "chain" | "key", content: string) => {
    writeFileSync(`${files[name]}.new`, content, { mode: 0o600 })
    renameSync(`${files[name]}.new`, files[name])
  }
  return { files, write }
})

const fresh = Effect.flatMap(TlsTest.TestCertificates, ({ ca }) => issue(ca))

/** What is logged. */
const logged = () => {
  const lines: Array<string> = []
  const logger = Logger.make(({ logLevel, message }) => void lines.push(`${logLevel}: ${String(message)}`))
  return { lines, layer: Logger.layer([logger]) }
}

const service = (layer: ReturnType<typeof CredentialFiles.layer>) =>
  Effect.flatMap(Layer.build(layer), (context) => Effect.provide(Credentials.Credentials, context))

const meet = (credentials: Credentials.Credentials["Service"]) =>
  Effect.provideService(TlsTest.handshake(), Credentials.Credentials, credentials)

/** The certificate that a client gets to see now. */
const shown = (credentials: Credentials.Credentials["Service"]) =>
  Effect.map(Effect.scoped(meet(credentials)), ({ client }) => Buffer.from(client.peerCertificates[0] ?? []))

const der = ({ certificate }: Issued) => Buffer.from(certificate)

/** Waits for a condition, with real time. */
const until = Effect.fnUntraced(function* (condition: () => boolean) {
  for (let i = 0; i < 200 && !condition(); i++) yield* Effect.sleep("20 millis")
  assert.isTrue(condition())
})

layer(world, { excludeTestServices: true })("CredentialFiles.layer", (it) => {
  it.effect("serves what is in the files, and connections outlive it", () =>
    Effect.gen(function* () {
      const { files, write } = yield* folder
      const [one, two] = [yield* fresh, yield* fresh]
      write("chain", one.chainPem)
      write("key", one.privateKeyPem)
      const log = logged()
      const credentials = yield* service(CredentialFiles.layer([files], { every: "20 millis" })).pipe(
        Effect.provide(log.layer)
      )
      const early = yield* meet(credentials)
      assert.deepStrictEqual(yield* shown(credentials), der(one))

      // The certificate comes before its key: what is between the two is of no use, and is told once.
      write("chain", two.chainPem)
      yield* until(() => log.lines.length > 0)
      assert.match(log.lines[0] ?? "", /^Warn: the certificates in use are kept: .*cert\.pem with .*key\.pem: /)
      assert.deepStrictEqual(yield* shown(credentials), der(one))
      yield* Effect.sleep("100 millis")
      assert.strictEqual(log.lines.length, 1)
      write("key", two.privateKeyPem)
      yield* until(() => log.lines.length > 1)
      assert.match(log.lines[1] ?? "", /^Info: new certificates from /)
      assert.deepStrictEqual(yield* shown(credentials), der(two))

      const [left, right] = [yield* open(early.client.socket), yield* open(early.server.socket)]
      yield* left.write("still here")
      assert.strictEqual(text(yield* read(right.pull, 10)), "still here")
    })
  )

  it.effect("keeps the old certificate when the new file is bad or gone", () =>
    Effect.gen(function* () {
      const { files, write } = yield* folder
      const one = yield* fresh
      write("chain", one.chainPem)
      write("key", one.privateKeyPem)
      const log = logged()
      const credentials = yield* service(CredentialFiles.layer([files], { every: "20 millis" })).pipe(
        Effect.provide(log.layer)
      )
      write("chain", "no PEM at all")
      yield* until(() => log.lines.length > 0)
      rmSync(files.chain)
      yield* until(() => log.lines.length > 1)
      assert.match(log.lines[1] ?? "", /^Warn: .*cannot read .*cert\.pem/)
      assert.deepStrictEqual(yield* shown(credentials), der(one))
      for (const line of one.privateKeyPem.split("\n").slice(1, -2)) assert.notInclude(log.lines.join(), line)
    })
  )

  it.effect("a handshake under way signs with the certificate it began with", () =>
    Effect.gen(function* () {
      const { files, write } = yield* folder
      const [one, two] = [yield* fresh, yield* fresh]
      write("chain", one.chainPem)
      write("key", one.privateKeyPem)
      const log = logged()
      const credentials = yield* service(CredentialFiles.layer([files], { every: "20 millis" })).pipe(
        Effect.provide(log.layer)
      )
      const [chosen, go] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const slow: typeof credentials = {
        ...credentials,
        sign: (...request) =>
          Effect.andThen(
            Effect.andThen(Deferred.succeed(chosen, undefined), Deferred.await(go)),
            credentials.sign(...request)
          )
      }
      const fiber = yield* Effect.forkChild(Effect.scoped(meet(slow)))
      yield* Deferred.await(chosen)
      write("chain", two.chainPem)
      write("key", two.privateKeyPem)
      yield* until(() => log.lines.some((line) => line.startsWith("Info")))
      yield* Deferred.succeed(go, undefined)
      const { client } = yield* Fiber.join(fiber)
      assert.deepStrictEqual(Buffer.from(client.peerCertificates[0] ?? []), der(one))
      assert.deepStrictEqual(yield* shown(credentials), der(two))
    })
  )

  it.effect("looks at once on a signal, and lets go of it at the end", () =>
    Effect.gen(function* () {
      const { files, write } = yield* folder
      const [one, two] = [yield* fresh, yield* fresh]
      write("chain", one.chainPem)
      write("key", one.privateKeyPem)
      const before = process.listenerCount("SIGHUP")
      const log = logged()
      yield* Effect.scoped(
        Effect.gen(function* () {
          const credentials = yield* service(
            CredentialFiles.layer([files], { every: "1 hour", signal: "SIGHUP" })
          ).pipe(Effect.provide(log.layer))
          write("chain", two.chainPem)
          write("key", two.privateKeyPem)
          process.emit("SIGHUP")
          yield* until(() => log.lines.length > 0)
          assert.deepStrictEqual(yield* shown(credentials), der(two))
        })
      )
      assert.strictEqual(process.listenerCount("SIGHUP"), before)
    })
  )

  it.effect("fails when the files are of no use to begin with, and names them", () =>
    Effect.gen(function* () {
      const { files, write } = yield* folder
      const failing = Effect.flip(service(CredentialFiles.layer([files])))
      assert.match((yield* failing).message, /cannot read .*cert\.pem/)
      const [one, two] = [yield* fresh, yield* fresh]
      write("chain", one.chainPem)
      write("key", two.privateKeyPem)
      const error = yield* failing
      assert.strictEqual(error.reason._tag, "InvalidConfiguration")
      assert.match(error.message, /cert\.pem with .*key\.pem: .*does not belong/)
      assert.match((yield* Effect.flip(service(CredentialFiles.layer([])))).message, /at least one certificate/)
      const never = yield* Effect.flip(service(CredentialFiles.layer([files], { every: 0 })))
      assert.match(never.message, /longer than nothing/)
    })
  )
})
