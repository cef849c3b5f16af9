/** From what a machine installs to what protects records, in either version. */
import type { InstallKeys, InstallKeys12 } from "../action.ts"
import type { RecordOpener, RecordSealer } from "./protection.ts"
import { Opener12, Sealer12 } from "./protection12.ts"
import { Opener, Sealer } from "./protection13.ts"

export const sealerOf = (keys: InstallKeys | InstallKeys12): RecordSealer =>
  keys._tag === "InstallKeys" ? new Sealer(keys.suite, keys.secret) : new Sealer12(keys.suite, keys.secret)

export const openerOf = (keys: InstallKeys | InstallKeys12): RecordOpener =>
  keys._tag === "InstallKeys" ? new Opener(keys.suite, keys.secret) : new Opener12(keys.suite, keys.secret)
