/**
 * A world whose every answer is known beforehand: randomness from a seed, key pairs from that randomness, one clock,
 * four credentials, and a verifier that checks the signature with the key of the leaf. What is costly and depends on
 * its input alone is kept, so that a thousand handshakes of the same bytes cost little.
 */
import { createECDH, createPrivateKey, type KeyObject } from "node:crypto"
import { assert } from "@effect/vitest"
import * as Result from "effect/Result"
import { parseCertificate } from "../../src/codec/x509/certificate.ts"
import type { World } from "../../src/core.ts"
import { x25519MLKEM768 } from "../../src/crypto/hybrid.ts"
import { kems } from "../../src/crypto/noble/kem.ts"
import { keyPair } from "../../src/crypto/node/group.ts"
import { primitives as node } from "../../src/crypto/node/index.ts"
import type { CryptoFailure, Group, KeyPair, PrivateKey, RandomBytes } from "../../src/crypto/primitives.ts"
import { deterministicRandom } from "../../src/layers/testing/deterministic.ts"
import type { Credential } from "../../src/state/command.ts"
import { type Failure, fail } from "../../src/state/failure.ts"
import type { PeerIdentity } from "../../src/state/proof.ts"
import * as Certificates from "./certificates.ts"

export const fromHex = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ""), "hex"))
export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")
export const concat = (...parts: ReadonlyArray<Uint8Array>): Uint8Array => Uint8Array.from(Buffer.concat([...parts]))

/** The value of a success; a failure fails the test and says why. */
export const okay = <A>(result: Result.Result<A, Failure | CryptoFailure>): A => {
  if (Result.isFailure(result)) assert.fail(JSON.stringify(result.failure))
  return result.success
}

const remember = <A>(compute: (key: string) => A): ((key: string) => A) => {
  const known = new Map<string, A>()
  return (key) => {
    const found = known.get(key)
    if (found !== undefined) return found
    const made = compute(key)
    known.set(key, made)
    return made
  }
}

type GroupName = "x25519" | "secp256r1" | "secp384r1"

const sizes: { readonly [G in GroupName]: number } = { x25519: 32, secp256r1: 32, secp384r1: 48 }
const curves = { secp256r1: ["prime256v1", "P-256"], secp384r1: ["secp384r1", "P-384"] } as const

const privateKeyOf = (group: GroupName, seed: Uint8Array): KeyObject => {
  if (group === "x25519") {
    const key = Buffer.concat([Buffer.from("302e020100300506032b656e04220420", "hex"), seed])
    return createPrivateKey({ key, format: "der", type: "pkcs8" })
  }
  const [curve, crv] = curves[group]
  const ecdh = createECDH(curve)
  ecdh.setPrivateKey(seed)
  const point = ecdh.getPublicKey()
  const at = (from: number, to: number) => point.subarray(from, to).toString("base64url")
  const half = (point.length + 1) / 2
  const d = Buffer.from(seed).toString("base64url")
  return createPrivateKey({ key: { kty: "EC", crv, x: at(1, half), y: at(half, point.length), d }, format: "jwk" })
}

const knownPair = remember((key): KeyPair => {
  const [group, seed] = key.split(" ") as [GroupName, string]
  const pair = okay(keyPair(group, privateKeyOf(group, fromHex(seed))))
  const agreed = remember((share) => pair.agree(fromHex(share)))
  // A secret is wiped by whoever used it, so each asker has an array of his own.
  return { ...pair, agree: (share) => Result.map(agreed(toHex(share)), (secret) => secret.slice()) }
})

/** The pair of a private key: 32 or 48 bytes, less than the order of the group. */
export const pairOf = (group: GroupName, seed: Uint8Array): KeyPair => knownPair(`${group} ${toHex(seed)}`)

const fixedGroup = (name: GroupName): Group => {
  const generate = (random: RandomBytes): KeyPair => {
    const seed = random(sizes[name])
    seed[0] = (seed[0] ?? 0) & 0x7f
    return pairOf(name, seed)
  }
  return {
    name,
    generate,
    encapsulate: (peerShare, random) => {
      const own = generate(random)
      return Result.map(own.agree(peerShare), (secret) => ({ share: own.share, secret }))
    }
  }
}

/** The groups that tests ask for, their pairs made of the randomness they are given. */
export const fixedGroups: ReadonlyArray<Group> = [
  fixedGroup("x25519"),
  fixedGroup("secp256r1"),
  fixedGroup("secp384r1"),
  x25519MLKEM768(fixedGroup("x25519"), kems.mlkem768)
]

const load = ({ certificate, pkcs8 }: typeof Certificates.serverP256) => {
  const key: PrivateKey = okay(node.privateKey(pkcs8))
  const signed = remember((request) => {
    const [scheme, content] = request.split(" ") as [PrivateKey["schemes"][number] & string, string]
    const signature = key.sign(scheme, fromHex(content))
    return Result.isResult(signature) ? signature : assert.fail("node signs at once")
  })
  return {
    chain: [certificate],
    schemes: key.schemes,
    key: { sign: (scheme: string | number, content: Uint8Array) => signed(`${scheme} ${toHex(content)}`) }
  }
}

export const credentials = {
  serverEd25519: load(Certificates.serverEd25519),
  serverP256: load(Certificates.serverP256),
  clientEd25519: load(Certificates.clientEd25519),
  clientP256: load(Certificates.clientP256)
}
export type TestCredential = (typeof credentials)["serverP256"]

const leafKey = remember((leaf) =>
  Result.flatMap(
    Result.mapError(parseCertificate(fromHex(leaf)), (e) => e.expected),
    ({ publicKey }) => Result.mapError(node.publicKey(publicKey.spki), (e) => e.detail)
  )
)
const knownSignature = remember((question): boolean => {
  const [leaf = "", scheme, content = "", signature = ""] = question.split(" ")
  return okay(Result.mapError(leafKey(leaf), () => unusable)).verify(
    scheme as "ed25519",
    fromHex(content),
    fromHex(signature)
  )
})
const unusable: CryptoFailure = { _tag: "CryptoFailure", reason: "InvalidKey", detail: "the leaf has no usable key" }

/** Trusts every chain, but not without the signature that its leaf must have made. */
const verify: World["verify"] = ({ chain, scheme, algorithm = scheme, content, signature }) => {
  const leaf = toHex(chain[0] ?? new Uint8Array(0))
  const key = leafKey(leaf)
  if (Result.isFailure(key)) return fail("CertificateMalformed", key.failure)
  return knownSignature([leaf, algorithm, toHex(content), toHex(signature)].join(" "))
    ? Result.succeed<PeerIdentity>({ chain, description: "self-signed, for tests" })
    : fail("SignatureMismatch", "the signature was not made with the key of the leaf")
}

/** Saturday, 1 January 2028. */
export const now = Date.UTC(2028, 0, 1)

/** The answers of one end. The same seed makes the same bytes. */
export const world = (seed: string, credential: Credential | undefined, changes: Partial<World> = {}): World => ({
  primitives: {
    ...node,
    name: "fixed (tests only)",
    random: deterministicRandom(seed),
    groups: fixedGroups
  },
  now: () => now,
  choose: () => credential,
  sign: (request) => {
    const own = Object.values(credentials).find(({ key }) => key === request.credential.key)
    return own === undefined
      ? Result.fail({ _tag: "CryptoFailure", reason: "InvalidKey", detail: "a key from elsewhere" })
      : own.key.sign(request.algorithm ?? request.scheme, request.content)
  },
  verify,
  ...changes
})
