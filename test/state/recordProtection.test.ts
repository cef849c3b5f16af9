import * as Fs from "node:fs"
import * as Inspect from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { primitives as noble } from "../../src/crypto/noble/index.ts"
import { primitives as node } from "../../src/crypto/node/index.ts"
import { Secret } from "../../src/crypto/secret.ts"
import { suites13 } from "../../src/crypto/suite.ts"
import { maxSequence } from "../../src/state/record/limits.ts"
import { Opener, Sealer } from "../../src/state/record/protection13.ts"
import { RecordReader } from "../../src/state/record/reader.ts"
import { RecordWriter } from "../../src/state/record/writer.ts"
import { trafficKeys } from "../../src/state/tls13/trafficKeys.ts"
import {
  concat,
  drain,
  failure,
  fromHex,
  okay,
  pattern,
  reason,
  recordingSuite,
  secretOf,
  toHex
} from "./recordSupport.ts"

const aes128 = (primitives: typeof node) => {
  const suite = suites13(primitives).find(({ name }) => name === "TLS_AES_128_GCM_SHA256")
  if (suite === undefined) return assert.fail("no AES-128-GCM")
  return suite
}

/** What RFC 9846 section 5.3 says, in BigInt, as a second statement of it. */
const nonceOf = (iv: Uint8Array, sequence: bigint): string => {
  const value = BigInt(`0x${toHex(iv)}`) ^ sequence
  return value.toString(16).padStart(24, "0")
}

const sealMany = (sealer: Sealer, count: number): void => {
  const out = new Uint8Array(64)
  for (let i = 0; i < count; i++) okay(sealer.seal(23, out.subarray(40, 41), out, 0))
}

describe("per-record nonce (RFC 9846 section 5.3)", () => {
  it("is the IV xored with 0, 1, 2, …, and never the same twice in 10^5 records", () => {
    const nonces: Array<string> = []
    const suite = recordingSuite(nonces)
    const secret = secretOf(1)
    const { iv } = trafficKeys(suite, secret)
    sealMany(new Sealer(suite, secret), 100_000)
    assert.strictEqual(nonces.length, 100_000)
    assert.strictEqual(new Set(nonces).size, 100_000)
    for (const i of [0, 1, 255, 256, 65_535, 65_536, 99_999]) assert.strictEqual(nonces[i], nonceOf(iv, BigInt(i)))
  })

  it.each([2 ** 31 - 2, 2 ** 32 - 2, 2 ** 33 - 2, 2 ** 40, 2 ** 48 - 1, maxSequence - 3])(
    "is right around %d on both sides",
    (from) => {
      const nonces: Array<string> = []
      const suite = recordingSuite(nonces)
      const secret = secretOf(0xa5)
      const { iv } = trafficKeys(suite, secret)
      const sealer = new Sealer(suite, secret, from)
      const opener = new Opener(suite, secret, from)
      const out = new Uint8Array(32)
      for (let i = 0; i < 4; i++) {
        okay(sealer.seal(23, pattern(10), out, 0))
        okay(opener.open(out, 0, 27))
        const expected = nonceOf(iv, BigInt(from) + BigInt(i))
        assert.deepStrictEqual(nonces.splice(0), [expected, expected])
      }
    }
  )

  it("ends before it would wrap, and stays ended", () => {
    const nonces: Array<string> = []
    const suite = recordingSuite(nonces)
    const sealer = new Sealer(suite, secretOf(1), maxSequence)
    const opener = new Opener(suite, secretOf(1), maxSequence)
    const out = new Uint8Array(23)
    okay(sealer.seal(23, Uint8Array.of(7), out, 0))
    okay(opener.open(out, 0, 18))
    nonces.length = 0
    for (let i = 0; i < 3; i++) {
      const untouched = new Uint8Array(23)
      assert.strictEqual(reason(sealer.seal(23, Uint8Array.of(7), untouched, 0)), "WriteLimitReached")
      assert.deepStrictEqual(untouched, new Uint8Array(23))
      assert.strictEqual(reason(opener.open(out, 0, 18)), "ReadLimitReached")
    }
    assert.deepStrictEqual(nonces, [])
  })

  it("is of no use after wipe", () => {
    const suite = aes128(node)
    const sealer = new Sealer(suite, secretOf(1))
    const opener = new Opener(suite, secretOf(1))
    sealer.wipe()
    opener.wipe()
    assert.strictEqual(reason(sealer.seal(23, new Uint8Array(1), new Uint8Array(64), 0)), "WriteLimitReached")
    assert.strictEqual(reason(opener.open(new Uint8Array(64), 0, 40)), "ReadLimitReached")
  })

  it("wipes the key bytes once the key is set up, and shows nothing to inspect", () => {
    const seen: Array<Uint8Array> = []
    const base = aes128(node)
    const key = (bytes: Uint8Array) => {
      seen.push(bytes)
      return base.aead.key(bytes)
    }
    const suite = { ...base, aead: { ...base.aead, key } }
    const writer = new RecordWriter()
    writer.install(suite, secretOf(1))
    const reader = new RecordReader()
    reader.install(suite, secretOf(1))
    assert.deepStrictEqual(seen, [new Uint8Array(16), new Uint8Array(16)])
    const sealer = new Sealer(suite, secretOf(1))
    const shown =
      [writer, reader, sealer].map((value) => Inspect.inspect(value, { depth: 9 })).join() +
      JSON.stringify([writer, reader, sealer])
    assert.notMatch(shown, /iv|nonce|buffer|Uint8Array/i)
  })
})

describe("additional data (RFC 9846 section 5.2)", () => {
  it("is the header as it stands on the wire", () => {
    const additional: Array<string> = []
    const suite = recordingSuite([], additional)
    const writer = new RecordWriter()
    writer.install(suite, secretOf(1))
    okay(writer.applicationData(pattern(300)))
    const [record] = writer.flush()
    assert.deepStrictEqual(additional, ["170303013d"])
    assert.strictEqual(toHex(record?.subarray(0, 5) ?? new Uint8Array(0)), "170303013d")
  })

  it("covers the ignored version: what was changed on the way does not open", () => {
    const suite = aes128(node)
    const writer = new RecordWriter()
    writer.install(suite, secretOf(1))
    okay(writer.applicationData(pattern(20)))
    const record = concat(writer.flush())
    for (let i = 1; i < record.length; i++) {
      if (i === 3 || i === 4) continue
      const changed = record.slice()
      changed[i] = (changed[i] ?? 0) ^ 0x40
      const reader = new RecordReader()
      okay(reader.push(Uint8Array.of(20, 3, 3, 0, 1, 1)))
      drain(reader)
      reader.install(suite, secretOf(1))
      okay(reader.push(changed))
      const refused = failure(reader.next())
      assert.strictEqual(refused.reason, "BadRecordMac")
      assert.strictEqual(refused.detail, "a record does not decrypt under the read key")
    }
  })
})

// Secrets, keys and IVs as RFC 8448 section 3 prints them.
const serverHandshake = "b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38"
const clientHandshake = "b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21"
const serverApplication = "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643"
const clientApplication = "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5"
const clientFinished = "14000020a8ec436d677634ae525ac1fcebe11a039ec17694fac6e98527b642f2edd5ce61"
const clientFinishedRecord = `
  17 03 03 00 35 75 ec 4d c2 38 cc e6 0b 29 80 44 a7 1e 21 9c 56 cc 77 b0 51 7f e9 b9 3c 7a 4b fc 44
  d8 7f 38 f8 03 38 ac 98 fc 46 de b3 84 bd 1c ae ac ab 68 67 d7 26 c4 05 46`

const secretFrom = (hex: string): Secret<"test"> => new Secret("test", fromHex(hex))

const transcripts = new URL("../../../shared/vectors/botan_transcripts.vec", import.meta.url)

/** The fields of the first section of the file, "Simple_1RTT_Handshake". */
const simple = (): ReadonlyMap<string, string> => {
  const [section = ""] = Fs.readFileSync(transcripts, "utf8").split("[Resumed_0RTT_Handshake]")
  return new Map(
    section.split("\n").flatMap((line) => (line.includes(" = ") ? [line.split(" = ", 2) as [string, string]] : []))
  )
}

describe.each([node, noble])("RFC 8448 section 3 with $name", (primitives) => {
  const suite = aes128(primitives)

  it.each([
    [serverHandshake, "3fce516009c21727d0f2e4e86ee403bc", "5d313eb2671276ee13000b30"],
    [clientHandshake, "dbfaa693d1762c5b666af5d950258d01", "5bd3c71b836e0b76bb73265f"],
    [serverApplication, "9f02283b6c9c07efc26bb9f2ac92e356", "cf782b88dd83549aadf1e984"],
    [clientApplication, "17422dda596ed5d9acd890e3c63f5051", "5b78923dee08579033e523d9"]
  ])("traffic keys of %s", (secret, key, iv) => {
    const keys = trafficKeys(suite, secretFrom(secret))
    assert.strictEqual(toHex(keys.key), key)
    assert.strictEqual(toHex(keys.iv), iv)
  })

  it("the client's Finished, written and read", () => {
    const writer = new RecordWriter()
    writer.install(suite, secretFrom(clientHandshake))
    okay(writer.handshake(fromHex(clientFinished)))
    const record = concat(writer.flush())
    assert.strictEqual(toHex(record), toHex(fromHex(clientFinishedRecord)))
    const reader = new RecordReader()
    reader.install(suite, secretFrom(clientHandshake))
    okay(reader.push(record))
    assert.deepStrictEqual(drain(reader), [
      { type: "handshake", fragment: fromHex(clientFinished), protection: "protected" }
    ])
  })

  describe.skipIf(!Fs.existsSync(transcripts))("with the recorded messages", () => {
    const get = (name: string): Uint8Array => fromHex(simple().get(name) ?? assert.fail(`no ${name} in the vectors`))

    it("the server's flight: four messages in one record", () => {
      const writer = new RecordWriter()
      okay(writer.handshake(get("Message_ServerHello")))
      writer.install(suite, secretFrom(serverHandshake))
      okay(writer.handshake(get("Message_EncryptedExtensions")))
      okay(writer.handshake(get("Message_Server_Certificate")))
      okay(writer.handshake(get("Message_Server_CertificateVerify")))
      okay(writer.handshake(get("Message_Server_Finished")))
      const expected = concat([get("Record_ServerHello"), get("Record_ServerHandshakeMessages")])
      assert.strictEqual(toHex(concat(writer.flush())), toHex(expected))
    })

    it("application data and close_notify of both sides", () => {
      const client = new RecordWriter()
      client.install(suite, secretFrom(clientApplication))
      okay(client.applicationData(get("Client_AppData")))
      okay(client.alert(1, 0))
      assert.strictEqual(
        toHex(concat(client.flush())),
        toHex(concat([get("Record_Client_AppData"), get("Record_Client_CloseNotify")]))
      )
      const reader = new RecordReader()
      reader.install(suite, secretFrom(serverApplication))
      okay(
        reader.push(
          concat([get("Record_NewSessionTicket"), get("Record_Server_AppData"), get("Record_Server_CloseNotify")])
        )
      )
      const records = drain(reader)
      assert.deepStrictEqual(
        records.map(({ type }) => type),
        ["handshake", "application_data", "alert"]
      )
      assert.deepStrictEqual(records[1]?.fragment, get("Server_AppData"))
      assert.deepStrictEqual(records[2]?.fragment, Uint8Array.of(1, 0))
    })
  })
})
