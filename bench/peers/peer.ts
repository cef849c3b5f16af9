/** What an implementation must do to be measured: the same work, behind the same few calls. */

/** How a server treats a connection once the handshake is done. */
export type Mode =
  | { readonly _tag: "greet" } // one byte, so that the client knows the handshake is complete on both sides
  | { readonly _tag: "sink"; readonly bytes: number } // takes that many bytes, then says one byte
  | { readonly _tag: "source"; readonly bytes: number } // on the first byte heard, sends that many
  | { readonly _tag: "echo" }
  | { readonly _tag: "hold" } // one byte, then nothing: an idle connection

export interface Identity {
  readonly ca: string
  readonly chain: string
  readonly key: string
  /** Who the client is, where it is asked. */
  readonly client: { readonly chain: string; readonly key: string }
}

/** With the server's certificate, with both, or with a session of an earlier connection. */
export type Kind = "full" | "mutual" | "resumed"

export interface Setup {
  readonly identity: Identity
  readonly suite: string
  readonly group: string
  readonly kind: Kind
}

export interface Peer {
  /** Listens on a free loopback port, which it yields. */
  readonly serve: (setup: Setup, mode: Mode) => Promise<number>
  readonly stop: () => Promise<void>
  /** Connects, hears one byte and closes, `count` times, so many at once; yields how many of them were resumed. */
  readonly handshakes: (setup: Setup, port: number, count: number, atOnce: number) => Promise<number>
  /** Sends so many bytes in 64 KiB writes and waits for the byte that says they are there. */
  readonly upload: (setup: Setup, port: number, bytes: number) => Promise<void>
  /** Says one byte and hears so many. */
  readonly download: (setup: Setup, port: number, bytes: number) => Promise<void>
  /** Sends `size` bytes and hears them again, `count` times. */
  readonly pingPong: (setup: Setup, port: number, size: number, count: number) => Promise<void>
  /** Opens so many connections and keeps them. */
  readonly hold: (setup: Setup, port: number, count: number) => Promise<void>
}

export const chunkSize = 65_536

/** Runs `work` `count` times, `atOnce` at a time. */
export const inParallel = async (count: number, atOnce: number, work: () => Promise<void>): Promise<void> => {
  let left = count
  const lane = async () => {
    while (left-- > 0) await work()
  }
  await Promise.all(Array.from({ length: atOnce }, lane))
}
