/**
 * What those find who look for weak servers: sslscan and testssl.sh against `effect-tls serve`. They wait much more than
 * they work, so they do it at the same time.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { fixtures, suites } from "./support/fixtures.ts"
import * as Openssl from "./support/openssl.ts"
import { effectTls, hasOpenssl } from "./support/programs.ts"
import { hasSslscan, runTestssl, sslscan, testssl } from "./support/scanners.ts"

/** The probes of testssl.sh, of which each that counts must have been made, and been passed. */
const versionsAndSuites = {
  name: "versions, suites, groups, certificate, HTTP headers",
  flags: ["-p", "-f", "-P", "-S", "-h"],
  passed: ["SSLv2", "SSLv3", "TLS1_3", "PFS", "PFS_ECDHE_curves", "cert_chain_of_trust", "X-Content-Type-Options"]
}
const knownAttacks = {
  name: "known attacks",
  flags: ["-U"],
  passed: [
    ...["heartbleed", "CCS", "ticketbleed", "ROBOT", "secure_renego", "secure_client_renego", "CRIME_TLS", "BREACH"],
    ...["POODLE_SSL", "fallback_SCSV", "FREAK", "DROWN", "LOGJAM", "BEAST", "LUCKY13", "RC4"]
  ]
}

/**
 * Servers: their flags, and what a scanner is to see. The hellos that scanners write themselves offer no
 * extended_master_secret, without which there is no TLS 1.2 here (RFC 7627): only their probes by OpenSSL get that far.
 * The last one lets that pass, so that they see all of it. The attacks that are known to testssl.sh are on TLS 1.2 and
 * what was before, so they are not tried where there is TLS 1.3 only.
 */
const seen = { versions: { sslscan: ["tls 1.3"], testssl: ["TLS1_3"] }, suites }
const rows = [
  { name: "TLS 1.3", flags: ["--tls", "1.3"], sections: [versionsAndSuites], ...seen },
  { name: "TLS 1.2 and 1.3", flags: [], sections: [versionsAndSuites, knownAttacks], ...seen },
  {
    name: "TLS 1.2 and 1.3 without extended master secret",
    flags: ["--dangerously-plain-master-secret"],
    sections: [versionsAndSuites, knownAttacks],
    versions: { sslscan: ["tls 1.2", "tls 1.3"], testssl: ["TLS1_2", "TLS1_3"] },
    suites: [
      ...suites,
      "ECDHE-ECDSA-AES128-GCM-SHA256",
      "ECDHE-ECDSA-AES256-GCM-SHA384",
      "ECDHE-ECDSA-CHACHA20-POLY1305"
    ]
  }
]

/** What follows from a certificate that was made here for this machine, and from the machine the scanner runs on. */
const explained: ReadonlyArray<readonly [finding: string, why: string]> = [
  ["cert_revocation HIGH Neither CRL nor OCSP URI provided", "a throw-away authority publishes no lists"],
  ["DNS_CAArecord LOW --", "the name is localhost, for which no DNS zone can name authorities"],
  ["HSTS LOW not offered", "it would lock people out, as few believe a self-made certificate (RFC 6797 section 11.3)"],
  ["engine_problem WARN No engine or GOST support via engine with your ", "said of the openssl that scans"],
  [
    "sessionresumption_ticket WARN ",
    "its openssl may hang up before the ticket has come; so it does to OpenSSL's servers"
  ]
]
const unexplained = (findings: ReadonlyArray<string>) =>
  findings.filter((finding) => !explained.some(([known]) => finding.startsWith(known)))

const serve = Effect.fnUntraced(function* (flags: ReadonlyArray<string>) {
  const { cert, key } = fixtures.server.p256
  const args = ["serve", "--port", "0", "--mode", "http", "--summary", "none", "--cert", cert, "--key", key, ...flags]
  const program = yield* Effect.acquireDisposable(Effect.sync(() => effectTls(...args)))
  const [, port] = yield* Effect.promise(() => program.until(/^listening on 127\.0\.0\.1:(\d+)\n/))
  return Number(port)
})

describe.skipIf(!hasSslscan || !hasOpenssl)("a weak server of openssl and sslscan", () => {
  it.live("suites without encryption are found, so that finding nothing means something", () =>
    Effect.gen(function* () {
      const { port } = yield* Openssl.server(fixtures.server.p256, "-tls1_2", "-cipher", "eNULL:@SECLEVEL=0")
      const scan = yield* Effect.promise(() => sslscan(port))
      assert.match(unexplained(scan.findings).join("\n"), /^cipher .*ECDHE-ECDSA-NULL-SHA/m)
      assert.deepStrictEqual(scan.versions, ["tls 1.2"])
    })
  )
})

for (const row of rows) {
  describe.skipIf(!hasSslscan).concurrent(`a server of ${row.name} and sslscan`, () => {
    it.live("nothing is found", () =>
      Effect.gen(function* () {
        const port = yield* serve(row.flags)
        const scan = yield* Effect.promise(() => sslscan(port))
        assert.deepStrictEqual(unexplained(scan.findings), [])
        assert.deepStrictEqual(scan.versions, row.versions.sslscan)
        assert.sameMembers([...scan.suites], [...row.suites])
      })
    )
  })

  describe.skipIf(testssl === undefined).concurrent(`a server of ${row.name} and testssl.sh`, () => {
    for (const section of row.sections) {
      it.live(
        `nothing is found but what follows from a self-made certificate: ${section.name}`,
        () =>
          Effect.gen(function* () {
            const port = yield* serve(row.flags)
            const scan = yield* Effect.promise(() => runTestssl(testssl ?? "", port, section.flags))
            assert.deepStrictEqual(unexplained(scan.findings), [])
            assert.includeMembers([...scan.passed], section.passed)
            if (section.flags.includes("-p")) {
              assert.deepStrictEqual(scan.versions, row.versions.testssl)
              assert.sameMembers([...scan.suites], [...row.suites])
            }
          }),
        120_000
      )
    }
  })
}
