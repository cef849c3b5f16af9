/**
 * `node bench/handshake.bench.ts [COUNT]`: both ends of a full handshake in memory, beside node:tls over an in-memory
 * pair of streams, interleaved. The core alone: no sockets, no Effect, no chain policy; both verify the signature.
 */
import { Duplex } from "node:stream"
import * as tls from "node:tls"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { parseCertificate } from "../src/codec/x509/certificate.ts"
import * as Core from "../src/core.ts"
import { primitives } from "../src/crypto/node/index.ts"
import { suites13 } from "../src/crypto/suite.ts"
import * as NodeCryptoProvider from "../src/layers/node/NodeCryptoProvider.ts"
import { issue, makeCa } from "../src/layers/testing/certificates.ts"
import { make as failure } from "../src/state/failure.ts"

const count = Number(process.argv[2] ?? 200)

const { ca, server } = await Effect.gen(function* () {
  const ca = yield* makeCa()
  return { ca, server: yield* issue(ca, { names: ["localhost"] }) }
}).pipe(Effect.provide(NodeCryptoProvider.layer), Effect.runPromise)

const world: Core.World = {
  primitives,
  now: Date.now,
  choose: () => ({ chain: server.chain, schemes: server.key.schemes, key: server.key }),
  sign: ({ scheme, content }) => {
    const signature = typeof scheme === "string" ? server.key.sign(scheme, content) : undefined
    return Result.isResult(signature)
      ? signature
      : Result.fail({ _tag: "CryptoFailure", reason: "OperationFailed", detail: "" })
  },
  verify: ({ chain, scheme, content, signature }) => {
    const leaf = Result.getOrThrow(parseCertificate(chain[0] ?? new Uint8Array(0)))
    const key = Result.getOrThrow(primitives.publicKey(leaf.publicKey.spki))
    return typeof scheme === "string" && key.verify(scheme, content, signature)
      ? Result.succeed({ chain, description: "" })
      : Result.fail(failure("SignatureMismatch", ""))
  }
}

const shared = {
  suites: suites13(primitives),
  groups: ["x25519"],
  schemes: ["ecdsa_secp256r1_sha256"],
  protocols: [],
  compatibility: "middlebox"
} as const

const ours = (): void => {
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

await spent(ours)
await spent(theirs)
const rounds = []
for (let i = 0; i < 7; i++) rounds.push({ ours: await spent(ours), theirs: await spent(theirs) })
console.log(`CPU of both ends, µs a handshake, medians of 7 rounds of ${count}:`)
console.log(`  effect-tls core ${median(rounds.map((r) => r.ours)).toFixed(0)}`)
console.log(`  node:tls        ${median(rounds.map((r) => r.theirs)).toFixed(0)}`)
console.log(`  ratio           ${median(rounds.map((r) => r.theirs / r.ours)).toFixed(2)}`)
