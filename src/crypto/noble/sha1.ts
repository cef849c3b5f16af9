/**
 * SHA-1, for the identifiers that OCSP makes of names and keys (RFC 6960 sections 4.1.1 and 4.2.1). They only say what
 * to look at: nothing is believed because of them, and no signature is made or checked with it.
 */
export { sha1 } from "@noble/hashes/legacy.js"
