/** Encrypted keys on the command line. */
import { spawnSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { fixtures } from "../interop/support/fixtures.ts"
import { effectTls, hasOpenssl } from "../interop/support/programs.ts"
import { cli, directory, isOneLine } from "./support.ts"

const { cert, key, issued } = fixtures.server.p256

describe.skipIf(!hasOpenssl)("--key-password-file", () => {
  it.live("opens the key of a server and of a client, and a wrong one is told in one line", () =>
    Effect.gen(function* () {
      const folder = yield* directory
      const file = (name: string) => `${folder}/${name}`
      const [encrypted, right, wrong] = [file("key.pem"), file("right.txt"), file("wrong.txt")]
      writeFileSync(right, "hunter2\r\nand another line\n")
      writeFileSync(wrong, "hunter3")
      const args = ["pkcs8", "-topk8", "-in", key, "-out", encrypted, "-passout", "pass:hunter2"]
      assert.strictEqual(spawnSync("openssl", args).status, 0)

      const serve = ["serve", "--cert", cert, "--key", encrypted, "--port", "0"]
      for (const [more, words] of [
        [[], /it is encrypted: give its password .*--key-password-file/],
        [["--key-password-file", wrong], /the password does not open the encrypted private key/],
        [["--key-password-file", file("none.txt")], /none\.txt: there is no such file/]
      ] as const) {
        const outcome = yield* cli([...serve, ...more])
        assert.strictEqual(outcome.status, 2)
        assert.isTrue(isOneLine(outcome.stderr), outcome.stderr)
        assert.match(outcome.stderr, words)
        assert.notInclude(outcome.stderr, "hunter")
      }

      for (const more of [[], ["--reload"]]) {
        const program = yield* Effect.acquireDisposable(
          Effect.sync(() => effectTls(...serve, "--key-password-file", right, ...more))
        )
        const [, port] = yield* Effect.promise(() => program.until(/^listening on 127\.0\.0\.1:(\d+)\n/))
        const client = ["--cert", cert, "--key", encrypted, "--key-password-file", right]
        const target = ["connect", `localhost:${port}`, "--ca", fixtures.ca.cert, ...client]
        const { status, stdout, stderr } = yield* cli(target, "there and back")
        assert.deepStrictEqual([status, stdout], [0, "there and back"], stderr)
      }
      assert.notInclude(readFileSync(encrypted, "latin1"), issued.privateKeyPem.split("\n")[1] ?? "")
    })
  )
})
