/** What `cert make` can be asked for, as openssl, Node and we ourselves understand it. */
import { spawnSync } from "node:child_process"
import { X509Certificate } from "node:crypto"
import { readFileSync, writeFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Node from "../interop/support/node.ts"
import { hasOpenssl } from "../interop/support/programs.ts"
import { cli, directory, isOneLine } from "./support.ts"

const openssl = (...args: ReadonlyArray<string>): string => {
  const { stdout, stderr } = spawnSync("openssl", args, { encoding: "utf8" })
  return `${stdout}${stderr}`
}

/** What was made, in a directory of its own, with leaf and intermediate in files of their own too. */
const make = Effect.fnUntraced(function* (...args: ReadonlyArray<string>) {
  const dir = yield* directory
  const { status, stderr, stdout } = yield* cli(["cert", "make", "--out", dir, ...args])
  assert.strictEqual(stderr, "")
  assert.strictEqual(status, 0)
  const [leaf = "", middle = ""] = readFileSync(`${dir}/cert.pem`, "utf8").split(/(?=-----BEGIN)/)
  writeFileSync(`${dir}/leaf.pem`, leaf)
  writeFileSync(`${dir}/middle.pem`, middle)
  return { dir, stdout, leaf: new X509Certificate(leaf) }
})

const textOf = (file: string): string => openssl("x509", "-in", file, "-noout", "-text").replace(/\s+/g, " ")

const verify = (dir: string, ...args: ReadonlyArray<string>): string => {
  const middle = readFileSync(`${dir}/middle.pem`, "utf8") === "" ? [] : ["-untrusted", `${dir}/middle.pem`]
  return openssl("verify", "-x509_strict", ...args, "-CAfile", `${dir}/ca.pem`, ...middle, `${dir}/leaf.pem`)
}

/** Our own verdict: of `cert inspect`, and the line it says. */
const inspect = (dir: string, servername: string) =>
  cli(["cert", "inspect", `${dir}/cert.pem`, "--ca", `${dir}/ca.pem`, "--servername", servername])

/** A server of Node's that shows what was made, and how our `connect` gets on with it. */
const connect = Effect.fnUntraced(function* (dir: string, ...args: ReadonlyArray<string>) {
  const read = (file: string) => readFileSync(`${dir}/${file}`)
  const staple = args.includes("--revocation") ? read("ocsp.der") : null
  const { port } = yield* Node.serve({ cert: read("cert.pem"), key: read("key.pem") }, undefined, (server) =>
    server.on("OCSPRequest", (_certificate, _issuer, respond) => respond(null, staple))
  )
  return yield* cli(["connect", `localhost:${port}`, "--ca", `${dir}/ca.pem`, ...args])
}, Effect.scoped)

const constraints = [
  ...["--permitted", "dns:example.org", "--permitted", "ip:192.0.2.0/24", "--permitted", "email:.example.org"],
  ...["--permitted", "uri:example.org", "--permitted", "DirName:O=Example,C=CH", "--excluded", "ip:2001:db8::/33"],
  ...["--excluded", "dns:bad.example.org", "--excluded", "email:root@mail.example.org"]
]
const subject = ["--subject", "CN=Example,O=Example,C=CH"]

describe.skipIf(!hasOpenssl)("cert make", () => {
  it.live("name constraints of every type, which openssl and we hold names of every type against", () =>
    Effect.gen(function* () {
      const names = ["www.example.org", "IP:192.0.2.7", "email:a@mail.example.org", "uri:https://example.org/x"]
      const right = yield* make(...constraints, ...subject, "--intermediate", ...names.flatMap((n) => ["--name", n]))
      assert.include(
        textOf(`${right.dir}/middle.pem`),
        "X509v3 Name Constraints: critical Permitted: DNS:example.org IP:192.0.2.0/255.255.255.0 email:.example.org " +
          "URI:example.org DirName:C = CH, O = Example Excluded: IP:2001:DB8:0:0:0:0:0:0/FFFF:FFFF:8000:0:0:0:0:0 " +
          "DNS:bad.example.org email:root@mail.example.org"
      )
      assert.notInclude(textOf(`${right.dir}/ca.pem`), "Name Constraints")
      assert.match(verify(right.dir), /leaf\.pem: OK/)
      assert.strictEqual((yield* inspect(right.dir, "www.example.org")).status, 0)
      assert.strictEqual(
        right.leaf.subjectAltName,
        "DNS:www.example.org, IP Address:192.0.2.7, email:a@mail.example.org, URI:https://example.org/x"
      )
      const wrong = [
        [
          "a.bad.example.org",
          /is for DNS:a\.bad\.example\.org, and a name constraint of "CN=effect-tls test CA \w+" excludes DNS:bad\./
        ],
        ["example.com", /is for DNS:example\.com/],
        ["192.0.3.7", /IP:192\.0\.3\.7/],
        ["2001:db8::1", /IP:2001:db8::1/],
        ["email:root@mail.example.org", /email:root@mail/],
        ["email:a@example.org", /email:a@example\.org/],
        ["uri:https://www.example.org/", /URI:https:\/\/www/],
        ["dirname:O=Other,C=CH", /DirName:"O=Other,C=CH"/]
      ] as const
      for (const [name, says] of wrong) {
        const { dir } = yield* make(...constraints, ...subject, "--name", "www.example.org", "--name", name)
        assert.match(verify(dir), /permitted subtree violation|excluded subtree violation/, name)
        const { status, stderr } = yield* inspect(dir, "www.example.org")
        assert.strictEqual(status, 1, name)
        assert.match(stderr, /CertificateNameConstrained/)
        assert.match(stderr, says)
      }
      const { dir } = yield* make(...constraints, "--subject", "CN=Other,C=CH", "--name", "www.example.org")
      assert.match(verify(dir), /permitted subtree violation/)
      assert.match((yield* inspect(dir, "www.example.org")).stderr, /CertificateNameConstrained.*DirName|CN=Other,C=CH/)
    })
  )

  it.live("usages, purposes, policies, pointers, an end to the second and extensions that nobody knows", () =>
    Effect.gen(function* () {
      const { dir, leaf } = yield* make(
        ...["--name", "localhost", "--intermediate", "--path-length", "1", "--policy", "2.23.140.1.2.1"],
        ...["--key-usage", "keyAgreement,digitalsignature", "--ext-key-usage", "serverAuth,clientAuth,1.2.3.4"],
        ...["--crl-url", "http://example.org/ca.crl", "--extension", "1.2.3.4=DER:05:00"],
        ...["--extension", "2.5.29.14=DER:040411223344"],
        ...["--not-before", "2026-10-01", "--not-after", "2036-09-01T12:34:56.5+02:00".replace(".5", "")]
      )
      const text = textOf(`${dir}/leaf.pem`)
      for (const part of [
        "Not Before: Oct 1 00:00:00 2026 GMT Not After : Sep 1 10:34:56 2036 GMT",
        "X509v3 Key Usage: critical Digital Signature, Key Agreement",
        "X509v3 Extended Key Usage: TLS Web Server Authentication, TLS Web Client Authentication, 1.2.3.4",
        "X509v3 Certificate Policies: Policy: 2.23.140.1.2.1",
        "X509v3 CRL Distribution Points: Full Name: URI:http://example.org/ca.crl",
        "X509v3 Subject Key Identifier: 11:22:33:44",
        "1.2.3.4: .."
      ]) {
        assert.include(text, part)
      }
      assert.deepStrictEqual(leaf.keyUsage, ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2", "1.2.3.4"])
      assert.include(textOf(`${dir}/ca.pem`), "CA:TRUE, pathlen:1")
      assert.match(verify(dir, "-policy", "2.23.140.1.2.1", "-explicit_policy"), /leaf\.pem: OK/)
      assert.match(verify(dir, "-policy", "1.2.3", "-explicit_policy"), /no explicit policy/)
      const { status, stdout } = yield* connect(dir)
      assert.strictEqual(status, 0, stdout)
    })
  )

  const odd = [
    ["a path too long", ["--intermediate", "--path-length", "0"], /path length constraint exceeded/, "PathTooLong"],
    ["a critical extension", ["--extension", "1.2.3.4=critical,DER:0500"], /unhandled critical/, "ExtensionUnknown"],
    ["an end that is past", ["--not-after", "2026-01-02T03:04:05Z"], /certificate has expired/, "Expired"],
    ["a beginning to come", ["--not-before", "2126-01-01T00:00:00Z"], /not yet valid/, "NotYetValid"],
    ["another purpose", ["--ext-key-usage", "codeSigning"], /unsuitable certificate purpose/, "PurposeMismatch"]
  ] as const
  it.live.each(odd)("%s, which openssl and we refuse", ([, args, says, reason]) =>
    Effect.gen(function* () {
      const { dir } = yield* make("--name", "localhost", ...args)
      assert.match(verify(dir, "-purpose", "sslserver"), says)
      assert.match((yield* connect(dir)).stderr, new RegExp(`^effect-tls: Certificate${reason}: `))
    })
  )

  it.live("timestamps of made logs, and a response that must be stapled, which connect asks for", () =>
    Effect.gen(function* () {
      const { dir, stdout } = yield* make(
        ...["--name", "localhost", "--intermediate", "--must-staple", "--status", "good", "--ct-logs", "2"]
      )
      assert.match(stdout, /ct-log-list\.json\n$/)
      const text = textOf(`${dir}/leaf.pem`)
      assert.include(text, "TLS Feature: status_request")
      assert.lengthOf(text.match(/Signed Certificate Timestamp:/g) ?? [], 2)
      assert.match(verify(dir), /leaf\.pem: OK/)
      const logged = ["--ct-log-list", `${dir}/ct-log-list.json`]
      const right = yield* connect(dir, ...logged, "--revocation", "require")
      assert.strictEqual(right.status, 0, right.stderr)
      assert.match(right.stderr, /log of effect-tls test operator 1 and log of effect-tls test operator 2/)
      assert.match((yield* connect(dir)).stderr, /CertificateStatusResponseInvalid: .* sent no OCSP response/)
      const other = yield* make("--name", "localhost", "--ct-logs", "2")
      const strange = ["--ct-log-list", `${other.dir}/ct-log-list.json`, "--revocation", "prefer"]
      assert.match((yield* connect(dir, ...strange)).stderr, /CertificateNotLogged/)
      const { dir: one } = yield* make("--name", "localhost", "--ct-logs", "1")
      const few = yield* connect(one, "--ct-log-list", `${one}/ct-log-list.json`)
      assert.match(few.stderr, /CertificateNotLogged/)
    })
  )

  it.live("the same files for the same seed with every type of key, RSA among them", () =>
    Effect.gen(function* () {
      for (const keyType of ["rsa2048", "rsa-pss", "p256", "ed25519"]) {
        const args = ["--key-type", keyType, "--not-before", "2026-05-04", "--ct-logs", "1", "--status", "good"]
        const [one, same] = [yield* make("--seed", "one", ...args), yield* make("--seed", "one", ...args)]
        const other = keyType.startsWith("rsa") ? undefined : yield* make("--seed", "two", ...args)
        for (const file of one.stdout.trim().split("\n")) {
          const read = ({ dir }: typeof one) => readFileSync(file.replace(one.dir, dir), "hex")
          assert.strictEqual(read(same), read(one), `${keyType} ${file}`)
          if (other !== undefined) assert.notStrictEqual(read(other), read(one), `${keyType} ${file}`)
        }
        assert.match(verify(one.dir, "-attime", "1780000000"), /leaf\.pem: OK/)
        const key = openssl("pkey", "-in", `${one.dir}/key.pem`, "-noout", "-check")
        assert.match(key, /^Key is valid/, keyType)
      }
    })
  )

  const wrong: ReadonlyArray<readonly [args: ReadonlyArray<string>, says: RegExp]> = [
    [["--permitted", "example.org"], /--permitted wants TYPE:NAME, where TYPE is dns, ip, .* not "example\.org"/],
    [["--permitted", "dns:.example.org"], /--permitted dns: wants a domain without a dot before it/],
    [["--excluded", "ip:192.0.2.1/24"], /--excluded ip: 192\.0\.2\.1\/24 has bits beyond its mask/],
    [["--excluded", "ip:192.0.2.0/33"], /wants a network such as 192\.0\.2\.0\/24/],
    [["--excluded", "email:a b"], /--excluded email: wants user@host, a host, or \.domain/],
    [["--permitted", "uri:https://example.org"], /--permitted uri: wants a host/],
    [["--permitted", "dirname:example"], /--permitted dirname: wants a name such as CN=Example/],
    [["--name", "email:nobody"], /--name email: wants user@host/],
    [["--name", "uri:nothing"], /--name uri: wants scheme:/],
    [["--name", "ip:localhost"], /--name ip: "localhost" is no address/],
    [["--name", "dns:192.0.2.1"], /--name dns: "192\.0\.2\.1" is an address/],
    [["--subject", "example"], /--subject wants a name such as CN=Example,O=Example Ltd,C=CH/],
    [["--subject", "XX=a"], /--subject: "XX=a" is no name of a subject/],
    [["--subject", ""], /--subject: "" is no name of a subject/],
    [["--not-before", "soon"], /--not-before wants a moment, such as 2026-01-31T12:00:00Z/],
    [["--not-after", "2026-01-31T12:00:00"], /--not-after wants a moment/],
    [["--not-after", "2026-02-30"], /--not-after wants a moment/],
    [["--not-before", "2026-02-02", "--not-after", "2026-02-01"], /--not-after 2026-02-01 is before --not-before/],
    [["--days", "1", "--not-after", "2026-02-01"], /--days and --not-after: give one of them/],
    [["--path-length", "-1"], /--path-length: "-1"\. Expected: a whole number from 0/],
    [["--ct-logs", "0"], /--ct-logs: "0"\. Expected: a whole number from 1 to 16/],
    [["--key-usage", "signing"], /--key-usage wants some of digitalSignature,.* not "signing"/],
    [["--ext-key-usage", "server"], /--ext-key-usage wants some of .*serverAuth.* or OIDs, not "server"/],
    [["--policy", "dv"], /--policy wants an OID, such as 2\.23\.140\.1\.2\.1/],
    [["--crl-url", "ca.crl"], /--crl-url wants a URL such as http/],
    [["--extension", "1.2.3.4=0500"], /--extension wants OID=DER:HEX/],
    [["--extension", "1.2.3.4=DER:5"], /--extension wants OID=DER:HEX/],
    [["--extension", "9.2.3.4=DER:0500"], /--extension wants OID=DER:HEX/],
    [["--extension", "1.2.3.4=DER:0500", "--extension", "1.2.3.4=DER:0500"], /--extension: 1\.2\.3\.4 is given twice/]
  ]
  it.live.each(wrong)("refuses %s", ([args, says]) =>
    Effect.gen(function* () {
      const { status, stderr, stdout } = yield* cli(["cert", "make", "--out", "/proc/never", ...args])
      assert.match(stderr, says)
      assert.isTrue(isOneLine(stderr), stderr)
      assert.deepStrictEqual([status, stdout], [2, ""])
    })
  )
})
