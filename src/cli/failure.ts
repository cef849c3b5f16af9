/** How a command ends badly: one line, and an exit status. */
import * as Data from "effect/Data"

/**
 * `Usage` is a flag, a name or a file that cannot be meant (status 2); `Failed` is all that goes wrong while doing what
 * was meant (status 1). `text` says what happened and `hint` what to try; neither holds a line break or a secret.
 */
export class CliFailure extends Data.TaggedError("CliFailure")<{
  readonly kind: "Usage" | "Failed"
  readonly text: string
  readonly hint?: string | undefined
}> {
  override get message() {
    return this.hint === undefined ? this.text : `${this.text}; hint: ${this.hint}`
  }
}

export const usage = (text: string, hint?: string): CliFailure => new CliFailure({ kind: "Usage", text, hint })
export const failed = (text: string, hint?: string): CliFailure => new CliFailure({ kind: "Failed", text, hint })

/** One line of text, whatever it was made of. */
export const oneLine = (text: string): string => text.replace(/\s*[\r\n]+\s*/g, " ").trim()
