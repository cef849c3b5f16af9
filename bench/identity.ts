/** A throw-away CA and a P-256 certificate for localhost. */
import * as Effect from "effect/Effect"
import * as NodeCryptoProvider from "../src/layers/node/NodeCryptoProvider.ts"
import { issue, makeCa } from "../src/layers/testing/certificates.ts"
import type { Identity } from "./peers/peer.ts"

export const makeIdentity = (): Promise<Identity> =>
  Effect.gen(function* () {
    const ca = yield* makeCa()
    const client = yield* issue(ca, { purpose: "client", commonName: "client" })
    const { chainPem, privateKeyPem } = yield* issue(ca, { names: ["localhost", "127.0.0.1"] })
    return {
      ca: ca.certificatePem,
      chain: chainPem,
      key: privateKeyPem,
      client: { chain: client.chainPem, key: client.privateKeyPem }
    }
  }).pipe(Effect.provide(NodeCryptoProvider.layer), Effect.runPromise)
