/** What goes wrong, on standard error: one line for people, or one JSON object for programs. */
import { isSocketError } from "effect/socket/Socket"
import { find, type TlsError } from "../layers/TlsError.ts"
import { describeError } from "../layers/transport.ts"
import { type Failure, reasons } from "../state/failure.ts"
import { CliFailure, oneLine } from "./failure.ts"

export type Form = "text" | "json"

/** Before the arguments are understood: what is wrong with them has to be told in the right form too. */
export const formOf = (args: ReadonlyArray<string>): Form =>
  args.some((arg, i) => arg === "--summary=json" || (arg === "--summary" && args[i + 1] === "json")) ? "json" : "text"

/** What programs get to know: `{"error": …}`. Failures of TLS say more than these. */
export interface ErrorReport {
  /** A name of the failure table, or `Usage`, `Failed`, `Bug`. */
  readonly reason: string
  readonly detail: string
  /** The alert that we sent. */
  readonly alert: string | null
  readonly hint: string | null
}

/** Something to complain about, and the exit status that it comes to. */
export interface Complaint {
  readonly text: string
  readonly error: ErrorReport
  readonly status: 1 | 2
}

const plain = (reason: string, detail: string, status: 1 | 2, hint?: string): Complaint => ({
  text: hint === undefined ? detail : `${detail}; hint: ${hint}`,
  error: { reason, detail, alert: null, hint: hint ?? null },
  status
})

const ofTls = (error: TlsError): Complaint => {
  const { reason, phase, alertSent, alertReceived, peer, hint, paths } = error
  const { _tag, detail, kind, see } = reason
  const about = { alertReceived: alertReceived ?? null, kind, phase, peer: peer ?? null, see }
  return {
    text: error.message,
    error: { reason: _tag, detail, alert: alertSent ?? null, hint: hint ?? null, ...about, ...(paths && { paths }) },
    status: kind === "Misuse" ? 2 : 1
  }
}

const isFailure = (error: unknown): error is Failure =>
  typeof error === "object" && error !== null && "_tag" in error && error._tag === "Failure"

export const complaintOf = (error: unknown): Complaint => {
  const tls = find(error)
  if (tls !== undefined) return ofTls(tls)
  if (error instanceof CliFailure) {
    return error.kind === "Usage"
      ? plain("Usage", error.text, 2, error.hint)
      : plain("Failed", error.text, 1, error.hint)
  }
  if (isFailure(error)) return plain(error.reason, error.detail, reasons[error.reason].kind === "Misuse" ? 2 : 1)
  if (isSocketError(error)) return plain("Failed", describeError(error), 1)
  return plain("Bug", `this is a bug: ${describeError(error)}`, 1)
}

export const showComplaint = (form: Form, { text, error }: Complaint): string =>
  form === "json" ? JSON.stringify({ error }) : `effect-tls: ${oneLine(text)}`

export const showWarning = (form: Form, text: string): string =>
  form === "json" ? JSON.stringify({ warning: text }) : `effect-tls: warning: ${oneLine(text)}`

/** What a layer logs as text, which begins with a name of the failure table where it is one of those. */
export const showNote = (form: Form, text: string): string => {
  const [, name = ""] = /^(\w+): /.exec(text) ?? []
  return showComplaint(form, plain(Object.hasOwn(reasons, name) ? name : "Failed", text, 1))
}
