/** How a server decides whether a client is who it says it is. */
import * as Context from "effect/Context"
import type { Verifier } from "./Verifier.ts"

/** The judge of clients. `verify` is asked about requests whose peer is a client. */
export class ClientVerifier extends Context.Service<
  ClientVerifier,
  Verifier & {
    /** The names, DER, that CertificateRequest lists (RFC 9846 section 4.3.4); empty means any. */
    readonly authorities: ReadonlyArray<Uint8Array>
  }
>()("effect-tls/layers/ClientVerifier") {}
