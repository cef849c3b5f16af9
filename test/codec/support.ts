import * as Codecs from "../../src/codec/index.ts"
import type { Codec } from "../../src/codec/presentation/codec.ts"

const isCodec = (value: unknown): value is Codec<unknown> =>
  typeof value === "object" || typeof value === "function" ? value !== null && "wire" in value && "ast" in value : false

/** Every codec that `effect-tls/codec` exports, by name. */
export const codecs: ReadonlyArray<readonly [string, Codec<unknown>]> = Object.entries(Codecs).flatMap(
  ([name, value]) => (isCodec(value) ? [[name, value] as const] : [])
)

export const fromHex = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replace(/[^0-9a-f]/g, ""), "hex"))

export const concat = (...parts: ReadonlyArray<Uint8Array>): Uint8Array => Uint8Array.from(parts.flatMap((p) => [...p]))

/** A length of `prefix` bytes, then the bytes. */
export const vector = (prefix: number, bytes: Uint8Array): Uint8Array =>
  concat(
    Uint8Array.from({ length: prefix }, (_, i) => (bytes.length >> (8 * (prefix - 1 - i))) & 0xff),
    bytes
  )

/** The body of a ClientHello with these extensions, written without the codec. */
export const helloWith = (...extensions: ReadonlyArray<readonly [number, Uint8Array]>): Uint8Array =>
  concat(
    fromHex("0303"),
    new Uint8Array(32),
    fromHex("00 0002 1301 01 00"),
    vector(
      2,
      concat(...extensions.map(([type, data]) => concat(Uint8Array.of(type >> 8, type & 0xff), vector(2, data))))
    )
  )

/** What `openssl s_client -servername example.org -alpn h2,http/1.1 -groups X25519:P-256 -status` (3.0.19) sent. */
export const opensslHello = fromHex(`
  0100013f0303ec520dc87db4b76a7778d9f070f5c21a8e61d65ec30eeeca3a18313f47ce075c20bf6cd92ea71bfb92828bff
  e0c3852720bafb22dcd9f230660936757a3e6ed4e7003e130213031301c02cc030009fcca9cca8ccaac02bc02f009ec024c0
  28006bc023c0270067c00ac0140039c009c0130033009d009c003d003c0035002f00ff010000b800000010000e00000b6578
  616d706c652e6f7267000b000403000102000a00060004001d0017002300000005000501000000000010000e000c02683208
  687474702f312e310016000000170000000d002a0028040305030603080708080809080a080b080408050806040105010601
  030303010302040205020602002b0009080304030303020301002d00020101003300260024001d0020f5601fca4f186f01f1
  a25e2c0116a0abc676d3d7a90ec92daf586620c51a716c
`)
