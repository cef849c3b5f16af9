/** What a handshake of TLS 1.2 has besides: curves and hashes of ECDSA, in both roles with OpenSSL and node:tls. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as CertificateTransparency from "../../src/layers/CertificateTransparency.ts"
import * as ClientSessionStore from "../../src/layers/ClientSessionStore.ts"
import * as NodeCryptoProvider from "../../src/layers/node/NodeCryptoProvider.ts"
import * as Tickets from "../../src/layers/Tickets.ts"
import { find } from "../../src/layers/TlsError.ts"
import { issue } from "../../src/layers/testing/certificates.ts"
import { listOf, makeLog, stampCertificate } from "../../src/layers/testing/transparency.ts"
import { fixtures, type Pair } from "./support/fixtures.ts"
import * as Node from "./support/node.ts"
import * as Openssl from "./support/openssl.ts"
import * as Ours from "./support/ours.ts"
import { hasOpenssl, openssl } from "./support/programs.ts"

const versions = ["TLSv1.2"] as const
const only = { minVersion: "TLSv1.2", maxVersion: "TLSv1.2" } as const
const { p384, rsa2048 } = fixtures.server
const p521: Pair = {
  issued: await Effect.runPromise(
    Effect.provide(issue(fixtures.ca.issued, { keyType: "p521" }), NodeCryptoProvider.layer)
  ),
  cert: "",
  key: ""
}

/** Two logs, and what they said of a certificate a minute ago: OpenSSL counts in whole seconds. */
const { logs, timestamps } = await Effect.gen(function* () {
  const logs = [yield* makeLog({ operator: "A" }), yield* makeLog({ operator: "B", keyType: "rsa2048" })]
  return {
    logs,
    timestamps: yield* stampCertificate(logs, fixtures.server.p256.issued.certificate, {
      timestamp: Date.now() - 60_000
    })
  }
}).pipe(Effect.provide(NodeCryptoProvider.layer), Effect.runPromise)
const logged = CertificateTransparency.layer({ list: listOf(logs, Date.now()) }).pipe(
  Layer.provide(NodeCryptoProvider.layer)
)

/** Tickets that are under an older key as soon as they are made. */
const aging = Layer.effect(
  Tickets.Tickets,
  Effect.map(Tickets.Tickets, (sealed) => sealed && { ...sealed, sealedBy: () => Effect.succeed("older key" as const) })
).pipe(Layer.provide(Layer.orDie(Tickets.layerSealed())), Layer.provide(NodeCryptoProvider.layer))

/** One run of `openssl s_client` to its end. */
const visit = Effect.fnUntraced(function* (port: number, ...args: ReadonlyArray<string>) {
  const program = yield* Openssl.client(port, "-tls1_2", ...args)
  program.write("Q\n")
  program.end()
  yield* Openssl.ended(program)
  return program.stdout()
})

const schemes = (served: Queue.Dequeue<Ours.Served>, count: number) =>
  Effect.map(Queue.takeN(served, count), (all) => all.map(({ connection }) => connection.info.signatureScheme))

describe.skipIf(!hasOpenssl)(`openssl s_client -tls1_2 (${openssl})`, () => {
  it.live("gets a certificate on a curve that it lists, or one of RSA, or none", () =>
    Effect.gen(function* () {
      const { port } = yield* Ours.serve({ versions, pairs: [p384, rsa2048] })
      assert.match(yield* visit(port, "-groups", "X25519:P-384"), /Cipher is ECDHE-ECDSA/)
      assert.match(yield* visit(port, "-groups", "X25519:P-256"), /Cipher is ECDHE-RSA/)
      const alone = yield* Ours.serve({ versions, pairs: [p384] })
      const refused = yield* Openssl.client(alone.port, "-tls1_2", "-groups", "X25519:P-256")
      yield* Openssl.says(refused, /handshake failure/)
    })
  )

  for (const [name, pair] of [
    ["P-384", p384],
    ["P-521", p521]
  ] as const) {
    it.live(`takes every hash of a key on ${name}, by what it offers`, () =>
      Effect.gen(function* () {
        const { port, served } = yield* Ours.serve({ versions, pairs: [pair] })
        for (const hash of ["SHA256", "SHA384", "SHA512"]) {
          const said = yield* visit(port, "-sigalgs", `ECDSA+${hash}`, "-groups", `X25519:${name}:P-256`)
          assert.match(said, new RegExp(`Peer signing digest: ${hash}\\n`))
        }
        assert.deepStrictEqual(yield* schemes(served, 3), [
          "ecdsa_secp256r1_sha256",
          "ecdsa_secp384r1_sha384",
          "ecdsa_secp521r1_sha512"
        ])
      })
    )
  }

  it.live("shows a certificate on P-384, and signs with SHA-256", () =>
    Effect.gen(function* () {
      const { port, served } = yield* Ours.serve({ versions, clientAuthentication: "required" })
      const { cert, key } = fixtures.client.p384
      yield* visit(port, "-cert", cert, "-key", key, "-client_sigalgs", "ECDSA+SHA256", "-sigalgs", "ECDSA+SHA256")
      assert.isString((yield* Queue.take(served)).connection.info.peer)
    })
  )
})

describe("timestamps in ServerHello (RFC 6962 section 3.3.1)", () => {
  const stamped = { ...fixtures.server.p256, timestamps }
  const ask = { versions, stapling: "ask", revocation: logged } as const
  const file = (name: string, text: string | Uint8Array) => {
    const path = join(fixtures.folder, name)
    writeFileSync(path, text)
    return path
  }

  it.live("of our server let our client believe its certificate, which it does not without them", () =>
    Effect.gen(function* () {
      const { port } = yield* Ours.serve({ versions, pairs: [stamped] })
      const connection = yield* Ours.connect(port, ask)
      assert.match(connection.info.peer ?? "", /published by log of A and log of B/)
      const silent = yield* Ours.serve({ versions })
      const refused = yield* Effect.flip(Ours.connect(silent.port, ask))
      assert.strictEqual(find(refused)?.reason._tag, "CertificateNotLogged")
    })
  )

  it.live.skipIf(!hasOpenssl)("of our server are found valid by openssl s_client -ct", () =>
    Effect.gen(function* () {
      const list = ["enabled_logs = a,b"].concat(
        logs.map(({ key, description }, i) =>
          [`[${"ab"[i]}]`, `description = ${description}`, `key = ${Buffer.from(key).toString("base64")}`].join("\n")
        )
      )
      const { port } = yield* Ours.serve({ versions, pairs: [stamped] })
      const said = yield* visit(port, "-ct", "-ctlogfile", file("logs.cnf", list.join("\n")))
      assert.match(said, /SCTs present \(2\)/)
      assert.strictEqual(said.match(/SCT validation status: valid/g)?.length, 2)
    })
  )

  it.live.skipIf(!hasOpenssl)("of openssl s_server -serverinfo are judged by our client", () =>
    Effect.gen(function* () {
      const sized = (...parts: ReadonlyArray<Uint8Array>) => {
        const all = Buffer.concat([...parts])
        return Buffer.concat([Uint8Array.of(all.length >> 8, all.length & 255), all])
      }
      const extension = (stamps: ReadonlyArray<Uint8Array>) =>
        Buffer.concat([Uint8Array.of(0, 18), sized(sized(...stamps.map((each) => sized(each))))]).toString("base64")
      const info = (name: string, stamps: ReadonlyArray<Uint8Array>) =>
        file(name, `-----BEGIN SERVERINFO FOR CT-----\n${extension(stamps)}\n-----END SERVERINFO FOR CT-----\n`)
      const serve = (path: string) => Openssl.server(fixtures.server.p256, "-tls1_2", "-serverinfo", path)
      const right = yield* serve(info("two.pem", timestamps))
      const connection = yield* Ours.connect(right.port, ask)
      assert.deepStrictEqual(connection.info.version, "TLSv1.2")
      assert.match(connection.info.peer ?? "", /published by log of A and log of B/)
      const one = yield* serve(info("one.pem", timestamps.slice(0, 1)))
      const refused = yield* Effect.flip(Ours.connect(one.port, ask))
      assert.strictEqual(find(refused)?.reason._tag, "CertificateNotLogged")
    })
  )
})

describe("tickets that are renewed when they are used (RFC 5077 section 3.3)", () => {
  it.live("node:tls takes the new one, and resumes by it", () =>
    Effect.gen(function* () {
      const seen: Ours.Seen = []
      const { port } = yield* Ours.serve({ versions, seen })
      let session: Buffer | undefined
      const tickets = new Set<string | undefined>()
      for (const reused of [false, true, true, true]) {
        const socket = yield* Node.connect(port, { ...only, ...(session === undefined ? {} : { session }) })
        yield* Node.exchange(socket, Buffer.from("x"))
        assert.strictEqual(socket.isSessionReused(), reused)
        session = socket.getSession()
        tickets.add(socket.getTLSTicket()?.toString("hex"))
      }
      assert.strictEqual(tickets.size, 4)
      assert.strictEqual(seen.filter((one) => one === "said NewSessionTicket").length, 4)
    }).pipe(Effect.provide(aging))
  )

  it.live("our client takes the new one, and resumes by it", () =>
    Effect.gen(function* () {
      const seen: Ours.Seen = []
      const { port } = yield* Ours.serve({ versions })
      for (const kind of ["full", "resumed", "resumed"]) {
        const connection = yield* Ours.connect(port, { versions, seen })
        assert.strictEqual(connection.info.kind, kind)
        yield* Ours.exchange(connection, Buffer.from("x"))
      }
      assert.strictEqual(seen.filter((one) => one === "heard NewSessionTicket").length, 3)
    }).pipe(Effect.provide([aging, ClientSessionStore.layerMemory()]))
  )
})

describe.skipIf(!hasOpenssl)(`openssl s_server -tls1_2 (${openssl})`, () => {
  it.live("signs with SHA-256 and a key on P-384, and asks us for the same", () =>
    Effect.gen(function* () {
      const sigalgs = ["-sigalgs", "ECDSA+SHA256", "-client_sigalgs", "ECDSA+SHA256"]
      const { port, program } = yield* Openssl.server(p384, "-tls1_2", "-Verify", "2", ...sigalgs, "-rev")
      const connection = yield* Ours.connect(port, { versions, pair: fixtures.client.p384 })
      assert.strictEqual(connection.info.signatureScheme, "ecdsa_secp256r1_sha256")
      yield* Openssl.says(program, /Peer certificate: /)
    })
  )
})

describe("node:tls as a client of TLS 1.2", () => {
  it.live("takes SHA-256 by a key on P-384", () =>
    Effect.gen(function* () {
      const { port, served } = yield* Ours.serve({ versions, pairs: [p384] })
      const socket = yield* Node.connect(port, {
        minVersion: "TLSv1.2",
        maxVersion: "TLSv1.2",
        sigalgs: "ECDSA+SHA256"
      })
      yield* Node.exchange(socket, Buffer.from("x"))
      assert.deepStrictEqual(yield* schemes(served, 1), ["ecdsa_secp256r1_sha256"])
    })
  )

  it.live("that lacks the extended master secret is refused, or served without exporters and sessions", () =>
    Effect.gen(function* () {
      // SSL_OP_NO_EXTENDED_MASTER_SECRET, to which node has no name.
      const plain = { ...only, secureOptions: 1 }
      const strict = yield* Ours.serve({ versions })
      assert.match(String(yield* Effect.flip(Node.connect(strict.port, plain))), /HANDSHAKE_FAILURE/)
      const refused: Array<string> = []
      const { port } = yield* Ours.serve({
        versions,
        extendedMasterSecret: "optional",
        serve: (connection) =>
          Effect.gen(function* () {
            const error = yield* Effect.flip(connection.exportKeyingMaterial("EXPORTER-x", undefined, 32))
            refused.push(error.reason._tag)
            yield* Ours.echo(connection)
          })
      })
      const socket = yield* Node.connect(port, plain)
      yield* Node.exchange(socket, Buffer.from("x"))
      assert.deepStrictEqual(refused, ["NoExporter"])
      assert.strictEqual(socket.getTLSTicket(), undefined)
    }).pipe(Effect.provide(aging))
  )
})
