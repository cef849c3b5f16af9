/** WAIT_EE: what the server answers under the first keys (RFC 9846 section 4.4.1). */
import * as Result from "effect/Result"
import { find } from "../../../codec/extension/extension.ts"
import type { Heard } from "../../event.ts"
import { land, type Of, type Stepped } from "../../machine.ts"
import * as Alpn from "../../negotiation/alpn.ts"
import * as CertificateType from "../../negotiation/certificateType.ts"
import { onlySolicited } from "../../negotiation/extensions.ts"
import * as RecordSizeLimit from "../../negotiation/recordSizeLimit.ts"
import * as Transport from "../../negotiation/transport.ts"
import { append } from "../../transcript.ts"
import type { WaitCertificateOrRequest, WaitEncryptedExtensions } from "./state.ts"

/** WAIT_EE --EncryptedExtensions--> WAIT_CERT_CR */
export const encryptedExtensions = (
  state: WaitEncryptedExtensions,
  event: Of<Heard, "EncryptedExtensions">
): Stepped<WaitCertificateOrRequest> =>
  Result.gen(function* () {
    const { extensions } = event.body
    const { config, hello } = state.hs.offer
    yield* onlySolicited("EncryptedExtensions", extensions, hello.extensions)
    const chosen = find(extensions, "application_layer_protocol_negotiation")?.protocol_name_list
    const protocol = yield* Alpn.selected(config.protocols, chosen)
    const certificateTypes = yield* CertificateType.selected(config, extensions)
    yield* Transport.server(config.transport, event.body, protocol)
    return land(
      {
        _tag: "WAIT_CERT_CR",
        parameters: { hs: state.hs, protocol, certificateTypes },
        transcript: append(state.transcript, event.raw)
      },
      RecordSizeLimit.agreed(config, find(extensions, "record_size_limit"))
    )
  })
