import { primitives as noble } from "../../src/crypto/noble/index.ts"
import { primitives as node } from "../../src/crypto/node/index.ts"
import { primitivesContract } from "./contract.ts"

primitivesContract(node)
primitivesContract(noble)
