/** External PSKs through the layers: who meets whom by a key, and who cannot be made to (RFC 9257, RFC 9258). */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Credentials from "../../src/layers/Credentials.ts"
import * as ExternalPsks from "../../src/layers/ExternalPsks.ts"
import * as NodeCryptoProvider from "../../src/layers/node/NodeCryptoProvider.ts"
import * as ServerVerifier from "../../src/layers/ServerVerifier.ts"
import * as TlsClient from "../../src/layers/TlsClient.ts"
import * as TlsServer from "../../src/layers/TlsServer.ts"
import * as Pair from "../../src/layers/testing/pair.ts"
import { bytes, world } from "./support.ts"

const secret = Redacted.make(Uint8Array.from(bytes(32)))
const key = { identity: "fleet", secret }

type Keys = Parameters<typeof ExternalPsks.layerImported>[0]
const member = (name: string, changes: Partial<Keys> = {}) =>
  ExternalPsks.layerImported({ name, keys: [key], ...changes }).pipe(Layer.provide(NodeCryptoProvider.layer))

/** Keys and nothing else, in both roles. */
const keysAlone = Layer.mergeAll(NodeCryptoProvider.layer, Credentials.layerNone, ServerVerifier.layerNone)

interface Plan {
  readonly client: Layer.Layer<never, unknown>
  readonly server: Layer.Layer<never, unknown>
  readonly serverName?: string
  readonly options?: Partial<TlsClient.Options>
  readonly serverOptions?: TlsServer.AcceptOptions
}

type Services = Layer.Success<typeof keysAlone>

/** One handshake; both ends have keys of their own. */
const meetIn = (services: Layer.Layer<Services, unknown>, { client, server, serverName = "b", ...plan }: Plan) =>
  Effect.gen(function* () {
    const { left, right } = Pair.make()
    const [one, other] = yield* Effect.all(
      [
        TlsClient.connect(left, { serverName, ...plan.options }).pipe(
          Effect.provide(yield* Layer.build(client)),
          Effect.result
        ),
        TlsServer.accept(right, plan.serverOptions).pipe(Effect.provide(yield* Layer.build(server)), Effect.result)
      ],
      { concurrency: 2 }
    )
    return { client: one, server: other }
  }).pipe(Effect.provide(services))

const meet = (plan: Plan) => meetIn(keysAlone, plan)

/** The one end that has nothing to begin with. */
const clientAlone = (keys: Layer.Layer<never, unknown>, options: TlsClient.Options) =>
  Effect.scoped(Effect.flip(TlsClient.connect(Pair.make().left, options))).pipe(
    Effect.provide(Layer.provideMerge(keys, keysAlone)),
    Effect.map(({ reason }) => `${reason._tag}: ${reason.detail}`)
  )
const serverAlone = (keys: Layer.Layer<never, unknown>, options: TlsServer.AcceptOptions = {}) =>
  Effect.scoped(Effect.flip(TlsServer.accept(Pair.make().right, options))).pipe(
    Effect.provide(Layer.provideMerge(keys, keysAlone)),
    Effect.map(({ reason }) => `${reason._tag}: ${reason.detail}`)
  )

type Outcome = Effect.Success<ReturnType<typeof meet>>

/** The keys, or the reasons and the alert that the client got. */
const told = ({ client, server }: Outcome) => [
  Result.isSuccess(client) ? client.success.info.psk : client.failure.reason._tag,
  Result.isSuccess(server) ? server.success.info.psk : server.failure.reason._tag,
  Result.isSuccess(client) ? client.success.info.kind : client.failure.alertReceived
]

const met = (label: string) => [label, label, "external"]
const refused = ["AlertReceived", "UnknownPsk", "decrypt_error"]

describe("an imported key", () => {
  it.effect("serves two who name each other, and no certificate is there", () =>
    Effect.gen(function* () {
      const ends = yield* meet({ client: member("a"), server: member("b") })
      assert.deepStrictEqual(told(ends), met("fleet (a to b)"))
      const [client, server] = [Result.getOrThrow(ends.client), Result.getOrThrow(ends.server)]
      assert.deepStrictEqual([client.externalPsk?.peer, server.externalPsk?.peer], ["b", "a"])
      assert.strictEqual(server.externalPsk?.kind, "imported")
      assert.deepStrictEqual([server.info.peer, server.info.signatureScheme], [undefined, undefined])
      assert.notInclude(JSON.stringify(server.externalPsk), "secret")
    })
  )

  it.effect("serves every suite, whatever its hash and that of the key", () =>
    Effect.gen(function* () {
      for (const hash of ["sha256", "sha384"] as const) {
        const keys = { keys: [{ ...key, hash }] }
        for (const suite of ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"]) {
          const options = { suites: [suite] }
          const ends = yield* meet({ client: member("a", keys), server: member("b", keys), options })
          assert.deepStrictEqual(told(ends), met("fleet (a to b)"))
          assert.strictEqual(Result.getOrThrow(ends.server).info.suite, suite)
        }
      }
    })
  )

  it.effect("serves in either direction, under aliases, and in any case of letters", () =>
    Effect.gen(function* () {
      const [a, b] = [member("A"), member("B", { aliases: ["Other.Example"] })]
      assert.deepStrictEqual(told(yield* meet({ client: a, server: b })), met("fleet (a to b)"))
      assert.deepStrictEqual(told(yield* meet({ client: b, server: a, serverName: "a" })), met("fleet (b to a)"))
      const serverName = "other.example"
      assert.deepStrictEqual(told(yield* meet({ client: a, server: b, serverName })), met("fleet (a to other.example)"))
    })
  )

  it.effect("of another secret, hash or provisioning is another key", () =>
    Effect.gen(function* () {
      const other = (changes: Partial<ExternalPsks.ImportedKey>) =>
        meet({ client: member("a", { keys: [{ ...key, ...changes }] }), server: member("b") })
      const mismatch = ["AlertReceived", "BinderMismatch", "decrypt_error"]
      assert.deepStrictEqual(told(yield* other({ secret: Redacted.make(bytes(32, 2)) })), mismatch)
      assert.deepStrictEqual(told(yield* other({ hash: "sha384" })), mismatch)
      assert.deepStrictEqual(told(yield* other({ provisioning: Uint8Array.of(1) })), refused)
      assert.deepStrictEqual(told(yield* other({ identity: "fleet2" })), refused)
    })
  )

  it.effect("is not one that is used as it is, whatever it is called", () =>
    Effect.gen(function* () {
      const role = "client"
      const plain = ExternalPsks.dangerouslyUnimported({ role, keys: [key] })
      assert.deepStrictEqual(told(yield* meet({ client: plain, server: member("b") })), refused)
    })
  )
})

describe("Selfie (SECURITY 47): a handshake that is led elsewhere", () => {
  it.effect("back to the one who began it is refused: he is not whom he meant to reach", () =>
    Effect.gen(function* () {
      const self = member("a")
      assert.deepStrictEqual(told(yield* meet({ client: self, server: self })), refused)
    })
  )

  it.effect("to a third member of the group is refused", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(told(yield* meet({ client: member("a"), server: member("c") })), refused)
      assert.deepStrictEqual(told(yield* meet({ client: member("a"), server: member("b") })), met("fleet (a to b)"))
    })
  )

  it.effect("from a client that calls itself as the server does is refused", () =>
    Effect.gen(function* () {
      const twin = member("x", { aliases: [] })
      const server = member("b", { aliases: ["x"] })
      assert.deepStrictEqual(told(yield* meet({ client: twin, server })), refused)
    })
  )

  it.effect("from or to somebody who is none of the peers is refused, or not begun", () =>
    Effect.gen(function* () {
      const only = (...peers: ReadonlyArray<string>) => ({ keys: [{ ...key, peers }] })
      const [a, b] = [member("a", only("b")), member("b", only("a"))]
      assert.deepStrictEqual(told(yield* meet({ client: a, server: b })), met("fleet (a to b)"))
      assert.deepStrictEqual(told(yield* meet({ client: member("d"), server: b })), refused)
      const required = { serverName: "c", externalPskPolicy: "required" } as const
      assert.include(yield* clientAlone(a, required), "there is no external PSK for c")
    })
  )

  it.effect("looks no different from one with a key that nobody has", () =>
    Effect.gen(function* () {
      const [looped, unknown] = [
        yield* meet({ client: member("a"), server: member("a") }),
        yield* meet({ client: member("a", { keys: [{ ...key, identity: "other" }] }), server: member("a") })
      ]
      const seen = ({ client }: Outcome) => Result.isFailure(client) && client.failure.message
      assert.strictEqual(seen(looped), seen(unknown))
    })
  )

  it.effect("nobody offers a key to himself", () =>
    Effect.gen(function* () {
      const required = { serverName: "a", externalPskPolicy: "required" } as const
      const warnings: Array<string> = []
      const logger = Logger.layer([Logger.make(({ message }) => void warnings.push(String(message)))])
      const refused = clientAlone(member("a"), required).pipe(Effect.provide(logger))
      assert.include(yield* refused, "there is no external PSK for a")
      assert.deepStrictEqual(warnings, ["no external PSK is offered to a: that is a name of our own"])
    })
  )
})

describe("beside certificates", () => {
  const localhost = { serverName: "localhost" }
  const nobody = Layer.empty

  it.effect("a client with a key refuses a server that shows a certificate in its place", () =>
    Effect.gen(function* () {
      const ends = yield* meetIn(world, { client: member("a"), server: nobody, ...localhost })
      assert.strictEqual(told(ends)[0], "PskRequired")
      const { failure } = Result.isFailure(ends.client) ? ends.client : assert.fail("connected")
      assert.deepStrictEqual([failure.alertSent, failure.phase], ["handshake_failure", "WAIT_SH"])
      assert.include(failure.hint, "externalPskPolicy")
    })
  )

  it.effect("unless it says that one will do", () =>
    Effect.gen(function* () {
      const options = { externalPskPolicy: "preferred" } as const
      const ends = yield* meetIn(world, { client: member("a"), server: nobody, options, ...localhost })
      assert.deepStrictEqual(told(ends), [undefined, undefined, "full"])
      const both = yield* meetIn(world, { client: member("a"), server: member("localhost"), options, ...localhost })
      assert.deepStrictEqual(told(both), met("fleet (a to localhost)"))
    })
  )

  it.effect("a server with both serves clients of either kind", () =>
    Effect.gen(function* () {
      const server = member("localhost")
      assert.deepStrictEqual(told(yield* meetIn(world, { client: nobody, server, ...localhost })), [
        undefined,
        undefined,
        "full"
      ])
      const ends = yield* meetIn(world, { client: member("a"), server, ...localhost })
      assert.deepStrictEqual(told(ends), met("fleet (a to localhost)"))
    })
  )

  it.effect("a client that believes no certificate refuses one", () =>
    Effect.gen(function* () {
      const services = Layer.merge(world, ServerVerifier.layerNone)
      const ends = yield* meetIn(services, { client: nobody, server: nobody, ...localhost })
      assert.strictEqual(told(ends)[0], "CertificateRejected")
    })
  )

  it.effect("a server of keys alone turns away who has none", () =>
    Effect.gen(function* () {
      const ends = yield* meet({ client: nobody, server: member("b") })
      assert.deepStrictEqual(told(ends), ["AlertReceived", "PskRequired", "handshake_failure"])
    })
  )
})

describe("keys as they are", () => {
  const plain = (role: "client" | "server", changes: Partial<ExternalPsks.UnimportedOptions> = {}) =>
    ExternalPsks.dangerouslyUnimported({ role, keys: [key], ...changes })

  it.effect("serve the suites of their hash", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(told(yield* meet({ client: plain("client"), server: plain("server") })), met("fleet"))
      const keys = [{ ...key, hash: "sha384" as const }]
      const ends = yield* meet({ client: plain("client", { keys }), server: plain("server", { keys }) })
      assert.strictEqual(Result.getOrThrow(ends.client).info.suite, "TLS_AES_256_GCM_SHA384")
    })
  )

  it.effect("serve in one role: who offers them does not take them", () =>
    Effect.gen(function* () {
      assert.include(yield* serverAlone(plain("client")), "no ExternalPsks for a server")
    })
  )

  it.effect("are offered to the servers they are for", () =>
    Effect.gen(function* () {
      const client = plain("client", { servers: ["C"] })
      assert.strictEqual(told(yield* meet({ client, server: plain("server") }))[1], "PskRequired")
      assert.deepStrictEqual(told(yield* meet({ client, server: plain("server"), serverName: "c" })), met("fleet"))
    })
  )
})

describe("a source of one's own", () => {
  it.effect("finds keys one at a time, by what the client calls them", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const lookup = Effect.fnUntraced(
        function* (identity: Uint8Array) {
          const name = new TextDecoder().decode(ExternalPsks.externalIdentity(identity))
          asked.push(name)
          if (name !== "fleet") return undefined
          const { lookup } = yield* ExternalPsks.fromImported({ name: "b", keys: [key] })
          return yield* lookup(identity)
        },
        Effect.scoped,
        Effect.orDie,
        Effect.provide(NodeCryptoProvider.layer)
      )
      const server = ExternalPsks.make({ lookup })
      assert.deepStrictEqual(told(yield* meet({ client: member("a"), server })), met("fleet (a to b)"))
      assert.deepStrictEqual(asked, ["fleet", "fleet"])
      const other = member("a", { keys: [{ ...key, identity: "other" }] })
      assert.deepStrictEqual(told(yield* meet({ client: other, server })), refused)
      assert.isUndefined(ExternalPsks.externalIdentity(Uint8Array.of(1, 2)))
    })
  )
})

describe("what is refused as a configuration", () => {
  const why = (layer: Layer.Layer<never, unknown>) =>
    Effect.map(Effect.flip(Effect.scoped(Layer.build(layer))), (error) => `${error}`)
  const withKeys = (...keys: ReadonlyArray<ExternalPsks.ImportedKey>) => why(member("a", { keys }))

  it.effect("keys that can be guessed, and names that cannot be said", () =>
    Effect.gen(function* () {
      assert.include(yield* withKeys(), "at least one")
      assert.include(yield* withKeys({ ...key, secret: Redacted.make(bytes(15)) }), "15 bytes")
      assert.include(yield* withKeys({ ...key, secret: Redacted.make(new Uint8Array(32)) }), "the same byte")
      assert.include(yield* withKeys(key, key), '"fleet" is given twice')
      assert.include(yield* withKeys({ ...key, identity: "" }), "1 to 4096")
      assert.include(yield* withKeys({ ...key, identity: "x".repeat(4097) }), "1 to 4096")
      assert.include(yield* withKeys({ ...key, provisioning: new Uint8Array(4097) }), "4097")
      assert.include(yield* withKeys({ ...key, peers: ["b", "c d"] }), '"c d" is no name')
      for (const name of ["", "ä", "x".repeat(256)]) assert.include(yield* why(member(name)), "is no name")
      const plain = ExternalPsks.dangerouslyUnimported({
        role: "client",
        keys: [{ ...key, secret: Redacted.make(bytes(8)) }]
      })
      assert.include(yield* why(plain), "8 bytes")
    })
  )

  it.effect("a server without anything to be known by", () =>
    Effect.gen(function* () {
      assert.include(yield* serverAlone(Layer.empty), "InvalidConfiguration: there are no Credentials")
    })
  )

  it.effect("an end that knows nothing but TLS 1.2, which has no such keys", () =>
    Effect.gen(function* () {
      const only12 = { versions: ["TLSv1.2"] } as const
      assert.include(yield* serverAlone(member("b"), only12), "InvalidConfiguration: no version is left to serve")
      const offered = yield* clientAlone(member("a"), { serverName: "b", ...only12 })
      assert.include(offered, "InvalidConfiguration: no version is left to offer")
    })
  )

  it.effect("more keys for one server than servers look at", () =>
    Effect.gen(function* () {
      const keys = [1, 2, 3].map((i) => ({ ...key, identity: `key ${i}` }))
      const why = yield* clientAlone(member("a", { keys }), { serverName: "b" })
      assert.include(why, "3 keys are for b, and 2 are the most")
      const apart = keys.map((each, i) => ({ ...each, peers: i === 2 ? ["b"] : ["c"] }))
      const fitting = yield* meet({ client: member("a", { keys: apart }), server: member("b", { keys }) })
      assert.deepStrictEqual(told(fitting), met("key 3 (a to b)"))
    })
  )

  it.effect("secrets are gone with their layer", () =>
    Effect.gen(function* () {
      const lookup = yield* Effect.scoped(
        Effect.gen(function* () {
          const context = yield* Layer.build(ExternalPsks.dangerouslyUnimported({ role: "server", keys: [key] }))
          return (yield* Effect.provide(ExternalPsks.ExternalPsks, context)).lookup ?? assert.fail("no lookup")
        })
      )
      assert.isTrue((yield* lookup(new TextEncoder().encode("fleet")))?.secret.wiped)
      assert.strictEqual(Redacted.value(secret)[0], bytes(32)[0], "what the user gave is the user's")
    })
  )
})
