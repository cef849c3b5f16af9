/** record_size_limit (RFC 8449): what is said, what it does to records, and what is refused (SECURITY rows 48 and 49). */
import { assert, describe, it } from "@effect/vitest"
import type { Extension } from "../../src/codec/extension/placement.ts"
import { lengthAt, typeAt } from "../../src/codec/record/record.ts"
import type { ConnectionOptions } from "../../src/state/connection.ts"
import { maxInnerPlaintext13 } from "../../src/state/record/limits.ts"
import * as Padding from "../../src/state/record/padding.ts"
import { extended, preceded, without } from "../support/edits.ts"
import {
  carry,
  clientEnd,
  connected,
  type End,
  handshake,
  type Link,
  records,
  retryingConfig,
  serverEnd
} from "../support/pair.ts"
import { type Puppet, type } from "../support/puppet.ts"
import { againstClient, againstServer, refused } from "../support/script.ts"
import { pattern } from "./recordSupport.ts"

const roles = ["client", "server"] as const
const say = (record_size_limit: number) => ({ record_size_limit })

/** The longest TLSInnerPlaintext in each direction, of everything from the first key on. */
const run = (
  client: number | undefined,
  server: number | undefined,
  options: ConnectionOptions = {},
  retry: "retried" | "full" = "full"
) => {
  const longest = { toServer: 0, toClient: 0 }
  const watch: Link = (flight, direction) => {
    for (const record of records(flight)) {
      if (typeAt(record, 0) === type.application_data) {
        longest[direction] = Math.max(longest[direction], lengthAt(record, 0) - 16)
      }
    }
    return [flight]
  }
  const ends = {
    client: clientEnd({ recordSizeLimit: client }, undefined, options),
    server: serverEnd(
      { ...(retry === "retried" ? retryingConfig() : {}), recordSizeLimit: server, ...ask },
      undefined,
      options
    )
  }
  handshake(ends.client, ends.server, watch)
  const handshaken = { ...longest }
  ends.client.send(pattern(40_000, 1))
  ends.server.send(pattern(40_000, 2))
  carry(ends.client, ends.server, watch)
  assert.isUndefined(ends.client.failure ?? ends.server.failure)
  assert.deepStrictEqual(ends.server.data, pattern(40_000, 1))
  assert.deepStrictEqual(ends.client.data, pattern(40_000, 2))
  return { ...ends, longest, handshaken }
}
/** So that both sides have a certificate to send. */
const ask = { clientAuthentication: { _tag: "Required", authorities: [] } } as const

const limitsIn = (end: End, message: "ClientHello" | "EncryptedExtensions") =>
  end.events.flatMap((event) => {
    if (event._tag !== "Message" || event.direction !== "said" || event.message._tag !== message) return []
    const extensions: ReadonlyArray<Extension<"ClientHello"> | Extension<"EncryptedExtensions">> =
      event.message.body.extensions
    return extensions.flatMap((each) => (each.type === "record_size_limit" ? [each.data.record_size_limit] : []))
  })

describe("49: record_size_limit", () => {
  it("is offered where it is configured, and answered where it is offered", () => {
    for (const client of [undefined, 64, 500, maxInnerPlaintext13]) {
      for (const server of [undefined, 64, 700, maxInnerPlaintext13]) {
        const { client: c, server: s } = connected({
          client: { recordSizeLimit: client },
          server: { recordSizeLimit: server }
        })
        assert.deepStrictEqual(limitsIn(c, "ClientHello"), client === undefined ? [] : [client])
        const answered = client === undefined || server === undefined ? [] : [server]
        assert.deepStrictEqual(limitsIn(s, "EncryptedExtensions"), answered)
      }
    }
  })

  it.each(["full", "retried"] as const)("holds the records of each direction to its own limit, %s", (kind) => {
    const { longest, handshaken } = run(100, 333, {}, kind)
    assert.deepStrictEqual(longest, { toServer: 333, toClient: 100 })
    // From the first protected record on: the certificates alone are longer.
    assert.deepStrictEqual(handshaken, { toServer: 333, toClient: 100 })
  })

  it("counts the content type: 64 bytes are 63 of data", () => {
    const { client, server } = connected({ client: { recordSizeLimit: 64 }, server: { recordSizeLimit: 64 } })
    const said = records(client.send(pattern(63)).flush())
    assert.deepStrictEqual(
      said.map((record) => lengthAt(record, 0) - 16),
      [64]
    )
    assert.strictEqual(records(server.send(pattern(64)).flush()).length, 2)
  })

  it("limits nothing when only one side says it", () => {
    for (const [client, server] of [
      [64, undefined],
      [undefined, 64]
    ] as const) {
      assert.deepStrictEqual(run(client, server).longest, {
        toServer: maxInnerPlaintext13,
        toClient: maxInnerPlaintext13
      })
    }
  })

  it("counts padding too, which fills records up to it and not beyond", () => {
    const { longest } = run(100, 333, { padding: Padding.toFull })
    assert.deepStrictEqual(longest, { toServer: 333, toClient: 100 })
    const { longest: fragments } = run(1000, 333, { padding: Padding.toFull, maxFragment: 600 })
    assert.deepStrictEqual(fragments, { toServer: 333, toClient: 601 })
  })

  it("outlives a key update", () => {
    const { client, server } = run(100, 333)
    client.updateKeys("update_requested")
    carry(client, server)
    for (const [end, most] of [
      [client, 333],
      [server, 100]
    ] as const) {
      const lengths = records(end.send(pattern(5000)).flush()).map((record) => lengthAt(record, 0) - 16)
      assert.strictEqual(Math.max(...lengths), most)
    }
  })

  it("above what TLS 1.3 allows is taken, and means what TLS 1.3 allows", () => {
    const server = againstServer({
      config: { recordSizeLimit: 500 },
      ClientHello: preceded("record_size_limit", say(65_535)),
      after: (_, end) => end.send(pattern(20_000))
    })
    const client = againstClient({
      config: { recordSizeLimit: 500 },
      EncryptedExtensions: extended("record_size_limit", say(65_535)),
      after: (_, end) => end.send(pattern(20_000))
    })
    for (const { end, puppet } of [server, client]) {
      assert.isUndefined(end.failure, end.failure?.detail)
      const lengths = puppet.read.flatMap((read) => (read._tag === "Data" ? [read.bytes.length] : []))
      assert.deepStrictEqual(lengths, [16_384, 3616])
    }
  })

  it.each([0, 1, 63])("of %d bytes is an illegal_parameter", (limit) => {
    const bytes = Uint8Array.of(0, limit)
    const config = { recordSizeLimit: 500 }
    for (const each of [config, {}]) {
      refused(againstServer({ config: each, ClientHello: preceded(28, bytes) }), "IllegalValue", "illegal_parameter")
    }
    refused(againstClient({ config, EncryptedExtensions: preceded(28, bytes) }), "IllegalValue", "illegal_parameter")
  })

  it.each([1, 3])("of %d bytes for a number is a decode_error", (size) => {
    const ClientHello = preceded(28, new Uint8Array(size).fill(1))
    refused(againstServer({ ClientHello }), "DecodeFailed", "decode_error")
  })

  it("that nobody asked for is an unsupported_extension", () => {
    const EncryptedExtensions = extended("record_size_limit", say(500))
    refused(againstClient({ EncryptedExtensions }), "UnsolicitedExtension", "unsupported_extension")
  })

  it("in a ServerHello is an illegal_parameter", () => {
    const script = { config: { recordSizeLimit: 500 }, ServerHello: extended("record_size_limit", say(500)) }
    refused(againstClient(script), "MisplacedExtension", "illegal_parameter")
  })

  it("may not change with a retry", () => {
    const script = { config: retryingConfig({ recordSizeLimit: 500 }), hello: { recordSizeLimit: 500 } }
    assert.isUndefined(againstServer(script).end.failure)
    const SecondClientHello = without("record_size_limit")
    refused(againstServer({ ...script, SecondClientHello }), "HelloChangedAfterRetry", "illegal_parameter")
  })

  it("beside max_fragment_length, which is ignored, is what counts", () => {
    const { end, puppet } = againstServer({
      config: { recordSizeLimit: 500 },
      hello: { recordSizeLimit: 200 },
      ClientHello: preceded(1, Uint8Array.of(1)),
      after: (_, end) => end.send(pattern(300))
    })
    assert.isUndefined(end.failure, end.failure?.detail)
    const data = puppet.read.flatMap((read) => (read._tag === "Data" ? [read.bytes.length] : []))
    assert.deepStrictEqual(data, [199, 101])
  })
})

/** One of our ends with a limit of 500 that was negotiated, and a puppet that says something afterwards. */
const limited = {
  client: (after: (puppet: Puppet, end: End) => unknown) =>
    againstClient({
      config: { recordSizeLimit: 500 },
      EncryptedExtensions: extended("record_size_limit", say(maxInnerPlaintext13)),
      Certificate: inPieces,
      after
    }),
  server: (after: (puppet: Puppet, end: End) => unknown) =>
    againstServer({ config: { recordSizeLimit: 500 }, hello: { recordSizeLimit: maxInnerPlaintext13 }, after })
}
/** A message in records of 400 bytes. */
const inPieces = ({ puppet, raw }: { readonly puppet: Puppet; readonly raw: Uint8Array }) => {
  puppet.note(raw)
  for (let at = 0; at < raw.length; at += 400) puppet.record(type.handshake, raw.subarray(at, at + 400))
}

describe.each(roles)("a %s whose limit of 500 was agreed on", (role) => {
  it("takes records of 500 bytes", () => {
    const { end } = limited[role]((puppet) => puppet.record(type.application_data, pattern(499)))
    assert.isUndefined(end.failure, end.failure?.detail)
    assert.deepStrictEqual(end.data, pattern(499))
  })

  it("refuses one of 501, whether data or padding makes it so", () => {
    const long = limited[role]((puppet) => puppet.record(type.application_data, pattern(500)))
    refused(long, "RecordOverflow", "record_overflow")
    assert.match(long.end.failure?.detail ?? "", /501 bytes; 500 are allowed/)
    refused(
      limited[role]((puppet) => puppet.record(0, Uint8Array.of(1, type.application_data, ...new Uint8Array(498)))),
      "RecordOverflow",
      "record_overflow"
    )
  })
})

it("a limit of ours above the protocol's does not lift that", () => {
  const script = { config: { recordSizeLimit: 65_535 }, hello: { recordSizeLimit: 500 } }
  const after = (puppet: Puppet) => puppet.record(type.application_data, pattern(16_385))
  refused(againstServer({ ...script, after }), "RecordOverflow", "record_overflow")
})

describe("a handshake under a limit", () => {
  it("is refused by a server when the client's part of it is in too long a record", () => {
    const long = againstServer({
      config: { recordSizeLimit: 100, ...ask },
      hello: { recordSizeLimit: 500 }
    })
    refused(long, "RecordOverflow", "record_overflow")
  })

  it("is refused by a client when a record behind EncryptedExtensions is too long", () => {
    const long = againstClient({
      config: { recordSizeLimit: 64 },
      EncryptedExtensions: extended("record_size_limit", say(500))
    })
    refused(long, "RecordOverflow", "record_overflow")
  })

  it("or the record that holds EncryptedExtensions itself", () => {
    const long = againstClient({
      config: { recordSizeLimit: 64 },
      // The whole of the flight that it can, in one record.
      EncryptedExtensions: (slot) => {
        extended("record_size_limit", say(500))(slot)
        slot.puppet.say(new Uint8Array(100))
      }
    })
    refused(long, "RecordOverflow", "record_overflow")
  })

  it("does not care for records in the clear", () => {
    const { end } = againstServer({
      config: { recordSizeLimit: 200 },
      hello: { recordSizeLimit: 64, protocols: ["h2", "x".repeat(250), "y".repeat(250)] }
    })
    assert.isUndefined(end.failure, end.failure?.detail)
  })
})
