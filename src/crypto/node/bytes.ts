/** Buffers of Node as what they are to everybody else. */

declare global {
  // ES2024, which every Node has that this library runs on.
  interface ArrayBuffer {
    transfer(newByteLength?: number): ArrayBuffer
  }
}

/**
 * The same bytes as a plain Uint8Array. A Buffer would leak its own ideas (`slice` is a view, `toJSON` shows the
 * bytes) into code that is written for any platform.
 */
export const plain = (buffer: Uint8Array): Uint8Array =>
  new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength)

/** A view of bytes with Node's text encodings. */
export const buffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** Fewer bytes than these are not worth a call. */
const worthIt = 1024

/**
 * Gives the memory of an array back at once, where the array has it to itself; it is empty afterwards, and so is every
 * view of it. Only for its last owner. Memory outside the heap presses on the collector until it is free: every 32 MiB
 * of it cost a mark of the whole heap, which is more than the encryption of as many bytes.
 */
export const release = (bytes: Uint8Array): void => {
  // A small array may have its bytes inside of the heap, and no buffer until somebody asks for it.
  if (bytes.byteLength < worthIt) return
  const { buffer } = bytes
  if (bytes.byteLength === buffer.byteLength && buffer instanceof ArrayBuffer) buffer.transfer(0)
}

/** What {@link hasten} made last: nobody reads it, and an array that nobody holds might never be made. */
const garbage: { latest: ReadonlyArray<unknown> } = { latest: [] }

/**
 * Lets the collector find so many bytes sooner, which leave outside of the heap and as a rule die young. It looks among
 * the young when enough of the heap is new, but what is outside does not count there, so bulk data is left to the
 * collection that marks the whole heap: 20 ms and more, where the young one takes 2 and frees the same arrays. Half as
 * many bytes of garbage in the heap let the young one come first. They cost a tenth of opening a record.
 */
export const hasten = (size: number): void => {
  if (size >= worthIt) garbage.latest = new Array(size >> 4)
}
