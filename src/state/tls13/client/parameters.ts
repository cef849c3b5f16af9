/** WAIT_EE: what the server answers under the first keys (RFC 9846 section 4.4.1). */
import * as Result from "effect/Result"
import { find } from "../../../codec/extension/extension.ts"
import type { Extension } from "../../../codec/extension/placement.ts"
import { resultFn } from "../../../codec/resultFn.ts"
import type { Established13 } from "../../established.ts"
import type { Heard } from "../../event.ts"
import { type Failure, fail } from "../../failure.ts"
import { land, type Of, type Steps } from "../../machine.ts"
import * as Alpn from "../../negotiation/alpn.ts"
import * as CertificateType from "../../negotiation/certificateType.ts"
import { onlySolicited } from "../../negotiation/extensions.ts"
import * as RecordSizeLimit from "../../negotiation/recordSizeLimit.ts"
import * as Transport from "../../negotiation/transport.ts"
import { pskSelected } from "../../proof.ts"
import { append } from "../../transcript.ts"
import { judged, mayBeAccepted } from "./earlyData.ts"
import type { Handshake, WaitCertificateOrRequest, WaitEncryptedExtensions, WaitFinished } from "./state.ts"

/** What became of early data. Accepted is only what the first PSK began, under its suite and its protocol (4.3.10). */
const earlyData = (
  hs: Handshake,
  extensions: ReadonlyArray<Extension<"EncryptedExtensions">>,
  protocol: string | undefined
): Result.Result<Established13["earlyData"], Failure> => {
  const { earlyData } = hs.offer
  if (find(extensions, "early_data") === undefined) {
    return Result.succeed(earlyData._tag === "None" ? "none" : "rejected")
  }
  if (!mayBeAccepted(hs)) {
    return fail("EarlyDataMismatch", "the server accepts early data, but not the PSK or the suite that it began with")
  }
  return earlyData._tag === "Offered" && earlyData.protocol !== protocol
    ? fail("EarlyDataMismatch", "the server accepts early data, but under another application protocol")
    : Result.succeed("accepted")
}

/** WAIT_EE --EncryptedExtensions--> WAIT_CERT_CR, or WAIT_FINISHED where a PSK speaks for the server. */
export const encryptedExtensions = resultFn(function* (
  state: WaitEncryptedExtensions,
  event: Of<Heard, "EncryptedExtensions">
): Steps<WaitCertificateOrRequest | WaitFinished> {
  const { hs } = state
  const { extensions } = event.body
  const { config, hello } = hs.offer
  yield* onlySolicited("EncryptedExtensions", extensions, hello.extensions)
  const chosen = find(extensions, "application_layer_protocol_negotiation")?.protocol_name_list
  const protocol = yield* Alpn.selected(config.protocols, chosen)
  const outcome = yield* earlyData(hs, extensions, protocol)
  const certificateTypes =
    hs.psk === undefined ? yield* CertificateType.selected(config, extensions) : CertificateType.nothingShown
  yield* Transport.server(config.transport, event.body, protocol)
  const parameters = { hs, protocol, certificateTypes, earlyData: outcome }
  const transcript = append(state.transcript, event.raw)
  const actions = [
    ...(outcome !== "none" && mayBeAccepted(hs) ? judged(hs, outcome) : []),
    ...RecordSizeLimit.agreed(config, find(extensions, "record_size_limit"))
  ]
  return hs.psk === undefined
    ? land({ _tag: "WAIT_CERT_CR", parameters, transcript }, actions)
    : land(
        { _tag: "WAIT_FINISHED", parameters, transcript, auth: { _tag: "NotRequested" }, proof: pskSelected(hs.psk) },
        actions
      )
})
