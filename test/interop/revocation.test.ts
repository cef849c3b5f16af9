/** Revocation with OpenSSL: its servers staple, its responder answers, its verifier agrees; and the command line. */
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { parseCertificate } from "../../src/codec/x509/certificate.ts"
import * as NodeCryptoProvider from "../../src/layers/node/NodeCryptoProvider.ts"
import * as Revocation from "../../src/layers/Revocation.ts"
import * as RevocationFetch from "../../src/layers/RevocationFetch.ts"
import { find } from "../../src/layers/TlsError.ts"
import { type Issued, issue, makeCa } from "../../src/layers/testing/certificates.ts"
import { type CrlOptions, makeCrl, makeOcspResponse, makeResponder } from "../../src/layers/testing/revocation.ts"
import { cli } from "../cli/support.ts"
import { family, outcome } from "../layers/revocationSupport.ts"
import { fixtures, type Pair } from "./support/fixtures.ts"
import * as Openssl from "./support/openssl.ts"
import * as Ours from "./support/ours.ts"
import { hasOpenssl, openssl } from "./support/programs.ts"

const folder = mkdtempSync(join(tmpdir(), "effect-tls-revocation-"))
afterAll(() => rmSync(folder, { recursive: true }))
const file = (name: string, content: string | Uint8Array): string => {
  writeFileSync(join(folder, name), content)
  return join(folder, name)
}

const { p256 } = fixtures.server
const ca = fixtures.ca.issued
const day = 86_400_000

const serialOf = ({ certificate }: Issued): string =>
  Buffer.from(Result.getOrThrow(parseCertificate(certificate)).serialNumber)
    .toString("hex")
    .toUpperCase()

const reasonOf = (error: unknown) => {
  const tls = find(error)
  return tls === undefined ? String(error) : [tls.reason._tag, tls.alertSent]
}

describe.skipIf(!hasOpenssl).each([
  ["TLSv1.3", "-tls1_3"],
  ["TLSv1.2", "-tls1_2"]
] as const)(`openssl s_server -status_file in %s (${openssl})`, (version, flag) => {
  const connected = Effect.fnUntraced(function* (staple: Uint8Array | undefined, revocation: Layer.Layer<never>) {
    const args = staple === undefined ? [] : ["-status_file", file("staple.der", staple)]
    const { program, port } = yield* Openssl.server(p256, flag, ...args)
    const result = yield* Effect.result(Ours.connect(port, { revocation, versions: [version] }))
    if (Result.isSuccess(result)) return ["accepted"]
    const reason = reasonOf(result.failure)
    yield* Openssl.says(program, /SSL alert number (44|46|113)/)
    return reason
  })

  it.live("good, revoked, too old, of another issuer, unknown, and none", () =>
    Effect.gen(function* () {
      const impostor = yield* makeCa()
      const now = Math.floor(Date.now() / 1000) * 1000
      const respond = (options: Parameters<typeof makeOcspResponse>[2]) => makeOcspResponse(ca, p256.issued, options)
      const old = { thisUpdate: now - 9 * day, nextUpdate: now - day }
      const invalid = ["CertificateStatusResponseInvalid", "bad_certificate_status_response"]
      const revoked = ["CertificateRevoked", "certificate_revoked"]
      const cases = [
        [yield* respond({}), ["accepted"], ["accepted"]],
        [yield* respond({ responder: yield* makeResponder(ca) }), ["accepted"], ["accepted"]],
        [yield* respond({ status: "revoked", reason: "keyCompromise" }), revoked, revoked],
        [yield* respond(old), invalid, ["accepted"]],
        [yield* makeOcspResponse(impostor, p256.issued), invalid, ["accepted"]],
        [yield* respond({ status: "unknown" }), invalid, ["accepted"]],
        [undefined, ["CertificateStatusUnknown", "certificate_unknown"], ["accepted"]]
      ] as const
      for (const [staple, required, preferred] of cases) {
        assert.deepStrictEqual(yield* connected(staple, Revocation.layerStapled()), [...required])
        assert.deepStrictEqual(yield* connected(staple, Revocation.layerStapled({ policy: "prefer" })), [...preferred])
      }
    }).pipe(Effect.provide(NodeCryptoProvider.layer))
  )

  it.live("a certificate that must be stapled", () =>
    Effect.gen(function* () {
      const issued = yield* issue(ca, { features: [5] })
      const cert = file("must.pem", issued.chainPem)
      const pair: Pair = { issued, cert, key: file("must.key", issued.privateKeyPem) }
      const revocation = Revocation.layerStapled({ policy: "prefer" })
      const options = { revocation, versions: [version] } as const
      const { port } = yield* Openssl.server(pair, flag)
      const error = yield* Effect.flip(Ours.connect(port, options))
      assert.deepStrictEqual(reasonOf(error), ["CertificateStatusResponseInvalid", "bad_certificate_status_response"])
      const staple = file("must.der", yield* makeOcspResponse(ca, issued))
      const stapling = yield* Openssl.server(pair, flag, "-status_file", staple)
      yield* Ours.connect(stapling.port, options)
    }).pipe(Effect.provide(NodeCryptoProvider.layer))
  )
})

describe.skipIf(!hasOpenssl)(`responses made by openssl ocsp (${openssl})`, () => {
  const date = (time: number) => `${new Date(time).toISOString().replace(/[-:T]/g, "").slice(2, 14)}Z`

  for (const who of ["issuer", "delegated"] as const) {
    it.live(`good, revoked and unknown, by the ${who} responder, with SHA-1 and SHA-256`, () =>
      Effect.gen(function* () {
        const all = yield* family()
        const { middle, leaf } = all
        const responder = who === "issuer" ? middle : yield* makeResponder(middle)
        const [issuer, cert] = [file("issuer.pem", middle.certificatePem), file("cert.pem", leaf.certificatePem)]
        const signer = ["-rsigner", file("responder.pem", responder.certificatePem)]
        const key = ["-rkey", file("responder.key", responder.privateKeyPem)]
        const until = date(Date.now() + 90 * day)
        const lines = {
          good: `V\t${until}\t\t${serialOf(leaf)}\tunknown\t/CN=example.org\n`,
          revoked: `R\t${until}\t${date(Date.now() - day)},superseded\t${serialOf(leaf)}\tunknown\t/CN=example.org\n`,
          unknown: ""
        }
        const respond = (line: string, hash: string, ...more: ReadonlyArray<string>) => {
          const out = join(folder, "made.der")
          const index = ["-index", file("index.txt", line), "-CA", issuer, ...signer, ...key, "-ndays", "7"]
          const request = [`-${hash}`, "-issuer", issuer, "-cert", cert]
          spawnSync("openssl", ["ocsp", ...index, ...request, "-respout", out, ...more])
          return out
        }
        for (const hash of ["sha1", "sha256"]) {
          for (const more of [[], ["-resp_key_id"]]) {
            const said = Effect.fnUntraced(function* (line: string) {
              const ocsp = readFileSync(respond(line, hash, ...more))
              return yield* outcome(all, Revocation.layerStapled(), ocsp)
            })
            assert.strictEqual(yield* said(lines.good), "accepted")
            assert.match(yield* said(lines.revoked), /^CertificateRevoked: .*\(superseded\): so says the OCSP response/)
            assert.match(
              yield* said(lines.unknown),
              /^CertificateStatusResponseInvalid: .*does not know the certificate/
            )
          }
        }
      }).pipe(Effect.provide(NodeCryptoProvider.layer))
    )
  }
})

/** What may be right or wrong about a list, and whether OpenSSL sees it as we do. */
const variants: ReadonlyArray<readonly [what: string, make: (now: number) => CrlOptions | "absent"]> = [
  ["right", () => ({})],
  ["right, v2 with others on it", () => ({ revoked: [{ certificate: Uint8Array.of(7), reason: "keyCompromise" }] })],
  ["absent", () => "absent"],
  ["too old", (now) => ({ thisUpdate: now - 9 * day, nextUpdate: now - day })],
  ["from the future", (now) => ({ thisUpdate: now + day })],
  ["broken signature", () => ({ signature: "broken" })],
  ["users only", () => ({ scope: { onlyContainsUserCerts: true } })],
  ["CAs only", () => ({ scope: { onlyContainsCACerts: true } })],
  ["attributes only", () => ({ scope: { onlyContainsAttributeCerts: true } })],
  ["indirect", () => ({ scope: { indirectCRL: true } })],
  ["some reasons", () => ({ scope: { onlySomeReasons: ["keyCompromise"] } })],
  ["unknown critical", () => ({ extensions: [{ extnID: "1.2.3.4", critical: true, extnValue: Uint8Array.of(5, 0) }] })],
  ["unknown", () => ({ extensions: [{ extnID: "1.2.3.4", critical: false, extnValue: Uint8Array.of(5, 0) }] })],
  [
    "another point",
    () => ({
      scope: {
        distributionPoint: { _tag: "fullName", value: [{ _tag: "uniformResourceIdentifier", value: "http://b" }] }
      }
    })
  ],
  [
    "the point",
    () => ({
      scope: {
        distributionPoint: { _tag: "fullName", value: [{ _tag: "uniformResourceIdentifier", value: "http://a" }] }
      }
    })
  ]
]

describe.skipIf(!hasOpenssl)(`openssl verify -crl_check (${openssl})`, () => {
  it.live("agrees on every pair of lists, of the leaf and of the chain, with and without entries", () =>
    Effect.gen(function* () {
      const all = yield* family({ crlUrls: ["http://c", "http://a"] })
      const now = Math.floor(Date.now() / 1000) * 1000
      const files = [
        "-CAfile",
        file("ca.pem", all.ca.certificatePem),
        "-untrusted",
        file("mid.pem", all.middle.certificatePem)
      ]
      const leaf = file("leaf.pem", all.leaf.certificatePem)
      let differences = 0
      const compare = Effect.fnUntraced(function* (
        what: string,
        depth: "leaf" | "chain",
        lists: ReadonlyArray<string>
      ) {
        const crls = lists.length === 0 ? [] : ["-CRLfile", file("all.crl", lists.join(""))]
        const check = depth === "leaf" ? ["-crl_check"] : ["-crl_check_all", "-crl_check"]
        const { status, stderr } = spawnSync("openssl", ["verify", ...files, ...crls, ...check, leaf], {
          encoding: "utf8"
        })
        const ours = yield* outcome(all, Revocation.layerCrls({ crls: lists, depth }))
        const theirs = status === 0 ? "accepted" : /certificate revoked/.test(stderr) ? "CertificateRevoked" : "unknown"
        const same = theirs === "unknown" ? /^CertificateStatusUnknown/.test(ours) : ours.startsWith(theirs)
        if (!same) differences++
        assert.isTrue(same, `${what}, ${depth}: openssl ${theirs} ${stderr}, we ${ours}`)
      })
      const made = Effect.fnUntraced(function* (issuer: Issued, options: CrlOptions | "absent", revoked?: Issued) {
        if (options === "absent") return []
        const more = revoked === undefined ? [] : [{ certificate: revoked }]
        return [(yield* makeCrl(issuer, { ...options, revoked: [...(options.revoked ?? []), ...more] })).pem]
      })
      const right = yield* made(all.ca, {})
      for (const [what, make] of variants) {
        const list = yield* made(all.middle, make(now))
        yield* compare(what, "leaf", list)
        yield* compare(what, "chain", [...list, ...right])
        const upper = yield* made(all.ca, make(now))
        yield* compare(`of the root: ${what}`, "chain", [...(yield* made(all.middle, {})), ...upper])
      }
      for (const [what, make] of variants.slice(0, 2)) {
        const list = yield* made(all.middle, make(now), all.leaf)
        yield* compare(`${what}, revoked`, "leaf", list)
        yield* compare(`${what}, revoked`, "chain", [...list, ...right])
        const upper = yield* made(all.ca, make(now), all.middle)
        yield* compare(`of the root: ${what}, revoked`, "chain", [...(yield* made(all.middle, {})), ...upper])
      }
      assert.strictEqual(differences, 0)
    }).pipe(Effect.provide(NodeCryptoProvider.layer))
  )
})

describe("lists fetched over HTTP", () => {
  /** A server of lists by path; it counts what it is asked. */
  const serving = Effect.fnUntraced(function* (answers: ReadonlyMap<string, Uint8Array>) {
    const asked: Array<string> = []
    const server = createServer((request, response) => {
      asked.push(request.url ?? "")
      const body = answers.get(request.url ?? "")
      if (body === undefined) response.writeHead(404).end()
      else response.writeHead(200, { "content-type": "application/pkix-crl" }).end(body)
    })
    yield* Effect.promise(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve)))
    yield* Effect.addFinalizer(() => Effect.sync(() => void server.close()))
    return { asked, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
  })
  const fetching = (options: RevocationFetch.Options = {}) =>
    RevocationFetch.layer(options).pipe(Layer.provide(FetchHttpClient.layer))

  it.live("once for many handshakes, from every distribution point, and no further than asked for", () =>
    Effect.gen(function* () {
      const answers = new Map<string, Uint8Array>()
      const { asked, url } = yield* serving(answers)
      const all = yield* family({
        crlUrls: [`${url}/gone`, `${url}/leaf.crl`, "ldap://127.0.0.1/x", "https://127.0.0.1/x"]
      })
      answers.set("/leaf.crl", (yield* makeCrl(all.middle)).der)
      const depth = "leaf"
      const shared = yield* Layer.build(fetching({ depth }))
      const request = () => outcome(all, Layer.succeedContext(shared))
      assert.strictEqual(yield* request(), "accepted")
      assert.strictEqual(yield* request(), "accepted")
      assert.deepStrictEqual(asked.toSorted(), ["/gone", "/leaf.crl"])
      answers.set("/leaf.crl", (yield* makeCrl(all.middle, { revoked: [{ certificate: all.leaf }] })).der)
      assert.strictEqual(yield* request(), "accepted", "kept until its nextUpdate")
      assert.match(yield* outcome(all, fetching({ depth })), /^CertificateRevoked/)
      const chain = yield* outcome(all, fetching())
      assert.match(chain, /^CertificateRevoked/)
      assert.strictEqual(yield* outcome(all, Revocation.layerNone), "accepted")
      assert.lengthOf(asked, 6)
    }).pipe(Effect.provide(NodeCryptoProvider.layer), Effect.scoped)
  )

  it.live("what cannot be had is no answer, and says why", () =>
    Effect.gen(function* () {
      const answers = new Map<string, Uint8Array>([["/garbage", Buffer.from("no list")]])
      const { url } = yield* serving(answers)
      const stranger = yield* makeCa({ commonName: "Middle" })
      answers.set("/stranger", (yield* makeCrl(stranger)).der)
      answers.set("/long", (yield* makeCrl(stranger)).der)
      const cases = [
        ["/gone", /could not be fetched: HTTP status 404/],
        ["/garbage", /cannot be read/],
        ["/stranger", /is not signed by the issuer of the certificate/]
      ] as const
      for (const [path, why] of cases) {
        const all = yield* family({ crlUrls: [`${url}${path}`] })
        const said = yield* outcome(all, fetching())
        assert.match(said, /^CertificateStatusUnknown/)
        assert.match(said, why)
        assert.strictEqual(yield* outcome(all, fetching({ policy: "prefer" })), "accepted")
      }
      const all = yield* family({ crlUrls: [`${url}/long`] })
      assert.match(yield* outcome(all, fetching({ maxSize: 100 })), /is longer than 100 bytes/)
      const closed = yield* family({ crlUrls: ["http://127.0.0.1:9/x"] })
      assert.match(yield* outcome(closed, fetching()), /the CRL at http:\/\/127\.0\.0\.1:9\/x could not be fetched/)
    }).pipe(Effect.provide(NodeCryptoProvider.layer), Effect.scoped)
  )

  it.live("in time, or not at all", () =>
    Effect.gen(function* () {
      const server = createServer(() => {})
      yield* Effect.promise(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve)))
      yield* Effect.addFinalizer(() => Effect.sync(() => server.closeAllConnections()))
      yield* Effect.addFinalizer(() => Effect.sync(() => void server.close()))
      const all = yield* family({ crlUrls: [`http://127.0.0.1:${(server.address() as AddressInfo).port}/slow`] })
      assert.match(yield* outcome(all, fetching({ timeout: 50 })), /could not be fetched in time/)
    }).pipe(Effect.provide(NodeCryptoProvider.layer), Effect.scoped)
  )
})

describe.skipIf(!hasOpenssl)("effect-tls connect", () => {
  it.live("--crl and --revocation: refused in one line that says why", () =>
    Effect.gen(function* () {
      const revoking = yield* makeCrl(ca, {
        number: 3,
        revoked: [{ certificate: p256.issued, reason: "keyCompromise" }]
      })
      const [bad, good] = [file("bad.crl", revoking.der), file("good.crl", (yield* makeCrl(ca)).pem)]
      const { port } = yield* Openssl.server(p256, "-rev")
      const run = (...args: ReadonlyArray<string>) =>
        cli(["connect", `localhost:${port}`, "--ca", fixtures.ca.cert, ...args], "x\n")
      const refused = yield* run("--crl", bad)
      assert.strictEqual(refused.status, 1)
      assert.match(refused.stderr, /CertificateRevoked: .*\(keyCompromise\): so says the CRL number 0x03 of/)
      assert.match(refused.stderr, /alert sent: certificate_revoked/)
      assert.strictEqual((yield* run("--crl", good, "--revocation", "require")).status, 0)
      const unknown = yield* run("--revocation", "require")
      assert.match(unknown.stderr, /CertificateStatusUnknown: .*no OCSP response/)
      const stapled = file("revoked.der", yield* makeOcspResponse(ca, p256.issued, { status: "revoked" }))
      const stapling = yield* Openssl.server(p256, "-rev", "-status_file", stapled)
      const connect = (...args: ReadonlyArray<string>) =>
        cli(["connect", `localhost:${stapling.port}`, "--ca", fixtures.ca.cert, ...args], "x\n")
      assert.match((yield* connect()).stderr, /CertificateRevoked: .*so says the OCSP response of/)
      assert.strictEqual((yield* connect("--revocation", "off")).status, 0)
    }).pipe(Effect.provide(NodeCryptoProvider.layer))
  )

  it.live("wrong usage is told before anything is opened", () =>
    Effect.gen(function* () {
      const list = file("a.crl", (yield* makeCrl(ca)).pem)
      for (const [args, why] of [
        [["--crl", fixtures.ca.cert], /no revocation list: expected a block -----BEGIN X509 CRL-----/],
        [["--crl", join(folder, "nothing")], /there is no such file/],
        [["--crl", list, "--revocation", "off"], /--crl has no use with it/],
        [["--crl", list, "--insecure"], /--crl is about certificates that are verified/]
      ] as const) {
        const { status, stderr } = yield* cli(["connect", "localhost:1", ...args])
        assert.strictEqual(status, 2, stderr)
        assert.match(stderr, why)
      }
    }).pipe(Effect.provide(NodeCryptoProvider.layer))
  )
})
