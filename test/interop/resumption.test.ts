/** Sessions resumed with peers that are not ours, in both roles. */
import { randomBytes } from "node:crypto"
import { join } from "node:path"
import type { ConnectionOptions } from "node:tls"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Redacted from "effect/Redacted"
import * as ClientSessionStore from "../../src/layers/ClientSessionStore.ts"
import * as ClientVerifier from "../../src/layers/ClientVerifier.ts"
import * as Credentials from "../../src/layers/Credentials.ts"
import * as NodeCryptoProvider from "../../src/layers/node/NodeCryptoProvider.ts"
import * as ServerSessionStore from "../../src/layers/ServerSessionStore.ts"
import * as Tickets from "../../src/layers/Tickets.ts"
import { find } from "../../src/layers/TlsError.ts"
import * as TlsServer from "../../src/layers/TlsServer.ts"
import * as TrustAnchors from "../../src/layers/TrustAnchors.ts"
import { issue, makeCa } from "../../src/layers/testing/certificates.ts"
import type { Ticket } from "../../src/state/session.ts"
import { fixtures } from "./support/fixtures.ts"
import * as Node from "./support/node.ts"
import * as OpenSsl from "./support/openssl.ts"
import * as Ours from "./support/ours.ts"
import { hasOpenssl } from "./support/programs.ts"

const short = Buffer.from("There and back again")
const kept = ClientSessionStore.layerMemory()
const sealed = Layer.orDie(Tickets.layerSealed()).pipe(Layer.provide(NodeCryptoProvider.layer))
const stateful = Layer.orDie(Tickets.layerStateful()).pipe(
  Layer.provide(Layer.merge(NodeCryptoProvider.layer, ServerSessionStore.layerMemory()))
)
const suites = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"]

/** The session of a connection of node:tls, once it has one, with what it said and heard. */
const nodeSession = Effect.fnUntraced(function* (port: number, session?: Buffer, options: ConnectionOptions = {}) {
  let latest: Buffer | undefined
  const socket = yield* Node.connect(port, session === undefined ? options : { ...options, session }, (socket) =>
    socket.on("session", (bytes) => {
      latest = bytes
    })
  )
  assert.deepStrictEqual(yield* Node.exchange(socket, short), short)
  return { reused: socket.isSessionReused(), session: latest ?? assert.fail("no session") }
})

describe("node:tls resumes with our server", () => {
  for (const [name, tickets] of [
    ["sealed tickets", sealed],
    ["tickets of a store", stateful]
  ] as const) {
    for (const suite of suites) {
      it.live(`${name}, ${suite}`, () =>
        Effect.gen(function* () {
          const { port, served } = yield* Ours.serve({ suites: [suite] })
          const first = yield* nodeSession(port)
          const second = yield* nodeSession(port, first.session)
          assert.deepStrictEqual([first.reused, second.reused], [false, true])
          const kinds = [
            (yield* Queue.take(served)).connection.info.kind,
            (yield* Queue.take(served)).connection.info.kind
          ]
          assert.deepStrictEqual(kinds, ["full", "resumed"])
        }).pipe(Effect.provide(tickets))
      )
    }
  }

  it.live("after a HelloRetryRequest", () =>
    Effect.gen(function* () {
      const { port } = yield* Ours.serve({ groups: ["secp384r1"] })
      const options = { ecdhCurve: "X25519:P-384" }
      const first = yield* nodeSession(port, undefined, options)
      assert.isTrue((yield* nodeSession(port, first.session, options)).reused)
    }).pipe(Effect.provide(sealed))
  )
})

describe("node:tls resumes our client", () => {
  for (const suite of suites) {
    it.live(suite, () =>
      Effect.gen(function* () {
        const reused: Array<boolean> = []
        const { port } = yield* Node.serve({ ciphers: suite }, (socket) => {
          reused.push(socket.isSessionReused())
          socket.pipe(socket)
        })
        for (const kind of ["full", "resumed", "resumed"]) {
          const connection = yield* Ours.connect(port)
          assert.deepStrictEqual(yield* Ours.exchange(connection, short), short)
          assert.strictEqual(connection.info.kind, kind)
        }
        assert.deepStrictEqual(reused, [false, true, true])
      }).pipe(Effect.provide(kept))
    )
  }

  it.live("and the group of the first connection needs no second retry", () =>
    Effect.gen(function* () {
      const { port } = yield* Node.serve({ ecdhCurve: "P-384" })
      const seen: Ours.Seen = []
      for (const kind of ["retried", "resumed"]) {
        seen.length = 0
        const connection = yield* Ours.connect(port, { groups: ["x25519", "secp384r1"], seen })
        assert.deepStrictEqual(yield* Ours.exchange(connection, short), short)
        assert.deepStrictEqual([connection.info.kind, connection.info.group], [kind, "secp384r1"])
      }
      assert.notInclude(seen, "heard HelloRetryRequest")
    }).pipe(Effect.provide(kept))
  )
})

const mine = { cert: fixtures.client.p256.issued.chainPem, key: fixtures.client.p256.issued.privateKeyPem }
const connections = (served: Queue.Dequeue<Ours.Served>, count: number) =>
  Effect.map(Queue.takeN(served, count), (ends) => ends.map(({ connection }) => connection))

describe("a session of node:tls", () => {
  it.live("carries the client's certificate", () =>
    Effect.gen(function* () {
      const seen: Ours.Seen = []
      const { port, served } = yield* Ours.serve({ clientAuthentication: "required", seen })
      const first = yield* nodeSession(port, undefined, mine)
      assert.isTrue((yield* nodeSession(port, first.session, mine)).reused)
      const [one, two] = yield* connections(served, 2)
      assert.isString(one?.info.peer)
      assert.strictEqual(two?.info.peer, one?.info.peer)
      assert.deepStrictEqual(two?.peerCertificates, one?.peerCertificates)
      assert.strictEqual(seen.filter((message) => message === "heard Certificate").length, 1)
    }).pipe(Effect.provide(sealed))
  )

  it.live("is good for its protocol and its name alone", () =>
    Effect.gen(function* () {
      const { port, served } = yield* Ours.serve({
        alpnProtocols: ["h2", "http/1.1"],
        pairs: [fixtures.server.p256, fixtures.named]
      })
      const { session } = yield* nodeSession(port, undefined, { ALPNProtocols: ["h2"] })
      const again = (options: ConnectionOptions) => Effect.map(nodeSession(port, session, options), (it) => it.reused)
      assert.isTrue(yield* again({ ALPNProtocols: ["h2"] }))
      assert.isFalse(yield* again({ ALPNProtocols: ["http/1.1"] }))
      assert.isFalse(yield* again({ ALPNProtocols: ["h2"], servername: "named.example" }))
      assert.deepStrictEqual(
        (yield* connections(served, 4)).map(({ info }) => [info.kind, info.alpnProtocol, info.serverName]),
        [
          ["full", "h2", "localhost"],
          ["resumed", "h2", "localhost"],
          ["full", "http/1.1", "localhost"],
          ["full", "h2", "named.example"]
        ]
      )
    }).pipe(Effect.provide(sealed))
  )

  it.live("outlives the server that has a secret, and no other", () =>
    Effect.gen(function* () {
      const secret = Redacted.make(new Uint8Array(randomBytes(32)))
      const reused = (secret: Redacted.Redacted<Uint8Array>, session?: Buffer) =>
        Effect.gen(function* () {
          const tickets = yield* Layer.build(Layer.provide(Tickets.layerSealed({ secret }), NodeCryptoProvider.layer))
          const { port } = yield* Effect.provide(Ours.serve(), tickets)
          return yield* nodeSession(port, session)
        }).pipe(Effect.scoped)
      const { session } = yield* reused(secret)
      assert.isTrue((yield* reused(secret, session)).reused)
      // an alert would have failed it
      assert.isFalse((yield* reused(Redacted.make(new Uint8Array(randomBytes(32))), session)).reused)
    })
  )
})

/** A server of this name that lets in the clients of an authority of its own. */
const hostOf = Effect.fnUntraced(function* (name: string, whose: string) {
  const server = yield* issue(fixtures.ca.issued, { names: [name] })
  const clients = yield* makeCa({ commonName: `the clients of ${whose}` })
  const client = yield* issue(clients, { purpose: "client" })
  const verifier = ClientVerifier.layerWebPki.pipe(Layer.provide(TrustAnchors.layerPem(clients.certificatePem)))
  const credentials = Credentials.layerPem({ chain: server.chainPem, key: server.privateKeyPem })
  const configuration = yield* TlsServer.configureWith(Layer.merge(verifier, credentials), {
    clientAuthentication: "required"
  })
  return { name, configuration, shown: { servername: name, cert: client.chainPem, key: client.privateKeyPem } }
})

describe("58: nobody is let in by a session who would not be without", () => {
  const strangers = `${fixtures.ca.issued.certificatePem}\n${fixtures.stranger.issued.certificatePem}`

  it.live("two hosts with an authority each, on one listener", () =>
    Effect.gen(function* () {
      const [a, b] = [yield* hostOf("a.example", "a"), yield* hostOf("b.example", "b")]
      const { port } = yield* Ours.serve({
        choose: ({ serverName }) => Effect.succeed((serverName === a.name ? a : b).configuration)
      })
      const ofA = yield* nodeSession(port, undefined, a.shown)
      assert.isTrue((yield* nodeSession(port, ofA.session, a.shown)).reused)
      assert.isFalse((yield* nodeSession(port, ofA.session, b.shown)).reused)
      const intruder = yield* Node.connect(port, { ...a.shown, servername: b.name, session: ofA.session })
      assert.match(yield* Node.refusal(intruder), /unknown ca/)
    }).pipe(Effect.provide(Layer.merge(sealed, NodeCryptoProvider.layer)))
  )

  it.live("a server that believes somebody else now", () =>
    Effect.gen(function* () {
      const [before, after] = [yield* hostOf("localhost", "one"), yield* hostOf("localhost", "another")]
      let now = before
      const { port } = yield* Ours.serve({ choose: () => Effect.succeed(now.configuration) })
      const { session } = yield* nodeSession(port, undefined, before.shown)
      now = after
      const intruder = yield* Node.connect(port, { ...before.shown, session })
      assert.match(yield* Node.refusal(intruder), /unknown ca/)
      assert.isFalse((yield* nodeSession(port, session, after.shown)).reused)
      now = before
      assert.isTrue((yield* nodeSession(port, session, before.shown)).reused)
    }).pipe(Effect.provide(Layer.merge(sealed, NodeCryptoProvider.layer)))
  )

  it.live("a client that takes a session to another name", () =>
    Effect.gen(function* () {
      const kept = yield* ClientSessionStore.ClientSessionStore
      const renamed = (serverName: string): typeof kept => {
        const rename = ({ ticket, session }: Ticket): Ticket => ({ ticket, session: { ...session, serverName } })
        return {
          ...kept,
          take: (_, accepts) =>
            Effect.map(
              kept.take("localhost", (ticket, now) => accepts(rename(ticket), now)),
              (ticket) => (ticket === undefined ? undefined : rename(ticket))
            )
        }
      }
      const { port } = yield* Ours.serve({ pairs: [fixtures.server.p256, fixtures.named] })
      const connect = (serverName: string) =>
        Effect.gen(function* () {
          const connection = yield* Ours.connect(port, { serverName })
          assert.deepStrictEqual(yield* Ours.exchange(connection, short), short)
          return [connection.info.kind, connection.info.serverName]
        }).pipe(Effect.provideService(ClientSessionStore.ClientSessionStore, renamed(serverName)))
      assert.deepStrictEqual(yield* connect("localhost"), ["full", "localhost"])
      assert.deepStrictEqual(yield* connect("named.example"), ["full", "named.example"])
      assert.deepStrictEqual(yield* connect("localhost"), ["resumed", "localhost"])
    }).pipe(Effect.provide(Layer.merge(sealed, ClientSessionStore.layerMemory())))
  )

  it.live("a client that believes somebody else now", () =>
    Effect.gen(function* () {
      const { port } = yield* Node.serve({})
      const connect = (believed: string) =>
        Effect.gen(function* () {
          const connection = yield* Ours.connect(port, { believed })
          assert.deepStrictEqual(yield* Ours.exchange(connection, short), short)
          return connection.info.kind
        })
      assert.strictEqual(yield* connect(strangers), "full")
      assert.strictEqual(yield* connect(fixtures.ca.issued.certificatePem), "full")
      const error = yield* Effect.flip(Ours.connect(port, { believed: fixtures.stranger.issued.certificatePem }))
      assert.strictEqual(find(error)?.reason._tag, "CertificateRootUntrusted")
      assert.strictEqual(yield* connect(strangers), "resumed")
    }).pipe(Effect.provide(ClientSessionStore.layerMemory()))
  )
})

describe.each([
  ["sealed", sealed],
  ["of a store", stateful]
] as const)("60: a ticket that was changed, %s", (_, tickets) => {
  it.live("means a full handshake, wherever the change is, and no alert", () =>
    Effect.gen(function* () {
      const issued: Array<Uint8Array> = []
      const inner = Option.getOrThrow(Option.fromUndefinedOr(yield* Tickets.Tickets))
      const { port } = yield* Effect.provideService(Ours.serve({ tickets: 1 }), Tickets.Tickets, {
        ...inner,
        issue: (session) =>
          Effect.tap(inner.issue(session), (ticket) =>
            Effect.sync(() => issued.push(...(ticket === undefined ? [] : [ticket])))
          )
      })
      const { session } = yield* nodeSession(port)
      const [ticket = assert.fail("no ticket")] = issued
      const at = session.indexOf(ticket)
      assert.isAbove(at, 0)
      const reused = yield* Effect.forEach(
        Array.from({ length: 40 }, (_, i) => at + Math.floor((i * ticket.length) / 40)),
        (position, i) => {
          const changed = Buffer.from(session)
          changed[position] = (changed[position] ?? 0) ^ (1 << (i % 8))
          return Effect.map(nodeSession(port, changed), (it) => it.reused)
        },
        { concurrency: 8 }
      )
      assert.notInclude(reused, true)
      assert.isTrue((yield* nodeSession(port, session)).reused)
    }).pipe(Effect.provide(tickets))
  )
})

describe.skipIf(!hasOpenssl)("openssl", () => {
  it.live("s_client keeps a session in a file, and resumes it with our server", () =>
    Effect.gen(function* () {
      const file = join(fixtures.folder, "kept.pem")
      const { port, served } = yield* Ours.serve()
      for (const [said, ...args] of [
        ["New", "-sess_out", file],
        ["Reused", "-sess_in", file]
      ]) {
        const program = yield* OpenSsl.client(port, ...args)
        program.write("hello\n")
        yield* OpenSsl.says(program, /^hello/m)
        assert.match(program.stdout(), new RegExp(`^${said}, TLSv1.3`, "m"))
        program.end()
        yield* OpenSsl.ended(program)
      }
      const kinds = (yield* connections(served, 2)).map(({ info }) => info.kind)
      assert.deepStrictEqual(kinds, ["full", "resumed"])
    }).pipe(Effect.provide(sealed))
  )

  for (const [count, kinds] of [
    [0, ["full", "full", "full"]],
    [1, ["full", "resumed", "resumed"]]
  ] as const) {
    it.live(`s_server -num_tickets ${count} and our client`, () =>
      Effect.gen(function* () {
        const { port } = yield* OpenSsl.server(fixtures.server.p256, "-rev", "-num_tickets", `${count}`)
        for (const kind of kinds) {
          const connection = yield* Ours.connect(port)
          assert.strictEqual(String(yield* Ours.exchange(connection, Buffer.from("abc\n"))), "cba\n")
          assert.strictEqual(connection.info.kind, kind)
        }
      }).pipe(Effect.provide(ClientSessionStore.layerMemory()))
    )
  }

  it.live("s_server -num_tickets 4, and four connections of ours at once resume", () =>
    Effect.gen(function* () {
      const { port } = yield* OpenSsl.server(fixtures.server.p256, "-rev", "-num_tickets", "4")
      const once = Effect.gen(function* () {
        const connection = yield* Ours.connect(port)
        assert.strictEqual(String(yield* Ours.exchange(connection, Buffer.from("abc\n"))), "cba\n")
        return connection.info.kind
      }).pipe(Effect.scoped)
      assert.strictEqual(yield* once, "full")
      const kinds = yield* Effect.all([once, once, once, once], { concurrency: "unbounded" })
      assert.deepStrictEqual(kinds, ["resumed", "resumed", "resumed", "resumed"])
    }).pipe(Effect.provide(ClientSessionStore.layerMemory()))
  )
})
