// TLS of Bun (BoringSSL) by its own API. `bun bun.js client|server|fetching JSON`; says what happened in lines of JSON.
import { createHash, randomBytes } from "node:crypto"
import { readFileSync } from "node:fs"

const digest = (bytes) => createHash("sha256").update(bytes).digest("hex")
const say = (value) => console.log(JSON.stringify(value))
const describe = (error) => `${error.code ?? ""} ${error.message ?? error}`
const fingerprint = (socket) => socket.getPeerCertificate()?.fingerprint256

/** Protocol names as they stand in the extension: Bun's own API takes no list. */
const wire = (names) => names && Buffer.concat(names.flatMap((name) => [Buffer.of(name.length), Buffer.from(name)]))

/** What the socket does not take at once waits for `drain`. */
const flush = (socket) => {
  const { waiting } = socket.data
  while (waiting.length > 0) {
    const written = socket.write(waiting[0])
    if (written < waiting[0].length) {
      waiting[0] = waiting[0].subarray(Math.max(written, 0))
      return
    }
    waiting.shift()
  }
}

const connect = ({ port, name = "localhost", ca, alpn, cert, key, size = 1000 }) =>
  new Promise((resolve) => {
    const data = randomBytes(size)
    const hash = createHash("sha256")
    const result = { sent: digest(data) }
    let count = 0
    const done = (more) => resolve({ ...result, ...more })
    Bun.connect({
      hostname: "127.0.0.1",
      port,
      tls: { ca, serverName: name, cert, key, ALPNProtocols: wire(alpn), rejectUnauthorized: true },
      data: { waiting: [] },
      socket: {
        handshake(socket, _success, error) {
          if (error) return done({ error: describe(error) })
          Object.assign(result, { alpn: socket.alpnProtocol || null, peer: fingerprint(socket) })
          socket.data.waiting.push(data)
          flush(socket)
        },
        drain: flush,
        data(socket, chunk) {
          hash.update(chunk)
          count += chunk.length
          if (count >= size) socket.end()
        },
        close: (_, error) => done({ got: hash.copy().digest("hex"), ...(error && { error: describe(error) }) }),
        error: (_, error) => done({ error: describe(error) })
      }
    }).catch((error) => done({ error: describe(error) }))
  })

const client = async ({ connections = 1, ...options }) => {
  for (let i = 0; i < connections; i++) say(await connect(options))
}

const fetching = async ({ port, ca, cert, key, size = 1000, connections = 1 }) => {
  for (let i = 0; i < connections; i++) {
    try {
      const body = randomBytes(size)
      const options = { method: "POST", body, tls: { ca, cert, key } }
      const response = await fetch(`https://localhost:${port}/`, options)
      const got = new Uint8Array(await response.arrayBuffer())
      say({ status: response.status, sent: digest(body), got: digest(got) })
    } catch (error) {
      say({ error: describe(error) })
    }
  }
}

const server = ({ cert, key, ca, alpn, requestCert = false }) => {
  const listener = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    tls: { cert, key, ca, ALPNProtocols: wire(alpn), requestCert, rejectUnauthorized: requestCert },
    socket: {
      open(socket) {
        socket.data = { waiting: [] }
      },
      // Of a client that was not asked for a certificate it reports an error too.
      handshake(socket, success, error) {
        if (!success) say({ error: describe(error) })
        else say({ alpn: socket.alpnProtocol || null, name: socket.getServername(), peer: fingerprint(socket) })
      },
      data(socket, chunk) {
        socket.data.waiting.push(Buffer.from(chunk))
        flush(socket)
      },
      drain: flush,
      end(socket) {
        say({ ended: "closed" })
        socket.end()
      },
      error: (_, error) => say({ error: describe(error) })
    }
  })
  say({ port: listener.port })
}

/** Certificates and keys come as the names of their files. */
const contents = (name, value) => (["ca", "cert", "key"].includes(name) ? readFileSync(value, "utf8") : value)

const [role, options] = process.argv.slice(2)
await { client, server, fetching }[role](JSON.parse(options, contents))
