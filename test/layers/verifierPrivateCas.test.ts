/** Authorities that people make themselves, by the recipes they find: none of their certificates is refused. */
import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { makeExtension } from "../../src/codec/x509/extension.ts"
import { certificatesFromPem } from "../../src/codec/x509/pem.ts"
import { primitives } from "../../src/crypto/node/index.ts"
import { layer as layerNode } from "../../src/layers/node/NodeCryptoProvider.ts"
import { issue, makeCa, makeIntermediate } from "../../src/layers/testing/certificates.ts"
import { makeWebPki } from "../../src/layers/webPki.ts"
import { anchorFromDer } from "../../src/state/path/anchor.ts"
import { parseServerIdentity } from "../../src/state/path/host.ts"
import { hasOpenssl } from "../interop/support/programs.ts"

const identity = Result.getOrThrow(parseServerIdentity("www.example.org"))

/** `accepted`, or why not. */
const judge = (root: Uint8Array, chain: ReadonlyArray<Uint8Array>) =>
  Effect.match(
    makeWebPki(primitives, [Result.getOrThrow(anchorFromDer(root))]).judge({ purpose: "serverAuth", identity, chain }),
    { onSuccess: () => "accepted", onFailure: ({ reason, detail }) => `${reason}: ${detail}` }
  )

const directory = mkdtempSync(join(tmpdir(), "effect-tls-private-"))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const file = (name: string) => join(directory, name)
const openssl = (...args: ReadonlyArray<string>) =>
  execFileSync("openssl", args, { cwd: directory, timeout: 20_000, stdio: ["ignore", "pipe", "pipe"] })

const der = (name: string): Uint8Array => {
  const [first = new Uint8Array(0)] = Result.getOrThrow(certificatesFromPem(readFileSync(file(name), "utf8")))
  return first
}

const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]

/** A root by `openssl req -x509`, of whatever openssl.cnf says by default and what is added. */
const root = (name: string, ...more: ReadonlyArray<string>) =>
  openssl("req", "-x509", ...key, "-keyout", `${name}.key`, "-out", `${name}.pem`, "-days", "9", ...more)

/** A request, signed by `openssl x509 -req` with these lines as its extensions. */
const sign = (name: string, by: string, subject: string, ...extensions: ReadonlyArray<string>) => {
  openssl("req", ...key, "-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", subject)
  writeFileSync(file(`${name}.cnf`), extensions.join("\n"))
  const ca = ["-CA", `${by}.pem`, "-CAkey", `${by}.key`, "-CAcreateserial"]
  openssl("x509", "-req", "-in", `${name}.csr`, ...ca, "-extfile", `${name}.cnf`, "-days", "9", "-out", `${name}.pem`)
}

describe.skipIf(!hasOpenssl)("openssl with its own configuration", () => {
  it.live("a root by req -x509, a server by x509 -req with nothing but its name", () =>
    Effect.gen(function* () {
      root("plain", "-subj", "/CN=Plain CA")
      sign("server", "plain", "/CN=www.example.org", "subjectAltName=DNS:www.example.org")
      assert.strictEqual(yield* judge(der("plain.pem"), [der("server.pem")]), "accepted")
    })
  )

  it.live("an intermediate that is a CA and says no more", () =>
    Effect.gen(function* () {
      root("top", "-subj", "/CN=Top")
      sign("middle", "top", "/CN=Middle", "basicConstraints=CA:TRUE")
      sign("below", "middle", "/CN=x", "subjectAltName=DNS:www.example.org", "extendedKeyUsage=serverAuth")
      assert.strictEqual(yield* judge(der("top.pem"), [der("below.pem"), der("middle.pem")]), "accepted")
    })
  )

  it.live("a server that signed itself, a CA by default, trusted as it is", () =>
    Effect.gen(function* () {
      root("self", "-subj", "/CN=www.example.org", "-addext", "subjectAltName=DNS:www.example.org")
      assert.strictEqual(yield* judge(der("self.pem"), [der("self.pem")]), "accepted")
    })
  )

  it.live("as easy-rsa configures it: constraints that are not critical, issuers by name and number", () =>
    Effect.gen(function* () {
      const identifiers = "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid:always,issuer:always"
      writeFileSync(
        file("easy.cnf"),
        `[req]\ndistinguished_name=dn\nx509_extensions=ca\n[dn]\n[ca]\n${identifiers}\nbasicConstraints=CA:TRUE\n` +
          "keyUsage=cRLSign,keyCertSign\n"
      )
      root("easy", "-config", file("easy.cnf"), "-subj", "/CN=Easy-RSA CA")
      sign(
        "vpn",
        "easy",
        "/CN=server",
        identifiers,
        "basicConstraints=CA:FALSE",
        "extendedKeyUsage=serverAuth",
        "keyUsage=digitalSignature,keyEncipherment",
        "subjectAltName=DNS:www.example.org"
      )
      assert.strictEqual(yield* judge(der("easy.pem"), [der("vpn.pem")]), "accepted")
    })
  )
})

describe("what other programs write", () => {
  const path = (pathLenConstraint: number) =>
    Result.getOrThrow(makeExtension("basicConstraints", { cA: true, pathLenConstraint }, "critical"))
  const names = ["www.example.org", "*.example.org", "127.0.0.1", "::1"]

  it.live("mkcert: a root with pathLen 0 and no key of an issuer, a server without a common name", () =>
    Effect.gen(function* () {
      const ca = yield* makeCa({
        subject: [
          ["organizationName", "mkcert development CA"],
          ["organizationalUnitName", "ann@host (Ann)"],
          ["commonName", "mkcert ann@host (Ann)"]
        ],
        keyType: "rsa2048",
        keyUsage: ["keyCertSign"],
        extensions: [path(0)],
        without: ["authorityKeyIdentifier"]
      })
      const server = yield* issue(ca, {
        names,
        subject: [
          ["organizationName", "mkcert development certificate"],
          ["organizationalUnitName", "ann@host (Ann)"]
        ],
        keyUsage: ["digitalSignature", "keyEncipherment"],
        extKeyUsage: ["serverAuth", "clientAuth"],
        without: ["subjectKeyIdentifier"]
      })
      assert.strictEqual(yield* judge(ca.certificate, server.chain), "accepted")
    }).pipe(Effect.provide(layerNode))
  )

  it.live("step: a root with pathLen 1, an intermediate with 0, a server of a day with an extension of its own", () =>
    Effect.gen(function* () {
      const common = { without: ["authorityKeyIdentifier"] } as const
      const ca = yield* makeCa({ commonName: "Smallstep Root CA", extensions: [path(1)], ...common })
      const middle = yield* makeIntermediate(ca, { commonName: "Smallstep Intermediate CA", extensions: [path(0)] })
      const provisioner = {
        extnID: "1.3.6.1.4.1.37476.9000.64.1",
        critical: false,
        extnValue: Uint8Array.of(0x30, 3, 2, 1, 1)
      }
      const options = { extKeyUsage: ["serverAuth", "clientAuth"], extensions: [provisioner], days: 1 }
      const server = yield* issue(middle, { names, ...options })
      assert.strictEqual(yield* judge(ca.certificate, server.chain), "accepted")
    }).pipe(Effect.provide(layerNode))
  )
})
