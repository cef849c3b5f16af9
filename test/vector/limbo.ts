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

/** Rules of RFC 5280 that bind those who issue, and are not held against a certificate. */
export const issuersOnly: ReadonlyArray<readonly [sections: string, rule: string, why: string]> = [
  [
    "4.2.1.3, 4.2.1.9",
    "A CA has keyUsage, and its basicConstraints are critical.",
    "Roots that systems trust (of Go Daddy, Starfield and Chunghwa) do without both, and `openssl req -x509` without " +
      "keyUsage. What is there is respected, critical or not; without keyUsage a CA may sign all."
  ],
  [
    "4.1.2.2, 4.1.2.5",
    "Serial numbers are positive and of 20 octets at most, dates before 2050 UTCTime.",
    "Refused in what somebody issued; a root is believed all the same (some have the number zero, one of Certum's such " +
      "dates)."
  ],
  [
    "4.1.2.8",
    "No unique identifiers.",
    "Applications should be able to read them, and nothing follows from them. Before version 2 they are refused."
  ],
  [
    "4.1.2.4, 4.1.2.6, 7.1",
    "Names have certain types of strings, of certain lengths; issuer and subject are the same by folding case.",
    "Nothing follows from the types. A chain is held together by the bytes of its names, which section 4.1.2.6 has CAs " +
      "repeat; name constraints do fold."
  ],
  [
    "4.2.1.6",
    "A dNSName has the preferred syntax, a URI is absolute, an address is a mailbox.",
    "A name that is none is nobody's; under constraints on its type it refuses. Empty ones and addresses of other " +
      "lengths refuse always."
  ],
  [
    "4.2.1.7, 4.2.1.8, 4.2.1.15, 4.2.2.2",
    "What stands in issuerAltName, subjectDirectoryAttributes, freshestCRL and subjectInfoAccess.",
    "They are not read (an empty issuerAltName is what openssl's `issuer:copy` makes under most roots); critical ones " +
      "refuse."
  ],
  [
    "4.2.1.9, 4.2.1.3",
    "DER: FALSE is left out of basicConstraints, zero bits off the end of keyUsage.",
    "Two roots of Trustwave's have such bits, and FALSE is found in the wild; both can be read in one way only. Any " +
      "other DEFAULT written out refuses."
  ],
  [
    "5.2.1",
    "A revocation list names its key.",
    "Those of `openssl ca` do not. One that names another key than the issuer's says nothing."
  ]
]

const rule = ([sections, what, why]: (typeof issuersOnly)[number]): string => `| ${sections} | ${what} | ${why} |`

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

## Rules for those who issue

What RFC 5280 demands of CAs and is not held against a certificate, as real ones break it:

| section | rule | here |
| --- | --- | --- |
${issuersOnly.map(rule).join("\n")}

On the other side two things are refused that some verifiers take: a constraint on dNSName that begins with a dot
(section 4.2.1.10 gives the dot a meaning for URIs and addresses only), and constraints on types of names that have no
such rule, whether a name of the type follows or not.
`
