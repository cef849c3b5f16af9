/** What a server sees of a ClientHello before it decides how to serve the client. */
import { find } from "../codec/extension/extension.ts"
import { CipherSuite } from "../codec/registry/cipherSuite.ts"
import { NamedGroup } from "../codec/registry/namedGroup.ts"
import { ProtocolVersion } from "../codec/registry/protocolVersion.ts"
import { SignatureScheme } from "../codec/registry/signatureScheme.ts"
import type { Hash } from "../crypto/primitives.ts"
import type { ChooseConfiguration } from "../state/command.ts"
import { ja4 } from "../state/hello/ja4.ts"

/**
 * A ClientHello as plain values, each made when it is looked at. Lists are in the client's order; what has no name here
 * is its number in hexadecimal, `0x1a1a`. All of it is the client's word: nothing is authenticated yet.
 */
export interface ClientHelloInfo {
  /** The DNS name that is asked for (RFC 6066 section 3), in lower case; absent when there is none, or an address. */
  readonly serverName: string | undefined
  /** RFC 7301; empty when the client takes no part. One character a byte. */
  readonly alpnProtocols: ReadonlyArray<string>
  /** `TLSv1.3` and so on. */
  readonly versions: ReadonlyArray<string>
  /** `TLS_AES_128_GCM_SHA256` and so on. */
  readonly suites: ReadonlyArray<string>
  /** supported_groups: `x25519` and so on. */
  readonly groups: ReadonlyArray<string>
  /** signature_algorithms: `ecdsa_secp256r1_sha256` and so on. */
  readonly schemes: ReadonlyArray<string>
  /** The message with its header of 4 bytes, at most 65,540 bytes: a copy. */
  readonly raw: Uint8Array
  /** The JA4 fingerprint, 36 characters: which software this may be. Anybody can imitate it. */
  readonly ja4: string
}

/** Looks at the ClientHello of a question. */
export const make = ({ hello, raw, serverName }: ChooseConfiguration, sha256: Hash): ClientHelloInfo => {
  const { cipher_suites, extensions, legacy_version } = hello
  return {
    serverName,
    get alpnProtocols() {
      return find(extensions, "application_layer_protocol_negotiation")?.protocol_name_list ?? []
    },
    get versions() {
      return (find(extensions, "supported_versions")?.versions ?? [legacy_version]).map(ProtocolVersion.show)
    },
    get suites() {
      return cipher_suites.map(CipherSuite.show)
    },
    get groups() {
      return (find(extensions, "supported_groups")?.named_group_list ?? []).map(NamedGroup.show)
    },
    get schemes() {
      const schemes = find(extensions, "signature_algorithms")?.supported_signature_algorithms ?? []
      return schemes.map(SignatureScheme.show)
    },
    get raw() {
      return raw.slice()
    },
    get ja4() {
      return ja4(hello, sha256)
    }
  }
}
