/** node:tls, as a program that cares about speed uses it: one secure context for all connections, verification on. */
import type * as net from "node:net"
import * as tls from "node:tls"
import { chunkSize, inParallel, type Mode, type Peer, type Setup } from "./peer.ts"

let server: tls.Server | undefined
const held: Array<tls.TLSSocket> = []
const contexts = new Map<string, tls.SecureContext>()
/** The newest session, for as many connections as want it: what programs do, though a ticket is best used once. */
let newest: Buffer | undefined

/** What OpenSSL calls the suite of TLS 1.2 that is measured; those of TLS 1.3 have the RFC's names. */
const opensslNames = new Map([["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"]])

const shared = ({ suite, group }: Setup) => {
  const older = opensslNames.get(suite)
  const version = older === undefined ? "TLSv1.3" : "TLSv1.2"
  return {
    minVersion: version,
    maxVersion: version,
    ciphers: older ?? suite,
    ecdhCurve: group === "x25519" ? "X25519" : group
  } as const
}

const connect = (setup: Setup, port: number): Promise<tls.TLSSocket> =>
  new Promise((resolve, reject) => {
    const { suite, group, kind, identity } = setup
    const key = `${suite} ${group} ${kind}`
    const { chain: cert, key: privateKey } = identity.client
    const own = kind === "mutual" ? { cert, key: privateKey } : {}
    const secureContext = contexts.get(key) ?? tls.createSecureContext({ ...shared(setup), ca: identity.ca, ...own })
    contexts.set(key, secureContext)
    const session = kind === "resumed" ? newest : undefined
    const resumption = session === undefined ? {} : { session }
    const socket = tls.connect({ secureContext, host: "127.0.0.1", port, servername: "localhost", ...resumption })
    if (kind === "resumed") {
      socket.on("session", (bytes) => {
        newest = bytes
      })
    }
    socket.setNoDelay(true)
    socket.once("error", reject)
    socket.once("secureConnect", () => resolve(socket))
  })

/** Resolves when so many bytes have been heard. */
const hear = (socket: net.Socket, bytes: number): Promise<void> =>
  new Promise((resolve, reject) => {
    let heard = 0
    const onData = (chunk: Buffer) => {
      heard += chunk.length
      if (heard >= bytes) {
        socket.off("data", onData).off("error", reject)
        resolve()
      }
    }
    socket.on("data", onData).once("error", reject)
  })

const write = (socket: net.Socket, bytes: Uint8Array): Promise<void> | undefined =>
  socket.write(bytes) ? undefined : new Promise((resolve) => socket.once("drain", resolve))

const send = async (socket: net.Socket, bytes: number): Promise<void> => {
  const chunk = Buffer.alloc(chunkSize, 0x61)
  for (let sent = 0; sent < bytes; sent += chunkSize) await write(socket, chunk)
}

const attend = (socket: tls.TLSSocket, mode: Mode): void => {
  socket.setNoDelay(true)
  socket.on("error", () => socket.destroy())
  switch (mode._tag) {
    case "greet":
    case "hold":
      socket.write("!")
      socket.resume()
      return
    case "sink":
      void hear(socket, mode.bytes).then(() => socket.write("!"))
      return
    case "source":
      socket.once("data", () => void send(socket, mode.bytes))
      return
    case "echo":
      socket.on("data", (chunk) => socket.write(chunk))
      return
  }
}

export const peer: Peer = {
  serve: (setup, mode) =>
    new Promise((resolve) => {
      const { chain: cert, key, ca } = setup.identity
      const asking = setup.kind === "mutual" ? { requestCert: true, rejectUnauthorized: true, ca } : {}
      const listening = tls.createServer({ ...shared(setup), cert, key, ...asking }, (socket) => attend(socket, mode))
      server = listening
      listening.on("tlsClientError", () => undefined)
      listening.listen(0, "127.0.0.1", () => {
        const address = listening.address()
        resolve(typeof address === "object" && address !== null ? address.port : 0)
      })
    }),
  stop: () =>
    new Promise((resolve) => {
      for (const socket of held.splice(0)) socket.destroy()
      newest = undefined
      if (server === undefined) return resolve()
      server.close(() => resolve())
      server = undefined
    }),
  handshakes: async (setup, port, count, atOnce) => {
    let resumed = 0
    await inParallel(count, atOnce, async () => {
      const socket = await connect(setup, port)
      if (socket.isSessionReused()) resumed++
      await hear(socket, 1)
      socket.end()
      await new Promise((resolve) => socket.once("close", resolve))
    })
    return resumed
  },
  upload: async (setup, port, bytes) => {
    const socket = await connect(setup, port)
    const done = hear(socket, 1)
    await send(socket, bytes)
    await done
    socket.destroy()
  },
  download: async (setup, port, bytes) => {
    const socket = await connect(setup, port)
    socket.write("?")
    await hear(socket, bytes)
    socket.destroy()
  },
  pingPong: async (setup, port, size, count) => {
    const socket = await connect(setup, port)
    const ping = Buffer.alloc(size, 0x61)
    for (let i = 0; i < count; i++) {
      socket.write(ping)
      await hear(socket, size)
    }
    socket.destroy()
  },
  hold: (setup, port, count) =>
    inParallel(count, 8, async () => {
      const socket = await connect(setup, port)
      await hear(socket, 1)
      held.push(socket)
    })
}
