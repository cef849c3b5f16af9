/** TLS 1.2 with node:tls in both roles: every suite with every certificate and every group, full and resumed. */
import { constants, randomBytes } from "node:crypto"
import type { Server } from "node:tls"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as ClientSessionStore from "../../src/layers/ClientSessionStore.ts"
import * as NodeCryptoProvider from "../../src/layers/node/NodeCryptoProvider.ts"
import * as ServerSessionStore from "../../src/layers/ServerSessionStore.ts"
import * as Tickets from "../../src/layers/Tickets.ts"
import { find } from "../../src/layers/TlsError.ts"
import * as Node from "./support/node.ts"
import * as Ours from "./support/ours.ts"
import * as Product from "./support/product12.ts"

const versions = ["TLSv1.2"] as const
const provider = "node, all groups"
const only = { minVersion: "TLSv1.2", maxVersion: "TLSv1.2" } as const
const data = randomBytes(1000)
const noTickets = { secureOptions: constants.SSL_OP_NO_TICKET }

/** Node keeps no sessions by itself. */
const keepSessions = (server: Server) => {
  const kept = new Map<string, Buffer>()
  server.on("newSession", (id: Buffer, session: Buffer, done: () => void) => {
    kept.set(id.toString("hex"), session)
    done()
  })
  server.on("resumeSession", (id: Buffer, done: (error: null, session: Buffer | null) => void) =>
    done(null, kept.get(id.toString("hex")) ?? null)
  )
}

const reasonOf = (error: unknown) => {
  const tls = find(error)
  return tls === undefined ? String(error) : [tls.reason._tag, tls.alertReceived ?? tls.alertSent]
}

/** A server of Node's with this certificate, whose sessions have tickets or IDs. */
const theirServer = Effect.fnUntraced(function* (
  certificate: Product.Certificate,
  form: (typeof Product.forms)[number] = "ticket"
) {
  const reused: Array<boolean> = []
  const { port, attended } = yield* Node.serve(
    { ...only, honorCipherOrder: false, pair: Product.servers[certificate], ...(form === "ticket" ? {} : noTickets) },
    (socket) => {
      reused.push(socket.isSessionReused())
      socket.pipe(socket)
    },
    form === "ticket" ? () => {} : keepSessions
  )
  return { port, latest: () => [attended.at(-1)?.suite, reused.at(-1)] }
})

describe.each(Product.certificates)("node:tls as a server with a key of %s", (certificate) => {
  it.live.each(Product.forms)("every suite and group, full and resumed by %s", (form) =>
    Effect.gen(function* () {
      const { port, latest } = yield* theirServer(certificate, form)
      yield* Product.everyRow(Product.rowsOf(certificate), (row) => {
        const seen: Ours.Seen = []
        const options = { versions, provider, suites: [row.suite], groups: Product.ourGroups(row), seen } as const
        const visit = (kind: string) =>
          Effect.gen(function* () {
            const connection = yield* Ours.connect(port, options)
            assert.deepStrictEqual(yield* Ours.exchange(connection, data), data)
            const { version, suite, group, kind: ours } = connection.info
            assert.deepStrictEqual([version, suite, group, ours], ["TLSv1.2", row.suite, row.group[0], kind])
            assert.deepStrictEqual(latest(), [row.cipher, kind === "resumed"])
          }).pipe(Effect.scoped)
        return Effect.forEach(Product.kinds, (kind) => Product.labelled(kind, visit(kind))).pipe(
          Effect.andThen(
            Effect.sync(() => assert.strictEqual(seen.includes("heard NewSessionTicket"), form === "ticket"))
          ),
          Effect.provide(ClientSessionStore.layerMemory())
        )
      })
    })
  )

  it.live("suites of the other kind, and clients that do not list its curve, are refused", () =>
    Effect.gen(function* () {
      const { port } = yield* theirServer(certificate)
      yield* Product.everyRow([...Product.misfits(certificate), ...Product.unlisted(certificate)], (row) =>
        Effect.gen(function* () {
          const options = { versions, provider, suites: [row.suite], groups: Product.ourGroups(row) } as const
          const error = yield* Effect.flip(Ours.connect(port, options))
          assert.deepStrictEqual(reasonOf(error), ["AlertReceived", "handshake_failure"])
        }).pipe(Effect.scoped)
      )
    })
  )
})

const sessions = {
  ticket: Tickets.layerSealed().pipe(Layer.provide(NodeCryptoProvider.layer)),
  "session ID": ServerSessionStore.layerMemory()
}

/** A server of ours with this certificate for each group, and connections of Node's to it. */
const ourServers = Effect.fnUntraced(function* (certificate: Product.Certificate) {
  const servers = new Map<string, Effect.Success<ReturnType<typeof Ours.serve>>>()
  for (const [group] of Product.groups) {
    const pairs = [Product.servers[certificate]]
    servers.set(group, yield* Ours.serve({ versions, provider, groups: [group], pairs }))
  }
  return (row: Product.Row) => servers.get(row.group[0]) ?? assert.fail("no server")
})

describe.each(Product.certificates)("node:tls as a client of our server with a key of %s", (certificate) => {
  it.live.each(Product.forms)("every suite and group, full and resumed by %s", (form) =>
    Effect.gen(function* () {
      const server = yield* ourServers(certificate)
      yield* Product.everyRow(Product.rowsOf(certificate), (row) => {
        const { port, served } = server(row)
        let session: Buffer | undefined
        const visit = (kind: string) =>
          Effect.gen(function* () {
            const socket = yield* Node.connect(
              port,
              {
                ...only,
                ...(form === "ticket" ? {} : noTickets),
                ...(session === undefined ? {} : { session }),
                ciphers: row.cipher,
                ecdhCurve: Product.opensslGroups(row)
              },
              (socket) => socket.on("session", (bytes) => void (session = bytes))
            )
            const { name } = { name: undefined, ...socket.getEphemeralKeyInfo() }
            const theirs = [socket.getCipher().name, socket.isSessionReused(), name]
            // Of a session that is resumed it names the group as it stands in the registry.
            const expected = kind === "full" ? [false, row.group[2]] : [true, row.group[0]]
            assert.deepStrictEqual(theirs, [row.cipher, ...expected])
            assert.deepStrictEqual(yield* Node.exchange(socket, data), data)
            const { connection, ended } = yield* Queue.take(served)
            const { version, suite, group, kind: ours } = connection.info
            assert.deepStrictEqual(
              [version, suite, group, ours, ended],
              ["TLSv1.2", row.suite, row.group[0], kind, "closed"]
            )
          }).pipe(Effect.scoped)
        return Effect.forEach(Product.kinds, (kind) => Product.labelled(kind, visit(kind)))
      })
    }).pipe(Effect.provide(sessions[form]))
  )

  it.live("suites of the other kind, and clients that do not list its curve, are refused", () =>
    Effect.gen(function* () {
      const server = yield* ourServers(certificate)
      yield* Product.everyRow([...Product.misfits(certificate), ...Product.unlisted(certificate)], (row) =>
        Effect.gen(function* () {
          const options = { ...only, ciphers: row.cipher, ecdhCurve: Product.opensslGroups(row) }
          assert.match(yield* Effect.flip(Node.connect(server(row).port, options)), /HANDSHAKE_FAILURE/)
        }).pipe(Effect.scoped)
      )
    })
  )
})
