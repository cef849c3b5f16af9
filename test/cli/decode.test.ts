import { existsSync, readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { dissect, fromHex } from "../../src/cli/dissect.ts"
import { cli, isOneLine } from "./support.ts"

/** A ClientHello, made by hand: TLS_AES_128_GCM_SHA256, and the versions 1.3 and 1.2. */
const clientHello = Buffer.from(
  ["01000034 0303", "11".repeat(32), "00 0002 1301 01 00 0009 002b 0005 04 0304 0303"].join("").replace(/ /g, ""),
  "hex"
)

const record = (type: number, content: Uint8Array): Buffer => {
  const header = Buffer.from([type, 3, 3, 0, 0])
  header.writeUInt16BE(content.length, 3)
  return Buffer.concat([header, content])
}

describe("decode", () => {
  it.live("names the fields of a handshake message, binary, hexadecimal and from standard input", () =>
    Effect.gen(function* () {
      const forms: ReadonlyArray<string | Uint8Array> = [
        clientHello,
        clientHello.toString("hex"),
        clientHello.toString("hex").toUpperCase().replace(/../g, "0x$&, "),
        clientHello.toString("hex").replace(/../g, "$&:").replace(/:$/, "\n")
      ]
      for (const form of forms) {
        const { status, stdout, stderr } = yield* cli(["decode"], form)
        assert.strictEqual(stderr, "")
        assert.strictEqual(status, 0)
        assert.match(stdout, /^ *client_hello, 56 bytes, JA4 t13i010100_0f2cb44170f4_b9a491fefe05$/m)
        assert.match(stdout, /^ *0029 +13 01 +\[0\]: TLS_AES_128_GCM_SHA256$/m)
        assert.match(stdout, /\[1\]: TLSv1\.2$/m)
      }
    })
  )

  it.live("joins messages that are spread over records, and takes apart records that hold several", () =>
    Effect.gen(function* () {
      const messages = Buffer.concat([clientHello, clientHello])
      const input = Buffer.concat([
        record(22, messages.subarray(0, 10)),
        record(22, messages.subarray(10, 90)),
        record(22, messages.subarray(90)),
        record(20, Uint8Array.of(1)),
        record(21, Uint8Array.of(2, 40)),
        record(23, new Uint8Array(30))
      ])
      const { status, stdout } = yield* cli(["decode", "--format", "json"], input)
      assert.strictEqual(status, 0)
      const { form, pieces, failure } = JSON.parse(stdout)
      assert.strictEqual(form, "records")
      assert.isNull(failure)
      assert.deepStrictEqual(
        pieces.map(({ kind, offset }: { kind: string; offset: number }) => [kind, offset]),
        [
          ["record", 0],
          ["record", 15],
          ["message", 15],
          ["record", 100],
          ["message", 100],
          ["record", 127],
          ["record", 133],
          ["alert", 133],
          ["record", 140]
        ]
      )
      assert.strictEqual(pieces[2].value._tag, "ClientHello")
      assert.strictEqual(pieces[2].ja4, pieces[4].ja4)
      assert.isUndefined(pieces[0].ja4)
      assert.deepStrictEqual(pieces[2].value.body.cipher_suites, ["TLS_AES_128_GCM_SHA256"])
      assert.deepStrictEqual(pieces[7].value, { level: "fatal", description: "handshake_failure" })
    })
  )

  it.live("shows malformed input up to what is wrong, says what was expected, and fails", () =>
    Effect.gen(function* () {
      const wrong = Buffer.from(clientHello)
      wrong[38] = 200 // the length of legacy_session_id
      const cases: ReadonlyArray<readonly [string, string | Uint8Array, RegExp, RegExp]> = [
        [
          "a lost digit",
          `${clientHello.toString("hex")}0`,
          /^$/,
          /113 hexadecimal digits are no whole number of bytes/
        ],
        ["nothing", "", /^$/, /expected a TLS record or a handshake message/],
        ["neither", "GET / HTTP/1.1\r\n\r\n", /^$/, /expected a handshake type, or a record/],
        ["cut", clientHello.subarray(0, 40), /client_hello, 40 bytes/, /expected 52 more bytes, but 36 are left/],
        ["a bad length", wrong, /random: 32 bytes/, /at byte 38/],
        [
          "a cut record",
          record(22, clientHello).subarray(0, 40),
          /record 1: handshake(?:.|\n)*✗/,
          /expected 56 more bytes/
        ],
        ["a message cut at the end", record(22, clientHello.subarray(0, 50)), /client_hello, 50 bytes/, /at byte 9/],
        [
          "a bad second record",
          Buffer.concat([record(20, Uint8Array.of(1)), Buffer.from("junk!")]),
          /record 1/,
          /byte 6/
        ]
      ]
      for (const [name, input, shown, expected] of cases) {
        const { status, stdout, stderr } = yield* cli(["decode"], input)
        assert.strictEqual(status, 1, name)
        assert.match(stdout, shown, name)
        assert.match(stderr, expected, name)
        assert.isTrue(isOneLine(stderr), `${name}: ${stderr}`)
      }
    })
  )

  it.live("reads files that do not say how long they are, and no more than it can hold", () =>
    Effect.gen(function* () {
      const endless = yield* cli(["decode", "/dev/zero"])
      assert.match(endless.stderr, /^effect-tls: \/dev\/zero is longer than \d+ bytes\n$/)
      assert.deepStrictEqual([endless.status, endless.stdout], [2, ""])
    })
  )

  it.live("nobody looks at the version of a record, which is shown", () =>
    Effect.gen(function* () {
      const input = Buffer.concat([
        record(23, new Uint8Array(30)),
        record(22, clientHello),
        record(21, Uint8Array.of(2, 40))
      ])
      for (const at of [1, 36, 36 + 5 + clientHello.length]) input[at] = 0x7f
      const { status, stdout, stderr } = yield* cli(["decode"], input)
      assert.strictEqual(status, 0, stderr)
      assert.strictEqual(stdout.match(/7f 03 +legacy_record_version: /g)?.length, 3)
      assert.match(stdout, /client_hello, 56 bytes/)
      // A Finished message begins as a change_cipher_spec does.
      const finished = yield* cli(["decode"], Buffer.concat([Uint8Array.of(20, 0, 0, 32), new Uint8Array(32)]))
      assert.match(finished.stdout, /^ *finished, 36 bytes$/m)
    })
  )

  it.prop("never throws, and what it reports as failure lies within the bytes", [Schema.Uint8Array], ([input]) => {
    const { failure } = dissect(Result.getOrElse(fromHex(input), () => input))
    if (failure !== undefined) assert.isAtMost(failure.offset, input.length)
  })

  const messages = /^(ClientHello|ServerHello|EncryptedExtensions|Certificate|CertificateVerify|NewSessionTicket)$/
  const trace = new URL("../../../shared/rfc/rfc8448.txt", import.meta.url)
  it.live.skipIf(!existsSync(trace))("reads every plain message that RFC 8448 prints", () =>
    Effect.gen(function* () {
      const text = readFileSync(trace, "utf8")
      const printed = text.matchAll(/^ {6}([A-Z]\w+) \((\d+) octets\): {2}((?:[0-9a-f]{2}\s+)+)/gm)
      // Whole ones only: page breaks cut some, and one ClientHello is shown without its binders.
      const blocks = [...printed].filter(([, name, , hex = ""]) => {
        const bytes = Buffer.from(hex.replace(/\s/g, ""), "hex")
        return messages.test(name ?? "") && bytes.length === 4 + bytes.readUIntBE(1, 3)
      })
      assert.isAbove(blocks.length, 10)
      for (const [, name, , hex = ""] of blocks) {
        const { status, stdout, stderr } = yield* cli(["decode", "--format=json"], hex)
        assert.strictEqual(status, 0, `${name}: ${stderr}`)
        assert.strictEqual(JSON.parse(stdout).pieces[0].value._tag.replace("HelloRetryRequest", "ServerHello"), name)
      }
    })
  )
})
