/** RFC 9846 section 4.5.2: what a CertificateVerify signs. */
import { digest, type Hashing } from "../transcript.ts"

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0))

/** 64 spaces, the context string and a zero byte: one for each role, so that no signature can be reflected. */
const prefix = {
  Server: ascii(`${" ".repeat(64)}TLS 1.3, server CertificateVerify\0`),
  Client: ascii(`${" ".repeat(64)}TLS 1.3, client CertificateVerify\0`)
}

/** The content signed by `signer`; the transcript ends with its Certificate. 98 bytes and a hash. */
export const signedContent = (signer: "Server" | "Client", transcript: Hashing): Uint8Array => {
  const hash = digest(transcript)
  const content = new Uint8Array(prefix[signer].length + hash.length)
  content.set(prefix[signer])
  content.set(hash, prefix[signer].length)
  return content
}
