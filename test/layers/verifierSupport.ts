/** What the tests of verifiers share: a time, a request made of an issued certificate, and who is asked. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import type { SignatureScheme } from "../../src/codec/registry/signatureScheme.ts"
import { ClientVerifier, layerWebPkiWith as clientWebPki } from "../../src/layers/ClientVerifier.ts"
import { CryptoProvider } from "../../src/layers/CryptoProvider.ts"
import { layer as layerNode } from "../../src/layers/node/NodeCryptoProvider.ts"
import { ServerVerifier, layerWebPkiWith as serverWebPki } from "../../src/layers/ServerVerifier.ts"
import { layerDer, type TrustAnchors } from "../../src/layers/TrustAnchors.ts"
import type { Issued } from "../../src/layers/testing/certificates.ts"
import type { Options } from "../../src/layers/webPki.ts"
import type { AuthenticatePeer } from "../../src/state/command.ts"
import type { Failure } from "../../src/state/failure.ts"
import { parseServerIdentity } from "../../src/state/path/host.ts"

export const now = Date.UTC(2026, 9, 1)
export const day = 86_400_000

/** Tests run in October 2026 with node:crypto. */
export const inOctober = <A, E>(effect: Effect.Effect<A, E, CryptoProvider>): Effect.Effect<A, E> =>
  Effect.andThen(TestClock.setTime(now), effect).pipe(Effect.provide(layerNode))

const content = new TextEncoder().encode("what CertificateVerify signs")

export interface Asked {
  readonly name?: string
  readonly chain?: ReadonlyArray<Uint8Array>
  readonly scheme?: SignatureScheme
  /** Changes to the request as it would come from an honest peer. */
  readonly alter?: (request: AuthenticatePeer) => AuthenticatePeer
}

/** The request that a handshake with this certificate makes; a server unless `name` is `client`. */
export const requestOf = Effect.fnUntraced(function* (issued: Issued, asked: Asked = {}) {
  const provider = yield* CryptoProvider
  const scheme = asked.scheme ?? issued.key.schemes[0] ?? "ed25519"
  if (typeof scheme === "number") return yield* Effect.die("a scheme without a name")
  const signature = yield* provider.sign(issued.key, scheme, content)
  const identity = yield* Effect.fromResult(parseServerIdentity(asked.name ?? "example.org"))
  const request: AuthenticatePeer = {
    _tag: "AuthenticatePeer",
    peer: asked.name === "client" ? { _tag: "Client" } : { _tag: "Server", identity },
    certificateType: "X509",
    chain: asked.chain ?? issued.chain,
    scheme,
    signature,
    content,
    ocsp: undefined,
    timestamps: undefined
  }
  return asked.alter === undefined ? request : asked.alter(request)
})

const trusting = (roots: ReadonlyArray<Issued>): Layer.Layer<TrustAnchors> =>
  Layer.orDie(layerDer(roots.map(({ certificate }) => certificate)))

/** A verifier that trusts `roots`, of servers or of clients as the request says. */
export const verify = Effect.fnUntraced(function* (
  roots: ReadonlyArray<Issued>,
  request: AuthenticatePeer,
  options: Options = {}
) {
  const servers = ServerVerifier.use((verifier) => verifier.verify(request)).pipe(
    Effect.provide(Layer.provide(serverWebPki(options), trusting(roots)))
  )
  const clients = ClientVerifier.use((verifier) => verifier.verify(request)).pipe(
    Effect.provide(Layer.provide(clientWebPki(options), trusting(roots)))
  )
  return yield* request.peer._tag === "Server" ? servers : clients
})

/** The reason of a refusal, or `accepted`. */
export const verdictOf = <R>(effect: Effect.Effect<unknown, Failure, R>): Effect.Effect<string, never, R> =>
  Effect.match(effect, { onSuccess: () => "accepted", onFailure: ({ reason }) => reason })
