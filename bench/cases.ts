/** What is measured, and what it yields. Client and server are processes of their own; figures of both are counted. */

import { type Pair, start } from "./pair.ts"
import type { Kind, Mode, Setup } from "./peers/peer.ts"

export interface Figure {
  readonly name: string
  readonly unit: string
  readonly value: number
  /** Whether more of it is better; the ratio is turned so that above 1 is always in our favour. */
  readonly better: "more" | "less"
}

export interface Case {
  readonly name: string
  readonly suite: string
  readonly group: string
  readonly kind?: Kind
  readonly run: (pair: Pair, setup: Setup) => Promise<ReadonlyArray<Figure>>
}

const suites = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"] as const
const mebibyte = 2 ** 20

/** Both ends have this group alone, or their defaults would be compared with each other. */
const x25519 = { group: "x25519" } as const

const figure = (name: string, unit: string, value: number, better: Figure["better"]): Figure => ({
  name,
  unit,
  value,
  better
})

const handshakes =
  (count: number, atOnce: number): Case["run"] =>
  async (pair, setup) => {
    const port = await pair.serve(setup, { _tag: "greet" })
    await pair.client({ _tag: "handshakes", setup, port, count, atOnce }) // warm: ours is compiled as it runs
    const spent = await pair.measure({ _tag: "handshakes", setup, port, count, atOnce })
    await pair.stop()
    const resumed = setup.kind === "resumed" ? count : 0
    if (spent.value !== resumed)
      throw new Error(`${pair.name}: ${spent.value} of ${count} handshakes were resumed, not ${resumed}`)
    return [
      figure("handshakes", "/s", count / spent.seconds, "more"),
      figure("client CPU", "µs", spent.clientCpu / count, "less"),
      figure("server CPU", "µs", spent.serverCpu / count, "less"),
      figure("CPU of both", "µs", (spent.clientCpu + spent.serverCpu) / count, "less")
    ]
  }

/** What a server has done after some seconds: our code is compiled in stages as it runs, theirs was long before. */
export const warmUp = async (pair: Pair, identity: Setup["identity"]): Promise<void> => {
  const setup: Setup = { suite: suites[0], ...x25519, kind: "full", identity }
  const port = await pair.serve(setup, { _tag: "greet" })
  await pair.client({ _tag: "handshakes", setup, port, count: 3000, atOnce: 16 })
  await pair.stop()
}

const bulk =
  (direction: "upload" | "download", bytes: number): Case["run"] =>
  async (pair, setup) => {
    const mode: Mode = { _tag: direction === "upload" ? "sink" : "source", bytes }
    const port = await pair.serve(setup, mode)
    const spent = await pair.measure({ _tag: direction, setup, port, bytes })
    await pair.stop()
    const megabytes = bytes / 1e6
    return [
      figure("throughput", "MB/s", megabytes / spent.seconds, "more"),
      figure("client CPU", "µs/MB", spent.clientCpu / megabytes, "less"),
      figure("server CPU", "µs/MB", spent.serverCpu / megabytes, "less")
    ]
  }

const pingPong =
  (size: number, count: number): Case["run"] =>
  async (pair, setup) => {
    const port = await pair.serve(setup, { _tag: "echo" })
    await pair.client({ _tag: "pingPong", setup, port, size, count })
    const spent = await pair.measure({ _tag: "pingPong", setup, port, size, count })
    await pair.stop()
    return [figure("round trip", "µs", (spent.seconds * 1e6) / count, "less")]
  }

/** In processes of its own: one that has worked before has memory left to reuse, and would seem to need none. */
const idle =
  (count: number): Case["run"] =>
  async ({ name }, setup) => {
    const pair = start(name)
    const port = await pair.serve(setup, { _tag: "hold" })
    await pair.client({ _tag: "hold", setup, port, count: 100 })
    const before = await pair.memory()
    await pair.client({ _tag: "hold", setup, port, count })
    const after = await pair.memory()
    await pair.stop()
    pair.end()
    const kibibytes = (role: "client" | "server") => (after[role].rss - before[role].rss) / 1024 / count
    return [
      figure("client memory", "KiB", kibibytes("client"), "less"),
      figure("server memory", "KiB", kibibytes("server"), "less")
    ]
  }

/** `scale` shortens everything, for a look; 1 is what to quote. */
export const cases = (scale: number): ReadonlyArray<Case> => {
  const times = (count: number) => Math.max(8, Math.round(count * scale))
  const mib = (count: number) => Math.max(4, Math.round(count * scale)) * mebibyte
  const [aes128] = suites
  const mutual = { suite: aes128, ...x25519, kind: "mutual" } as const
  const resumed = { suite: aes128, ...x25519, kind: "resumed" } as const
  // The certificate's curve is among the groups: for OpenSSL they bind it too (RFC 8422 section 5.3).
  const tls12 = { suite: "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", group: "secp256r1" } as const
  return [
    { name: "full handshake, one at a time", suite: aes128, ...x25519, run: handshakes(times(300), 1) },
    { name: "full handshake, 16 at once", suite: aes128, ...x25519, run: handshakes(times(600), 16) },
    { name: "full handshake, both with certificates", ...mutual, run: handshakes(times(300), 1) },
    { name: "full handshake, both with certificates, 16 at once", ...mutual, run: handshakes(times(600), 16) },
    { name: "resumed handshake, one at a time", ...resumed, run: handshakes(times(300), 1) },
    { name: "resumed handshake, 16 at once", ...resumed, run: handshakes(times(600), 16) },
    { name: "full handshake, X25519MLKEM768", suite: aes128, group: "X25519MLKEM768", run: handshakes(times(300), 1) },
    { name: "TLS 1.2, full handshake, one at a time", ...tls12, run: handshakes(times(300), 1) },
    { name: "TLS 1.2, full handshake, 16 at once", ...tls12, run: handshakes(times(600), 16) },
    { name: "TLS 1.2, resumed, one at a time", ...tls12, kind: "resumed", run: handshakes(times(300), 1) },
    { name: "TLS 1.2, client to server", ...tls12, run: bulk("upload", mib(256)) },
    { name: "TLS 1.2, server to client", ...tls12, run: bulk("download", mib(256)) },
    ...suites.flatMap((suite) => [
      { name: `client to server, ${suite}`, suite, ...x25519, run: bulk("upload", mib(256)) },
      { name: `server to client, ${suite}`, suite, ...x25519, run: bulk("download", mib(256)) }
    ]),
    { name: "echo of 1 byte", suite: aes128, ...x25519, run: pingPong(1, times(4000)) },
    { name: "echo of 1 KiB", suite: aes128, ...x25519, run: pingPong(1024, times(4000)) },
    { name: "idle connections", suite: aes128, ...x25519, run: idle(times(1000)) }
  ]
}
