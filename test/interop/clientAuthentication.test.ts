/** Client authentication with node:tls and openssl: optional, required, and authorities that do not match. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import { find } from "../../src/layers/TlsError.ts"
import { fixtures } from "./support/fixtures.ts"
import * as Node from "./support/node.ts"
import * as OpenSsl from "./support/openssl.ts"
import * as Ours from "./support/ours.ts"
import { hasOpenssl } from "./support/programs.ts"

const short = Buffer.from("There and back again")
const pemOf = ({ certificatePem: cert, privateKeyPem: key }: (typeof fixtures.strange)["issued"]) => ({ cert, key })
const mine = fixtures.client.p256

/** A client of ours is let in, or learns when it first reads why it was not: the reason, the alert and the hint. */
const refusal = (connection: Parameters<typeof Ours.refusal>[0]) =>
  Effect.map(Ours.refusal(connection), (error) => find(error) ?? assert.fail(String(error)))

describe("node:tls", () => {
  it.live("shows a certificate to a server of ours that only asks", () =>
    Effect.gen(function* () {
      const { port, served } = yield* Ours.serve({ clientAuthentication: "optional" })
      const socket = yield* Node.connect(port, pemOf(mine.issued))
      assert.deepStrictEqual(yield* Node.exchange(socket, short), short)
      const { peerCertificates, peerCertificateType } = (yield* Queue.take(served)).connection
      assert.deepStrictEqual(Buffer.from(peerCertificates[0] ?? []), Buffer.from(mine.issued.certificate))
      assert.strictEqual(peerCertificateType, "X509")
    })
  )

  it.live("shows the wrong one to a server of ours that only asks, and is refused all the same", () =>
    Effect.gen(function* () {
      const { port } = yield* Ours.serve({ clientAuthentication: "optional" })
      const socket = yield* Node.connect(port, pemOf(fixtures.strange.issued))
      assert.match(yield* Node.refusal(socket), /unknown ca/)
    })
  )

  it.live("as a server lets our client in without a certificate when it only asks", () =>
    Effect.gen(function* () {
      const seen: Ours.Seen = []
      const { port, attended } = yield* Node.serve({ requestCert: true, rejectUnauthorized: false })
      const connection = yield* Ours.connect(port, { seen })
      assert.deepStrictEqual(yield* Ours.exchange(connection, short), short)
      assert.include(seen, "heard CertificateRequest")
      assert.isUndefined(attended[0]?.certificate)
    })
  )

  it.live(
    "as a server names its authorities: our client shows no certificate of another, and is told what is missing",
    () =>
      Effect.gen(function* () {
        const seen: Ours.Seen = []
        const { port } = yield* Node.serve({ requestCert: true, rejectUnauthorized: true })
        const error = yield* refusal(yield* Ours.connect(port, { pair: fixtures.strange, seen }))
        assert.deepStrictEqual([error.reason._tag, error.alertReceived], ["AlertReceived", "certificate_required"])
        assert.match(error.hint ?? "", /Credentials/)
        assert.notInclude(seen, "said CertificateVerify")
      })
  )

  it.live("is told which authorities our client believes, where it wants that, and does not mind", () =>
    Effect.gen(function* () {
      const theirs = yield* Node.serve({})
      const connection = yield* Ours.connect(theirs.port, { certificateAuthorities: "send" })
      assert.deepStrictEqual(yield* Ours.exchange(connection, short), short)
    })
  )
})

describe.skipIf(!hasOpenssl)("openssl (needs the program, 3.0 or later)", () => {
  const ended = /SSL alert number (\d+)/

  it.live("s_client without a certificate where one is required", () =>
    Effect.gen(function* () {
      const { port } = yield* Ours.serve({ clientAuthentication: "required" })
      const program = yield* OpenSsl.client(port)
      const [, number] = yield* OpenSsl.says(program, ended)
      assert.strictEqual(number, "116", "certificate_required")
    })
  )

  it.live("s_client with a certificate of nobody's", () =>
    Effect.gen(function* () {
      const { port } = yield* Ours.serve({ clientAuthentication: "required" })
      const program = yield* OpenSsl.client(port, "-cert", fixtures.strange.cert, "-key", fixtures.strange.key)
      const [, number] = yield* OpenSsl.says(program, ended)
      assert.strictEqual(number, "48", "unknown_ca")
    })
  )

  it.live("s_client is told the authorities, and shows its certificate", () =>
    Effect.gen(function* () {
      const { port, served } = yield* Ours.serve({ clientAuthentication: "required" })
      const program = yield* OpenSsl.client(port, "-cert", mine.cert, "-key", mine.key)
      yield* OpenSsl.says(program, /Acceptable client certificate CA names/)
      program.write("there and back\n")
      yield* OpenSsl.says(program, /there and back/)
      program.end()
      const { connection } = yield* Queue.take(served)
      assert.deepStrictEqual(Buffer.from(connection.peerCertificates[0] ?? []), Buffer.from(mine.issued.certificate))
    })
  )

  it.live("s_server that asks, and that requires", () =>
    Effect.gen(function* () {
      const asking = yield* OpenSsl.server(fixtures.server.p256, "-verify", "1", "-verify_return_error", "-rev")
      const anonymous = yield* Ours.connect(asking.port)
      assert.strictEqual(String(yield* Ours.exchange(anonymous, Buffer.from("abc\n"))), "cba\n")
      const requiring = yield* OpenSsl.server(fixtures.server.p256, "-Verify", "1", "-verify_return_error", "-rev")
      const error = yield* refusal(yield* Ours.connect(requiring.port))
      assert.deepStrictEqual([error.reason._tag, error.alertReceived], ["AlertReceived", "certificate_required"])
      const known = yield* Ours.connect(requiring.port, { pair: mine })
      assert.strictEqual(String(yield* Ours.exchange(known, Buffer.from("abc\n"))), "cba\n")
    })
  )
})
