/** Keys that are used up soon, for tests of what happens then. */
import type * as Layer from "effect/Layer"
import type { KeyLimits } from "../../crypto/primitives.ts"
import type { CipherSuite13 } from "../../crypto/suite.ts"
import type { CryptoProvider } from "../CryptoProvider.ts"
import { cryptoProviderWith } from "./mocks.ts"

/** A suite with limits of its own (RFC 9846 section 5.5). */
export const limited = (suite: CipherSuite13, limits: KeyLimits): CipherSuite13 => ({
  ...suite,
  aead: { ...suite.aead, limits }
})

/**
 * The cryptography that is there, with keys that are to be updated after so many records, and refuse to protect more
 * than twice as many. Too small a number ends handshakes, whose keys cannot be updated.
 *
 * @example
 * Effect.provide(program, KeyLimits.layer(4).pipe(Layer.provide(NodeTls.layer)))
 */
export const layer = (records: number): Layer.Layer<CryptoProvider, never, CryptoProvider> =>
  cryptoProviderWith(({ suites }) => ({
    suites: suites.map((suite) => limited(suite, { updateAfter: records, stopAfter: 2 * records }))
  }))
