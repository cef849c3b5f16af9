/** Private keys in their three usual containers, all made into PKCS#8, which every provider of cryptography reads. */
import * as Result from "effect/Result"
import { decodeDer, encodeDer } from "../der/der.ts"
import { objectIdentifier } from "../der/objectIdentifier.ts"
import { any, bitString, integer, integerBetween, octetString } from "../der/primitive.ts"
import { explicit, implicit, named, optional, sequence, sequenceOf } from "../der/structure.ts"
import { tags } from "../der/tlv.ts"
import type { CodecFailure } from "../presentation/cursor.ts"
import { AlgorithmIdentifier, algorithmIdentifierOf } from "./algorithm.ts"
import { type PemBlock, parsePem } from "./pem.ts"

/** RFC 5958 section 2: OneAsymmetricKey, whose first version is the PrivateKeyInfo of PKCS#8. */
export const PrivateKeyInfo = sequence({
  version: named(integerBetween(0, 1), { v1: 0, v2: 1 }),
  privateKeyAlgorithm: AlgorithmIdentifier,
  privateKey: octetString,
  // A SET OF, whose order is nothing to us, as we drop it
  attributes: optional(implicit(0, sequenceOf(any))),
  publicKey: optional(implicit(1, bitString))
})

/** RFC 5915 section 3, "SEC1". */
export const ECPrivateKey = sequence({
  version: integerBetween(1, 1),
  privateKey: octetString,
  parameters: optional(explicit(0, objectIdentifier)),
  publicKey: optional(explicit(1, bitString))
})

/** RFC 8017 appendix A.1.2, "PKCS#1", of two primes. */
export const RSAPrivateKey = sequence({
  version: integerBetween(0, 0),
  modulus: integer,
  publicExponent: integer,
  privateExponent: integer,
  prime1: integer,
  prime2: integer,
  exponent1: integer,
  exponent2: integer,
  coefficient: integer
})

const fail = (expected: string): Result.Result<never, CodecFailure> =>
  Result.fail({ alert: "decode_error", offset: 0, expected, path: [] })

const encrypted = fail("a private key that is not encrypted (decrypt it with: openssl pkey -in KEY -out PLAIN)")

/** The encryption of PEM itself derives its key with one round of MD5; nobody should keep a key in it. */
const traditional = fail(
  "a private key in PKCS#8, not in the old encryption of PEM (convert it with: openssl pkcs8 -topk8 -in KEY -out NEW)"
)

const wrap = (privateKeyAlgorithm: AlgorithmIdentifier, privateKey: Uint8Array) =>
  encodeDer(PrivateKeyInfo, {
    version: "v1",
    privateKeyAlgorithm,
    privateKey,
    attributes: undefined,
    publicKey: undefined
  })

const fromPkcs8 = (der: Uint8Array) =>
  Result.flatMap(decodeDer(PrivateKeyInfo, der), (info) => wrap(info.privateKeyAlgorithm, info.privateKey))

/** The curve goes from the key to the algorithm, where PKCS#8 has it. */
const fromSec1 = (der: Uint8Array) =>
  Result.flatMap(decodeDer(ECPrivateKey, der), (key) => {
    if (key.parameters === undefined) return fail("an EC private key that names its curve")
    const algorithm = Result.flatMap(encodeDer(objectIdentifier, key.parameters), (curve) =>
      Result.succeed(algorithmIdentifierOf("id-ecPublicKey", curve))
    )
    const inner = encodeDer(ECPrivateKey, { ...key, parameters: undefined })
    return Result.flatMap(algorithm, (identifier) => Result.flatMap(inner, (bytes) => wrap(identifier, bytes)))
  })

const fromPkcs1 = (der: Uint8Array) =>
  Result.flatMap(decodeDer(RSAPrivateKey, der), () => wrap(algorithmIdentifierOf("rsaEncryption", "NULL"), der))

/**
 * PKCS#8 (version 1, without attributes) from a private key in DER: PKCS#8 of either version, SEC1 or PKCS#1, told
 * apart by their first two fields.
 *
 * Fails for an encrypted key, and says so. No failure contains a part of the key.
 */
export const toPkcs8 = (der: Uint8Array): Result.Result<Uint8Array, CodecFailure> =>
  Result.flatMap(decodeDer(sequenceOf(any), der), (elements) => {
    const [first, second] = elements.map((element) => element[0])
    if (first === tags.SEQUENCE && second === tags["OCTET STRING"]) return encrypted
    if (first === tags.INTEGER && second === tags.SEQUENCE) return fromPkcs8(der)
    if (first === tags.INTEGER && second === tags["OCTET STRING"]) return fromSec1(der)
    if (first === tags.INTEGER && second === tags.INTEGER) return fromPkcs1(der)
    return fail("a private key (PKCS#8, SEC1 or PKCS#1)")
  })

const labels: ReadonlyArray<string> = ["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY"]

const isTraditional = ({ headers }: PemBlock): boolean =>
  headers.some((header) => /^Proc-Type:.*ENCRYPTED/.test(header))

/** A private key as a file has it. */
export type PrivateKeyContainer =
  /** PKCS#8, DER. */
  | { readonly _tag: "Plain"; readonly pkcs8: Uint8Array }
  /** EncryptedPrivateKeyInfo, DER, as it was found: `parseEncryptedPrivateKey` tells what opens it. */
  | { readonly _tag: "Encrypted"; readonly der: Uint8Array }

/**
 * The first private key of a PEM text, open or not; certificates and EC parameters beside it do not disturb. Fails for
 * the encryption that PEM once had itself (`Proc-Type: 4,ENCRYPTED`), and says how to convert it.
 */
export const privateKeyContainer = (text: string): Result.Result<PrivateKeyContainer, CodecFailure> =>
  Result.flatMap(parsePem(text), (blocks) => {
    const block = blocks.find(({ label }) => labels.includes(label))
    if (block === undefined) return fail("a block -----BEGIN PRIVATE KEY-----")
    if (isTraditional(block)) return traditional
    return block.label === "ENCRYPTED PRIVATE KEY"
      ? Result.succeed<PrivateKeyContainer>({ _tag: "Encrypted", der: block.bytes })
      : Result.map(toPkcs8(block.bytes), (pkcs8): PrivateKeyContainer => ({ _tag: "Plain", pkcs8 }))
  })

/** The key of a PEM text that is not encrypted: PKCS#8 in DER. */
export const privateKeyFromPem = (text: string): Result.Result<Uint8Array, CodecFailure> =>
  Result.flatMap(privateKeyContainer(text), (found) =>
    found._tag === "Plain" ? Result.succeed(found.pkcs8) : encrypted
  )
