/**
 * The certificate factory: authorities, intermediates, servers and clients, right ones and wrong ones.
 *
 * Keys, serial numbers and signatures come from the `CryptoProvider`, the time from Effect's `Clock`: with a
 * deterministic provider and the `TestClock` the same program makes the same certificates.
 *
 * @example
 * const ca = yield* makeCa()
 * const server = yield* issue(ca, { names: ["example.org", "192.0.2.1"] })
 * // server.chain and server.privateKey go to the server, ca.certificate to the client's trust anchors
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { algorithmForKey, type SignatureAlgorithm } from "../../codec/x509/algorithm.ts"
import { type CertificateTemplate, makeCertificate, makeTbs } from "../../codec/x509/build.ts"
import { encodeTbs, type TBSCertificate, type Version } from "../../codec/x509/certificate.ts"
import {
  type Extension,
  type ExtensionName,
  type ExtensionValue,
  extensionOids,
  type KeyUsage,
  makeExtension
} from "../../codec/x509/extension.ts"
import type { GeneralName } from "../../codec/x509/generalName.ts"
import { parseIpAddress } from "../../codec/x509/ipAddress.ts"
import { makeName, type Name } from "../../codec/x509/name.ts"
import { certificatesToPem, encodePem } from "../../codec/x509/pem.ts"
import type { Primitives, PrivateKey } from "../../crypto/primitives.ts"
import { CryptoProvider } from "../CryptoProvider.ts"
import { type CertificateFactoryError, encoded, provided, usualAlgorithm } from "./factory.ts"
import { embed, type Log, type StampOptions } from "./transparency.ts"

export { CertificateFactoryError } from "./factory.ts"

/** A key type the factory can generate. Bring a PKCS#8 key of any other size in `privateKey`. */
export type KeyType = Parameters<Primitives["generatePrivateKey"]>[0]

/** A certificate with its key, and all it takes to use it or to issue under it. */
export interface Issued {
  /** DER. */
  readonly certificate: Uint8Array
  readonly certificatePem: string
  /** This certificate and the intermediates above it, without the root: what a server sends. */
  readonly chain: ReadonlyArray<Uint8Array>
  readonly chainPem: string
  /** PKCS#8, DER. */
  readonly privateKey: Uint8Array
  readonly privateKeyPem: string
  /** The private key, loaded. */
  readonly key: PrivateKey
  readonly subject: Name
  /** The subjectKeyIdentifier: the first 20 bytes of the SHA-256 of the SubjectPublicKeyInfo. */
  readonly keyId: Uint8Array
}

/** What every certificate of the factory can be told. */
export interface Options {
  /** Default p256. */
  readonly keyType?: KeyType | undefined
  /** PKCS#8, DER: an existing key in the place of a new one, to cross-sign or to reissue. */
  readonly privateKey?: Uint8Array | undefined
  /** Common name; the whole subject is `subject`. An empty list makes an empty name. */
  readonly commonName?: string | undefined
  readonly subject?: ReadonlyArray<readonly [type: string, text: string]> | undefined
  /** Milliseconds since 1970; default an hour ago. */
  readonly notBefore?: number | undefined
  /** Milliseconds since 1970; default `days` after notBefore. */
  readonly notAfter?: number | undefined
  /** Default 90, for authorities 3650. */
  readonly days?: number | undefined
  /** Big-endian; default 16 random bytes. */
  readonly serialNumber?: Uint8Array | undefined
  readonly keyUsage?: ReadonlyArray<KeyUsage> | undefined
  readonly extKeyUsage?: ReadonlyArray<string> | undefined
  readonly nameConstraints?:
    | { readonly permitted?: ReadonlyArray<GeneralName>; readonly excluded?: ReadonlyArray<GeneralName> }
    | undefined
  /** URLs of the issuer's revocation lists, each a distribution point. */
  readonly crlUrls?: ReadonlyArray<string> | undefined
  /** Certificate policies, object identifiers such as `2.23.140.1.2.1`. */
  readonly policies?: ReadonlyArray<string> | undefined
  /** Features of TLS without which it must not be believed (RFC 7633): 5 for a stapled OCSP response. */
  readonly features?: ReadonlyArray<number> | undefined
  /** Raw extensions; one with the identifier of an extension that would be there anyway takes its place. */
  readonly extensions?: ReadonlyArray<Extension> | undefined
  /** Extensions to leave out. */
  readonly without?: ReadonlyArray<ExtensionName> | undefined
  /** Logs whose timestamps it carries (RFC 6962 section 3.3), and what is odd about those. */
  readonly logs?: ReadonlyArray<Log> | undefined
  readonly timestamps?: StampOptions | undefined
  /** Default v3. */
  readonly version?: Version | undefined
  /** How the issuer signs; default what its key does best. */
  readonly algorithm?: SignatureAlgorithm | undefined
  /** Last changes to what is signed: for certificates that are wrong in a way that has no option. */
  readonly alter?: ((tbs: TBSCertificate) => TBSCertificate) | undefined
  /** What becomes of the signature; `broken` turns one bit of it around. */
  readonly signature?: "right" | "broken" | undefined
}

/** What an authority is made with. */
export interface CaOptions extends Options {
  /** Certificates that may follow below this one, the last not counted. Default: no limit. */
  readonly pathLength?: number | undefined
}

/** What a certificate under an authority is made with. */
export interface LeafOptions extends Options {
  /** Host names and IP addresses; default `localhost`, `127.0.0.1` and `::1` for servers, none for clients. */
  readonly names?: ReadonlyArray<string> | undefined
  /** Names of other types. */
  readonly generalNames?: ReadonlyArray<GeneralName> | undefined
  /** Default server. */
  readonly purpose?: "server" | "client" | undefined
}

/** One extension of the profile: its name, its value when it is to be there, and whether it is critical. */
type Entry = {
  readonly [N in ExtensionName]: readonly [N, ExtensionValue<N> | undefined, "critical" | "non-critical"]
}[ExtensionName]

/** The extensions of a certificate: the profile's, without those to leave out, with those given raw. */
const assemble = Effect.fnUntraced(function* (profile: ReadonlyArray<Entry>, options: Options) {
  const raw = options.extensions ?? []
  const taken = new Set(raw.map(({ extnID }) => extnID))
  const made: Array<Extension> = []
  for (const [name, value, criticality] of profile) {
    if (value === undefined || options.without?.includes(name) || taken.has(extensionOids[name])) continue
    made.push(yield* encoded(makeExtension<ExtensionName>(name, value, criticality)))
  }
  return [...made, ...raw]
})

const constraints = ({ nameConstraints }: Options): ExtensionValue<"nameConstraints"> | undefined => {
  if (nameConstraints === undefined) return undefined
  const trees = (names: ReadonlyArray<GeneralName> | undefined) => names?.map((base) => ({ base, minimum: 0 }))
  return {
    permittedSubtrees: trees(nameConstraints.permitted),
    excludedSubtrees: trees(nameConstraints.excluded)
  }
}

const pointTo = (value: string): ExtensionValue<"cRLDistributionPoints">[number] => ({
  distributionPoint: { _tag: "fullName", value: [{ _tag: "uniformResourceIdentifier", value }] },
  reasons: undefined,
  cRLIssuer: undefined
})

const policyOf = (policyIdentifier: string): ExtensionValue<"certificatePolicies">[number] => ({
  policyIdentifier,
  policyQualifiers: undefined
})

/** What any certificate may say besides: policies, and how to find out whether it was revoked. */
const besides = ({ policies, crlUrls, features }: Options): ReadonlyArray<Entry> => [
  ["certificatePolicies", policies?.map(policyOf), "non-critical"],
  ["cRLDistributionPoints", crlUrls?.map(pointTo), "non-critical"],
  ["tlsFeature", features, "non-critical"]
]

/** A key of the factory: given or new, loaded, with its identifier. */
const makeKey = Effect.fnUntraced(function* (options: Options) {
  const provider = yield* CryptoProvider
  const pkcs8 = options.privateKey ?? (yield* provided(provider.generatePrivateKey(options.keyType ?? "p256")))
  const key = yield* provided(provider.privateKey(pkcs8))
  const keyId = provider.primitives.hashes.sha256.digest(key.publicKey.spki).slice(0, 20)
  return { pkcs8, key, keyId }
})

/** A positive INTEGER of 16 bytes in its shortest form. */
const makeSerialNumber = Effect.fnUntraced(function* () {
  const provider = yield* CryptoProvider
  const bytes = yield* provider.randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40
  return bytes
})

const hour = 3_600_000
const wholeSecond = (milliseconds: number) => Math.floor(milliseconds / 1000) * 1000

const validityOf = Effect.fnUntraced(function* (options: Options, days: number) {
  const now = yield* Clock.currentTimeMillis
  const notBefore = options.notBefore ?? wholeSecond(now - hour)
  return { notBefore, notAfter: options.notAfter ?? notBefore + (options.days ?? days) * 24 * hour }
})

/** The one who signs: the issuer's name and key. */
type Signer = Pick<Issued, "subject" | "key" | "keyId">

const flipped = (signature: Uint8Array): Uint8Array =>
  signature.map((byte, i) => (i === signature.length - 1 ? byte ^ 1 : byte))

const sign = Effect.fnUntraced(function* (signer: Signer, template: CertificateTemplate, options: Options) {
  const provider = yield* CryptoProvider
  const { logs = [], alter = (tbs) => tbs } = options
  const plain = yield* encoded(makeTbs(template))
  const added = logs.length === 0 ? [] : [yield* embed(logs, plain, signer.key.publicKey.spki, options.timestamps)]
  const tbs = alter(added.length === 0 ? plain : { ...plain, extensions: [...(plain.extensions ?? []), ...added] })
  const content = yield* encoded(encodeTbs(tbs))
  const algorithm = algorithmForKey(template.algorithm, signer.key.kind)
  const signature = yield* provided(provider.sign(signer.key, algorithm, content))
  return yield* encoded(makeCertificate(tbs, options.signature === "broken" ? flipped(signature) : signature))
})

interface Profile {
  readonly name: ReadonlyArray<readonly [string, string]>
  readonly days: number
  readonly extensions: (keyId: Uint8Array, issuerKeyId: Uint8Array) => ReadonlyArray<Entry>
}

const make = Effect.fnUntraced(function* (issuer: Issued | undefined, profile: Profile, options: Options) {
  const { pkcs8, key, keyId } = yield* makeKey(options)
  const subject = yield* encoded(makeName(options.subject ?? profile.name))
  const signer: Signer = issuer ?? { subject, key, keyId }
  const template: CertificateTemplate = {
    version: options.version ?? "v3",
    serialNumber: options.serialNumber ?? (yield* makeSerialNumber()),
    algorithm: options.algorithm ?? usualAlgorithm[signer.key.kind],
    issuer: signer.subject,
    subject,
    validity: yield* validityOf(options, profile.days),
    spki: key.publicKey.spki,
    extensions:
      options.version === "v1" || options.version === "v2"
        ? []
        : yield* assemble(profile.extensions(keyId, signer.keyId), options)
  }
  const certificate = yield* sign(signer, template, options)
  const chain = issuer === undefined ? [] : [certificate, ...issuer.chain]
  const issued: Issued = {
    certificate,
    certificatePem: encodePem("CERTIFICATE", certificate),
    chain,
    chainPem: certificatesToPem(chain),
    privateKey: pkcs8,
    privateKeyPem: encodePem("PRIVATE KEY", pkcs8),
    key,
    subject,
    keyId
  }
  return issued
})

const authority = (name: string, options: CaOptions): Profile => ({
  name: [["commonName", options.commonName ?? name]],
  days: 3650,
  extensions: (keyId, issuerKeyId) => [
    ["basicConstraints", { cA: true, pathLenConstraint: options.pathLength }, "critical"],
    ["keyUsage", options.keyUsage ?? ["keyCertSign", "cRLSign"], "critical"],
    ["extKeyUsage", options.extKeyUsage, "non-critical"],
    ["nameConstraints", constraints(options), "critical"],
    ["subjectKeyIdentifier", keyId, "non-critical"],
    ["authorityKeyIdentifier", byKey(issuerKeyId), "non-critical"],
    ...besides(options)
  ]
})

const byKey = (keyIdentifier: Uint8Array): ExtensionValue<"authorityKeyIdentifier"> => ({
  keyIdentifier,
  authorityCertIssuer: undefined,
  authorityCertSerialNumber: undefined
})

const generalName = (name: string): GeneralName => {
  const address = parseIpAddress(name)
  return address === undefined ? { _tag: "dNSName", value: name } : { _tag: "iPAddress", value: address }
}

const endEntity = (options: LeafOptions): Profile => {
  const purpose = options.purpose ?? "server"
  const names = options.names ?? (purpose === "server" ? ["localhost", "127.0.0.1", "::1"] : [])
  const all = [...names.map(generalName), ...(options.generalNames ?? [])]
  const commonName = options.commonName ?? (purpose === "server" ? names[0] : "effect-tls test client")
  return {
    name: commonName === undefined ? [] : [["commonName", commonName]],
    days: 90,
    extensions: (keyId, issuerKeyId) => [
      ["keyUsage", options.keyUsage ?? ["digitalSignature"], "critical"],
      ["extKeyUsage", options.extKeyUsage ?? [purpose === "server" ? "serverAuth" : "clientAuth"], "non-critical"],
      ["subjectAltName", all.length === 0 ? undefined : all, commonName === undefined ? "critical" : "non-critical"],
      ["nameConstraints", constraints(options), "critical"],
      ["subjectKeyIdentifier", keyId, "non-critical"],
      ["authorityKeyIdentifier", byKey(issuerKeyId), "non-critical"],
      ...besides(options)
    ]
  }
}

/** A certificate authority: a self-signed root. Its `chain` is empty, as a root is never sent. */
export const makeCa = (options: CaOptions = {}): Effect.Effect<Issued, CertificateFactoryError, CryptoProvider> =>
  make(undefined, authority("effect-tls test CA", options), options)

/** An authority under another. */
export const makeIntermediate = (
  issuer: Issued,
  options: CaOptions = {}
): Effect.Effect<Issued, CertificateFactoryError, CryptoProvider> =>
  make(issuer, authority("effect-tls test intermediate CA", options), options)

/** A certificate for a server, or with `purpose: "client"` for a client. */
export const issue = (
  issuer: Issued,
  options: LeafOptions = {}
): Effect.Effect<Issued, CertificateFactoryError, CryptoProvider> => make(issuer, endEntity(options), options)

/** A certificate that vouches for itself alone. */
export const makeSelfSigned = (
  options: LeafOptions = {}
): Effect.Effect<Issued, CertificateFactoryError, CryptoProvider> =>
  Effect.map(make(undefined, endEntity(options), options), (issued) => ({
    ...issued,
    chain: [issued.certificate],
    chainPem: issued.certificatePem
  }))
