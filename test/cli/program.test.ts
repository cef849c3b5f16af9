import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { parseEndpoint, showEndpoint } from "../../src/cli/endpoint.ts"
import { table } from "../../src/cli/table.ts"
import { cli } from "./support.ts"

describe("the program", () => {
  it.live("--version is the package's", () =>
    Effect.gen(function* () {
      const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"))
      assert.deepStrictEqual(yield* cli(["--version"]), { status: 0, stdout: `effect-tls ${version}\n`, stderr: "" })
    })
  )

  it.live("--help lists the commands and their flags on standard output", () =>
    Effect.gen(function* () {
      const help = yield* cli(["--help"])
      assert.deepStrictEqual([help.status, help.stderr], [0, ""])
      for (const command of ["demo", "connect", "serve", "cert", "decode"]) assert.include(help.stdout, command)
      const connect = (yield* cli(["connect", "--help"])).stdout
      const serve = (yield* cli(["serve", "--help"])).stdout
      const both = ["alpn", "tls", "suite", "group", "grease", "keylog", "crypto", "summary"]
      const client = ["servername", "ca", "cert", "key", "http", "extension-order", "insecure", "trace"]
      const server = ["port", "host", "cert", "key", "mode", "to", "client-ca", "require-client-cert"]
      for (const flag of [...both, ...client]) assert.include(connect, `--${flag} `)
      for (const flag of [...both, ...server]) assert.include(serve, `--${flag} `)
    })
  )

  it.live("without a command it shows how it is used, on standard error: status 2", () =>
    Effect.gen(function* () {
      const { status, stdout, stderr } = yield* cli([])
      assert.deepStrictEqual([status, stdout], [2, ""])
      assert.match(stderr, /SUBCOMMANDS/)
    })
  )
})

describe("HOST:PORT", () => {
  it("is a name or an address, and a port", () => {
    const good = ["example.org:443", "127.0.0.1:1", "[::1]:65535", "[fe80::1%eth0]:80", "localhost:8443"]
    for (const text of good) {
      assert.strictEqual(showEndpoint(Result.getOrThrow(parseEndpoint(text))), text)
    }
    const bad = [
      "",
      ":443",
      "a",
      "a:",
      "a:0",
      "a:65536",
      "a:1x",
      "::1:443",
      "[::1]",
      "[a]:1",
      "a b:1",
      "a:1:2",
      "a/b:1"
    ]
    for (const text of bad) assert.isTrue(Result.isFailure(parseEndpoint(text)), text)
  })
})

describe("tables", () => {
  it("align their columns", () => {
    const columns = [
      { heading: "name", align: "left" },
      { heading: "ms", align: "right" }
    ] as const
    assert.strictEqual(
      table(columns, [
        ["a", "1.0"],
        ["longer", "22.0"]
      ]),
      ["name      ms", "------  ----", "a        1.0", "longer  22.0"].join("\n")
    )
  })
})
