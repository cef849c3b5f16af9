import { type Extension, type ExtensionsOf, find, type Message } from "../../src/codec/index.ts"

// What must not compile. Each line would be reported if the types allowed it.
export const types = (answer: ExtensionsOf<"EncryptedExtensions">, hello: ExtensionsOf<"ClientHello">) => {
  const protocols: ReadonlyArray<string> | undefined = find(
    answer,
    "application_layer_protocol_negotiation"
  )?.protocol_name_list
  const groups = find(hello, "key_share")?.client_shares.map(({ group }) => group)
  // @ts-expect-error key_share has no place in EncryptedExtensions
  find(answer, "key_share")
  // @ts-expect-error nor can one be made for it
  const share: Extension<"EncryptedExtensions"> = { type: "key_share", data: { selected_group: "x25519" } }
  // @ts-expect-error a ServerHello has one share, not a list
  const wrong: Extension<"ServerHello"> = { type: "key_share", data: { client_shares: [] } }
  // @ts-expect-error unknown names are no extensions
  find(hello, "keyshare")
  const right: Extension<"ServerHello"> = {
    type: "key_share",
    data: { server_share: { group: "x25519", key_exchange: new Uint8Array(32) } }
  }
  return [protocols, groups, share, wrong, right]
}

/** A message is told by its tag; HelloRetryRequest has no random. */
export const messages = (message: Message): Uint8Array | undefined => {
  if (message._tag === "ServerHello") return message.body.random
  if (message._tag === "UnknownHandshake") return message.body
  // @ts-expect-error the random of a HelloRetryRequest is no part of its value
  if (message._tag === "HelloRetryRequest") return message.body.random
  // @ts-expect-error a KeyUpdate requests or does not
  const update: Message = { _tag: "KeyUpdate", body: { request_update: 2 } }
  return update._tag === "KeyUpdate" ? undefined : new Uint8Array(0)
}
