/** The question that a client's share raises (RFC 9846 section 7.4). */
import type { KeyShareEntry } from "../../../codec/extension/keyShare.ts"
import type { EncapsulateSecret } from "../../command.ts"

export const encapsulate = ({ group, key_exchange }: KeyShareEntry): EncapsulateSecret => ({
  _tag: "EncapsulateSecret",
  group,
  peerShare: key_exchange
})
