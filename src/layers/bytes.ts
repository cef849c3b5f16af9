/** Chunks as sockets take them, text or bytes, as bytes. */

import { concat } from "../codec/bytes.ts"

const encoder = new TextEncoder()

export const bytesOf = (chunk: Uint8Array | string): Uint8Array =>
  typeof chunk === "string" ? encoder.encode(chunk) : chunk

/** All of them in one array. */
export const joined = (chunks: ReadonlyArray<Uint8Array | string>): Uint8Array => concat(chunks.map(bytesOf))
