/** RFC 9001 section 5: what a QUIC host needs to protect packets, as pure functions. Packets themselves are its own. */
export type { HeaderMask, HeaderProtection } from "./headerProtection.ts"
export {
  headerKey,
  type InitialSecrets,
  initialSecrets,
  nextSecret,
  type PacketKeys,
  packetKeys,
  packetNonce
} from "./keys.ts"
export { retryIntegrityTag } from "./retry.ts"
