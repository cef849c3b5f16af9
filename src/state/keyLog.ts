/** RFC 9850: the line of a key log file. That of TLS 1.2 is CLIENT_RANDOM, and its secret the master secret. */
import { hex } from "../codec/bytes.ts"
import { unsafeBytes } from "../crypto/secret.ts"
import type { LogKey } from "./action.ts"

/** `LABEL SP client_random SP secret`, lower-case hexadecimal, without an end of line. It is the secret itself. */
export const keyLogLine = ({ label, clientRandom, secret }: LogKey): string =>
  `${label} ${hex(clientRandom)} ${hex(unsafeBytes(secret))}`
