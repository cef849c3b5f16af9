/** RFC 6066 section 3: server_name. */
import { codec } from "../presentation/codec.ts"
import { openEnum } from "../presentation/enum.ts"
import { refine, select, struct } from "../presentation/struct.ts"
import { distinct, opaque, text, vector } from "../presentation/vector.ts"
import type { Wire } from "../presentation/wire.ts"

/** `uint8`: what kind of name. Only DNS names have a code point. */
export const NameType = openEnum(1, { host_name: 0 })

/** `opaque HostName<1..2^16-1>`: a DNS name in ASCII. Whether its labels make sense is for the server to judge. */
const HostName = refine(
  text({ min: 1, max: 2 ** 16 - 1 }),
  (name) => /^[\x21-\x7e]*$/.test(name),
  "a host name in printable ASCII"
)

/** `{ name_type: "host_name", name: string }`; names of types to come keep their bytes. */
export const ServerName = codec(
  "ServerName",
  select("name_type", NameType, "name", { host_name: HostName }, opaque({ min: 0, max: 2 ** 16 - 1 }))
)
export type ServerName = Wire.Type<typeof ServerName>

/** `ServerName server_name_list<1..2^16-1>`, at most one name of each type. */
export const ServerNameList = codec(
  "ServerNameList",
  struct({
    server_name_list: distinct(
      vector(ServerName.wire, { min: 1, max: 2 ** 16 - 1 }, 2),
      ({ name_type }) => name_type,
      "one name of each type"
    )
  })
)
export type ServerNameList = Wire.Type<typeof ServerNameList>
