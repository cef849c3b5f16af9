/** Servers with wrong certificates, each wrong in its own way: `connect` says in one line which, where and why. */
import { writeFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as NodeCryptoProvider from "../../src/layers/node/NodeCryptoProvider.ts"
import { type Issued, issue, makeCa, makeIntermediate } from "../../src/layers/testing/certificates.ts"
import { makeCrl, makeOcspResponse } from "../../src/layers/testing/revocation.ts"
import * as Node from "../interop/support/node.ts"
import { cli, directory, isOneLine } from "./support.ts"

const day = 86_400_000
const names = ["localhost"]

/** The certificates that servers show, and the one that is right. */
const makeWorld = Effect.gen(function* () {
  const now = Math.floor((yield* Clock.currentTimeMillis) / 1000) * 1000
  const root = yield* makeCa({ commonName: "Example Root" })
  const middle = yield* makeIntermediate(root, { commonName: "Example CA" })
  const another = yield* makeCa({ commonName: "Another Root" })
  const constrained = yield* makeIntermediate(root, {
    commonName: "Constrained CA",
    nameConstraints: { excluded: [{ _tag: "dNSName", value: "localhost" }] }
  })
  const server = (issuer: Issued, options: Parameters<typeof issue>[1] = {}) =>
    issue(issuer, { names, commonName: "the server", ...options })
  const [unsent, strange] = [yield* server(middle), yield* server(another)]
  const [listed, stapled] = [yield* server(middle), yield* server(middle)]
  return {
    root,
    crl: (yield* makeCrl(middle, { revoked: [{ certificate: listed, reason: "keyCompromise" }] })).pem,
    staple: yield* makeOcspResponse(middle, stapled, { status: "revoked", reason: "superseded" }),
    right: yield* server(middle),
    expired: yield* server(middle, { notBefore: now - 9 * day, notAfter: now - day }),
    "not yet valid": yield* server(middle, { notBefore: now + day, notAfter: now + 9 * day }),
    "wrong name": yield* server(middle, { names: ["www.example.org"] }),
    "untrusted root": { ...strange, chainPem: `${strange.chainPem}${another.certificatePem}` },
    "root not sent": strange,
    "missing intermediate": { ...unsent, chainPem: unsent.certificatePem },
    "revoked by a list": listed,
    "revoked by a staple": stapled,
    "wrong purpose": yield* server(middle, { extKeyUsage: ["clientAuth"] }),
    "bad signature": yield* server(middle, { signature: "broken" }),
    "name-constrained": yield* server(constrained)
  }
}).pipe(Effect.provide(NodeCryptoProvider.layer))

type World = Effect.Success<typeof makeWorld>
type Kind = Exclude<keyof World, "root" | "right" | "crl" | "staple">

const date = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`
const server = 'certificate "CN=the server"'

/** What is said: the reason, what was wrong with which certificate, and the alert. */
const refusals: ReadonlyArray<readonly [kind: Kind, said: string, alert: string]> = [
  ["expired", `CertificateExpired: ${server} was valid until ${date}, and it is ${date}`, "certificate_expired"],
  [
    "not yet valid",
    `CertificateNotYetValid: ${server} is valid from ${date}, and it is ${date}`,
    "certificate_expired"
  ],
  ["wrong name", `CertificateNameMismatch: ${server} is for DNS:www.example.org, not for localhost`, "bad_certificate"],
  [
    "untrusted root",
    'CertificateRootUntrusted: certificate "CN=Another Root" is a root and not among those that are trusted',
    "unknown_ca"
  ],
  [
    "root not sent",
    `CertificateIssuerUnknown: ${server} was issued by "CN=Another Root", which is neither in the chain nor trusted`,
    "unknown_ca"
  ],
  [
    "missing intermediate",
    `CertificateIssuerUnknown: ${server} was issued by "CN=Example CA", which is neither in the chain nor trusted`,
    "unknown_ca"
  ],
  [
    "wrong purpose",
    `CertificatePurposeMismatch: ${server} is not for serverAuth, only clientAuth`,
    "unsupported_certificate"
  ],
  [
    "revoked by a list",
    `CertificateRevoked: ${server} was revoked on ${date} \\(keyCompromise\\): so says the CRL number 0x[0-9a-f]+ of ` +
      `"CN=Example CA" from ${date} \\(RFC 5280 6.3.3\\)`,
    "certificate_revoked"
  ],
  [
    "revoked by a staple",
    `CertificateRevoked: ${server} was revoked on ${date} \\(superseded\\): so says the OCSP response of ` +
      `"CN=Example CA" from ${date} \\(RFC 6960 2.2\\)`,
    "certificate_revoked"
  ],
  [
    "bad signature",
    `CertificateSignatureInvalid: ${server} bears a signature \\(ecdsa_sha256\\) that was not made by "CN=Example CA"`,
    "bad_certificate"
  ],
  [
    "name-constrained",
    `CertificateNameConstrained: ${server} is for DNS:localhost, and a name constraint of "CN=Constrained CA" excludes ` +
      "DNS:localhost",
    "bad_certificate"
  ]
]

describe("a server with a wrong certificate", () => {
  it.live("is refused in one line that says what is wrong with which certificate, different for each", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const dir = yield* directory
      writeFileSync(`${dir}/root.pem`, world.root.certificatePem)
      writeFileSync(`${dir}/list.pem`, world.crl)
      const connect = (kind: Kind | "right") =>
        Effect.scoped(
          Effect.gen(function* () {
            const { chainPem: cert, privateKeyPem: key } = world[kind]
            const staple = kind === "revoked by a staple" ? Buffer.from(world.staple) : null
            const { port } = yield* Node.serve({ cert, key }, undefined, (server) =>
              server.on("OCSPRequest", (_certificate, _issuer, respond) => respond(null, staple))
            )
            return yield* cli(["connect", `localhost:${port}`, "--ca", `${dir}/root.pem`, "--crl", `${dir}/list.pem`])
          })
        )
      assert.strictEqual((yield* connect("right")).status, 0)
      const lines = new Set<string>()
      for (const [kind, said, alert] of refusals) {
        const { status, stderr } = yield* connect(kind)
        assert.strictEqual(status, 1, kind)
        assert.isTrue(isOneLine(stderr), stderr)
        assert.match(stderr, new RegExp(`^effect-tls: ${said} \\(`), kind)
        assert.match(stderr, new RegExp(`alert sent: ${alert}; RFC \\d+ [\\d.]+`), kind)
        lines.add(stderr.replace(/localhost:\d+/, ""))
      }
      assert.strictEqual(lines.size, 11)
    })
  )

  it.live("--trace and --summary json list every path that was tried, cert inspect --ca too", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const dir = yield* directory
      const { expired, root } = world
      const crossed = yield* Effect.provide(
        Effect.flatMap(makeCa({ commonName: "Nobody" }), (nobody) =>
          makeIntermediate(nobody, { commonName: "Example CA" })
        ),
        NodeCryptoProvider.layer
      )
      const chain = `${expired.chainPem}${crossed.certificatePem}`
      writeFileSync(`${dir}/root.pem`, root.certificatePem)
      writeFileSync(`${dir}/chain.pem`, chain)
      const { port } = yield* Node.serve({ cert: chain, key: expired.privateKeyPem })
      const at = ["connect", `localhost:${port}`, "--ca", `${dir}/root.pem`]
      const first = [
        String.raw`Path 1: CertificateExpired, RFC 5280 4\.1\.2\.5: certificate "CN=the server" was valid until .*`,
        '  ! "CN=the server"',
        '    "CN=Example CA"',
        '    "CN=Example Root"'
      ].join("\n")
      const second = [
        'Path 2: CertificateIssuerUnknown, RFC 5280 6.1: certificate "CN=Example CA" was issued by "CN=Nobody", .*',
        '    "CN=the server"',
        '  ! "CN=Example CA"'
      ].join("\n")
      const traced = yield* cli([...at, "--trace"])
      const inspected = yield* cli(["cert", "inspect", `${dir}/chain.pem`, "--ca", `${dir}/root.pem`])
      for (const { status, stderr } of [traced, inspected]) {
        assert.strictEqual(status, 1)
        assert.match(stderr, new RegExp(`${first}\n${second}`))
      }
      assert.match(traced.stderr, /; the best of 2 paths tried\)/)
      const json = yield* cli([...at, "--summary", "json"])
      const { error } = JSON.parse(json.stderr)
      assert.deepStrictEqual(
        error.paths.map(({ reason, at }: { reason: string; at: number }) => [reason, at]),
        [
          ["CertificateExpired", 0],
          ["CertificateIssuerUnknown", 1]
        ]
      )
      writeFileSync(`${dir}/right.pem`, world.right.chainPem)
      const inspect = ["cert", "inspect", `${dir}/right.pem`, "--ca", `${dir}/root.pem`]
      const right = yield* cli([...inspect, "--servername", "localhost"])
      assert.strictEqual(right.status, 0, right.stderr)
      assert.match(right.stdout, /Believed by this path:\n +"CN=the server"\n +"CN=Example CA"\n +"CN=Example Root"\n$/)
      const wrong = yield* cli([...inspect, "--servername", "example.org"])
      assert.strictEqual(wrong.status, 1)
      assert.match(wrong.stderr, /is for DNS:localhost, not for example\.org/)
    })
  )
})
