/** One authority and a server and a client of each key type, in memory and as files, made once for each test file. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as NodeCryptoProvider from "../../../src/layers/node/NodeCryptoProvider.ts"
import { type Issued, issue, makeCa } from "../../../src/layers/testing/certificates.ts"

export const keyTypes = ["p256", "p384", "ed25519", "rsa2048"] as const
type KeyType = (typeof keyTypes)[number]
export const suites = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"] as const
export const groups = ["x25519", "secp256r1", "secp384r1"] as const

/** The same groups as OpenSSL calls them. */
export const opensslGroup: { readonly [G in (typeof groups)[number]]: string } = {
  x25519: "X25519",
  secp256r1: "P-256",
  secp384r1: "P-384"
}

/** What a server with such a key signs its handshakes with. */
export const schemeOf: { readonly [K in KeyType]: string } = {
  p256: "ecdsa_secp256r1_sha256",
  p384: "ecdsa_secp384r1_sha384",
  ed25519: "ed25519",
  rsa2048: "rsa_pss_rsae_sha256"
}

/** A certificate with its key, and where they lie as PEM. */
export interface Pair {
  readonly issued: Issued
  readonly cert: string
  readonly key: string
  /** What is stapled to it. */
  readonly ocsp?: Uint8Array
  readonly timestamps?: ReadonlyArray<Uint8Array>
}

const folder = mkdtempSync(join(tmpdir(), "effect-tls-interop-"))
process.once("exit", () => rmSync(folder, { recursive: true, force: true }))

export const save = (name: string, issued: Issued): Pair => {
  const cert = join(folder, `${name}.pem`)
  const key = join(folder, `${name}.key`)
  writeFileSync(cert, issued.chain.length === 0 ? issued.certificatePem : issued.chainPem)
  writeFileSync(key, issued.privateKeyPem, { mode: 0o600 })
  return { issued, cert, key }
}

const byKeyType = <A>(make: (keyType: KeyType) => A): { readonly [K in KeyType]: A } => ({
  p256: make("p256"),
  p384: make("p384"),
  ed25519: make("ed25519"),
  rsa2048: make("rsa2048")
})

/** Made on the first use. */
export const fixtures = await Effect.gen(function* () {
  const ca = yield* makeCa()
  const servers = yield* Effect.all(byKeyType((keyType) => issue(ca, { keyType })))
  const clients = yield* Effect.all(byKeyType((keyType) => issue(ca, { keyType, purpose: "client" })))
  const named = yield* issue(ca, { names: ["named.example"] })
  const other = yield* issue(ca, { names: ["other.example"] })
  const expired = yield* issue(ca, { notBefore: Date.UTC(2020, 0, 1), notAfter: Date.UTC(2021, 0, 1) })
  const wrongPurpose = yield* issue(ca, { purpose: "client", names: ["localhost"] })
  const strangeServer = yield* issue(yield* makeCa({ commonName: "another stranger" }))
  const stranger = yield* makeCa({ commonName: "a stranger" })
  const strange = yield* issue(stranger, { purpose: "client" })
  return {
    folder,
    ca: save("ca", ca),
    server: byKeyType((keyType) => save(`server-${keyType}`, servers[keyType])),
    client: byKeyType((keyType) => save(`client-${keyType}`, clients[keyType])),
    /** Servers for named.example and for other.example, and such as must be refused. */
    named: save("named", named),
    other: save("other", other),
    expired: save("expired", expired),
    wrongPurpose: save("wrong-purpose", wrongPurpose),
    strangeServer: save("strange-server", strangeServer),
    /** An authority that nobody believes, and a client of it. */
    stranger: save("stranger", stranger),
    strange: save("strange", strange)
  }
}).pipe(Effect.provide(NodeCryptoProvider.layer), Effect.runPromise)
