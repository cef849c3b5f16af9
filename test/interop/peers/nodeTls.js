// node:tls as Deno or Bun have it. `PROGRAM nodeTls.js client|server JSON`; says what happened in lines of JSON.
import { createHash, randomBytes } from "node:crypto"
import { readFileSync } from "node:fs"
import * as Tls from "node:tls"

const digest = (bytes) => createHash("sha256").update(bytes).digest("hex")
const say = (value) => console.log(JSON.stringify(value))
const describe = (error) => `${error.code ?? ""} ${error.message ?? error}`
const fingerprint = (socket) => socket.getPeerCertificate()?.fingerprint256

const connect = ({ port, name = "localhost", ca, alpn, cert, key, size = 1000, session, minVersion = "TLSv1.3" }) =>
  new Promise((resolve) => {
    const data = randomBytes(size)
    const hash = createHash("sha256")
    const result = { sent: digest(data) }
    let count = 0
    let ticket
    const socket = Tls.connect({
      host: "127.0.0.1",
      port,
      servername: name,
      ca,
      cert,
      key,
      session,
      minVersion,
      ...(alpn && { ALPNProtocols: alpn })
    })
    const done = (more) => {
      resolve([{ ...result, ...more }, ticket])
      socket.destroy()
    }
    socket.on("session", (session) => (ticket = session))
    socket.once("secureConnect", () => {
      Object.assign(result, {
        alpn: socket.alpnProtocol || null,
        resumed: socket.isSessionReused(),
        peer: fingerprint(socket)
      })
      socket.write(data)
    })
    socket.on("data", (chunk) => {
      hash.update(chunk)
      count += chunk.length
      if (count >= size) socket.end()
    })
    socket.once("end", () => done({ got: hash.digest("hex") }))
    socket.once("error", (error) => done({ error: describe(error) }))
  })

const client = async ({ connections = 1, ...options }) => {
  let session
  for (let i = 0; i < connections; i++) {
    const [result, ticket] = await connect({ ...options, session })
    session = ticket
    say(result)
  }
}

const server = ({ cert, key, ca, alpn, requestCert = false }) => {
  const listener = Tls.createServer(
    { cert, key, ca, requestCert, rejectUnauthorized: requestCert, ...(alpn && { ALPNProtocols: alpn }) },
    (socket) => {
      say({
        alpn: socket.alpnProtocol || null,
        name: socket.servername,
        resumed: socket.isSessionReused(),
        peer: fingerprint(socket)
      })
      socket.on("end", () => say({ ended: "closed" }))
      socket.on("error", (error) => say({ error: describe(error) }))
      socket.pipe(socket)
    }
  )
  listener.on("tlsClientError", (error) => say({ error: describe(error) }))
  listener.listen(0, "127.0.0.1", () => say({ port: listener.address().port }))
}

/** Certificates and keys come as the names of their files. */
const contents = (name, value) => (["ca", "cert", "key"].includes(name) ? readFileSync(value, "utf8") : value)

const [role, options] = process.argv.slice(2)
await { client, server }[role](JSON.parse(options, contents))
