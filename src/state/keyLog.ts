/** RFC 9850: the line of a key log file. That of TLS 1.2 is CLIENT_RANDOM, and its secret the master secret. */
import { unsafeBytes } from "../crypto/secret.ts"
import type { LogKey } from "./action.ts"

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")

/** `LABEL SP client_random SP secret`, lower-case hexadecimal, without an end of line. It is the secret itself. */
export const keyLogLine = ({ label, clientRandom, secret }: LogKey): string =>
  `${label} ${hex(clientRandom)} ${hex(unsafeBytes(secret))}`
