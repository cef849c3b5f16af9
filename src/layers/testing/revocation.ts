/**
 * The factory of revocation: lists and OCSP responses by the authorities of `Certificates`, right ones and wrong ones.
 *
 * @example
 * const ca = yield* Certificates.makeCa()
 * const server = yield* Certificates.issue(ca, { features: [5] }) // must be stapled
 * const crl = yield* Revocations.makeCrl(ca, { revoked: [{ certificate: server, reason: "keyCompromise" }] })
 * const ocsp = yield* Revocations.makeOcspResponse(ca, server, { status: "revoked" })
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { decodeDer } from "../../codec/der/der.ts"
import { unsigned } from "../../codec/der/primitive.ts"
import { timeOf } from "../../codec/der/time.ts"
import { type AlgorithmIdentifier, algorithmForKey, algorithmIdentifier } from "../../codec/x509/algorithm.ts"
import { parseCertificate } from "../../codec/x509/certificate.ts"
import { encodeEntries, encodeTbsCertList, makeCertificateList, type TBSCertList } from "../../codec/x509/crl.ts"
import {
  type CRLReason,
  type IssuingDistributionPoint,
  makeCrlAuthorityKeyIdentifier,
  makeCrlNumber,
  makeDeltaCrlIndicator,
  makeIssuingDistributionPoint,
  makeReasonCode
} from "../../codec/x509/crlExtension.ts"
import type { Extension } from "../../codec/x509/extension.ts"
import {
  type CertStatus,
  certIdHashes,
  encodeResponseData,
  makeBasicResponse,
  type ResponseData
} from "../../codec/x509/ocsp.ts"
import { encodePem } from "../../codec/x509/pem.ts"
import { SubjectPublicKeyInfo } from "../../codec/x509/publicKey.ts"
import { timestampsExtension } from "../../codec/x509/sct.ts"
import { sha1 } from "../../crypto/noble/sha1.ts"
import type { PrivateKey } from "../../crypto/primitives.ts"
import { CryptoProvider } from "../CryptoProvider.ts"
import { type Issued, issue, type LeafOptions } from "./certificates.ts"
import { CertificateFactoryError, encoded, provided, usualAlgorithm } from "./factory.ts"

const hour = 3_600_000
const wholeSecond = (milliseconds: number) => Math.floor(milliseconds / 1000) * 1000

/** When it was said, and until when it holds: an hour ago, for a week. */
const periodOf = Effect.fnUntraced(function* (options: PeriodOptions) {
  const thisUpdate = options.thisUpdate ?? wholeSecond((yield* Clock.currentTimeMillis) - hour)
  const nextUpdate = options.nextUpdate === "none" ? undefined : (options.nextUpdate ?? thisUpdate + 7 * 24 * hour)
  return { thisUpdate, nextUpdate }
})

interface PeriodOptions {
  /** Milliseconds since 1970, whole seconds; default an hour ago. */
  readonly thisUpdate?: number | undefined
  /** Milliseconds since 1970; default a week after `thisUpdate`. */
  readonly nextUpdate?: number | "none" | undefined
  /** What becomes of the signature; `broken` turns one bit of it around. */
  readonly signature?: "right" | "broken" | undefined
}

/** The name of what a key signs with, for what is signed. */
const algorithmOf = (key: PrivateKey): Effect.Effect<AlgorithmIdentifier, CertificateFactoryError> => {
  const identifier = algorithmIdentifier(usualAlgorithm[key.kind])
  return identifier === undefined
    ? Effect.fail(new CertificateFactoryError({ detail: `no way to sign with ${key.kind}` }))
    : Effect.succeed(identifier)
}

const sign = Effect.fnUntraced(function* (key: PrivateKey, content: Uint8Array, options: PeriodOptions) {
  const provider = yield* CryptoProvider
  const signature = yield* provided(provider.sign(key, algorithmForKey(usualAlgorithm[key.kind], key.kind), content))
  const last = signature.length - 1
  return options.signature === "broken" ? signature.map((byte, i) => (i === last ? byte ^ 1 : byte)) : signature
})

const serialOf = (issued: Issued): Effect.Effect<Uint8Array, CertificateFactoryError> =>
  Effect.map(encoded(parseCertificate(issued.certificate)), ({ serialNumber }) => serialNumber)

/** One certificate that was taken back. */
export interface Revoked {
  /** A certificate of the factory, or the serial number of any: big-endian two's complement. */
  readonly certificate: Issued | Uint8Array
  /** Milliseconds since 1970; default as old as the list. */
  readonly at?: number | undefined
  readonly reason?: CRLReason | undefined
  /** Raw extensions of the entry. */
  readonly extensions?: ReadonlyArray<Extension> | undefined
}

/** What a list holds, and what is wrong with it. */
export interface CrlOptions extends PeriodOptions {
  readonly revoked?: ReadonlyArray<Revoked> | undefined
  /** Default 1. */
  readonly number?: number | undefined
  /** What the list is about; default every certificate of the issuer, for every reason. */
  readonly scope?: Partial<IssuingDistributionPoint> | undefined
  /** Makes it a delta CRL to the list of this number. */
  readonly base?: number | undefined
  /** Raw extensions, besides those that are there anyway. */
  readonly extensions?: ReadonlyArray<Extension> | undefined
  /** Last changes to what is signed. */
  readonly alter?: ((tbs: TBSCertList) => TBSCertList) | undefined
  /** Who signs it in the name of the issuer; default the issuer. */
  readonly signer?: Issued | undefined
}

/** A revocation list, DER and PEM. */
export interface MadeCrl {
  readonly der: Uint8Array
  readonly pem: string
}

const number = (value: number): Uint8Array => unsigned(Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value))

const everything: IssuingDistributionPoint = {
  distributionPoint: undefined,
  onlyContainsUserCerts: false,
  onlyContainsCACerts: false,
  onlySomeReasons: undefined,
  indirectCRL: false,
  onlyContainsAttributeCerts: false
}

const entriesOf = Effect.fnUntraced(function* (revoked: ReadonlyArray<Revoked>, thisUpdate: number) {
  const entries = yield* Effect.forEach(
    revoked,
    Effect.fnUntraced(function* ({ certificate, at = thisUpdate, reason, extensions = [] }: Revoked) {
      const all = [...(reason === undefined ? [] : [yield* encoded(makeReasonCode(reason))]), ...extensions]
      return {
        userCertificate: certificate instanceof Uint8Array ? certificate : yield* serialOf(certificate),
        revocationDate: timeOf(at),
        crlEntryExtensions: all.length === 0 ? undefined : all
      }
    })
  )
  return entries.length === 0 ? undefined : yield* encoded(encodeEntries(entries))
})

/** The list of what an authority took back. */
export const makeCrl = Effect.fnUntraced(function* (
  issuer: Issued,
  options: CrlOptions = {}
): Effect.fn.Return<MadeCrl, CertificateFactoryError, CryptoProvider> {
  const { thisUpdate, nextUpdate } = yield* periodOf(options)
  const { scope, base, extensions = [], revoked = [], signer = issuer } = options
  const plain: TBSCertList = {
    version: "v2",
    signature: yield* algorithmOf(signer.key),
    issuer: issuer.subject,
    thisUpdate: timeOf(thisUpdate),
    nextUpdate: nextUpdate === undefined ? undefined : timeOf(nextUpdate),
    revokedCertificates: yield* entriesOf(revoked, thisUpdate),
    crlExtensions: [
      yield* encoded(makeCrlAuthorityKeyIdentifier(issuer.keyId)),
      yield* encoded(makeCrlNumber(number(options.number ?? 1))),
      ...(base === undefined ? [] : [yield* encoded(makeDeltaCrlIndicator(number(base)))]),
      ...(scope === undefined ? [] : [yield* encoded(makeIssuingDistributionPoint({ ...everything, ...scope }))]),
      ...extensions
    ]
  }
  const tbs = options.alter === undefined ? plain : options.alter(plain)
  const signature = yield* sign(signer.key, yield* encoded(encodeTbsCertList(tbs)), options)
  const der = yield* encoded(makeCertificateList(tbs, signature))
  return { der, pem: encodePem("X509 CRL", der) }
})

/** What a response says, and what is wrong with it. */
export interface OcspOptions extends PeriodOptions {
  /** Default good. */
  readonly status?: "good" | "revoked" | "unknown" | undefined
  /** Milliseconds since 1970; default as old as the response. */
  readonly revokedAt?: number | undefined
  readonly reason?: CRLReason | undefined
  /** Milliseconds since 1970; default thisUpdate. */
  readonly producedAt?: number | undefined
  /** Who signs, with his certificate in the response; default the issuer itself, without. */
  readonly responder?: Issued | undefined
  /** How the responder is named; default by its name. */
  readonly by?: "name" | "key" | undefined
  /** The hash of the certificate's identifier; default SHA-1, as everybody has it. */
  readonly hash?: "sha1" | "sha256" | undefined
  /** Certificates in the response; default the responder's own. */
  readonly certificates?: ReadonlyArray<Uint8Array> | undefined
  readonly extensions?: ReadonlyArray<Extension> | undefined
  /** Serialized timestamps of logs about the certificate (RFC 6962 section 3.3). */
  readonly timestamps?: ReadonlyArray<Uint8Array> | undefined
}

const keyBits = (spki: Uint8Array): Effect.Effect<Uint8Array, CertificateFactoryError> =>
  Effect.map(encoded(decodeDer(SubjectPublicKeyInfo, spki)), ({ subjectPublicKey }) => subjectPublicKey)

const statusOf = (options: OcspOptions, thisUpdate: number): CertStatus => {
  switch (options.status ?? "good") {
    case "good":
      return { _tag: "good", value: null }
    case "unknown":
      return { _tag: "unknown", value: null }
    case "revoked":
      return {
        _tag: "revoked",
        value: { revocationTime: options.revokedAt ?? thisUpdate, revocationReason: options.reason }
      }
  }
}

/** An OCSPResponse, DER, about a certificate of this issuer: what a server staples. */
export const makeOcspResponse = Effect.fnUntraced(function* (
  issuer: Issued,
  certificate: Issued,
  options: OcspOptions = {}
): Effect.fn.Return<Uint8Array, CertificateFactoryError, CryptoProvider> {
  const { primitives } = yield* CryptoProvider
  const { thisUpdate, nextUpdate } = yield* periodOf(options)
  const { responder, hash = "sha1", producedAt = thisUpdate, timestamps } = options
  const signer = responder ?? issuer
  const digest = hash === "sha1" ? sha1 : primitives.hashes.sha256.digest
  const oid = Object.entries(certIdHashes).find(([, name]) => name === hash)?.[0] ?? ""
  const data: ResponseData = {
    version: 0,
    responderID:
      options.by === "key"
        ? { _tag: "byKey", value: sha1(yield* keyBits(signer.key.publicKey.spki)) }
        : { _tag: "byName", value: signer.subject },
    producedAt,
    responses: [
      {
        certID: {
          hashAlgorithm: { algorithm: oid, parameters: Uint8Array.of(0x05, 0x00) },
          issuerNameHash: digest(issuer.subject.der),
          issuerKeyHash: digest(yield* keyBits(issuer.key.publicKey.spki)),
          serialNumber: yield* serialOf(certificate)
        },
        certStatus: statusOf(options, thisUpdate),
        thisUpdate,
        nextUpdate,
        singleExtensions: timestamps && [yield* encoded(timestampsExtension(timestamps, "ocsp"))]
      }
    ],
    responseExtensions: options.extensions
  }
  const signature = yield* sign(signer.key, yield* encoded(encodeResponseData(data)), options)
  const certificates = options.certificates ?? (responder === undefined ? [] : [responder.certificate])
  return yield* encoded(makeBasicResponse(data, yield* algorithmOf(signer.key), signature, certificates))
})

/** A responder that an authority appoints: a certificate for OCSPSigning (RFC 6960 section 4.2.2.2). */
export const makeResponder = (
  issuer: Issued,
  options: LeafOptions = {}
): Effect.Effect<Issued, CertificateFactoryError, CryptoProvider> =>
  issue(issuer, {
    commonName: "effect-tls test responder",
    purpose: "client",
    extKeyUsage: ["OCSPSigning"],
    ...options
  })
