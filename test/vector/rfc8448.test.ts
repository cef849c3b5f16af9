/** RFC 8448, sections 3, 5, 6 and 7: every secret, message and record of four handshakes, and both machines among them. */
import { existsSync, readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { encodeMessage } from "../../src/codec/handshake/handshake.ts"
import { expandLabel } from "../../src/crypto/hkdf.ts"
import { type Secret, unsafeBytes } from "../../src/crypto/secret.ts"
import { RecordReader } from "../../src/state/record/reader.ts"
import { RecordWriter } from "../../src/state/record/writer.ts"
import { signedContent } from "../../src/state/tls13/certificateVerify.ts"
import { verifyData, verifyFinished } from "../../src/state/tls13/finished.ts"
import * as KeySchedule from "../../src/state/tls13/keySchedule.ts"
import { trafficKeys } from "../../src/state/tls13/trafficKeys.ts"
import * as Transcript from "../../src/state/transcript.ts"
import { concat, okay, toHex } from "../support/answers.ts"
import { suites } from "../support/pair.ts"
import { everyFigure, isServerHello, type Sent, type Trace, traces } from "./rfc8448.ts"

const suite = suites.find(({ name }) => name === "TLS_AES_128_GCM_SHA256") ?? assert.fail("the suite of the traces")
const { hash } = suite
const none = new Uint8Array(0)

/** The transcript up to and with the last message of this name, its first ClientHello hashed where there was a retry. */
const transcriptTo = ({ messages }: Trace, role: "client" | "server", tag: string): Transcript.Hashing => {
  const end = messages.findLastIndex((each) => each.role === role && each.message._tag === tag)
  return messages
    .slice(1, end + 1)
    .reduce(
      (transcript, { raw }) => Transcript.append(transcript, raw),
      messages[1]?.message._tag === "HelloRetryRequest"
        ? Transcript.messageHash(Transcript.heard(messages[0]?.raw ?? none), hash)
        : Transcript.hashing(Transcript.heard(messages[0]?.raw ?? none), hash)
    )
}

/** All secrets, from what the trace says of the key exchange and of the messages. */
const schedule = (trace: Trace) => {
  const early = KeySchedule.earlySecret(hash)
  const handshake = KeySchedule.handshakeSecret(
    hash,
    early,
    trace.figure("server", 'extract secret "handshake"', "IKM")
  )
  const hello = transcriptTo(trace, "server", "ServerHello")
  const main = KeySchedule.mainSecret(hash, handshake)
  const finished = transcriptTo(trace, "server", "Finished")
  return {
    early,
    handshake,
    main,
    clientHandshake: KeySchedule.clientHandshakeTraffic(handshake, hello),
    serverHandshake: KeySchedule.serverHandshakeTraffic(handshake, hello),
    clientApplication: KeySchedule.clientApplicationTraffic(main, finished),
    serverApplication: KeySchedule.serverApplicationTraffic(main, finished),
    exporter: KeySchedule.exporterSecret(main, finished),
    resumption: KeySchedule.resumptionSecret(main, transcriptTo(trace, "client", "Finished"))
  }
}
const hex = (secret: Secret<string>) => toHex(unsafeBytes(secret))

describe.each(traces.map((trace) => [trace.name, trace] as const))("%s", (_, trace) => {
  const same = (actual: string, role: "client" | "server", title: string, name: string) =>
    assert.strictEqual(actual, toHex(trace.figure(role, title, name)), title)

  it("messages: decode and encode give the same bytes", () => {
    assert.isAtLeast(trace.messages.length, 7)
    for (const { raw, message } of trace.messages) {
      assert.strictEqual(toHex(Result.getOrThrow(encodeMessage(message))), toHex(raw), message._tag)
    }
  })

  it("7.1: every secret of the key schedule", () => {
    const secrets = schedule(trace)
    same(hex(secrets.early), "server", 'extract secret "early"', "secret")
    same(hex(secrets.handshake), "server", 'extract secret "handshake"', "secret")
    same(hex(secrets.clientHandshake), "server", "c hs traffic", "expanded")
    same(hex(secrets.serverHandshake), "server", "s hs traffic", "expanded")
    same(hex(secrets.main), "server", 'extract secret "master"', "secret")
    same(hex(secrets.clientApplication), "server", "c ap traffic", "expanded")
    same(hex(secrets.serverApplication), "server", "s ap traffic", "expanded")
    same(hex(secrets.exporter), "server", "exp master", "expanded")
    same(hex(secrets.resumption), "client", "res master", "expanded")
    const derived = (secret: Secret<string>) => toHex(expandLabel(hash, secret, "derived", hash.digest(none), 32))
    same(derived(secrets.early), "server", 'for handshake "tls13 derived"', "expanded")
    same(derived(secrets.handshake), "server", 'for master "tls13 derived"', "expanded")
  })

  it("7.3: every key and every IV", () => {
    const secrets = schedule(trace)
    const check = (secret: Secret<string>, role: "client" | "server", title: string) => {
      const { key, iv } = trafficKeys(suite, secret)
      same(toHex(key), role, title, "key expanded")
      same(toHex(iv), role, title, "iv expanded")
    }
    check(secrets.serverHandshake, "server", "derive write traffic keys for handshake data")
    check(secrets.clientHandshake, "server", "derive read traffic keys for handshake data")
    check(secrets.serverApplication, "server", "derive write traffic keys for application data")
    check(secrets.clientApplication, "client", "derive write traffic keys for application data")
  })

  it("4.5.3: both Finished, made and verified", () => {
    const secrets = schedule(trace)
    for (const [role, key] of [
      ["server", secrets.serverHandshake],
      ["client", secrets.clientHandshake]
    ] as const) {
      const at = trace.messages.findIndex((each) => each.role === role && each.message._tag === "Finished")
      const before = trace.messages[at - 1] ?? assert.fail("Finished comes first")
      const transcript = transcriptTo(trace, before.role, before.message._tag)
      same(toHex(expandLabel(hash, key, "finished", none, 32)), role, "calculate finished", "expanded")
      same(toHex(verifyData(key, transcript)), role, "calculate finished", "finished")
      const { verify_data } = trace.message(role, "Finished").message.body
      assert.isTrue(Result.isSuccess(verifyFinished(verify_data, key, transcript)))
      const other = verify_data.with(31, (verify_data[31] ?? 0) ^ 1)
      assert.isTrue(Result.isFailure(verifyFinished(other, key, transcript)))
    }
  })

  it("5: every record, written and read byte for byte in both directions", () => {
    const secrets = schedule(trace)
    for (const role of ["server", "client"] as const) {
      const writer = new RecordWriter()
      const reader = new RecordReader()
      const [first, second] =
        role === "server"
          ? [secrets.serverHandshake, secrets.serverApplication]
          : [secrets.clientHandshake, secrets.clientApplication]
      const install = (secret: Secret<string>) => {
        writer.install(suite, secret)
        reader.install(suite, secret)
      }
      let epoch = "plaintext"
      const sent = trace.records.filter((each) => each.role === role)
      assert.isAtLeast(sent.length, 3)
      for (const each of sent) {
        // A client changes its key before its first message that is no ClientHello.
        if (role === "client" && epoch === "plaintext" && each.type === "handshake" && each.payload[0] !== 1) {
          install(first)
          epoch = "handshake"
        }
        write(writer, each)
        assert.strictEqual(toHex(concat(...writer.flush())), toHex(each.record))
        okay(reader.push(each.record))
        const read = okay(reader.next()) ?? assert.fail("a record is missing")
        assert.strictEqual(read.type, each.type)
        assert.strictEqual(toHex(read.fragment), toHex(each.payload))
        if (isServerHello(each)) {
          install(first)
          epoch = "handshake"
        } else if (epoch === "handshake" && each.type === "handshake") {
          install(second)
          epoch = "application"
        }
      }
      assert.strictEqual(epoch, "application")
    }
  })
})

const write = (writer: RecordWriter, { type, payload }: Sent): void => {
  if (type === "handshake") okay(writer.handshake(payload))
  else if (type === "application_data") okay(writer.applicationData(payload))
  else if (type === "alert") okay(writer.alert(payload[0] ?? 0, payload[1] ?? 0))
  else writer.changeCipherSpec()
}

describe("section 3 alone", () => {
  const trace = traces[0] ?? assert.fail("no trace")
  it("4.7.1: the PSK of its ticket", () => {
    const { ticket_nonce } = trace.message("server", "NewSessionTicket").message.body
    const psk = expandLabel(hash, schedule(trace).resumption, "resumption", ticket_nonce, 32)
    assert.strictEqual(toHex(psk), toHex(trace.figure("server", 'secret "tls13 resumption"', "expanded")))
  })
  it("4.5.2: what its server signed begins with 64 spaces, the context string and a zero", () => {
    const content = signedContent("Server", transcriptTo(trace, "server", "Certificate"))
    assert.strictEqual(
      Buffer.from(content).toString("latin1", 0, 98),
      `${" ".repeat(64)}TLS 1.3, server CertificateVerify\0`
    )
    assert.strictEqual(toHex(content.subarray(98)), "764d6632b3c35c3f3205e3499ac3edbaabb88295fba751461d3678e2e5ea0687")
  })
})

const rfc = new URL("../../../shared/rfc/rfc8448.txt", import.meta.url)
describe.skipIf(!existsSync(rfc))("the fixture", () => {
  it("is the RFC's text, figure by figure", () => {
    const lines = readFileSync(rfc, "utf8").split("\n")
    const body = lines
      .filter((line) => !/^(Thomson {2}|RFC 8448 {2})|\f/.test(line))
      .join("")
      .replaceAll(/\s/g, "")
    assert.isAbove(everyFigure.length, 150)
    for (const figure of everyFigure) assert.include(body, figure)
  })
})
