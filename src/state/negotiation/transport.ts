/** RFC 9001 section 8: what a handshake inside QUIC must say, and one outside must not. */
import * as Result from "effect/Result"
import { find } from "../../codec/extension/extension.ts"
import type { ClientHello } from "../../codec/handshake/clientHello.ts"
import type { EncryptedExtensions } from "../../codec/handshake/encryptedExtensions.ts"
import type { Transport } from "../config.ts"
import { type Failure, fail } from "../failure.ts"
import { required } from "./extensions.ts"

type Checked = Result.Result<void, Failure>
const done: Checked = Result.succeed(undefined)

/** quic_transport_parameters, which has the same form in both messages, and is sent in QUIC only (section 8.2). */
export const parameters = (transport: Transport | undefined) =>
  transport === undefined ? [] : [{ type: "quic_transport_parameters", data: transport.parameters } as const]

/** RFC 7301 inside QUIC: no protocol is no connection, for both sides (section 8.1). */
const agreed = (protocol: string | undefined): Checked =>
  protocol === undefined ? fail("NoCommonProtocol", "QUIC needs an application protocol, and none is agreed on") : done

/** Section 8.4: the session ID asks for records that QUIC cannot carry. */
const notCompatible = ({ legacy_session_id }: ClientHello): Checked =>
  legacy_session_id.length === 0
    ? done
    : fail("QuicCompatibilityMode", `a legacy_session_id of ${legacy_session_id.length} bytes`)

const spoken = (where: string, data: Uint8Array | undefined): Checked =>
  Result.map(required(where, "quic_transport_parameters", data), () => undefined)

/** What a server asks of a ClientHello, once a protocol is chosen or is not. */
export const client = (transport: Transport | undefined, hello: ClientHello, protocol: string | undefined): Checked => {
  const data = find(hello.extensions, "quic_transport_parameters")
  if (transport === undefined) {
    return data === undefined ? done : fail("QuicOutsideQuic", "the client means QUIC, and this is none")
  }
  return Result.all([notCompatible(hello), spoken("ClientHello", data), agreed(protocol)]).pipe(
    Result.map(() => undefined)
  )
}

/** What a client asks of EncryptedExtensions; outside of QUIC they are not solicited, and refused for that. */
export const server = (
  transport: Transport | undefined,
  { extensions }: EncryptedExtensions,
  protocol: string | undefined
): Checked =>
  transport === undefined
    ? done
    : Result.flatMap(spoken("EncryptedExtensions", find(extensions, "quic_transport_parameters")), () =>
        agreed(protocol)
      )
