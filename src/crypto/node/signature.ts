/** Signing keys on node:crypto, held as KeyObjects. */
import * as Crypto from "node:crypto"
import * as Result from "effect/Result"
import { attempt, refuse } from "../failure.ts"
import type { CryptoFailure, Primitives, PrivateKey, PublicKey } from "../primitives.ts"
import { ruleFor, type SignatureRule, schemesFor } from "../signature.ts"
import * as Spki from "../spki.ts"
import { buffer, plain } from "./bytes.ts"
import { withoutStacks } from "./stacks.ts"

/** What `sign` and `verify` of node take: the digest, and the key with its padding. */
const digestOf = (rule: SignatureRule): string | null => (rule._tag === "Ed25519" ? null : rule.hash)
const keyFor = (rule: SignatureRule, key: Crypto.KeyObject): Crypto.KeyObject | Crypto.SignKeyObjectInput =>
  rule._tag === "RsaPss"
    ? {
        key,
        padding: Crypto.constants.RSA_PKCS1_PSS_PADDING,
        saltLength: Crypto.constants.RSA_PSS_SALTLEN_DIGEST
      }
    : key

/** The rule for this key; a key that its parameters restrict to one hash has rules for that hash only. */
const permitted = (spki: Spki.Spki, algorithm: Parameters<PublicKey["verify"]>[0]): SignatureRule | undefined => {
  const rule = ruleFor(spki.kind, algorithm)
  return spki.kind === "rsa-pss" && rule?._tag === "RsaPss" && spki.hash !== undefined && spki.hash !== rule.hash
    ? undefined
    : rule
}

const importKey = (bytes: Uint8Array, key: Crypto.KeyObject, spki: Spki.Spki): PublicKey => ({
  kind: spki.kind,
  bits: spki.bits,
  spki: bytes,
  verify: (algorithm, message, signature) => {
    const rule = permitted(spki, algorithm)
    if (rule === undefined) return false
    try {
      return withoutStacks(() => Crypto.verify(digestOf(rule), message, keyFor(rule, key), signature))
    } catch {
      return false
    }
  }
})

const createPublicKey = (spki: Buffer): Crypto.KeyObject =>
  withoutStacks(() => Crypto.createPublicKey({ key: spki, format: "der", type: "spki" }))

/** OpenSSL refuses a point that is not on its curve here. */
export const publicKey: Primitives["publicKey"] = (bytes) =>
  Result.flatMap(Spki.parse(bytes), (spki) => {
    const copy = bytes.slice()
    return attempt("InvalidKey", "the key is not valid for its algorithm", () =>
      importKey(copy, createPublicKey(buffer(copy)), spki)
    )
  })

export const privateKey: Primitives["privateKey"] = (pkcs8) =>
  Result.flatMap(
    attempt("InvalidKey", "not a PKCS#8 private key", () => {
      const key = Crypto.createPrivateKey({ key: Buffer.from(pkcs8), format: "der", type: "pkcs8" })
      return { key, spki: plain(Crypto.createPublicKey(key).export({ format: "der", type: "spki" })) }
    }),
    ({ key, spki }) =>
      Result.flatMap(Spki.parse(spki), (parsed) => Result.map(publicKey(spki), (pub) => signer(key, pub, parsed)))
  )

const signer = (key: Crypto.KeyObject, pub: PublicKey, spki: Spki.Spki): PrivateKey => ({
  kind: pub.kind,
  publicKey: pub,
  schemes: schemesFor(pub.kind, spki.kind === "rsa-pss" ? spki.hash : undefined),
  sign: (algorithm, message) => {
    const rule = permitted(spki, algorithm)
    return rule === undefined
      ? refuse("UnsupportedAlgorithm", `a key of kind ${pub.kind} does not sign ${algorithm}`)
      : attempt("OperationFailed", "signing failed", () =>
          plain(withoutStacks(() => Crypto.sign(digestOf(rule), message, keyFor(rule, key))))
        )
  }
})

const generate: { readonly [K in Parameters<Primitives["generatePrivateKey"]>[0]]: () => Crypto.KeyObject } = {
  p256: () => Crypto.generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey,
  p384: () => Crypto.generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey,
  p521: () => Crypto.generateKeyPairSync("ec", { namedCurve: "P-521" }).privateKey,
  ed25519: () => Crypto.generateKeyPairSync("ed25519").privateKey,
  rsa2048: () => Crypto.generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey,
  rsa3072: () => Crypto.generateKeyPairSync("rsa", { modulusLength: 3072 }).privateKey,
  "rsa-pss": () => Crypto.generateKeyPairSync("rsa-pss", { modulusLength: 2048 }).privateKey
}

export const generatePrivateKey = (kind: keyof typeof generate): Result.Result<Uint8Array, CryptoFailure> =>
  attempt("OperationFailed", "key generation failed", () =>
    Uint8Array.from(generate[kind]().export({ format: "der", type: "pkcs8" }))
  )
