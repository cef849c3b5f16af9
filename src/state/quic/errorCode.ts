/** RFC 9001 section 4.8: what a failure is called in a CONNECTION_CLOSE frame. */
import { AlertDescription } from "../../codec/registry/alert.ts"
import { alertOf, type Failure, reasons } from "../failure.ts"

/** RFC 9000 section 20.1. */
const noError = 0x00
const internalError = 0x01
const protocolViolation = 0x0a
const cryptoError = 0x0100

/** The error code of a failure: 0x0100 plus the alert, or what QUIC has for what TLS has no alert for. */
export const errorCode = (failure: Failure): number => {
  // Data of an earlier level that is left over (section 4.1.3), and ALPN that failed for a client (section 8.1).
  if (failure.reason === "MessageAcrossKeyChange") return protocolViolation
  const alert = failure.reason === "UnofferedProtocol" ? "no_application_protocol" : alertOf(failure)
  if (alert !== "none") return cryptoError + AlertDescription.code(alert)
  switch (reasons[failure.reason].kind) {
    case "PeerMisbehaved":
      return protocolViolation
    case "ConnectionLost":
      return noError
    default:
      return internalError
  }
}
