/** TLS 1.2 with OpenSSL's programs in both roles: every suite with every certificate and every group, full and resumed. */
import { randomBytes } from "node:crypto"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Socket from "effect/socket/Socket"
import * as ClientSessionStore from "../../src/layers/ClientSessionStore.ts"
import * as NodeCryptoProvider from "../../src/layers/node/NodeCryptoProvider.ts"
import * as ServerSessionStore from "../../src/layers/ServerSessionStore.ts"
import * as Tickets from "../../src/layers/Tickets.ts"
import { find } from "../../src/layers/TlsError.ts"
import { fixtures } from "./support/fixtures.ts"
import * as Openssl from "./support/openssl.ts"
import * as Ours from "./support/ours.ts"
import * as Product from "./support/product12.ts"
import { hasOpenssl, openssl } from "./support/programs.ts"

const versions = ["TLSv1.2"] as const
const provider = "node, all groups"
const word = () => randomBytes(12).toString("hex")
const at = (pattern: RegExp, text: string) => pattern.exec(text)?.[1]

const reasonOf = (error: unknown) => {
  const tls = find(error)
  return tls === undefined ? String(error) : [tls.reason._tag, tls.alertReceived ?? tls.alertSent]
}

const title = (role: string) => `openssl ${role} -tls1_2 (${openssl})`

describe.skipIf(!hasOpenssl).each(Product.certificates)(`${title("s_server")} with a key of %s`, (certificate) => {
  const flagsOf = (form: string) => ["-tls1_2", ...(form === "ticket" ? [] : ["-no_ticket"])]

  it.live.each(Product.forms)("every suite and group, full and resumed by %s", (form) =>
    Effect.gen(function* () {
      const { program, port } = yield* Openssl.server(Product.servers[certificate], ...flagsOf(form))
      yield* Product.everyRow(Product.rowsOf(certificate), (row) => {
        const seen: Ours.Seen = []
        const options = { versions, provider, suites: [row.suite], groups: Product.ourGroups(row), seen } as const
        const visit = (kind: string) =>
          Effect.gen(function* () {
            const [question, reply, before] = [word(), `${word()}\n`, program.stdout().length]
            const connection = yield* Ours.connect(port, options)
            const { version, suite, group, kind: ours } = connection.info
            assert.deepStrictEqual([version, suite, group, ours], ["TLSv1.2", row.suite, row.group[0], kind])
            const pull = yield* Socket.readerBytes(connection.socket)
            const { write } = yield* connection.socket.writer
            yield* write(`${question}\n`)
            yield* Openssl.says(program, new RegExp(question))
            const said = program.stdout().slice(before)
            assert.deepStrictEqual(
              [
                at(/^CIPHER is (\S+)$/m, said),
                at(/^Shared groups: ([^:\n]+)/m, said),
                /^Reused session-id$/m.test(said)
              ],
              [row.cipher, kind === "full" ? row.group[0] : undefined, kind === "resumed"]
            )
            program.write(reply)
            assert.strictEqual((yield* Ours.take(pull, reply.length)).toString(), reply)
            yield* connection.close
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
      const { port } = yield* Openssl.server(Product.servers[certificate], "-tls1_2")
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

/** One run that says a line, hears it, and ends; yields what it printed. */
const visited = Effect.fnUntraced(function* (port: number, ...args: ReadonlyArray<string>) {
  const program = yield* Openssl.client(port, "-tls1_2", ...args)
  const line = word()
  program.write(`${line}\n`)
  yield* Openssl.says(program, new RegExp(`\n${line}\n`))
  program.write("Q\n")
  program.end()
  assert.strictEqual(yield* Openssl.ended(program), 0)
  return program.stdout()
}, Effect.scoped)

describe.skipIf(!hasOpenssl).each(Product.certificates)(`${title("s_client")}, our key of %s`, (certificate) => {
  /** A server for each group, two at a time. */
  const forGroups = <E, R>(
    rows: ReadonlyArray<Product.Row>,
    run: (row: Product.Row, server: Effect.Success<ReturnType<typeof Ours.serve>>) => Effect.Effect<unknown, E, R>
  ) =>
    Effect.forEach(
      Product.groups,
      ([group]) =>
        Effect.gen(function* () {
          const pairs = [Product.servers[certificate]]
          const server = yield* Ours.serve({ versions, provider, groups: [group], pairs })
          const own = rows.filter((row) => row.group[0] === group)
          yield* Product.everyRow(own, (row) => run(row, server))
        }),
      { concurrency: 2 }
    )

  it.live.each(Product.forms)("every suite and group, full and resumed by %s", (form) =>
    forGroups(Product.rowsOf(certificate), (row, { port, served }) => {
      const file = join(fixtures.folder, `product-${row.cipher}-${certificate}-${row.group[0]}`)
      const flags = [
        ...["-cipher", row.cipher, "-groups", Product.opensslGroups(row)],
        ...(form === "ticket" ? [] : ["-no_ticket"])
      ]
      const visit = (kind: (typeof Product.kinds)[number]) =>
        Effect.gen(function* () {
          const said = yield* visited(port, ...flags, kind === "full" ? "-sess_out" : "-sess_in", file)
          const [, begun, cipher] = /^(New|Reused), TLSv1\.2, Cipher is (\S+)$/m.exec(said) ?? []
          const key = at(/^Server Temp Key: (?:ECDH, )?([^,]+),/m, said)
          // Who resumes shows no key and no ticket.
          const expected =
            kind === "full" ? ["New", row.group[2], form === "ticket"] : ["Reused", undefined, form === "ticket"]
          assert.deepStrictEqual([cipher, begun, key, /TLS session ticket:/.test(said)], [row.cipher, ...expected])
          const { connection, ended } = yield* Queue.take(served)
          const { version, suite, group, kind: ours } = connection.info
          assert.deepStrictEqual(
            [version, suite, group, ours, ended],
            ["TLSv1.2", row.suite, row.group[0], kind, "closed"]
          )
        })
      return Effect.forEach(Product.kinds, (kind) => Product.labelled(kind, visit(kind)))
    }).pipe(Effect.provide(sessions[form]))
  )

  it.live("suites of the other kind, and clients that do not list its curve, are refused", () =>
    forGroups([...Product.misfits(certificate), ...Product.unlisted(certificate)], (row, { port }) =>
      Effect.gen(function* () {
        const program = yield* Openssl.client(
          port,
          ...["-tls1_2", "-cipher", row.cipher, "-groups", Product.opensslGroups(row)]
        )
        yield* Openssl.says(program, /handshake failure/)
        assert.strictEqual(yield* Openssl.ended(program), 1)
      }).pipe(Effect.scoped)
    )
  )
})
