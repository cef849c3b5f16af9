/** Channel bindings: which hash a certificate asks for, and when there is nothing to bind to. */
import { createHash } from "node:crypto"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { decodeDer, encodeDer } from "../../src/codec/der/der.ts"
import { SignedCertificate } from "../../src/codec/x509/certificate.ts"
import { channelBinding } from "../../src/core.ts"
import { primitives } from "../../src/crypto/node/index.ts"
import type { EndPoint, Established } from "../../src/state/established.ts"
import { finish, hasOpenssl, openssl } from "../interop/support/programs.ts"
import { credentials, okay, toHex, world } from "../support/answers.ts"
import {
  carry,
  clientEnd,
  clientWorld,
  connected,
  type End,
  handshake,
  serverEnd,
  serverWorld
} from "../support/pair.ts"
import { copy, external, giving, keeping, kept, openTickets } from "../support/resumption.ts"

const { hashes } = primitives
const sha = (name: string, bytes: Uint8Array) => createHash(name).update(bytes).digest("hex")

const { connection } = connected().client
const ended: Established = connection.established ?? assert.fail("no connection")
const bound = (endPoint: EndPoint | undefined) =>
  Result.mapBoth(
    channelBinding(
      { established: { ...ended, endPoint }, exportKeyingMaterial: (...a) => connection.exportKeyingMaterial(...a) },
      hashes,
      "tls-server-end-point"
    ),
    { onSuccess: toHex, onFailure: ({ reason, detail }) => `${reason}: ${detail}` }
  )
const outcome = (der: Uint8Array) => Result.merge(bound({ certificateType: "X509", der }))

describe("both ends", () => {
  const binding = (end: End) => toHex(okay(channelBinding(end.connection, hashes, "tls-exporter")))

  it("have the same 32 bytes, which another connection has not", () => {
    const { client, server } = connected()
    assert.strictEqual(binding(client), binding(server))
    assert.lengthOf(binding(client), 64)
    // The world of these tests does the same each time, so the other has another ClientHello.
    assert.notStrictEqual(binding(connected({ client: { compatibility: "none" } }).client), binding(client))
  })

  it("have tls-exporter as RFC 9266 says: the label, no context", () => {
    const { client, server } = connected()
    const exported = server.connection.exportKeyingMaterial("EXPORTER-Channel-Binding", new Uint8Array(0), 32)
    assert.strictEqual(binding(client), toHex(okay(exported)))
  })

  it("have the same after key updates", () => {
    const pair = connected()
    const before = binding(pair.client)
    pair.client.updateKeys("update_requested")
    carry(pair.client, pair.server)
    assert.deepStrictEqual([binding(pair.client), binding(pair.server)], [before, before])
  })
})

describe("without a certificate in the handshake", () => {
  const endPoint = ({ connection }: End) =>
    Result.match(channelBinding(connection, hashes, "tls-server-end-point"), {
      onSuccess: toHex,
      onFailure: ({ reason }) => reason
    })
  const exporter = ({ connection }: End) => toHex(okay(channelBinding(connection, hashes, "tls-exporter")))
  const { serverP256 } = credentials
  const [leaf = assert.fail("no certificate")] = serverP256.chain
  const showing = () => world("server", serverP256, { tickets: openTickets })

  it("of a resumed session, the client knows the server's, the server none, and both a new tls-exporter", () => {
    const first = handshake(clientEnd(keeping()), serverEnd(giving(), showing()))
    assert.deepStrictEqual([endPoint(first.client), endPoint(first.server)], [sha("sha256", leaf), sha("sha256", leaf)])
    const [stored] = first.client.events.flatMap((event) => (event._tag === "StoreTicket" ? [kept(event)] : []))
    const takeTicket = () => copy(stored ?? assert.fail("no ticket"))
    const { client, server } = handshake(
      clientEnd(keeping(), clientWorld({ takeTicket })),
      serverEnd(giving(), showing())
    )
    assert.deepStrictEqual(
      [client, server].map(({ connection }) => connection.established?.kind),
      ["resumed", "resumed"]
    )
    assert.deepStrictEqual([endPoint(client), endPoint(server)], [sha("sha256", leaf), "NoChannelBinding"])
    assert.strictEqual(exporter(client), exporter(server))
    assert.notStrictEqual(exporter(client), exporter(first.client))
  })

  it("of a key that both were given, neither has tls-server-end-point", () => {
    const psk = external()
    const { client, server } = handshake(
      clientEnd({ externalPsks: [psk] }),
      serverEnd({ externalPsks: "lookup" }, serverWorld({ externalPsk: () => psk }))
    )
    assert.strictEqual(client.connection.established?.kind, "external")
    assert.deepStrictEqual([endPoint(client), endPoint(server)], ["NoChannelBinding", "NoChannelBinding"])
    assert.strictEqual(exporter(client), exporter(server))
  })
})

describe("no binding", () => {
  const reasonOf = <A>(result: Result.Result<A, { readonly reason: string }>) =>
    Result.isFailure(result) ? result.failure.reason : "success"

  it.each(["tls-exporter", "tls-server-end-point"] as const)("%s, before the handshake is done", (type) => {
    assert.strictEqual(reasonOf(channelBinding(clientEnd().start().connection, hashes, type)), "NotEstablished")
  })

  it("tls-exporter, of secrets that are gone", () => {
    const { client } = connected()
    client.connection.dispose()
    assert.strictEqual(reasonOf(channelBinding(client.connection, hashes, "tls-exporter")), "ConnectionClosed")
  })

  it("of a name that TLS 1.3 has none for, whatever it holds", () => {
    for (const type of ["tls-unique", "__proto__", "\u001b[2J"]) {
      const result: unknown = Reflect.apply(channelBinding, undefined, [connection, hashes, type])
      assert.match(JSON.stringify(result), /"reason":"NoChannelBinding"/)
      assert.notInclude(JSON.stringify(result), "\\u001b[")
    }
  })

  it("tls-server-end-point, where the server showed no certificate, or a key alone", () => {
    assert.match(
      Result.merge(bound(undefined)),
      /^NoChannelBinding: the server showed no certificate in this handshake/
    )
    const der = Uint8Array.of(0x30, 0)
    assert.match(Result.merge(bound({ certificateType: "RawPublicKey", der })), /^NoChannelBinding: .* raw public key/)
  })

  it("tls-server-end-point, of what is no certificate", () => {
    for (const der of [new Uint8Array(0), Uint8Array.of(0x30, 0), new Uint8Array(300).fill(0x30)]) {
      assert.match(outcome(der), /^NoChannelBinding: how the server's certificate is signed cannot be read$/)
    }
  })
})

describe("tls-server-end-point takes the hash of the signature", () => {
  const [leaf = assert.fail("no certificate")] = credentials.serverP256.chain
  const signed = Result.getOrThrow(decodeDer(SignedCertificate, leaf))
  /** The certificate as if it were signed so; who asks for a binding has judged it before. */
  const signedBy = (algorithm: string, ...parameters: ReadonlyArray<number>): Uint8Array =>
    Result.getOrThrow(
      encodeDer(SignedCertificate, {
        ...signed,
        signatureAlgorithm: {
          algorithm,
          parameters: parameters.length === 0 ? undefined : Uint8Array.from(parameters)
        }
      })
    )

  it.each([
    ["RSA with MD5", "1.2.840.113549.1.1.4", "sha256"],
    ["RSA with SHA-1", "1.2.840.113549.1.1.5", "sha256"],
    ["RSA with SHA-256", "1.2.840.113549.1.1.11", "sha256"],
    ["RSA with SHA-384", "1.2.840.113549.1.1.12", "sha384"],
    ["RSA with SHA-512", "1.2.840.113549.1.1.13", "sha512"],
    ["ECDSA with SHA-1", "1.2.840.10045.4.1", "sha256"],
    ["ECDSA with SHA-256", "1.2.840.10045.4.3.2", "sha256"],
    ["ECDSA with SHA-384", "1.2.840.10045.4.3.3", "sha384"],
    ["ECDSA with SHA-512", "1.2.840.10045.4.3.4", "sha512"]
  ])("%s", (_, oid, hash) => {
    const der = signedBy(oid)
    assert.strictEqual(outcome(der), sha(hash, der))
  })

  it.each([
    ["Ed25519", "1.3.101.112", /Ed25519 or Ed448/],
    ["Ed448", "1.3.101.113", /Ed25519 or Ed448/],
    ["RSA with SHA-224", "1.2.840.113549.1.1.14", /1\.2\.840\.113549\.1\.1\.14 names no hash function that is known/],
    ["ML-DSA-65", "2.16.840.1.101.3.4.3.18", /names no hash function that is known/],
    ["RSASSA-PSS without parameters", "1.2.840.113549.1.1.10", /names no hash function that is known/]
  ])("%s has none", (_, oid, message) => {
    assert.match(outcome(signedBy(oid)), /^NoChannelBinding: /)
    assert.match(outcome(signedBy(oid)), message)
  })

  it("RSASSA-PSS whose parameters are left out means SHA-1 twice, and so SHA-256", () => {
    const der = signedBy("1.2.840.113549.1.1.10", 0x30, 0)
    assert.strictEqual(outcome(der), sha("sha256", der))
  })
})

describe.skipIf(!hasOpenssl)(`certificates of ${openssl}`, () => {
  const folder = mkdtempSync(join(tmpdir(), "effect-tls-"))
  afterAll(() => rmSync(folder, { recursive: true }))
  const key = join(folder, "key.pem")
  const pss = ["-sigopt", "rsa_padding_mode:pss"]

  it.each([
    [["-md5"], "sha256"],
    [["-sha1"], "sha256"],
    [["-sha384"], "sha384"],
    [["-sha256", ...pss], "sha256"],
    [["-sha512", ...pss, "-sigopt", "rsa_pss_saltlen:20"], "sha512"],
    [["-sha384", ...pss, "-sigopt", "rsa_pss_saltlen:digest"], "sha384"],
    [["-sha1", ...pss], "sha256"],
    [["-sha256", ...pss, "-sigopt", "rsa_mgf1_md:sha1"], "two hash functions"],
    [["-sha512", ...pss, "-sigopt", "rsa_mgf1_md:sha256"], "two hash functions"]
  ])("%s: %s", async (options, expected) => {
    const made = join(folder, "cert.der")
    const keyed = await finish("openssl", ["rsa", "-in", key, "-noout"])
    const which = keyed.status === 0 ? ["-key", key] : ["-newkey", "rsa:2048", "-nodes", "-keyout", key]
    const args = ["req", "-x509", "-subj", "/CN=localhost", "-outform", "DER", "-out", made, ...which, ...options]
    const { status, stderr } = await finish("openssl", args)
    assert.strictEqual(status, 0, stderr)
    const der = Uint8Array.from(readFileSync(made))
    if (expected.startsWith("sha")) assert.strictEqual(outcome(der), sha(expected, der))
    else assert.include(outcome(der), expected)
  })
})
