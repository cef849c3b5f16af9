/** Signed certificate timestamps made by others: real ones about google.com, and right and wrong ones of four kinds of key. */
import { createHash, createPublicKey } from "node:crypto"
import { existsSync, readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { hex } from "../../src/codec/bytes.ts"
import { decode } from "../../src/codec/presentation/wire.ts"
import { type Certificate, parseCertificate } from "../../src/codec/x509/certificate.ts"
import { SignedCertificateTimestamp, signedContent, timestampAlgorithm } from "../../src/codec/x509/sct.ts"
import { primitives as noble } from "../../src/crypto/noble/index.ts"
import { primitives as node } from "../../src/crypto/node/index.ts"
import { checkTimestamps, type LoadedLog } from "../../src/state/path/transparency.ts"

const folder = new URL("../../../shared/vectors/sct/", import.meta.url)
const read = (name: string) => new Uint8Array(readFileSync(new URL(name, folder)))

/** The files have the bits of the keys alone; a SubjectPublicKeyInfo is those behind a header of their kind. */
const header: { readonly [kind: string]: string } = {
  p256: "3059301306072a8648ce3d020106082a8648ce3d030107034200",
  p384: "3076301006072a8648ce3d020106052b81040022036200"
}
const spki = (kind: string, bits: Uint8Array): Uint8Array =>
  header[kind] !== undefined
    ? Uint8Array.from([...Buffer.from(header[kind], "hex"), ...bits])
    : new Uint8Array(
        createPublicKey({ key: Buffer.from(bits), format: "der", type: "pkcs1" }).export({
          format: "der",
          type: "spki"
        })
      )

const logs = [
  ["ecdsa_p256", "p256", "ecdsa-prime256v1-pub.raw"],
  ["ecdsa_p384", "p384", "ecdsa-secp384r1-pub.raw"],
  ["rsa2048", "rsa", "rsa-2048-pub.raw"],
  ["rsa3072", "rsa", "rsa-3072-pub.raw"],
  ["rsa4096", "rsa", "rsa-4096-pub.raw"]
] as const

const sctOf = (name: string) => {
  const decoded = decode(SignedCertificateTimestamp.wire, read(name))
  return Result.isSuccess(decoded) ? decoded.success : undefined
}

describe.skipIf(!existsSync(folder))("timestamps of others", () => {
  for (const primitives of [node, noble]) {
    /** What is said about "cert", under the key of this file. */
    const verdict = (file: string, key: Uint8Array): string => {
      const sct = sctOf(file)
      if (sct === undefined) return "malformed"
      if (sct.sct_version !== "v1") return "unknown version"
      const { content } = sct
      if (hex(content.log_id) !== createHash("sha256").update(key).digest("hex")) return "unknown log"
      const algorithm = timestampAlgorithm(content.algorithm)
      if (algorithm === undefined) return "unknown algorithm"
      const entry = { entry_type: "x509_entry", signed_entry: new TextEncoder().encode("cert") } as const
      const signed = Result.getOrThrow(signedContent(content, entry))
      const imported = Result.getOrThrow(primitives.publicKey(key))
      return imported.verify(algorithm, signed, content.signature) ? "right" : "wrong"
    }

    it.each(logs)(`${primitives.name}: %s`, (name, kind, file) => {
      const key = spki(kind, read(file))
      assert.strictEqual(verdict(`${name}-basic-sct.bin`, key), "right")
      assert.strictEqual(verdict(`${name}-wrongcert-sct.bin`, key), "wrong")
      assert.strictEqual(verdict(`${name}-wrongtime-sct.bin`, key), "wrong")
    })

    it(`${primitives.name}: what is wrong in other ways`, () => {
      const key = spki("p256", read("ecdsa-prime256v1-pub.raw"))
      const is = (kind: string, expected: string) =>
        assert.strictEqual(verdict(`ecdsa_p256-${kind}-sct.bin`, key), expected, kind)
      is("badsigalg", "unknown algorithm")
      is("future", "right") // of 1970, and only its test lies before that
      is("junk", "malformed")
      is("short", "right") // as a whole
      const whole = read("ecdsa_p256-short-sct.bin")
      for (let size = 0; size < whole.length; size++) {
        assert.isTrue(Result.isFailure(decode(SignedCertificateTimestamp.wire, whole.subarray(0, size))), `${size}`)
      }
      is("version", "unknown version")
      is("wrongext", "wrong")
      is("wrongid", "unknown log")
    })
  }

  it("google.com of 2017, by two operators; each is needed, and neither is believed before its time", () => {
    const certificate: Certificate = Result.getOrThrow(parseCertificate(read("google-cert.bin")))
    const log = (operator: string, file: string): readonly [string, LoadedLog] => {
      const key = spki("p256", read(file))
      const loaded = { log: { operator, description: file, key }, key: Result.getOrThrow(noble.publicKey(key)) }
      return [createHash("sha256").update(key).digest("hex"), loaded]
    }
    const both = [log("Google", "google-pilot-pubkey.bin"), log("Symantec", "symantec-log-pubkey.bin")] as const
    const beside = [read("google-sct0.bin"), read("google-sct1.bin")]
    const made = 1_499_000_000_000
    const check = (known: ReadonlyArray<(typeof both)[number]>, operators: number, now = made, scts = beside) =>
      Result.match(
        checkTimestamps(
          { certificate, issuerKey: undefined, beside: scts, now },
          { logs: new Map(known), operators, sha256: noble.hashes.sha256 }
        ),
        { onSuccess: (all) => all.length, onFailure: ({ reason, detail }) => `${reason}: ${detail}` }
      )
    assert.strictEqual(check(both, 2), 2)
    assert.match(`${check(both, 3)}`, /^CertificateNotLogged: .*2 of 3 log operators/)
    assert.match(
      `${check([both[0]], 2)}`,
      /1 of 2 log operators vouch for it; that of log ddeb1d2b7a0d4fa6… is of a log/
    )
    assert.match(`${check(both, 2, made, beside.slice(0, 1))}`, /1 of 2/)
    assert.match(`${check(both, 1, 1_490_000_000_000)}`, /0 of 1 .*is of the future/)
    assert.match(
      `${check(
        both,
        2,
        made,
        [...beside].map((sct) => sct.with(40, 1))
      )}`,
      /has a wrong signature/
    )
  })
})
