/** Buffers of Node as what they are to everybody else. */

/**
 * The same bytes as a plain Uint8Array. A Buffer would leak its own ideas (`slice` is a view, `toJSON` shows the
 * bytes) into code that is written for any platform.
 */
export const plain = (buffer: Uint8Array): Uint8Array =>
  new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength)

/** A view of bytes with Node's text encodings. */
export const buffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
