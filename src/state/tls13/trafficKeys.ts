/** RFC 9846 section 7.3: from a traffic secret to the key and the IV that protect records. */
import { expandLabel } from "../../crypto/hkdf.ts"
import { nonceSize } from "../../crypto/primitives.ts"
import type { Secret } from "../../crypto/secret.ts"
import type { CipherSuite13 } from "../../crypto/suite.ts"

/** `[sender]_write_key` and `[sender]_write_iv`. Both arrays are the caller's own: wipe them after use. */
export interface TrafficKeys {
  /** 16 or 32 bytes, as the AEAD asks. */
  readonly key: Uint8Array
  /** 12 bytes. */
  readonly iv: Uint8Array
}

const noContext = new Uint8Array(0)

/** `HKDF-Expand-Label(Secret, "key", "", key_length)`, and the same with `"iv"`. */
export const trafficKeys = (suite: CipherSuite13, secret: Secret<string>): TrafficKeys => ({
  key: expandLabel(suite.hash, secret, "key", noContext, suite.aead.keySize),
  iv: expandLabel(suite.hash, secret, "iv", noContext, nonceSize)
})
