/** Chunks as sockets take them, text or bytes, as bytes. */

const encoder = new TextEncoder()

export const bytesOf = (chunk: Uint8Array | string): Uint8Array =>
  typeof chunk === "string" ? encoder.encode(chunk) : chunk

/** All of them in one array. */
export const joined = (chunks: ReadonlyArray<Uint8Array | string>): Uint8Array => {
  const parts = chunks.map(bytesOf)
  const all = new Uint8Array(parts.reduce((size, part) => size + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}
