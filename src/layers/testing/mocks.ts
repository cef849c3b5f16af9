/**
 * Every service as a mock: give the members that the test is about; any other that is called dies and says so.
 *
 * @example
 * Effect.provide(program, Mocks.serverVerifier({ verify: () => Effect.fail(failure("CertificateRevoked", "for once")) }))
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { tls13Schemes } from "../../crypto/signature.ts"
import { AntiReplay, type Shape as AntiReplayShape } from "../AntiReplay.ts"
import { ClientSessionStore, type Shape as ClientSessionStoreShape } from "../ClientSessionStore.ts"
import { ClientVerifier } from "../ClientVerifier.ts"
import { Credentials } from "../Credentials.ts"
import { CryptoProvider } from "../CryptoProvider.ts"
import { layer as keyLogLayer } from "../KeyLog.ts"
import { ServerSessionStore, type Shape as ServerSessionStoreShape } from "../ServerSessionStore.ts"
import { ServerVerifier } from "../ServerVerifier.ts"
import { Tickets, type Shape as TicketsShape } from "../Tickets.ts"
import { TrustAnchors } from "../TrustAnchors.ts"

/** Names of the members that a mock has anyway. */
const believed = "a mock"

/** The policy of every mock, so that sessions are resumed. */
const fingerprint = new TextEncoder().encode("the policy of a mock, all of it.")

/** Believes every server, unless told otherwise. The CertificateVerify signature is not looked at either. */
export const serverVerifier = (members: Partial<ServerVerifier["Service"]> = {}): Layer.Layer<ServerVerifier> =>
  Layer.succeed(ServerVerifier, {
    schemes: tls13Schemes,
    verify: ({ chain }) => Effect.succeed({ chain, description: believed }),
    fingerprint,
    ...members
  })

/** Believes every client, and asks for no authority by name, unless told otherwise. */
export const clientVerifier = (members: Partial<ClientVerifier["Service"]> = {}): Layer.Layer<ClientVerifier> =>
  Layer.succeed(ClientVerifier, {
    schemes: tls13Schemes,
    verify: ({ chain }) => Effect.succeed({ chain, description: believed }),
    fingerprint,
    ...members
  })

/** Has no credential, unless told otherwise. */
export const credentials = (members: Partial<Credentials["Service"]> = {}): Layer.Layer<Credentials> =>
  Layer.mock(Credentials)({
    certificateTypes: ["X509"],
    current: undefined,
    choose: () => Effect.undefined,
    ...members
  })

/** The cryptography that is there, some of it replaced: a private key that fails, randomness that repeats. */
export const cryptoProviderWith = (
  replace: (real: CryptoProvider["Service"]) => Partial<CryptoProvider["Service"]>
): Layer.Layer<CryptoProvider, never, CryptoProvider> =>
  Layer.effect(
    CryptoProvider,
    Effect.map(CryptoProvider, (real) => ({ ...real, ...replace(real) }))
  )

/** Believes nobody, unless told otherwise. */
export const trustAnchors = (members: Partial<TrustAnchors["Service"]> = {}): Layer.Layer<TrustAnchors> =>
  Layer.succeed(TrustAnchors, { anchors: [], ...members })

/** Takes lines, and does with them what it is told. */
export const keyLog = (log: (line: string) => void): Layer.Layer<never> =>
  keyLogLayer((line) => Effect.sync(() => log(line)))

/** Makes no tickets and knows none, unless told otherwise. */
export const tickets = (members: Partial<TicketsShape> = {}): Layer.Layer<never> =>
  Layer.succeed(Tickets, {
    lifetime: Duration.hours(12),
    issue: () => Effect.undefined,
    redeem: () => Effect.undefined,
    ...members
  })

/** Keeps nothing, unless told otherwise. */
export const serverSessionStore = (members: Partial<ServerSessionStoreShape> = {}): Layer.Layer<never> =>
  Layer.succeed(ServerSessionStore, {
    put: () => Effect.void,
    get: () => Effect.undefined,
    take: () => Effect.undefined,
    ...members
  })

/** Keeps nothing, unless told otherwise. */
export const clientSessionStore = (members: Partial<ClientSessionStoreShape> = {}): Layer.Layer<never> =>
  Layer.succeed(ClientSessionStore, {
    take: () => Effect.undefined,
    put: () => Effect.void,
    group: () => Effect.undefined,
    rememberGroup: () => Effect.void,
    ...members
  })

/** Finds everything fresh, unless told otherwise: then the same early data is accepted again and again. */
export const antiReplay = (members: Partial<AntiReplayShape> = {}): Layer.Layer<never> =>
  Layer.succeed(AntiReplay, { window: Duration.seconds(10), judge: () => Effect.succeed("fresh"), ...members })
