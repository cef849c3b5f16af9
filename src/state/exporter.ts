/** Keying material of an established connection, whichever version it speaks. */
import type * as Result from "effect/Result"
import type { Hash } from "../crypto/primitives.ts"
import type { Established } from "./established.ts"
import { type Failure, fail } from "./failure.ts"
import { exportKeyingMaterial as export12 } from "./tls12/exporter.ts"
import { exportKeyingMaterial as export13 } from "./tls13/exporter.ts"
import type { EarlyExporterSecret } from "./tls13/keySchedule.ts"

const none = new Uint8Array(0)

/** RFC 9846 section 7.5 (no context is an empty one) or RFC 5705 section 4 (it is not); `length` in bytes. */
export const exportKeyingMaterial = (
  established: Established | undefined,
  label: string,
  context: Uint8Array | undefined,
  length: number
): Result.Result<Uint8Array, Failure> => {
  switch (established?.version) {
    case undefined:
      return fail("NotEstablished", "keying material exists after the handshake only")
    case "TLSv1.2":
      return export12(established.suite.hash, established.exporter, label, context, length)
    case "TLSv1.3":
      return export13(established.suite.hash, established.exporter, label, context ?? none, length)
  }
}

/** The exporter of early data, with its hash. */
export interface EarlyExporter {
  readonly hash: Hash
  readonly secret: EarlyExporterSecret
}

/** The exporter of early data, which is there where a client offered some or a server took it. */
export const exportEarlyKeyingMaterial = (
  exporter: EarlyExporter | undefined,
  label: string,
  context: Uint8Array,
  length: number
): Result.Result<Uint8Array, Failure> =>
  exporter === undefined
    ? fail("NoEarlyData", "there is an early exporter where early data was offered, and nowhere else")
    : export13(exporter.hash, exporter.secret, label, context, length)
