/** Signing keys on @noble/curves; RSA in `rsa.ts`. */
import { ed25519 } from "@noble/curves/ed25519.js"
import { p256, p384, p521 } from "@noble/curves/nist.js"
import * as Result from "effect/Result"
import { attempt, refuse } from "../failure.ts"
import * as Pkcs8 from "../pkcs8.ts"
import type {
  CryptoFailure,
  Primitives,
  PrivateKey,
  PublicKey,
  RandomBytes,
  SignatureAlgorithm
} from "../primitives.ts"
import { ruleFor, type SignatureRule, schemesFor } from "../signature.ts"
import * as Spki from "../spki.ts"
import { hashes } from "./hash.ts"
import * as Rsa from "./rsa.ts"

const curves: { readonly [K in Spki.CurveKind]: typeof p256 } = { p256, p384, p521 }

/** TLS takes either of the two values of `s`; the digest is ours, since in certificates any hash meets any curve. */
const ecdsa = { lowS: false, prehash: false, format: "der" } as const

const verify = (key: Spki.Spki, algorithm: SignatureAlgorithm, message: Uint8Array, signature: Uint8Array): boolean => {
  const rule = ruleFor(key.kind, algorithm)
  switch (key.kind) {
    case "rsa":
    case "rsa-pss":
      return (rule?._tag === "RsaPss" || rule?._tag === "RsaPkcs1") && permits(key.hash, rule)
        ? Rsa.verify(key, rule, message, signature)
        : false
    case "ed25519":
      return rule?._tag === "Ed25519" && ed25519.verify(signature, message, key.point, { zip215: false })
    default:
      return (
        rule?._tag === "Ecdsa" &&
        curves[key.kind].verify(signature, hashes[rule.hash].digest(message), key.point, ecdsa)
      )
  }
}

/** A key that its parameters restrict to one hash takes no other. */
const permits = (restriction: Spki.RsaSpki["hash"], rule: Rsa.RsaRule): boolean =>
  restriction === undefined || restriction === rule.hash

export const publicKey: Primitives["publicKey"] = (spki) => {
  const bytes = spki.slice()
  return Result.flatMap(Spki.parse(bytes), (key) => {
    if (key.kind === "p256" || key.kind === "p384" || key.kind === "p521") {
      const { kind, point } = key
      const valid = attempt("InvalidKey", "the point is not on its curve", () => curves[kind].Point.fromBytes(point))
      if (Result.isFailure(valid)) return Result.fail(valid.failure)
    }
    return Result.succeed<PublicKey>({
      kind: key.kind,
      bits: key.bits,
      spki: bytes,
      verify: (algorithm, message, signature) => {
        try {
          return verify(key, algorithm, message, signature)
        } catch {
          return false
        }
      }
    })
  })
}

/** The SubjectPublicKeyInfo that belongs to a private key. */
const publicHalf = (key: Pkcs8.Pkcs8): Result.Result<Uint8Array, CryptoFailure> => {
  const bytes = attempt("InvalidKey", "the private key is out of range", () => {
    switch (key.kind) {
      case "rsa":
      case "rsa-pss":
        return key.publicKey
      case "ed25519":
        return ed25519.getPublicKey(key.secret)
      default:
        return curves[key.kind].getPublicKey(key.secret, false)
    }
  })
  return Result.flatMap(bytes, (bytes) => Pkcs8.encodeSpki(key.algorithm, bytes))
}

type Sign = (rule: SignatureRule, message: Uint8Array) => ReturnType<PrivateKey["sign"]>

const unfit = refuse("UnsupportedAlgorithm", "the algorithm does not belong to this kind of key")

/** Nonces of ECDSA are those of RFC 6979, with `random` mixed in against faults. */
const signer = (key: Pkcs8.Pkcs8, random: RandomBytes): Sign => {
  switch (key.kind) {
    case "rsa":
    case "rsa-pss":
      return (rule, message) =>
        (rule._tag === "RsaPss" || rule._tag === "RsaPkcs1") && permits(key.hash, rule)
          ? Rsa.sign(key.privateKey, rule, message)
          : unfit
    case "ed25519":
      return (_rule, message) => attempt("OperationFailed", "signing failed", () => ed25519.sign(message, key.secret))
    default: {
      const curve = curves[key.kind]
      return (rule, message) =>
        rule._tag !== "Ecdsa"
          ? unfit
          : attempt("OperationFailed", "signing failed", () =>
              curve.sign(hashes[rule.hash].digest(message), key.secret, { ...ecdsa, extraEntropy: random(32) })
            )
    }
  }
}

/**
 * Imports a private key. What RSA signs is verified before it is given away: one faulty signature by the Chinese
 * remainder theorem reveals the key (RFC 9846 appendix C.3), and whose WebCrypto this is nobody knows.
 */
export const privateKey =
  (random: RandomBytes): Primitives["privateKey"] =>
  (pkcs8) =>
    Result.flatMap(Pkcs8.parse(pkcs8.slice()), (key) =>
      Result.map(Result.flatMap(publicHalf(key), publicKey), (pub): PrivateKey => {
        const sign = signer(key, random)
        return {
          kind: key.kind,
          publicKey: pub,
          schemes: schemesFor(key.kind, key.kind === "rsa-pss" ? key.hash : undefined),
          sign: (algorithm, message) => {
            const rule = ruleFor(key.kind, algorithm)
            if (rule === undefined) return unfit
            const signed = sign(rule, message)
            if (!(signed instanceof Promise)) return signed
            return signed.then(
              Result.flatMap((signature) =>
                pub.verify(algorithm, message, signature)
                  ? Result.succeed(signature)
                  : refuse("OperationFailed", "the platform made a wrong RSA signature")
              )
            )
          }
        }
      })
    )

/** A new key on a curve. */
const curveKey = (kind: "p256" | "p384" | "p521", random: RandomBytes): Result.Result<Uint8Array, CryptoFailure> => {
  const { utils, lengths } = curves[kind]
  const secret = attempt("OperationFailed", "key generation failed", () =>
    utils.randomSecretKey(random(lengths.seed ?? 0))
  )
  return Result.flatMap(secret, (secret) => Pkcs8.encodeCurveKey(kind, secret))
}

export const generatePrivateKey: Primitives["generatePrivateKey"] = (kind, random) => {
  switch (kind) {
    case "rsa2048":
      return Rsa.generate(2048)
    case "rsa3072":
      return Rsa.generate(3072)
    case "rsa-pss":
      return Rsa.generate(2048).then(Result.flatMap(Pkcs8.asPssKey))
    case "ed25519":
      return Pkcs8.encodeEd25519Key(random(32))
    default:
      return curveKey(kind, random)
  }
}
