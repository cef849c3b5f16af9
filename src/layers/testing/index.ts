/** effect-tls/testing: for tests of programs that use TLS. None of it is for production. */

/** The certificate factory. */
export * as Certificates from "./certificates.ts"
/** Cryptography that does the same in every run. */
export * as DeterministicCrypto from "./deterministic.ts"
/** Keys that are used up soon. */
export * as KeyLimits from "./keyLimits.ts"
/** Every service as a mock. */
export * as Mocks from "./mocks.ts"
/** Records that are not encrypted, for fuzzers. */
export * as NullCrypto from "./nullCrypto.ts"
/** Two sockets in memory. */
export * as Pair from "./pair.ts"
/** Revocation lists and OCSP responses of the factory's authorities. */
export * as Revocations from "./revocation.ts"
/** Handshakes in memory. */
export * as TlsTest from "./TlsTest.ts"
/** Logs that sign timestamps. */
export * as TransparencyLogs from "./transparency.ts"
