/** x509-limbo: certificate chains that are right and wrong, as several verifiers agreed they are. */
import { existsSync, readFileSync } from "node:fs"
import { gunzipSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as TestClock from "effect/testing/TestClock"
import { certificatesFromPem } from "../../src/codec/x509/pem.ts"
import { primitives as node } from "../../src/crypto/node/index.ts"
import * as Revocation from "../../src/layers/Revocation.ts"
import type { TlsError } from "../../src/layers/TlsError.ts"
import { fromPem } from "../../src/layers/TrustAnchors.ts"
import { makeWebPki } from "../../src/layers/webPki.ts"
import { type Failure, make, type ReasonName } from "../../src/state/failure.ts"
import { parseServerIdentity } from "../../src/state/path/host.ts"
import { differences } from "./limbo.ts"

interface Case {
  readonly id: string
  readonly validation_kind: "SERVER" | "CLIENT"
  readonly trusted_certs: ReadonlyArray<string>
  readonly untrusted_intermediates: ReadonlyArray<string>
  readonly peer_certificate: string
  readonly validation_time: string | null
  readonly expected_result: "SUCCESS" | "FAILURE"
  readonly expected_peer_name: { readonly kind: string; readonly value: string } | null
  readonly max_chain_depth: number | null
  readonly crls: ReadonlyArray<string>
}

const file = new URL("../../../shared/vectors/x509-limbo/limbo-part.json.gz", import.meta.url)
const cases: ReadonlyArray<Case> = existsSync(file)
  ? JSON.parse(gunzipSync(readFileSync(file)).toString("utf8")).testcases
  : []

const different = new Map(differences.flatMap(({ cases, says, why }) => cases.map((id) => [id, [says, why] as const])))

/** Failing is not enough: these must fail for the right reason. */
const reasons: { readonly [id: string]: ReasonName } = {
  "cve::cve-2025-61727": "CertificateNameConstrained",
  "pathlen::intermediate-violates-pathlen-0": "CertificatePathTooLong",
  "pathlen::max-chain-depth-0-exhausted": "CertificatePathTooLong",
  "pathological::intermediate-cycle-distinct-cas": "CertificateIssuerUnknown",
  "pathological::intermediate-cycle-same-logical-ca": "CertificateIssuerUnknown",
  "pathological::pathological-chain-same-subject-distinct-key": "CertificateSearchExhausted",
  "pathological::pathological-chain-same-subject-same-key": "CertificateSearchExhausted",
  "rfc5280::aki::critical-aki": "CertificateExtensionUnknown",
  "rfc5280::eku::ee-wrong-eku": "CertificatePurposeMismatch",
  "rfc5280::nc::excluded-dns-match": "CertificateNameConstrained",
  "rfc5280::nc::excluded-ipv4-match": "CertificateNameConstrained",
  "rfc5280::nc::excluded-match-permitted-and-excluded": "CertificateNameConstrained",
  "rfc5280::nc::intermediate-with-san-rejected-by-intermediate-nc": "CertificateNameConstrained",
  "rfc5280::nc::nc-permits-invalid-dns-san": "CertificateNameConstrained",
  "rfc5280::unknown-critical-extension-root": "CertificateExtensionUnknown",
  "rfc5280::chain-untrusted-root": "CertificateRootUntrusted",
  "rfc5280::serial::zero": "CertificateMalformed",
  "rfc5280::duplicate-extensions": "CertificateMalformed",
  "rfc5280::validity::expired-leaf": "CertificateExpired",
  "rfc5280::validity::expired-5-seconds": "CertificateExpired",
  "rfc5280::validity::not-yet-valid-1-second": "CertificateNotYetValid",
  "webpki::forbidden-p192-root": "CertificateKeyUnsupported",
  "webpki::forbidden-dsa-leaf": "CertificateKeyUnsupported",
  "webpki::san::no-san": "CertificateNameMismatch",
  "webpki::san::wildcard-not-in-leftmost-san": "CertificateNameMismatch",
  "webpki::san::san-wildcard-only-tld": "CertificateNameMismatch"
}

/** What an anchor or a list that cannot be read comes to: there is no verifier, and nobody is accepted. */
const unreadable = <A>(effect: Effect.Effect<A, TlsError>): Effect.Effect<A, Failure> =>
  Effect.mapError(effect, ({ reason }) => make(reason._tag, reason.detail))

const judge = Effect.fnUntraced(function* (test: Case) {
  yield* TestClock.setTime(Date.parse(test.validation_time ?? "2025-06-01T00:00:00Z"))
  const anchors = yield* unreadable(Effect.fromResult(fromPem(test.trusted_certs.join("\n"))))
  const pem = [test.peer_certificate, ...test.untrusted_intermediates].join("\n")
  const chain = yield* Effect.orDie(Effect.fromResult(certificatesFromPem(pem)))
  const name = test.expected_peer_name
  const identity = name === null ? undefined : yield* Effect.fromResult(parseServerIdentity(name.value))
  const options = { maxIntermediates: test.max_chain_depth ?? undefined }
  // Where there are lists, an answer is required: what a list that is wrong says is nothing
  const revocation = yield* unreadable(Revocation.make({ crls: test.crls, policy: "require", depth: "leaf" }))
  const { judge } = makeWebPki(node, anchors, options, test.crls.length === 0 ? undefined : revocation)
  return yield* judge({ purpose: test.validation_kind === "SERVER" ? "serverAuth" : "clientAuth", identity, chain })
})

const outcomeOf = (test: Case) =>
  Effect.map(Effect.result(judge(test)), (result) => (Result.isSuccess(result) ? "accepted" : result.failure.reason))

describe.skipIf(cases.length === 0)("x509-limbo", () => {
  let asserted = 0
  for (const test of cases) {
    const exception = different.get(test.id)
    const note = exception === undefined ? "" : ` — ${exception[0]}: ${exception[1]}`
    it.effect(`${test.id}: ${test.expected_result}${note}`, () =>
      Effect.gen(function* () {
        const outcome = yield* outcomeOf(test)
        if (exception !== undefined) assert.strictEqual(outcome, exception[0])
        else assert.strictEqual(outcome === "accepted" ? "SUCCESS" : "FAILURE", test.expected_result, outcome)
        const reason = reasons[test.id]
        if (reason !== undefined) assert.strictEqual(outcome, reason)
        asserted++
      })
    )
  }

  it("asserts every case but those listed, and lists none without need", () => {
    const ids = new Set(cases.map(({ id }) => id))
    for (const id of [...different.keys(), ...Object.keys(reasons)]) {
      assert.isTrue(ids.has(id), id)
    }
    for (const { id, expected_result } of cases) {
      const says = different.get(id)?.[0]
      if (says !== undefined) assert.notStrictEqual(says === "accepted" ? "SUCCESS" : "FAILURE", expected_result, id)
    }
    assert.strictEqual(asserted, cases.length)
    assert.isAbove(asserted, 100)
  })
})
