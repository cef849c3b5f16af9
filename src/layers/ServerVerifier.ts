/** How a client decides whether the server is who it should be. */
import * as Context from "effect/Context"
import type { Verifier } from "./Verifier.ts"

/** The judge of servers. `verify` is asked about requests whose peer is a server. */
export class ServerVerifier extends Context.Service<ServerVerifier, Verifier>()("effect-tls/layers/ServerVerifier") {}
