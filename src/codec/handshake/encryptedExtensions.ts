/** RFC 9846 section 4.4.1: EncryptedExtensions. */
import { extensions } from "../extension/extension.ts"
import { codec } from "../presentation/codec.ts"
import { struct } from "../presentation/struct.ts"
import type { Wire } from "../presentation/wire.ts"

/** The server's answers that need not be seen before there are keys. */
export const EncryptedExtensions = codec(
  "EncryptedExtensions",
  struct({ extensions: extensions("EncryptedExtensions", { min: 0, max: 2 ** 16 - 1 }) })
)
export type EncryptedExtensions = Wire.Type<typeof EncryptedExtensions>
