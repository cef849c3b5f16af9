/** TLS 1.2 as a product: suites, certificates, groups and forms of sessions; what fits together and what does not. */
import { assert } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as NodeCryptoProvider from "../../../src/layers/node/NodeCryptoProvider.ts"
import { issue } from "../../../src/layers/testing/certificates.ts"
import { fixtures, type Pair, save } from "./fixtures.ts"

export const certificates = ["p256", "p384", "p521", "ed25519", "rsa2048", "rsa-pss"] as const
export type Certificate = (typeof certificates)[number]

/** Our names and OpenSSL's; RFC 8422 section 2.2: Ed25519 goes with ECDHE_ECDSA. */
export const suites = [
  ["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDSA"],
  ["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDSA"],
  ["TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDSA"],
  ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "RSA"],
  ["TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384", "RSA"],
  ["TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305", "RSA"]
] as const

/** Our names, OpenSSL's, and what Node calls the key of the handshake. */
export const groups = [
  ["x25519", "X25519", "X25519"],
  ["secp256r1", "P-256", "prime256v1"],
  ["secp384r1", "P-384", "secp384r1"],
  ["secp521r1", "P-521", "secp521r1"]
] as const
type Group = (typeof groups)[number]

export const forms = ["ticket", "session ID"] as const
export const kinds = ["full", "resumed"] as const

/** The curve of a certificate, which its verifier has to list among its groups (RFC 8422 section 5.1.1). */
const curveOf = (certificate: Certificate): Group | undefined =>
  ({ p256: groups[1], p384: groups[2], p521: groups[3], ed25519: undefined, rsa2048: undefined, "rsa-pss": undefined })[
    certificate
  ]

export interface Row {
  readonly name: string
  readonly suite: string
  readonly cipher: string
  readonly group: Group
  /** What a client lists: the group that is wanted, and the curve of the certificate. */
  readonly listed: ReadonlyArray<Group>
}

const row = (
  certificate: Certificate,
  [suite, cipher]: (typeof suites)[number],
  group: Group,
  listed: ReadonlyArray<Group>
): Row => ({ name: `${suite}, ${certificate}, ${group[0]}`, suite, cipher, group, listed })

const kindOf = (certificate: Certificate) => (certificate.startsWith("rsa") ? "RSA" : "ECDSA")
const listing = (certificate: Certificate, group: Group) => [...new Set([group, curveOf(certificate) ?? group])]

const suitesFor = (certificate: Certificate, fit: "that fit" | "that do not") =>
  suites.filter(([, , kind]) => (kind === kindOf(certificate)) === (fit === "that fit"))

/** Every suite and every group that a certificate goes with: 12 rows each, 72 in all. */
export const rowsOf = (certificate: Certificate): ReadonlyArray<Row> =>
  suitesFor(certificate, "that fit").flatMap((suite) =>
    groups.map((group) => row(certificate, suite, group, listing(certificate, group)))
  )

/** Suites of the other kind of key: 3 for every certificate. */
export const misfits = (certificate: Certificate): ReadonlyArray<Row> =>
  suitesFor(certificate, "that do not").map((suite) =>
    row(certificate, suite, groups[1], listing(certificate, groups[1]))
  )

/** Clients that do not list the curve of the certificate: 3 for every certificate on a curve. */
export const unlisted = (certificate: Certificate): ReadonlyArray<Row> => {
  const curve = curveOf(certificate)
  const others = groups.filter((group) => curve !== undefined && group !== curve)
  return others.flatMap((group) =>
    suitesFor(certificate, "that fit")
      .slice(0, 1)
      .map((suite) => row(certificate, suite, group, [group]))
  )
}

/** As OpenSSL and Node take groups. */
export const opensslGroups = ({ listed }: Row): string => listed.map(([, name]) => name).join(":")
export const ourGroups = ({ listed }: Row): ReadonlyArray<string> => listed.map(([name]) => name)

/** A pair for every kind of certificate. */
const pairsFor = Effect.fnUntraced(function* (purpose: "server" | "client") {
  const { issued: ca } = fixtures.ca
  const p521 = yield* issue(ca, { keyType: "p521", purpose })
  const pss = yield* issue(ca, { keyType: "rsa-pss", purpose })
  return {
    ...fixtures[purpose],
    p521: save(`${purpose}-p521`, p521),
    "rsa-pss": save(`${purpose}-rsa-pss`, pss)
  } satisfies { readonly [C in Certificate]: Pair }
})

export const { servers, clients } = await Effect.all({
  servers: pairsFor("server"),
  clients: pairsFor("client")
}).pipe(Effect.provide(NodeCryptoProvider.layer), Effect.runPromise)

/** An assertion by its values, anything else by what it says. */
const show = (error: unknown): string =>
  error instanceof Error && "actual" in error && "expected" in error
    ? `${JSON.stringify(error.actual)}, not ${JSON.stringify(error.expected)}`
    : String(error)

/** What goes wrong says where. */
export const labelled = <A, E, R>(label: string, effect: Effect.Effect<A, E, R>): Effect.Effect<A, string, R> =>
  Effect.catchCause(effect, (cause) => Effect.fail(`${label}: ${show(Cause.squash(cause)).slice(0, 2000)}`))

/** Runs every row, and fails with all that failed, by name. */
export const everyRow = <E, R>(
  rows: ReadonlyArray<Row>,
  run: (row: Row) => Effect.Effect<unknown, E, R>,
  concurrency = 1
) =>
  Effect.map(
    Effect.forEach(
      rows,
      (row) => Effect.match(labelled(row.name, run(row)), { onFailure: (what) => [what], onSuccess: () => [] }),
      { concurrency }
    ),
    (failures) => {
      const said = failures.flat()
      if (said.length > 0) assert.fail(`${said.length} of ${rows.length} rows:\n${said.join("\n")}`)
    }
  )
