/**
 * The secrets of TLS 1.2 (RFC 5246 sections 6.3 and 8.1, RFC 7627):
 *
 *     premaster ──► master ──► key block: client_write_key, server_write_key, client_write_IV, server_write_IV
 *                     │
 *                     ├──► both Finished      `finished.ts`
 *                     └──► exporters          `exporter.ts`
 */
import { concat } from "../../codec/bytes.ts"
import { prf } from "../../crypto/prf.ts"
import type { Hash } from "../../crypto/primitives.ts"
import { Secret } from "../../crypto/secret.ts"
import type { CipherSuite12 } from "../../crypto/suite.ts"
import { directionSize } from "../record/protection12.ts"
import { digestOf, type Heard } from "../transcript.ts"

/** The `random` of both hellos, 32 bytes each. */
export interface Randoms {
  readonly client: Uint8Array
  readonly server: Uint8Array
}

export type PremasterSecret = Secret<"premaster">
export type MasterSecret = Secret<"master">
/** Key and fixed nonce of one direction, side by side: what a `Sealer12` or an `Opener12` is made of. */
export type ClientWriteKeys = Secret<"client write">
export type ServerWriteKeys = Secret<"server write">

/** 48 bytes: section 8.1. */
const masterSize = 48

/** Section 8.1: `PRF(pre_master_secret, "master secret", ClientHello.random + ServerHello.random)`. */
export const masterSecret = (hash: Hash, premaster: PremasterSecret, { client, server }: Randoms): MasterSecret =>
  new Secret("master", prf(hash, premaster, "master secret", concat([client, server]), masterSize))

/** RFC 7627 section 4: bound to all that was said up to ClientKeyExchange, so that it belongs to this peer alone. */
export const extendedMasterSecret = (hash: Hash, premaster: PremasterSecret, sessionHash: Uint8Array): MasterSecret =>
  new Secret("master", prf(hash, premaster, "extended master secret", sessionHash, masterSize))

/** How a handshake makes its master secret; the extended one wherever both know of it. */
export type MasterSecretKind = "extended" | "plain"

/** The secret that was agreed, as the master secret; `transcript` ends with ClientKeyExchange. */
export const masterSecretOf = (
  kind: MasterSecretKind,
  { hash }: CipherSuite12,
  agreed: Uint8Array,
  randoms: Randoms,
  transcript: Heard
): MasterSecret => {
  const premaster: PremasterSecret = new Secret("premaster", agreed.slice())
  const master =
    kind === "extended"
      ? extendedMasterSecret(hash, premaster, digestOf(transcript, hash))
      : masterSecret(hash, premaster, randoms)
  premaster.wipe()
  return master
}

/** What the records of both directions are protected with. */
export interface WriteKeys {
  readonly client: ClientWriteKeys
  readonly server: ServerWriteKeys
}

/** Section 6.3: `PRF(master_secret, "key expansion", server_random + client_random)`; there are no MAC keys. */
export const writeKeys = (suite: CipherSuite12, master: MasterSecret, randoms: Randoms): WriteKeys => {
  const { keySize } = suite.aead
  const ivSize = directionSize(suite) - keySize
  const seed = concat([randoms.server, randoms.client])
  const block = prf(suite.hash, master, "key expansion", seed, 2 * (keySize + ivSize))
  const keys = (at: 0 | 1) =>
    concat([
      block.subarray(at * keySize, (at + 1) * keySize),
      block.subarray(2 * keySize + at * ivSize).subarray(0, ivSize)
    ])
  const made: WriteKeys = { client: new Secret("client write", keys(0)), server: new Secret("server write", keys(1)) }
  block.fill(0)
  return made
}
