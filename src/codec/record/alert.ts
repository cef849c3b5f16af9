/** RFC 9846 section 6: alerts. */
import { codec } from "../presentation/codec.ts"
import { struct } from "../presentation/struct.ts"
import type { Wire } from "../presentation/wire.ts"
import { AlertDescription, AlertLevel } from "../registry/alert.ts"

/** Two bytes, alone in their record. TLS 1.3 ignores the level when it reads. */
export const Alert = codec("Alert", struct({ level: AlertLevel, description: AlertDescription }))
export type Alert = Wire.Type<typeof Alert>

/** The two alerts that end nothing by themselves; all others, known or not, are fatal (RFC 9846 section 6.1). */
export const isClosure = (description: AlertDescription): description is "close_notify" | "user_canceled" =>
  description === "close_notify" || description === "user_canceled"
