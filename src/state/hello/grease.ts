/**
 * GREASE (RFC 8701): values that mean nothing, so that peers stay used to what they do not know.
 *
 * Which values is left to chance, where they stand is not (section 5): first in every list, in ALPN last, and one
 * extension at either end of the block, the last one not empty.
 */
import type { Extension } from "../../codec/extension/placement.ts"
import type { ClientHello } from "../../codec/handshake/clientHello.ts"
import { greaseModes, greaseValues } from "../../codec/registry/grease.ts"
import { appended, permuted } from "./order.ts"

/** Bytes of entropy that one hello takes: 32 to choose values, 16 of content. */
export const greaseSize = 48

/** A value for each place; no two are equal, as an extension that stood twice would be a fault (section 5). */
const chosen = (entropy: Uint8Array) => {
  const [suite = 0, version = 0, group = 0, scheme = 0, certificateScheme = 0, protocol = 0, ...types] = permuted(
    greaseValues,
    entropy.subarray(0, 30)
  )
  const [first = 0, last = 0] = types
  const content = entropy.slice(32, 33 + ((entropy[31] ?? 0) & 15))
  return {
    suite,
    version,
    group,
    scheme,
    certificateScheme,
    mode: greaseModes[(entropy[30] ?? 0) & 7] ?? 0x0b,
    /** A GREASE protocol name: one byte twice, as ALPN has strings of bytes. */
    protocol: String.fromCharCode(protocol & 0xff).repeat(2),
    first: { type: first, data: new Uint8Array(0) },
    last: { type: last, data: content }
  }
}
type Chosen = ReturnType<typeof chosen>

const inClientHello =
  (value: Chosen) =>
  (extension: Extension<"ClientHello">): Extension<"ClientHello"> => {
    const { type, data } = extension
    switch (type) {
      case "supported_versions":
        return { type, data: { versions: [value.version, ...data.versions] } }
      case "supported_groups":
        return { type, data: { named_group_list: [value.group, ...data.named_group_list] } }
      case "key_share":
        return {
          type,
          data: { client_shares: [{ group: value.group, key_exchange: Uint8Array.of(0) }, ...data.client_shares] }
        }
      case "psk_key_exchange_modes":
        return { type, data: { ke_modes: [value.mode, ...data.ke_modes] } }
      case "application_layer_protocol_negotiation":
        return { type, data: { protocol_name_list: [...data.protocol_name_list, value.protocol] } }
      case "signature_algorithms":
      case "signature_algorithms_cert":
        return { type, data: schemes(type, data.supported_signature_algorithms, value) }
      default:
        return extension
    }
  }

const schemes = (
  type: "signature_algorithms" | "signature_algorithms_cert",
  accepted: Extract<
    Extension<"ClientHello">,
    { readonly type: "signature_algorithms" }
  >["data"]["supported_signature_algorithms"],
  { scheme, certificateScheme }: Chosen
) => ({ supported_signature_algorithms: [type === "signature_algorithms" ? scheme : certificateScheme, ...accepted] })

/** What a client says (section 3.1). */
export const clientHello = (hello: ClientHello, entropy: Uint8Array): ClientHello => {
  const value = chosen(entropy)
  return {
    ...hello,
    cipher_suites: [value.suite, ...hello.cipher_suites],
    extensions: [value.first, ...appended(hello.extensions.map(inClientHello(value)), [value.last])]
  }
}

/** What a server says in CertificateRequest (section 4.1). */
export const certificateRequest = (
  block: ReadonlyArray<Extension<"CertificateRequest">>,
  entropy: Uint8Array
): ReadonlyArray<Extension<"CertificateRequest">> => {
  const value = chosen(entropy)
  const inRequest = (extension: Extension<"CertificateRequest">): Extension<"CertificateRequest"> => {
    const { type, data } = extension
    return type === "signature_algorithms" || type === "signature_algorithms_cert"
      ? { type, data: schemes(type, data.supported_signature_algorithms, value) }
      : extension
  }
  return [value.first, ...block.map(inRequest), value.last]
}

/** What a server says in NewSessionTicket (section 4.1). */
export const newSessionTicket = (
  block: ReadonlyArray<Extension<"NewSessionTicket">>,
  entropy: Uint8Array
): ReadonlyArray<Extension<"NewSessionTicket">> => [...block, chosen(entropy).last]
