/** Certificate Transparency: who vouches for a certificate, and for which one. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Result from "effect/Result"
import * as TestClock from "effect/testing/TestClock"
import { parseCertificate } from "../../src/codec/x509/certificate.ts"
import { extensionOids } from "../../src/codec/x509/extension.ts"
import * as CertificateTransparency from "../../src/layers/CertificateTransparency.ts"
import * as ServerVerifier from "../../src/layers/ServerVerifier.ts"
import { layerDer } from "../../src/layers/TrustAnchors.ts"
import { type Issued, issue, makeCa, makeIntermediate } from "../../src/layers/testing/certificates.ts"
import { makeOcspResponse } from "../../src/layers/testing/revocation.ts"
import { type Log, listOf, makeLog, stampCertificate } from "../../src/layers/testing/transparency.ts"
import { alertOf } from "../../src/state/failure.ts"
import { day, inOctober, now, requestOf, verdictOf } from "./verifierSupport.ts"

const setting = Effect.gen(function* () {
  const [a, b, again] = [
    yield* makeLog({ operator: "A", description: "Apple tree" }),
    yield* makeLog({ operator: "B", keyType: "rsa2048" }),
    yield* makeLog({ operator: "A", description: "Another of A" })
  ]
  const ca = yield* makeCa()
  const middle = yield* makeIntermediate(ca)
  const leaf = (logs?: ReadonlyArray<Log>, options: Parameters<typeof issue>[1] = {}) =>
    issue(middle, { names: ["example.org"], logs, ...options })
  return { a, b, again, ca, middle, leaf }
})

/** The extension with timestamps of a certificate, for another. */
const timestampsOnly = ({ certificate }: Issued) =>
  Result.getOrThrow(parseCertificate(certificate)).extensions.filter(
    ({ extnID }) => extnID === extensionOids.signedCertificateTimestamps
  )

const verifierOf = (ca: Issued, options?: Partial<CertificateTransparency.Options> & { logs?: ReadonlyArray<Log> }) => {
  const demand =
    options === undefined
      ? Layer.empty
      : CertificateTransparency.layer({ list: listOf(options.logs ?? [], now), ...options })
  const layer = ServerVerifier.layerWebPki.pipe(Layer.provide(demand), Layer.provide(layerDer([ca.certificate])))
  return Effect.provide(ServerVerifier.ServerVerifier, layer)
}

/** Everything about one request: accepted by whose word, or why not. */
const outcome = Effect.fnUntraced(function* (
  verifier: ServerVerifier.ServerVerifier["Service"],
  issued: Issued,
  timestamps?: ReadonlyArray<Uint8Array>
) {
  const request = yield* requestOf(issued, { alter: (request) => ({ ...request, timestamps }) })
  return yield* Effect.match(verifier.verify(request), {
    onSuccess: ({ description }) => description.replace(/^.*, published by /, "by "),
    onFailure: ({ reason, detail }) => `${reason}: ${detail}`
  })
})

describe("CertificateTransparency", () => {
  it.effect("off unless asked for", () =>
    inOctober(
      Effect.gen(function* () {
        const { ca, leaf } = yield* setting
        const verifier = yield* verifierOf(ca)
        assert.match(yield* outcome(verifier, yield* leaf()), /issued under/)
      })
    )
  )

  it.effect("timestamps in the certificate, by TLS, and of both together", () =>
    inOctober(
      Effect.gen(function* () {
        const { ca, a, b, leaf } = yield* setting
        const verifier = yield* verifierOf(ca, { logs: [a, b] })
        assert.strictEqual(yield* outcome(verifier, yield* leaf([a, b])), "by Apple tree and log of B")
        const plain = yield* leaf()
        const stapled = yield* stampCertificate([a, b], plain.certificate)
        assert.strictEqual(yield* outcome(verifier, plain, stapled), "by Apple tree and log of B")
        const half = yield* leaf([a])
        assert.strictEqual(
          yield* outcome(verifier, half, yield* stampCertificate([b], half.certificate)),
          "by Apple tree and log of B"
        )
        const direct = yield* issue(ca, { names: ["example.org"], logs: [a, b] })
        assert.strictEqual(yield* outcome(verifier, direct), "by Apple tree and log of B", "issued by the root itself")
      })
    )
  )

  it.effect("timestamps in a stapled OCSP response, whatever else may be said about that", () =>
    inOctober(
      Effect.gen(function* () {
        const { ca, a, b, middle, leaf } = yield* setting
        const verifier = yield* verifierOf(ca, { logs: [a, b] })
        const [plain, other] = [yield* leaf(), yield* leaf()]
        const about = (issued: Issued, logs: ReadonlyArray<Log>) =>
          Effect.flatMap(stampCertificate(logs, issued.certificate), (timestamps) =>
            makeOcspResponse(middle, plain, { timestamps })
          )
        const judged = Effect.fnUntraced(function* (ocsp: Uint8Array, timestamps?: ReadonlyArray<Uint8Array>) {
          const request = yield* requestOf(plain, { alter: (request) => ({ ...request, ocsp, timestamps }) })
          return yield* verdictOf(verifier.verify(request))
        })
        assert.strictEqual(yield* judged(yield* about(plain, [a, b])), "accepted")
        assert.strictEqual(yield* judged(yield* about(plain, [a])), "CertificateNotLogged")
        const half = yield* stampCertificate([b], plain.certificate)
        assert.strictEqual(yield* judged(yield* about(plain, [a]), half), "accepted")
        assert.strictEqual(yield* judged(yield* about(other, [a, b])), "CertificateNotLogged")
        assert.strictEqual(yield* judged(yield* makeOcspResponse(middle, plain)), "CertificateNotLogged")
        for (const ocsp of [new Uint8Array(0), Uint8Array.of(0x30, 0), new Uint8Array(99).fill(0x30)]) {
          assert.strictEqual(yield* judged(ocsp), "CertificateNotLogged")
        }
      })
    )
  )

  it.effect("too few operators are refused, and it is said who and why", () =>
    inOctober(
      Effect.gen(function* () {
        const { ca, a, b, again, leaf } = yield* setting
        const verifier = yield* verifierOf(ca, { logs: [a, again] })
        assert.match(
          yield* outcome(verifier, yield* leaf()),
          /^CertificateNotLogged: certificate "CN=example\.org" is not publicly logged: 0 of 2 log operators vouch for it; 0 timestamps/
        )
        assert.match(yield* outcome(verifier, yield* leaf([a, again])), /1 of 2 log operators/)
        assert.match(yield* outcome(verifier, yield* leaf([a, a, a])), /1 of 2 log operators/)
        assert.match(yield* outcome(verifier, yield* leaf([a, b])), /1 of 2 .*of a log that is not on the list/)
        const one = yield* verifierOf(ca, { logs: [a], operators: 1 })
        assert.strictEqual(yield* outcome(one, yield* leaf([a])), "by Apple tree")
        const failure = yield* Effect.flip(one.verify(yield* requestOf(yield* leaf())))
        assert.strictEqual(alertOf(failure), "bad_certificate")
      })
    )
  )

  it.effect("timestamps of the future, of another certificate or issuer, altered, or of another version", () =>
    inOctober(
      Effect.gen(function* () {
        const { ca, a, leaf } = yield* setting
        const verifier = yield* verifierOf(ca, { logs: [a], operators: 1 })
        const ahead = (timestamp: number) => leaf([a], { timestamps: { timestamp } })
        assert.strictEqual(yield* outcome(verifier, yield* ahead(now)), "by Apple tree")
        assert.match(yield* outcome(verifier, yield* ahead(now + 1)), /that of Apple tree is of the future/)
        const plain = yield* leaf()
        const others = yield* stampCertificate([a], (yield* leaf()).certificate)
        assert.match(yield* outcome(verifier, plain, others), /wrong signature/)
        const own = yield* stampCertificate([a], plain.certificate)
        const [sct = assert.fail()] = own
        assert.match(yield* outcome(verifier, plain, [sct.with(0, 1)]), /one is of a version that is not known/)
        assert.match(yield* outcome(verifier, plain, [sct.subarray(0, -1)]), /one is malformed/)
        assert.match(
          yield* outcome(verifier, plain, [sct.with(sct.length - 1, (sct.at(-1) ?? 0) ^ 1)]),
          /wrong signature/
        )
        for (const [field, alter] of [
          ["timestamp", { timestamp: BigInt(now - 1) }],
          ["extensions", { extensions: Uint8Array.of(1) }],
          ["algorithm", { algorithm: "rsa_pkcs1_sha256" }],
          ["hash", { algorithm: "ecdsa_secp384r1_sha384" }],
          ["SHA-1", { algorithm: "ecdsa_sha1" }]
        ] as const) {
          const altered = yield* leaf([a], { timestamps: { alter: (made) => ({ ...made, ...alter }) } })
          assert.match(yield* outcome(verifier, altered), /wrong signature/, field)
        }
        // A timestamp about the precertificate of another issuer with the same name.
        const homonym = yield* makeIntermediate(ca)
        const foreign = yield* issue(homonym, { names: ["example.org"], logs: [a] })
        assert.strictEqual(yield* outcome(verifier, foreign), "by Apple tree")
        const swapped = yield* leaf([], {
          alter: (tbs) => ({ ...tbs, extensions: [...(tbs.extensions ?? []), ...timestampsOnly(foreign)] })
        })
        assert.match(yield* outcome(verifier, swapped), /wrong signature/)
      })
    )
  )

  it.effect("retired logs and shards of a year", () =>
    inOctober(
      Effect.gen(function* () {
        const { ca, a, leaf } = yield* setting
        const issued = yield* leaf([a])
        const ends = now - 3_600_000 + 90 * day
        const cases: ReadonlyArray<readonly [Partial<Log>, RegExp]> = [
          [{ retired: now + 1 }, /^by Apple tree$/],
          [{ retired: now }, /after the log was retired/],
          [{ expiry: { start: ends, end: ends + 1 } }, /^by Apple tree$/],
          [{ expiry: { start: ends - 1, end: ends } }, /certificates that end at another time/],
          [{ expiry: { start: ends + 1, end: ends + day } }, /certificates that end at another time/]
        ]
        for (const [change, expected] of cases) {
          const verifier = yield* verifierOf(ca, { logs: [{ ...a, ...change }], operators: 1 })
          assert.match(yield* outcome(verifier, issued), expected)
        }
      })
    )
  )

  it.effect("a list older than 70 days refuses nobody, and warns once", () =>
    inOctober(
      Effect.gen(function* () {
        const { ca, a, leaf } = yield* setting
        const warnings: Array<string> = []
        const logger = Logger.make(({ message }) => {
          warnings.push(String(message))
        })
        const verifier = yield* verifierOf(ca, { logs: [a], operators: 1 })
        const asked = Effect.flatMap(requestOf(yield* leaf()), (request) => verdictOf(verifier.verify(request)))
        yield* Effect.gen(function* () {
          yield* TestClock.setTime(now + 70 * day)
          assert.strictEqual(yield* asked, "CertificateNotLogged")
          yield* TestClock.setTime(now + 70 * day + 1)
          assert.strictEqual(yield* asked, "accepted")
          assert.strictEqual(yield* asked, "accepted")
        }).pipe(Effect.provide(Logger.layer([logger])))
        assert.deepStrictEqual(warnings, [
          "Certificate Transparency is off: the list of logs, of 2026-10-01, is older than 70 days"
        ])
      })
    )
  )

  it.effect("thousands of timestamps cost 32 signatures", () =>
    inOctober(
      Effect.gen(function* () {
        const { ca, a, b, leaf } = yield* setting
        const verifier = yield* verifierOf(ca, { logs: [a, b] })
        const plain = yield* leaf()
        const [one = assert.fail(), other = assert.fail()] = yield* stampCertificate([a, b], plain.certificate)
        const flood = (before: number) => [...Array.from({ length: before }, () => one), other]
        assert.strictEqual(yield* outcome(verifier, plain, flood(31)), "by Apple tree and log of B")
        assert.match(yield* outcome(verifier, plain, flood(5000)), /1 of 2/)
      })
    )
  )

  it.effect("the policy has a name: other logs, or another number, are another policy", () =>
    inOctober(
      Effect.gen(function* () {
        const { ca, a, b } = yield* setting
        const names = yield* Effect.forEach(
          [
            undefined,
            { logs: [a, b] },
            { logs: [a] },
            { logs: [a, b], operators: 1 },
            { logs: [{ ...a, retired: 1 }, b] },
            { list: listOf([a, b], now - 1) }
          ],
          (options) => Effect.map(verifierOf(ca, options), ({ fingerprint }) => fingerprint?.join())
        )
        assert.notInclude(names, undefined)
        assert.strictEqual(new Set(names).size, names.length)
      })
    )
  )

  it.effect("a key of a log that is none, and a number that is none, are refused at once", () =>
    inOctober(
      Effect.gen(function* () {
        const { ca, a } = yield* setting
        for (const options of [{ logs: [{ ...a, key: new Uint8Array(9) }] }, { logs: [a], operators: 0 }]) {
          const error = yield* Effect.flip(Effect.asVoid(verifierOf(ca, options)))
          assert.strictEqual(
            "reason" in error && typeof error.reason === "object" && error.reason._tag,
            "InvalidConfiguration"
          )
        }
      })
    )
  )
})

describe("log_list.json", () => {
  it.effect("of version 3, as browsers read it", () =>
    inOctober(
      Effect.gen(function* () {
        const { a, b, ca, leaf } = yield* setting
        const key = (log: Log) => Buffer.from(log.key).toString("base64")
        const when = { timestamp: "2026-11-01T00:00:00Z" }
        const document = {
          version: "80.1",
          log_list_timestamp: "2026-09-30T12:56:00Z",
          operators: [
            {
              name: "A",
              email: ["a@example"],
              logs: [
                {
                  description: "Apple tree",
                  log_id: "x",
                  key: key(a),
                  url: "https://a.example/",
                  mmd: 86400,
                  state: { usable: when },
                  temporal_interval: { start_inclusive: "2026-01-01T00:00:00Z", end_exclusive: "2027-01-01T00:00:00Z" }
                },
                { description: "not yet", key: key(b), state: { pending: when } },
                { description: "never", key: key(b), state: { rejected: when } },
                { key: key(b) }
              ]
            },
            { name: "B", logs: [], tiled_logs: [{ key: key(b), state: { retired: when } }] }
          ]
        }
        const list = yield* Effect.fromResult(CertificateTransparency.fromJson(JSON.stringify(document)))
        assert.strictEqual(list.date, Date.UTC(2026, 8, 30, 12, 56))
        assert.deepStrictEqual(
          list.logs.map(({ description, operator, retired }) => [description, operator, retired]),
          [
            ["Apple tree", "A", undefined],
            ["a log of B", "B", Date.UTC(2026, 10, 1)]
          ]
        )
        assert.strictEqual(
          yield* outcome(yield* verifierOf(ca, { list }), yield* leaf([a, b])),
          "by Apple tree and a log of B"
        )
        for (const text of ["", "[]", '{"operators":[]}', '{"log_list_timestamp":"soon","operators":[]}']) {
          const failure = yield* Effect.flip(Effect.fromResult(CertificateTransparency.fromJson(text)))
          assert.strictEqual(failure.reason._tag, "InvalidConfiguration")
        }
      })
    )
  )
})
