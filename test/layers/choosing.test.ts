/** `TlsServer`'s `choose`: a configuration for each client, picked by its ClientHello; and strict servers. */
import { assert, describe, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import * as Result from "effect/Result"
import * as TestClock from "effect/testing/TestClock"
import { decodeMessage } from "../../src/codec/handshake/handshake.ts"
import * as ClientVerifier from "../../src/layers/ClientVerifier.ts"
import * as Credentials from "../../src/layers/Credentials.ts"
import type * as TlsClient from "../../src/layers/TlsClient.ts"
import { misconfigured, type TlsError } from "../../src/layers/TlsError.ts"
import * as TlsServer from "../../src/layers/TlsServer.ts"
import * as TrustAnchors from "../../src/layers/TrustAnchors.ts"
import { type Issued, issue, makeCa } from "../../src/layers/testing/certificates.ts"
import * as Mocks from "../../src/layers/testing/mocks.ts"
import * as TlsTest from "../../src/layers/testing/TlsTest.ts"
import { world } from "./support.ts"

const pem = ({ chainPem, privateKeyPem }: Issued) => ({ chain: chainPem, key: privateKeyPem })

/** Both ends of a handshake with a server that chooses. */
const meet = (choose: TlsServer.Choose, client: Partial<TlsClient.Options> = {}, server: TlsServer.Options = {}) =>
  TlsTest.outcome({ client, server: { ...server, choose } })

const errorOf = <A>(result: Result.Result<A, TlsError>): TlsError =>
  Result.isFailure(result) ? result.failure : assert.fail("it succeeded")
const okay = <A>(result: Result.Result<A, TlsError>): A =>
  Result.isSuccess(result) ? result.success : assert.fail(result.failure.message)

/** Reason and alert of the server, and the alert that the client heard. */
const refusal = ({ client, server }: TlsTest.Outcome) => {
  const { reason, alertSent } = errorOf(server)
  return [reason._tag, alertSent, errorOf(client).alertReceived]
}

/** A virtual host with an authority of its own for clients, and one of its clients. */
const hostOf = Effect.fnUntraced(function* (name: string, alpn: string) {
  const { ca } = yield* TlsTest.TestCertificates
  const server = yield* issue(ca, { names: [name] })
  const clients = yield* makeCa({ commonName: `the clients of ${name}` })
  const client = yield* issue(clients, { purpose: "client" })
  const verifier = ClientVerifier.layerWebPki.pipe(Layer.provide(TrustAnchors.layerPem(clients.certificatePem)))
  const configuration = yield* TlsServer.configureWith(Layer.merge(verifier, Credentials.layerPem(pem(server))), {
    alpnProtocols: [alpn],
    clientAuthentication: "required"
  })
  return { name, server, client, configuration }
})

/** A client of one host, which asks for another perhaps. */
const visit = (
  hosts: ReadonlyArray<{ readonly name: string; readonly configuration: TlsServer.Configuration }>,
  serverName: string,
  client: Issued
) => {
  const known = new Map(hosts.map(({ name, configuration }) => [name, configuration]))
  // The server's own credentials are of no use: clients get theirs from the context, the server from the configuration.
  return Effect.provide(
    meet(
      ({ serverName = "" }) => {
        const found = known.get(serverName)
        return found === undefined
          ? TlsServer.refuse("UnrecognizedName", "nobody is called so here")
          : Effect.succeed(found)
      },
      { serverName, alpnProtocols: ["h2", "http/1.1"] }
    ),
    Credentials.layerPem(pem(client))
  )
}

layer(world)("a server that chooses by the ClientHello", (it) => {
  it.effect("serves two hosts with different client authorities, certificates and protocols", () =>
    Effect.gen(function* () {
      const a = yield* hostOf("a.example", "http/1.1")
      const b = yield* hostOf("b.example", "h2")
      for (const [host, protocol] of [
        [a, "http/1.1"],
        [b, "h2"]
      ] as const) {
        const { client, server } = yield* visit([a, b], host.name, host.client)
        assert.strictEqual(okay(client).info.alpnProtocol, protocol)
        assert.deepStrictEqual(okay(client).peerCertificates[0], host.server.certificate)
        assert.deepStrictEqual(okay(server).peerCertificates[0], host.client.certificate)
      }
      const { server } = yield* visit([a, b], "b.example", a.client)
      assert.strictEqual(errorOf(server).reason._tag, "ClientCertificateRequired", "who is let in at a is nobody at b")
      const stranger = yield* visit([a, b], "c.example", a.client)
      assert.deepStrictEqual(refusal(stranger), ["UnrecognizedName", "unrecognized_name", "unrecognized_name"])
    })
  )

  it.effect("sees what the client offers, and its bytes, which are a copy", () =>
    Effect.gen(function* () {
      const seen: Array<TlsServer.ClientHelloInfo> = []
      const { client } = yield* meet(
        (hello) =>
          Effect.sync(() => {
            seen.push(hello)
            hello.raw.fill(0)
            return undefined
          }),
        { alpnProtocols: ["h2"], groups: ["secp256r1", "x25519"], suites: ["TLS_CHACHA20_POLY1305_SHA256"] },
        { groups: ["x25519"] }
      )
      assert.strictEqual(okay(client).info.kind, "retried")
      const [hello, ...more] = seen
      if (hello === undefined) return assert.fail("nobody chose")
      assert.strictEqual(more.length, 0, "once, though there were two ClientHello")
      assert.strictEqual(hello.serverName, "localhost")
      assert.include(hello.alpnProtocols, "h2")
      assert.include(hello.versions, "TLSv1.3")
      assert.include(hello.suites, "TLS_CHACHA20_POLY1305_SHA256")
      const groups = hello.groups.filter((group) => !group.startsWith("0x"))
      assert.deepStrictEqual(groups, ["secp256r1", "x25519"])
      assert.include(hello.schemes, "ecdsa_secp256r1_sha256")
      assert.strictEqual(okay(Result.mapError(decodeMessage(hello.raw), () => misconfigured("")))._tag, "ClientHello")
      assert.match(hello.ja4, /^t13d[0-9]{4}h2_[0-9a-f]{12}_[0-9a-f]{12}$/)
    })
  )

  it.effect("serves as it was configured whom nothing was chosen for", () =>
    Effect.gen(function* () {
      const { client } = yield* meet(
        () => Effect.undefined,
        { alpnProtocols: ["h2", "http/1.1"] },
        { alpnProtocols: ["http/1.1"] }
      )
      assert.strictEqual(okay(client).info.alpnProtocol, "http/1.1")
    })
  )

  it.effect("keeps what one connection chose from the others", () =>
    Effect.gen(function* () {
      const { ca } = yield* TlsTest.TestCertificates
      const other = yield* issue(ca)
      const configuration = yield* TlsServer.configureWith(Credentials.layerPem(pem(other)))
      const own = yield* meet(() => Effect.undefined)
      const chosen = yield* meet(() => Effect.succeed(configuration))
      const again = yield* meet(() => Effect.undefined)
      assert.deepStrictEqual(okay(chosen.client).peerCertificates[0], other.certificate)
      for (const { client } of [own, again]) {
        assert.notDeepEqual(okay(client).peerCertificates[0], other.certificate)
      }
    })
  )
})

describe("a chooser", () => {
  const broken: ReadonlyArray<readonly [what: string, choose: TlsServer.Choose, reason: string, alert: string]> = [
    [
      "that turns away ends with the alert of its reason",
      () => TlsServer.refuse("UnsupportedVersion", "not you"),
      "UnsupportedVersion",
      "protocol_version"
    ],
    [
      "whose reason has no alert is an internal error",
      () => Effect.fail(misconfigured("no such file")),
      "AnswerFailed",
      "internal_error"
    ],
    ["that dies is an internal error", () => Effect.die(new Error("a bug")), "InternalError", "internal_error"],
    [
      "that throws is an internal error",
      () => {
        throw new Error("a bug")
      },
      "InternalError",
      "internal_error"
    ],
    [
      "whose promise is rejected is an internal error",
      () => Effect.promise(() => Promise.reject(new Error("a bug"))),
      "InternalError",
      "internal_error"
    ],
    ["that interrupts itself is an internal error", () => Effect.interrupt, "InternalError", "internal_error"]
  ]

  layer(world)((it) => {
    it.effect.each(broken)("%s", ([, choose, reason, alert]) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(refusal(yield* meet(choose)), [reason, alert, alert])
      }).pipe(Effect.provideService(References.MinimumLogLevel, "None"))
    )

    it.effect("that is slow is waited for", () =>
      Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(meet(() => Effect.as(Effect.sleep("9 seconds"), undefined)))
        yield* TestClock.adjust("9 seconds")
        const { client, server } = yield* Fiber.join(fiber)
        okay(client)
        okay(server)
      })
    )

    it.effect("that never returns is ended by the deadline", () =>
      Effect.gen(function* () {
        let interrupted = false
        const forever = Effect.onInterrupt(Effect.never, () =>
          Effect.sync(() => {
            interrupted = true
          })
        )
        const fiber = yield* Effect.forkChild(meet(() => forever, { handshakeTimeout: "1 minute" }))
        yield* TestClock.adjust("10 seconds")
        const { server } = yield* Fiber.join(fiber)
        assert.strictEqual(errorOf(server).reason._tag, "HandshakeTimeout")
        assert.strictEqual(errorOf(server).phase, "CHOOSING_CONFIGURATION")
        assert.isTrue(interrupted)
      })
    )
  })
})

layer(world)("a strict server", (it) => {
  const named = { serverNamePolicy: "strict" } as const
  const refused = ["UnrecognizedName", "unrecognized_name", "unrecognized_name"]

  it.effect("serves the names in its certificates, and no other", () =>
    Effect.gen(function* () {
      okay((yield* TlsTest.outcome({ server: named })).server)
      const stranger = yield* TlsTest.outcome({ client: { serverName: "other.example" }, server: named })
      assert.deepStrictEqual(refusal(stranger), refused)
      assert.include(errorOf(stranger.server).message, `nobody is called "other.example" here`)
      const nameless = yield* TlsTest.outcome({ client: { serverName: "127.0.0.1" }, server: named })
      assert.deepStrictEqual(refusal(nameless), refused)
    })
  )

  it.effect("also with credentials of one's own that have none for a name", () =>
    Effect.gen(function* () {
      const outcome = yield* Effect.provide(TlsTest.outcome({ server: named }), Mocks.credentials())
      assert.deepStrictEqual(refusal(outcome), refused)
    })
  )

  it.effect("serves only who takes part in ALPN", () =>
    Effect.gen(function* () {
      const strict = { alpnProtocols: ["h2"], alpnPolicy: "strict" } as const
      okay((yield* TlsTest.outcome({ client: { alpnProtocols: ["h2"] }, server: strict })).server)
      const refused = ["NoCommonProtocol", "no_application_protocol", "no_application_protocol"]
      assert.deepStrictEqual(refusal(yield* TlsTest.outcome({ server: strict })), refused)
      okay((yield* TlsTest.outcome({ server: { ...strict, alpnPolicy: "lenient" } })).server)
    })
  )

  it.effect("about ALPN names protocols", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(TlsServer.configure({ alpnPolicy: "strict" }))
      assert.strictEqual(error.reason._tag, "InvalidConfiguration")
    })
  )
})
