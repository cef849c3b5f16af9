/**
 * `node bench/handshake.bench.ts [COUNT]`: both ends of a full handshake in memory, beside node:tls over an in-memory
 * pair of streams, interleaved. The core alone: no sockets, no Effect, no chain policy; both verify the signature.
 * Twice: with a client that never met the server, and with one that remembers its key, as our verifiers do.
 */
import { Duplex } from "node:stream"
import * as tls from "node:tls"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { parseCertificate } from "../src/codec/x509/certificate.ts"
import * as Core from "../src/core.ts"
import { primitives } from "../src/crypto/node/index.ts"
import type { PublicKey } from "../src/crypto/primitives.ts"
import { suites13 } from "../src/crypto/suite.ts"
import * as NodeCryptoProvider from "../src/layers/node/NodeCryptoProvider.ts"
import { issue, makeCa } from "../src/layers/testing/certificates.ts"
import { make as failure } from "../src/state/failure.ts"
import { bytesKey } from "../src/state/path/build.ts"

const count = Number(process.argv[2] ?? 200)

const { ca, server } = await Effect.gen(function* () {
  const ca = yield* makeCa()
  return { ca, server: yield* issue(ca, { names: ["localhost"] }) }
}).pipe(Effect.provide(NodeCryptoProvider.layer), Effect.runPromise)

const keyOf = (certificate: Uint8Array): PublicKey =>
  Result.getOrThrow(primitives.publicKey(Result.getOrThrow(parseCertificate(certificate)).publicKey.spki))

const worldOf = (keyOf: (certificate: Uint8Array) => PublicKey): Core.World => ({
  primitives,
  now: Date.now,
  choose: () => ({ chain: server.chain, schemes: server.key.schemes, key: server.key }),
  sign: ({ scheme, content }) => {
    const signature = typeof scheme === "string" ? server.key.sign(scheme, content) : undefined
    return Result.isResult(signature)
      ? signature
      : Result.fail({ _tag: "CryptoFailure", reason: "OperationFailed", detail: "" })
  },
  verify: ({ chain, scheme, content, signature }) =>
    typeof scheme === "string" && keyOf(chain[0] ?? new Uint8Array(0)).verify(scheme, content, signature)
      ? Result.succeed({ chain, description: "" })
      : Result.fail(failure("SignatureMismatch", ""))
})

/** Keys by the digest of the certificate, as `layers/chainMemory.ts` keeps them. */
const known = new Map<string, PublicKey>()
const remembered = (certificate: Uint8Array): PublicKey => {
  const digest = bytesKey(primitives.hashes.sha256.digest(certificate))
  const key = known.get(digest) ?? keyOf(certificate)
  known.set(digest, key)
  return key
}
const stranger = worldOf(keyOf)
const acquaintance = worldOf(remembered)

const shared = {
  suites: suites13(primitives),
  groups: ["x25519"],
  schemes: ["ecdsa_secp256r1_sha256"],
  protocols: [],
  compatibility: "middlebox"
} as const

const ours = (world: Core.World) => (): void => {
  const client = Core.client({ ...shared, server: { _tag: "DnsName", name: "localhost" }, shares: ["x25519"] })
  const server = Core.server({ ...shared, clientAuthentication: { _tag: "None" } })
  let toServer = Core.settle(client, client.start(), world).out
  while (toServer.length > 0) {
    const toClient = toServer.flatMap((bytes) => Core.settle(server, server.receive(bytes), world).out)
    toServer = toClient.flatMap((bytes) => Core.settle(client, client.receive(bytes), world).out)
  }
  if (client.state !== "CONNECTED" || server.state !== "CONNECTED") throw new Error(`${client.state} ${server.state}`)
}

/** Two streams, each reading what the other writes. */
const duplexPair = (): readonly [Duplex, Duplex] => {
  const make = (other: () => Duplex): Duplex =>
    new Duplex({
      read: () => undefined,
      write: (chunk, _encoding, done) => {
        other().push(chunk)
        done()
      }
    })
  const a: Duplex = make(() => b)
  const b: Duplex = make(() => a)
  return [a, b]
}

const options = { minVersion: "TLSv1.3", maxVersion: "TLSv1.3", ecdhCurve: "X25519" } as const
const serverContext = tls.createSecureContext({ ...options, cert: server.chainPem, key: server.privateKeyPem })
const clientContext = tls.createSecureContext({ ...options, ca: ca.certificatePem })

const theirs = (): Promise<void> =>
  new Promise((resolve, reject) => {
    const [a, b] = duplexPair()
    const accepted = new tls.TLSSocket(b, { isServer: true, secureContext: serverContext })
    accepted.once("secure", () => resolve())
    accepted.once("error", reject)
    tls.connect({ socket: a, secureContext: clientContext, servername: "localhost" }).once("error", reject)
  })

const median = (list: ReadonlyArray<number>): number => [...list].sort((a, b) => a - b)[list.length >> 1] ?? Number.NaN
const spent = async (work: () => void | Promise<void>): Promise<number> => {
  const before = process.cpuUsage()
  for (let i = 0; i < count; i++) await work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / count
}

const round = async () => ({
  first: await spent(ours(stranger)),
  again: await spent(ours(acquaintance)),
  theirs: await spent(theirs)
})
await round()
const rounds: Array<Awaited<ReturnType<typeof round>>> = []
for (let i = 0; i < 7; i++) rounds.push(await round())
const of = (figure: (r: (typeof rounds)[number]) => number): number => median(rounds.map(figure))
console.log(`CPU of both ends, µs a handshake, and ratios to node:tls, medians of 7 rounds of ${count}:`)
console.log(
  `  effect-tls core, certificate new    ${of((r) => r.first).toFixed(0)}  ${of((r) => r.theirs / r.first).toFixed(2)}`
)
console.log(
  `  effect-tls core, certificate known  ${of((r) => r.again).toFixed(0)}  ${of((r) => r.theirs / r.again).toFixed(2)}`
)
console.log(`  node:tls                            ${of((r) => r.theirs).toFixed(0)}`)
