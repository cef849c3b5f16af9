/** OCSP responses: strict, the same bytes back; and OpenSSL believes those of the factory. */
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as TestClock from "effect/testing/TestClock"
import { decodeDer, encodeDer } from "../../src/codec/der/der.ts"
import { BasicOCSPResponse, OCSPResponse, parseOcspResponse } from "../../src/codec/x509/ocsp.ts"
import { layer as NodeCrypto } from "../../src/layers/node/NodeCryptoProvider.ts"
import { issue, makeCa } from "../../src/layers/testing/certificates.ts"
import { makeOcspResponse, makeResponder, type OcspOptions } from "../../src/layers/testing/revocation.ts"
import { hasOpenssl, openssl } from "../interop/support/programs.ts"

const ok = <A>(result: Result.Result<A, unknown>): A =>
  Result.getOrThrowWith(result, (failure) => new Error(JSON.stringify(failure)))

/** OpenSSL has no other clock than the machine's. */
const factory = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.andThen(TestClock.setTime(Date.now()), effect).pipe(Effect.provide(NodeCrypto))

/** From the structures, not from the bytes kept. */
const rewritten = (der: Uint8Array): Uint8Array => {
  const outer = ok(decodeDer(OCSPResponse, der))
  const basic = ok(decodeDer(BasicOCSPResponse, outer.responseBytes?.response ?? new Uint8Array()))
  const tbsResponseData = { ...basic.tbsResponseData, der: new Uint8Array() }
  const response = ok(encodeDer(BasicOCSPResponse, { ...basic, tbsResponseData }))
  return ok(encodeDer(OCSPResponse, { ...outer, responseBytes: { responseType: "basic", response } }))
}

describe("an OCSP response", () => {
  it.effect("is read, and written back to the same bytes", () =>
    Effect.gen(function* () {
      const ca = yield* makeCa()
      const leaf = yield* issue(ca)
      const responder = yield* makeResponder(ca)
      const revoked = { status: "revoked", reason: "keyCompromise", responder, by: "key" } as const
      for (const options of [{}, { status: "unknown" } as const, revoked, { nextUpdate: "none" } as const]) {
        const der = yield* makeOcspResponse(ca, leaf, options)
        assert.deepStrictEqual(rewritten(der), der)
        const parsed = ok(parseOcspResponse(der))
        assert.strictEqual(parsed._tag, "Basic")
        if (parsed._tag !== "Basic") continue
        const [single] = parsed.response.responses
        assert.strictEqual(single?.certStatus._tag, "status" in options ? options.status : "good")
        assert.strictEqual(parsed.response.responderID._tag, "by" in options ? "byKey" : "byName")
        assert.lengthOf(parsed.response.certificates, "responder" in options ? 1 : 0)
      }
    }).pipe(factory)
  )

  it.effect("no byte of one can be changed into a defect, or read and written otherwise", () =>
    Effect.gen(function* () {
      const ca = yield* makeCa()
      const der = yield* makeOcspResponse(ca, yield* issue(ca), { status: "revoked", reason: "superseded" })
      for (let i = 0; i < der.length; i++) {
        for (const flip of [1, 0x80, 0xff]) {
          const changed = der.map((byte, at) => (at === i ? byte ^ flip : byte))
          const read = parseOcspResponse(changed)
          if (Result.isSuccess(read) && read.success._tag === "Basic") {
            assert.deepStrictEqual(rewritten(changed), changed)
          }
        }
        assert.isTrue(Result.isFailure(parseOcspResponse(der.subarray(0, i))))
      }
    }).pipe(factory)
  )
})

describe.skipIf(!hasOpenssl)(`openssl ocsp (${openssl})`, () => {
  const folder = mkdtempSync(join(tmpdir(), "effect-tls-ocsp-"))
  afterAll(() => rmSync(folder, { recursive: true }))
  const file = (name: string, content: string | Uint8Array): string => {
    writeFileSync(join(folder, name), content)
    return join(folder, name)
  }

  const cases: ReadonlyArray<readonly [what: string, options: OcspOptions, says: RegExp]> = [
    ["good", {}, /: good\n/],
    ["unknown", { status: "unknown" }, /: unknown\n/],
    ["revoked", { status: "revoked", reason: "keyCompromise" }, /: revoked\n(?:.*\n)*.*Reason: keyCompromise/],
    ["good, by the key of the issuer, SHA-256", { by: "key", hash: "sha256" }, /: good\n/]
  ]
  for (const [what, options, says] of cases) {
    for (const who of ["issuer", "delegated"] as const) {
      it.effect(`${what}, by the ${who} responder`, () =>
        Effect.gen(function* () {
          const ca = yield* makeCa()
          const leaf = yield* issue(ca)
          const responder = who === "issuer" ? undefined : yield* makeResponder(ca)
          const response = file("response.der", yield* makeOcspResponse(ca, leaf, { ...options, responder }))
          const root = file("root.pem", ca.certificatePem)
          const hash = options.hash === "sha256" ? ["-sha256"] : []
          const args = ["-issuer", root, ...hash, "-cert", file("leaf.pem", leaf.certificatePem), "-CAfile", root]
          const { stdout, stderr } = spawnSync("openssl", ["ocsp", "-respin", response, ...args], { encoding: "utf8" })
          assert.include(stderr, "Response verify OK")
          assert.match(stdout, says)
        }).pipe(factory)
      )
    }
  }
})
