import { execFileSync, spawnSync } from "node:child_process"
import { X509Certificate } from "node:crypto"
import { readFileSync, statSync, writeFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Node from "../interop/support/node.ts"
import { hasOpenssl } from "../interop/support/programs.ts"
import { cli, directory, isOneLine } from "./support.ts"

const keyTypes = ["p256", "p384", "p521", "ed25519", "rsa2048", "rsa3072", "rsa-pss"]

describe("cert make", () => {
  for (const keyType of keyTypes) {
    it.live(`makes an authority, a server and a client with keys of type ${keyType}`, () =>
      Effect.gen(function* () {
        const dir = yield* directory
        const names = ["--name", "example.org", "--name", "*.example.net", "--name", "192.0.2.7"]
        const made = yield* cli(["cert", "make", "--out", `${dir}/new`, ...names, "--key-type", keyType, "--client"])
        assert.strictEqual(made.stderr, "")
        assert.strictEqual(made.status, 0)
        const files = ["ca.pem", "ca.key", "cert.pem", "key.pem", "client-cert.pem", "client-key.pem"]
        assert.deepStrictEqual(
          made.stdout.trim().split("\n"),
          files.map((file) => `${dir}/new/${file}`)
        )
        const read = (file: string) => readFileSync(`${dir}/new/${file}`, "utf8")
        for (const file of files) {
          assert.strictEqual(statSync(`${dir}/new/${file}`).mode & 0o777, /key/.test(file) ? 0o600 : 0o644, file)
        }
        const ca = new X509Certificate(read("ca.pem"))
        const server = new X509Certificate(read("cert.pem"))
        const client = new X509Certificate(read("client-cert.pem"))
        assert.isTrue(ca.ca)
        assert.isTrue(server.verify(ca.publicKey) && client.verify(ca.publicKey))
        assert.strictEqual(server.checkHost("www.example.net"), "*.example.net")
        assert.strictEqual(server.checkIP("192.0.2.7"), "192.0.2.7")
        assert.isUndefined(server.checkHost("localhost"))
        if (hasOpenssl) {
          for (const [purpose, leaf] of [
            ["sslserver", "cert.pem"],
            ["sslclient", "client-cert.pem"]
          ] as const) {
            const args = ["verify", "-x509_strict", "-purpose", purpose, "-CAfile", `${dir}/new/ca.pem`]
            assert.match(execFileSync("openssl", [...args, `${dir}/new/${leaf}`], { encoding: "utf8" }), /: OK$/m)
          }
        }
      })
    )
  }

  it.live("the same files for the same seed and dates, with an intermediate, for so many days", () =>
    Effect.gen(function* () {
      const dir = yield* directory
      const made = (out: string, seed: string) =>
        cli([
          ...["cert", "make", "--out", `${dir}/${out}`, "--seed", seed, "--not-before", "2026-05-04T03:02:01Z"],
          ...["--days", "7", "--intermediate", "--client", "--key-type", "p384", "--status", "revoked"]
        ])
      for (const [out, seed] of [
        ["a", "one"],
        ["b", "one"],
        ["c", "two"]
      ] as const) {
        assert.strictEqual((yield* made(out, seed)).status, 0)
      }
      const read = (file: string) => readFileSync(`${dir}/${file}`, "utf8")
      const files = [
        "ca.pem",
        "ca.key",
        "cert.pem",
        "key.pem",
        "client-cert.pem",
        "client-key.pem",
        "crl.pem",
        "ocsp.der"
      ]
      for (const file of files) {
        assert.strictEqual(read(`a/${file}`), read(`b/${file}`), file)
        assert.notStrictEqual(read(`a/${file}`), read(`c/${file}`), file)
      }
      const [leaf = "", middle = ""] = read("a/cert.pem").split(/(?<=-----END CERTIFICATE-----\n)/)
      const [server, issuer, root] = [leaf, middle, read("a/ca.pem")].map((pem) => new X509Certificate(pem))
      assert.isTrue(issuer !== undefined && root !== undefined && server?.verify(issuer.publicKey))
      assert.isTrue(root !== undefined && issuer?.verify(root.publicKey))
      assert.strictEqual(server?.validFrom, "May  4 03:02:01 2026 GMT")
      assert.strictEqual(server?.validTo, "May 11 03:02:01 2026 GMT")
    })
  )

  it.live.skipIf(!hasOpenssl)("--status: lists and a response that openssl understands as we do", () =>
    Effect.gen(function* () {
      const dir = yield* directory
      for (const status of ["good", "revoked"]) {
        const out = `${dir}/${status}`
        const args = ["--intermediate", "--name", "localhost", "--status", status]
        const made = yield* cli(["cert", "make", "--out", out, ...args])
        assert.match(made.stdout, /crl\.pem\n.*ocsp\.der\n$/, made.stderr)
        const [leaf = "", middle = ""] = readFileSync(`${out}/cert.pem`, "utf8").split(/(?=-----BEGIN)/)
        writeFileSync(`${out}/leaf.pem`, leaf)
        writeFileSync(`${out}/middle.pem`, middle)
        const trusted = ["-CAfile", `${out}/ca.pem`]
        const openssl = (...args: ReadonlyArray<string>) => {
          const { stdout, stderr } = spawnSync("openssl", args, { encoding: "utf8" })
          return `${stdout}${stderr}`
        }
        const lists = ["-crl_check_all", "-CRLfile", `${out}/crl.pem`]
        const verify = openssl("verify", ...lists, ...trusted, "-untrusted", `${out}/middle.pem`, `${out}/leaf.pem`)
        assert.match(verify, status === "good" ? /: OK$/m : /^error 23 at 0 depth lookup: certificate revoked/m)
        const about = ["-issuer", `${out}/middle.pem`, "-cert", `${out}/leaf.pem`, "-respin", `${out}/ocsp.der`]
        const ocsp = openssl("ocsp", ...about, ...trusted, "-verify_other", `${out}/middle.pem`)
        assert.match(ocsp, /Response verify OK/)
        assert.match(ocsp, new RegExp(`leaf\\.pem: ${status}$`, "m"))
        const ours = yield* Effect.scoped(
          Effect.gen(function* () {
            const { port } = yield* Node.serve({
              cert: `${leaf}${middle}`,
              key: readFileSync(`${out}/key.pem`)
            })
            const lists = ["--crl", `${out}/crl.pem`, "--revocation", "require"]
            return yield* cli(["connect", `localhost:${port}`, "--ca", `${out}/ca.pem`, ...lists])
          })
        )
        assert.strictEqual(ours.status, status === "good" ? 0 : 1, ours.stderr)
        if (status === "revoked") assert.match(ours.stderr, /CertificateRevoked: .*\(keyCompromise\)/)
      }
    })
  )

  const wrong: ReadonlyArray<readonly [string, ReadonlyArray<string>, RegExp]> = [
    ["a date that is none", ["--not-before", "soon"], /--not-before wants a moment/],
    ["no days", ["--days", "0"], /--days: "0"\. Expected: a whole number from 1/]
  ]
  it.live.each(wrong)("refuses %s", ([, args, words]) =>
    Effect.gen(function* () {
      const dir = yield* directory
      const made = yield* cli(["cert", "make", "--out", `${dir}/never`, ...args])
      assert.strictEqual(made.status, 2)
      assert.match(made.stderr, words)
      assert.isTrue(isOneLine(made.stderr))
    })
  )

  it.live("every authority has a name of its own, and addresses are written in one way", () =>
    Effect.gen(function* () {
      const dir = yield* directory
      const subjects = new Set<string>()
      for (const out of ["a/b/c", "a/b/d"]) {
        const made = yield* cli(["cert", "make", "--out", `${dir}/${out}`, "--name", "[2001:DB8::1]"])
        assert.strictEqual(made.status, 0, made.stderr)
        subjects.add(new X509Certificate(readFileSync(`${dir}/${out}/ca.pem`)).subject)
        const leaf = new X509Certificate(readFileSync(`${dir}/${out}/cert.pem`))
        assert.strictEqual(leaf.checkIP("2001:db8::1"), "2001:db8::1")
      }
      assert.strictEqual(subjects.size, 2)
      for (const subject of subjects) assert.match(subject, /^CN=effect-tls test CA [0-9a-f]{16}$/)
    })
  )

  it.live("replaces what it made before, and keeps keys to their owner", () =>
    Effect.gen(function* () {
      const dir = yield* directory
      writeFileSync(`${dir}/key.pem`, "old", { mode: 0o666 })
      const { status } = yield* cli(["cert", "make", "--out", `${dir}/`])
      assert.strictEqual(status, 0)
      assert.match(readFileSync(`${dir}/key.pem`, "utf8"), /BEGIN PRIVATE KEY/)
      assert.strictEqual(statSync(`${dir}/key.pem`).mode & 0o777, 0o600)
    })
  )

  it.live("says what it cannot do", () =>
    Effect.gen(function* () {
      const dir = yield* directory
      writeFileSync(`${dir}/file`, "")
      const cases: ReadonlyArray<readonly [ReadonlyArray<string>, number, RegExp]> = [
        [["cert", "make"], 2, /Missing required flag: --out/],
        [["cert", "make", "--out", dir, "--key-type", "dsa"], 2, /key-type/],
        [["cert", "make", "--out", dir, "--name", "exämple.org"], 2, /--name: .* is not a server's name: .*A-labels/],
        [["cert", "make", "--out", dir, "--name", "bad name"], 2, /--name: "bad name" is not a server's name/],
        [["cert", "make", "--out", dir, "--name", "a", "--name", ""], 2, /--name: "" is not .*: it is empty/],
        [["cert", "make", "--out", dir, "--name", "*."], 2, /--name: .* it is empty/],
        [["cert", "make", "--out", dir, "--name", "*.192.0.2.7"], 2, /an address has no wildcard/],
        [["cert", "make", "--out", "/proc/foo/bar"], 1, /cannot make the directory \/proc\/foo/],
        [["cert", "make", "--out", `${dir}/file/x`], 1, /cannot make the directory/],
        [["cert", "make", "--out", dir, "extra"], 2, /extra/]
      ]
      for (const [args, expected, line] of cases) {
        const { status, stdout, stderr } = yield* cli(args)
        assert.match(stderr, line)
        assert.isTrue(isOneLine(stderr), stderr)
        assert.strictEqual(status, expected, stderr)
        assert.strictEqual(stdout, "")
      }
    })
  )
})

describe("cert inspect", () => {
  it.live("prints every certificate of a PEM file, and one in DER", () =>
    Effect.gen(function* () {
      const dir = yield* directory
      yield* cli(["cert", "make", "--out", dir, "--name", "example.org"])
      const ca = readFileSync(`${dir}/ca.pem`, "utf8")
      writeFileSync(`${dir}/both.pem`, `# a comment\n${readFileSync(`${dir}/cert.pem`, "utf8")}${ca}`)
      const both = yield* cli(["cert", "inspect", `${dir}/both.pem`])
      assert.strictEqual(both.status, 0)
      assert.deepStrictEqual(
        both.stdout.match(/^Subject +(.*)$/gm)?.map((line) => line.replace(/ +/, " ")),
        ["Subject CN=example.org", `Subject ${new X509Certificate(ca).subject}`]
      )
      assert.match(both.stdout, /DNS:example\.org/)
      writeFileSync(`${dir}/ca.der`, new X509Certificate(ca).raw)
      const der = yield* cli(["cert", "inspect", `${dir}/ca.der`])
      assert.strictEqual(der.status, 0)
      assert.include(der.stdout, new X509Certificate(ca).fingerprint256)
    })
  )

  it.live("says what is wrong with a file", () =>
    Effect.gen(function* () {
      const dir = yield* directory
      yield* cli(["cert", "make", "--out", dir])
      const pem = readFileSync(`${dir}/cert.pem`, "utf8")
      writeFileSync(`${dir}/empty`, "")
      writeFileSync(`${dir}/cut.pem`, pem.slice(0, 300))
      writeFileSync(`${dir}/cut.der`, new X509Certificate(pem).raw.subarray(0, 100))
      const cases: ReadonlyArray<readonly [string, number, RegExp]> = [
        [`${dir}/none`, 2, /cannot read .*none: there is no such file/],
        [dir, 2, /is a directory/],
        [`${dir}/empty`, 1, /expected a block -----BEGIN CERTIFICATE-----/],
        [`${dir}/key.pem`, 1, /it holds PRIVATE KEY/],
        [`${dir}/cut.pem`, 1, /-----END CERTIFICATE-----/],
        [`${dir}/cut.der`, 1, /cut\.der: expected .* at byte \d+/]
      ]
      for (const [file, expected, line] of cases) {
        const { status, stdout, stderr } = yield* cli(["cert", "inspect", file])
        assert.match(stderr, line)
        assert.isTrue(isOneLine(stderr), stderr)
        assert.strictEqual(status, expected, stderr)
        assert.strictEqual(stdout, "")
      }
    })
  )
})
