/** Where the verifier differs from x509-limbo on purpose, rule by rule: what `docs/LIMBO.md` lists and a test asserts. */

export interface Difference {
  /** What is said in the place of what the suite expects. */
  readonly says: "accepted" | "CertificateKeyUsageMismatch"
  readonly why: string
  /** The cases of the part that is tested here. */
  readonly cases: ReadonlyArray<string>
  /** The other cases of the whole suite that the same rule decides. */
  readonly kin?: string
}

export const differences: ReadonlyArray<Difference> = [
  {
    says: "CertificateKeyUsageMismatch",
    why:
      "The end-entity's key usage lacks digitalSignature, without which it can sign no CertificateVerify (RFC 9846 " +
      "4.5.1.2). A CA with that usage is accepted as an end-entity.",
    cases: ["rfc5280::ca-as-leaf"],
    kin: "CAs in the place of the end-entity that are made to sign certificates only, as in `pathlen::`"
  },
  {
    says: "accepted",
    why:
      "Key identifiers are a duty of those who issue (RFC 5280 4.2.1.1, 4.2.1.2) and a hint for the order of the search " +
      "here; many a private CA does without, or adds issuer and serial number. A root that names another key is " +
      "refused.",
    cases: ["rfc5280::aki::leaf-missing-aki"],
    kin: "`rfc5280::aki::` and `rfc5280::ski::` with one missing; `webpki::aki::root-with-aki-…` of the root's own key"
  },
  {
    says: "accepted",
    why:
      "Name constraints apply whether they are critical or not; the suite has the opposite case under webpki. " +
      "basicConstraints that are not critical say what they say: programs that people make their own CA with write them.",
    cases: ["rfc5280::nc::permitted-dns-match-noncritical"],
    kin: "`rfc5280::` with basicConstraints that are not critical"
  },
  {
    says: "accepted",
    why: "A common name is never looked at (RFC 9525 2), so it may say what it likes; the CA/Browser Forum binds issuers.",
    cases: ["webpki::cn::case-mismatch", "webpki::cn::punycode-not-in-san", "webpki::cn::utf8-vs-punycode-mismatch"],
    kin: "all of `webpki::cn::`"
  },
  {
    says: "accepted",
    why:
      "A CA may be an end-entity (RFC 5280 6.1; the suite has that under rfc5280), as the self-signed certificates of " +
      "many test servers are.",
    cases: ["webpki::ee-basicconstraints-ca"]
  },
  {
    says: "accepted",
    why:
      "serverAuth is there: that anyExtendedKeyUsage stands beside it, that the extension is critical or absent, or that " +
      "a root has one, breaks a rule of the CA/Browser Forum for issuers and none of RFC 5280 4.2.1.12. The purposes of " +
      "a root are respected.",
    cases: ["webpki::eku::ee-anyeku", "webpki::eku::root-has-eku"],
    kin: "all of `webpki::eku::`"
  },
  {
    says: "accepted",
    why: "Needs the Public Suffix List, which changes weekly. A wildcard for a top-level domain is refused without it.",
    cases: [
      "webpki::san::public-suffix-multi-label-wildcard-san",
      "webpki::san::public-suffix-private-namespace-wildcard-san"
    ]
  },
  {
    says: "accepted",
    why: "RFC 5280 4.2.1.6 has SHOULD where the subject is not empty.",
    cases: ["webpki::san::san-critical-with-nonempty-subject"]
  }
]

/** How a root is signed has no bearing on anything, so nothing of the part tests it. */
export const rootSignatures =
  "A root is believed for its name and key: its signature is not looked at, and may be of any algorithm " +
  "(`webpki::forbidden-signature-algorithm-in-root`). Its key, its dates and its extensions are."

const row = ({ cases, kin, says, why }: Difference): string =>
  `| ${cases.map((id) => `\`${id}\``).join("<br>")} | ${says} | ${why} | ${kin ?? ""} |`

/** `docs/LIMBO.md`. */
export const limboPage = (): string => `# x509-limbo

Generated from \`test/vector/limbo.ts\`. Of the [x509-limbo](https://x509-limbo.com) suite, \`test/vector/limbo.test.ts\`
runs the cases that it finds beside the project, and asserts each of them: with the suite's verdict or, for those below,
with ours.

| case | we say | why | the same rule decides |
| --- | --- | --- | --- |
${differences.map(row).join("\n")}

${rootSignatures}
`
