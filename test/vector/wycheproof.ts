/** Project Wycheproof's files as they are, and both providers as they are tested. */
import * as Crypto from "node:crypto"
import { existsSync, readFileSync } from "node:fs"
import { gunzipSync } from "node:zlib"
import { assert } from "@effect/vitest"
import * as Result from "effect/Result"
import type { Kem, KemPair } from "../../src/crypto/mlkem.ts"
import { keyPair as nobleKeyPair } from "../../src/crypto/noble/group.ts"
import { primitives as noble } from "../../src/crypto/noble/index.ts"
import { kems as nobleKems } from "../../src/crypto/noble/kem.ts"
import { keyPair as nodeKeyPair } from "../../src/crypto/node/group.ts"
import { primitives as node } from "../../src/crypto/node/index.ts"
import { kemPair as nodeKemPair, kems as nodeKems } from "../../src/crypto/node/kem.ts"
import type { CryptoFailure, KeyPair, Primitives } from "../../src/crypto/primitives.ts"
import { der, ecKeyDer, identifiers, pkcs8Der } from "../crypto/support.ts"

const folder = new URL("../../../shared/vectors/wycheproof/", import.meta.url)

/** Whether the vectors are here; tests of them are skipped visibly when they are not. */
export const present = existsSync(folder)

export type Vector = { readonly [field: string]: string } & {
  readonly tcId: number
  readonly flags: ReadonlyArray<string>
  readonly result: "valid" | "invalid" | "acceptable"
}
/** What is the same for the tests of one group: sizes, a hash, a key. */
export interface VectorGroup {
  readonly [field: string]: unknown
  readonly tests: ReadonlyArray<Vector>
}

export const load = (name: string): { readonly groups: ReadonlyArray<VectorGroup>; readonly count: number } => {
  const file = JSON.parse(gunzipSync(readFileSync(new URL(`${name}_test.json.gz`, folder))).toString())
  return { groups: file.testGroups, count: file.numberOfTests }
}

/** A field in hexadecimal. */
export const bytes = (vector: Vector, field: string): Uint8Array =>
  Uint8Array.from(Buffer.from(vector[field] ?? assert.fail(`no field ${field}`), "hex"))

type GroupName = "x25519" | "secp256r1" | "secp384r1" | "secp521r1"
const curves = { secp256r1: identifiers.p256, secp384r1: identifiers.p384, secp521r1: identifiers.p521 } as const

/** A private key of node:crypto from a bare scalar. */
const nodeKey = (name: GroupName, scalar: Uint8Array): Crypto.KeyObject => {
  const pkcs8 =
    name === "x25519" ? pkcs8Der(identifiers.x25519, der(4, scalar)) : pkcs8Der(curves[name], ecKeyDer(scalar))
  return Crypto.createPrivateKey({ key: Buffer.from(pkcs8), format: "der", type: "pkcs8" })
}

/** A decapsulation key of node:crypto from its seed. */
const nodeSeed = (seed: Uint8Array): Crypto.KeyObject => {
  const key = Buffer.from(pkcs8Der(identifiers.mlkem768, der(0x80, seed)))
  return Crypto.createPrivateKey({ key, format: "der", type: "pkcs8" })
}

interface Subject {
  readonly primitives: Primitives
  readonly keyPair: (name: GroupName, scalar: Uint8Array) => Result.Result<KeyPair, CryptoFailure>
  readonly kem: Kem
  /** A pair of ML-KEM-768 from its 64 bytes of seed. */
  readonly kemPair: (seed: Uint8Array) => KemPair
}

export const subjects: ReadonlyArray<Subject> = [
  {
    primitives: node,
    keyPair: (name, scalar) => nodeKeyPair(name, nodeKey(name, scalar)),
    kem: nodeKems.mlkem768,
    kemPair: (seed) => Result.getOrThrow(nodeKemPair(nodeSeed(seed)))
  },
  {
    primitives: noble,
    keyPair: nobleKeyPair,
    kem: nobleKems.mlkem768,
    kemPair: (seed) => nobleKems.mlkem768.generate(() => seed.slice())
  }
]

export interface Counts {
  valid: number
  refused: number
  left: number
}

/**
 * Goes through a file: `excluded` groups are those that TLS has no use for, `check` asserts one vector. Answers with
 * how many vectors were expected to be accepted, how many to be refused, how many were left out. Of the accepted ones
 * only every so-manyth is run when `every` says so; of the refused ones all are.
 */
export const run = (
  name: string,
  excluded: (group: VectorGroup) => boolean,
  accept: (vector: Vector, group: VectorGroup) => boolean,
  check: (vector: Vector, group: VectorGroup, accepted: boolean) => void,
  every = 1
): Counts => {
  const { groups, count } = load(name)
  const counts: Counts = { valid: 0, refused: 0, left: 0 }
  let seen = 0
  for (const group of groups) {
    for (const vector of group.tests) {
      const accepted = accept(vector, group)
      if (excluded(group) || (accepted && seen++ % every !== 0)) {
        counts.left++
        continue
      }
      counts[accepted ? "valid" : "refused"]++
      check(vector, group, accepted)
    }
  }
  assert.strictEqual(counts.valid + counts.refused + counts.left, count, `every vector of ${name} is accounted for`)
  return counts
}
