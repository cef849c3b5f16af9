/** OpenSSL judges the timestamps that our factory puts into certificates, and those that our server staples. */
import { spawnSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { layer as nodeCrypto } from "../../src/layers/node/NodeCryptoProvider.ts"
import { issue, makeCa, makeIntermediate } from "../../src/layers/testing/certificates.ts"
import { type Log, makeLog } from "../../src/layers/testing/transparency.ts"
import { cli, directory } from "../cli/support.ts"
import { effectTls, hasOpenssl } from "./support/programs.ts"

/** The list of logs as OpenSSL reads it. */
const logFile = (logs: ReadonlyArray<Log>) =>
  [
    `enabled_logs = ${logs.map((_, i) => `log${i}`).join(",")}`,
    ...logs.map(
      ({ description, key }, i) =>
        `[log${i}]\ndescription = ${description}\nkey = ${Buffer.from(key).toString("base64")}`
    )
  ].join("\n")

describe.skipIf(!hasOpenssl)("openssl s_client -ct", () => {
  it.live("finds the timestamps of our certificates right, and those of another log unknown", () =>
    Effect.gen(function* () {
      const folder = yield* directory
      const file = (name: string) => `${folder}/${name}`
      const logs = [yield* makeLog({ operator: "A" }), yield* makeLog({ operator: "B", keyType: "rsa2048" })]
      const ca = yield* makeCa()
      const middle = yield* makeIntermediate(ca)
      const server = yield* issue(middle, { names: ["localhost"], logs })
      writeFileSync(file("ca.pem"), ca.certificatePem)
      writeFileSync(file("cert.pem"), server.chainPem)
      writeFileSync(file("key.pem"), server.privateKeyPem)
      writeFileSync(file("right.cnf"), logFile(logs))
      writeFileSync(file("other.cnf"), logFile([yield* makeLog({ operator: "C" })]))
      const program = yield* Effect.acquireDisposable(
        Effect.sync(() => effectTls("serve", "--cert", file("cert.pem"), "--key", file("key.pem"), "--port", "0"))
      )
      const [, port] = yield* Effect.promise(() => program.until(/^listening on 127\.0\.0\.1:(\d+)\n/))
      const connect = (list: string) => {
        const peer = ["s_client", "-connect", `127.0.0.1:${port}`, "-servername", "localhost"]
        const trust = ["-CAfile", file("ca.pem"), "-ct", "-ctlogfile", file(list)]
        return spawnSync("openssl", [...peer, ...trust], { input: "Q\n", encoding: "utf8", timeout: 20_000 })
      }
      const right = connect("right.cnf")
      assert.match(right.stdout, /SCTs present \(2\)/)
      assert.strictEqual(right.stdout.match(/SCT validation status: valid/g)?.length, 2, right.stdout)
      assert.match(right.stdout, /Verify return code: 0 \(ok\)/)
      const other = connect("other.cnf")
      assert.notMatch(other.stdout, /SCT validation status: valid/)
      assert.match(`${other.stdout}${other.stderr}`, /no valid scts|unknown log/i)

      const ours = Effect.fnUntraced(function* (text: string) {
        writeFileSync(file("list.json"), text)
        return yield* cli(["connect", `localhost:${port}`, "--ca", file("ca.pem"), "--ct-log-list", file("list.json")])
      })
      const document = (known: ReadonlyArray<Log>) =>
        JSON.stringify({
          log_list_timestamp: new Date().toISOString(),
          operators: known.map(({ operator, key }) => ({
            name: operator,
            logs: [{ key: Buffer.from(key).toString("base64"), state: { usable: {} } }]
          }))
        })
      const both = yield* ours(document(logs))
      assert.strictEqual(both.status, 0, both.stderr)
      assert.match(both.stderr, /published by a log of A and a log of B/)
      const one = yield* ours(document(logs.slice(0, 1)))
      assert.strictEqual(one.status, 1)
      assert.match(one.stderr, /CertificateNotLogged: .*1 of 2 log operators vouch for it.*bad_certificate/)
      const none = yield* ours("[]")
      assert.strictEqual(none.status, 2)
      assert.match(none.stderr, /list\.json: list of logs: not a log_list\.json/)
    }).pipe(Effect.provide(nodeCrypto))
  )
})
