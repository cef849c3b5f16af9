/** Everything on node:crypto, each primitive by the cheapest sound call (Node 22.19 to 26). */
import * as Crypto from "node:crypto"
import type { Primitives } from "../primitives.ts"
import { inNode } from "../verifyCost.ts"
import { aeads } from "./aead.ts"
import { groups } from "./group.ts"
import { hashes } from "./hash.ts"
import { generatePrivateKey, privateKey, publicKey } from "./signature.ts"

/** The primitives of node:crypto. */
export const primitives: Primitives = {
  name: "node",
  hashes,
  aeads,
  groups,
  aeadPreference: ["AES-128-GCM", "AES-256-GCM", "CHACHA20-POLY1305"],
  random: (size) => Crypto.randomFillSync(new Uint8Array(size)),
  publicKey,
  verifyCost: inNode,
  privateKey,
  generatePrivateKey
}
