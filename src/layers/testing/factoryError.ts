/** Why the factory did not make what it was asked for. */
import * as Data from "effect/Data"

/** An option that no certificate can hold, or a provider that cannot sign so. */
export class CertificateFactoryError extends Data.TaggedError("CertificateFactoryError")<{
  readonly detail: string
}> {
  override get message() {
    return `cannot make the certificate: ${this.detail}`
  }
}
