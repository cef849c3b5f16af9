/** Revocation lists: strict, the same bytes back, linear in their length; and OpenSSL reads those of the factory. */
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as TestClock from "effect/testing/TestClock"
import { decodeDer, encodeDer } from "../../src/codec/der/der.ts"
import { describe as show } from "../../src/codec/presentation/wire.ts"
import { parseCertificate } from "../../src/codec/x509/certificate.ts"
import {
  encodeEntries,
  makeCertificateList,
  parseCertificateList,
  SignedCertificateList
} from "../../src/codec/x509/crl.ts"
import { crlExtensionOids, makeReasonCode, readCrlExtensions } from "../../src/codec/x509/crlExtension.ts"
import { crlsFromPem } from "../../src/codec/x509/pem.ts"
import { layer as NodeCrypto } from "../../src/layers/node/NodeCryptoProvider.ts"
import { issue, makeCa } from "../../src/layers/testing/certificates.ts"
import { makeCrl } from "../../src/layers/testing/revocation.ts"
import { hasOpenssl, openssl } from "../interop/support/programs.ts"

const ok = <A>(result: Result.Result<A, unknown>): A =>
  Result.getOrThrowWith(result, (failure) => new Error(JSON.stringify(failure)))

const now = Date.UTC(2026, 5, 1)
const factory = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.andThen(TestClock.setTime(now), effect).pipe(Effect.provide(NodeCrypto))

const refusal = (der: Uint8Array): string =>
  Result.match(parseCertificateList(der), { onSuccess: () => "", onFailure: show })

/** 16 bytes, in no order. */
const serial = (i: number): Uint8Array => {
  const bytes = new Uint8Array(16)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, (Math.imul(i, 2654435761) >>> 0) | 0x40000000)
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40
  view.setUint32(12, i)
  return bytes
}

/** A list of so many entries, every second one with a reason. */
const long = Effect.fnUntraced(function* (count: number) {
  const { der } = yield* makeCrl(yield* makeCa())
  const list = ok(decodeDer(SignedCertificateList, der))
  const reason = ok(makeReasonCode("superseded"))
  const date = { _tag: "utcTime", value: now } as const
  const entry = (crlEntryExtensions: readonly [typeof reason] | undefined) =>
    ok(encodeEntries([{ userCertificate: serial(0), revocationDate: date, crlEntryExtensions }]))
  const [plain, reasoned] = [entry(undefined), entry([reason])]
  const entries = Array.from({ length: count }, (_, i) => {
    const bytes = Buffer.from(i % 2 === 0 ? plain : reasoned)
    bytes.set(serial(i), 4)
    return bytes
  })
  const revokedCertificates = Buffer.concat(entries)
  return ok(makeCertificateList({ ...list.tbsCertList.value, revokedCertificates }, list.signatureValue))
})

describe("a revocation list", () => {
  it.effect("is read, found in, and written back to the same bytes", () =>
    Effect.gen(function* () {
      const ca = yield* makeCa()
      const [a, b, c] = [yield* issue(ca), yield* issue(ca), yield* issue(ca)]
      const { der, pem } = yield* makeCrl(ca, {
        number: 258,
        revoked: [{ certificate: a, reason: "keyCompromise", at: now - 5000 }, { certificate: b }],
        scope: { onlyContainsUserCerts: true, onlySomeReasons: ["keyCompromise"] }
      })
      assert.deepStrictEqual(ok(crlsFromPem(pem)), [der])
      const list = ok(parseCertificateList(der))
      assert.deepStrictEqual([list.version, list.entries.count, list.nextUpdate], ["v2", 2, now + 167 * 3_600_000])
      assert.deepStrictEqual(list.known.cRLNumber, Uint8Array.of(1, 2))
      assert.isTrue(list.known.issuingDistributionPoint?.onlyContainsUserCerts)
      const find = (certificate: Uint8Array) => list.entries.find(ok(parseCertificate(certificate)).serialNumber)
      assert.deepInclude(find(a.certificate), { reason: "keyCompromise", revocationDate: now - 5000 })
      assert.isUndefined(find(b.certificate)?.reason)
      assert.isDefined(find(b.certificate))
      assert.isUndefined(find(c.certificate))
      const { tbsCertList, ...rest } = ok(decodeDer(SignedCertificateList, der))
      const written = encodeDer(SignedCertificateList, {
        ...rest,
        tbsCertList: { ...tbsCertList, der: new Uint8Array() }
      })
      assert.deepStrictEqual(ok(written), der)
    }).pipe(factory)
  )

  it.effect("of 100000 entries is read in linear time, and searched at once", () =>
    Effect.gen(function* () {
      const der = yield* long(100_000)
      assert.isAbove(der.length, 4_000_000)
      const start = performance.now()
      const { entries } = ok(parseCertificateList(der))
      const read = performance.now()
      assert.isBelow(read - start, 5000)
      assert.strictEqual(entries.count, 100_000)
      entries.find(serial(0))
      const sorted = performance.now()
      for (let i = 0; i < 2000; i++) {
        const at = (i * 7919) % 100_000
        assert.deepStrictEqual(entries.find(serial(at))?.reason, at % 2 === 0 ? undefined : "superseded")
        assert.isUndefined(entries.find(serial(at + 100_000)))
      }
      assert.isBelow(performance.now() - sorted, 2000)
    }).pipe(factory)
  )

  it.effect("with a fault in its last entry is refused, and says in which", () =>
    Effect.gen(function* () {
      const der = yield* long(50)
      const list = ok(decodeDer(SignedCertificateList, der)).tbsCertList.value.revokedCertificates ?? new Uint8Array()
      const end = list.byteOffset - der.byteOffset + list.length
      const changed = der.map((byte, i) => (i === end - 1 ? 7 : byte))
      assert.match(refusal(changed), /tbsCertList.+revokedCertificates.+49.+0.+reasonCode/)
      const longer = der.map((byte, i) => (i === end - 2 ? byte + 1 : byte))
      assert.match(refusal(longer), /revokedCertificates.+49/)
    }).pipe(factory)
  )

  it.effect("no byte of one can be changed into a defect, or into another list of the same signed bytes", () =>
    Effect.gen(function* () {
      const ca = yield* makeCa()
      const { der } = yield* makeCrl(ca, {
        revoked: [{ certificate: yield* issue(ca), reason: "keyCompromise" }],
        scope: { onlyContainsUserCerts: true }
      })
      for (let i = 0; i < der.length; i++) {
        for (const flip of [1, 0x80, 0xff]) {
          const changed = der.map((byte, at) => (at === i ? byte ^ flip : byte))
          const read = parseCertificateList(changed)
          if (Result.isFailure(read)) continue
          const again = encodeDer(SignedCertificateList, ok(decodeDer(SignedCertificateList, changed)))
          assert.deepStrictEqual(ok(again), changed)
          read.success.entries.find(serial(1))
        }
        assert.isTrue(Result.isFailure(parseCertificateList(der.subarray(0, i))))
      }
    }).pipe(factory)
  )
})

describe.skipIf(!hasOpenssl)(`openssl crl (${openssl})`, () => {
  const folder = mkdtempSync(join(tmpdir(), "effect-tls-crl-"))
  afterAll(() => rmSync(folder, { recursive: true }))

  it.effect("reads what the factory makes, and finds its signature right", () =>
    Effect.gen(function* () {
      for (const keyType of ["p256", "p384", "ed25519", "rsa2048"] as const) {
        const ca = yield* makeCa({ keyType })
        const { pem } = yield* makeCrl(ca, {
          number: 41,
          revoked: [{ certificate: Uint8Array.of(0x12, 0x34), reason: "affiliationChanged" }],
          scope: { onlyContainsUserCerts: true }
        })
        const root = join(folder, "root.pem")
        writeFileSync(root, ca.certificatePem)
        const args = ["crl", "-noout", "-text", "-CAfile", root]
        const { stdout, stderr } = spawnSync("openssl", args, { input: pem, encoding: "utf8" })
        assert.include(stderr, "verify OK")
        for (const line of [
          /Version 2/,
          /CRL Number: \n +41/,
          /Serial Number: 1234/,
          /Affiliation Changed/,
          /Only User/
        ]) {
          assert.match(stdout, line)
        }
      }
    }).pipe(factory)
  )
})

describe("extensions of revocation lists", () => {
  const read = (extnID: string, ...bytes: ReadonlyArray<number>) => {
    const extension = { extnID, critical: false, extnValue: Uint8Array.from(bytes) }
    return Result.isSuccess(readCrlExtensions([extension], extension.extnValue))
  }
  const magnitude = (length: number) => new Array<number>(length).fill(0x7f)

  it("a number is not negative and has at most 20 octets (RFC 5280 section 5.2.3)", () => {
    for (const oid of [crlExtensionOids.cRLNumber, crlExtensionOids.deltaCRLIndicator]) {
      assert.isTrue(read(oid, 2, 1, 0))
      assert.isTrue(read(oid, 2, 20, ...magnitude(20)))
      assert.isTrue(read(oid, 2, 21, 0, 0xff, ...magnitude(19)))
      assert.isFalse(read(oid, 2, 21, ...magnitude(21)))
      assert.isFalse(read(oid, 2, 1, 0x80))
    }
  })

  it("an issuing distribution point says something, of one kind of certificate at most (section 5.2.5)", () => {
    const oid = crlExtensionOids.issuingDistributionPoint
    assert.isFalse(read(oid, 0x30, 0))
    assert.isTrue(read(oid, 0x30, 3, 0x81, 1, 0xff))
    assert.isTrue(read(oid, 0x30, 3, 0x84, 1, 0xff))
    assert.isFalse(read(oid, 0x30, 6, 0x81, 1, 0xff, 0x82, 1, 0xff))
    assert.isFalse(read(oid, 0x30, 6, 0x82, 1, 0xff, 0x85, 1, 0xff))
    assert.isFalse(read(oid, 0x30, 9, 0x81, 1, 0xff, 0x82, 1, 0xff, 0x84, 1, 0xff))
    assert.isFalse(read(oid, 0x30, 3, 0x81, 1, 0))
  })
})
