// TLS of Deno (rustls) by its own API. `deno run -A deno.js client|server JSON`;
// says what happened in lines of JSON.
import { createHash, randomBytes } from "node:crypto"
import { readFileSync } from "node:fs"

const digest = (bytes) => createHash("sha256").update(bytes).digest("hex")
const say = (value) => console.log(JSON.stringify(value))

const writeAll = async (conn, bytes) => {
  for (let at = 0; at < bytes.length; ) at += await conn.write(bytes.subarray(at))
}

/** Reads until so many bytes are there, or to the end. */
const read = async (conn, size = Number.POSITIVE_INFINITY) => {
  const hash = createHash("sha256")
  const buffer = new Uint8Array(65_536)
  let count = 0
  while (count < size) {
    const n = await conn.read(buffer)
    if (n === null) break
    hash.update(buffer.subarray(0, n))
    count += n
  }
  return { count, digest: hash.digest("hex") }
}

/** Sends, gets as much back, says close_notify, and waits for the peer's. */
const exchange = async (conn, size) => {
  const data = randomBytes(size)
  const [got] = await Promise.all([read(conn, size), writeAll(conn, data)])
  await conn.closeWrite()
  const rest = await read(conn)
  return { sent: digest(data), got: got.digest, rest: rest.count }
}

const client = async ({ port, name = "localhost", ca, alpn, cert, key, size = 1000, connections = 1 }) => {
  const options = { caCerts: [ca], ...(alpn && { alpnProtocols: alpn }), ...(cert && { cert, key }) }
  for (let i = 0; i < connections; i++) {
    try {
      // startTls is the way to another name than that of the address; it knows no client certificates.
      using conn =
        name === "localhost"
          ? await Deno.connectTls({ hostname: name, port, ...options })
          : await Deno.startTls(await Deno.connect({ hostname: "127.0.0.1", port }), { hostname: name, ...options })
      const { alpnProtocol } = await conn.handshake()
      say({ alpn: alpnProtocol, ...(await exchange(conn, size)) })
    } catch (error) {
      say({ error: `${error}` })
    }
  }
}

/** fetch, which keeps a TLS of its own. */
const fetching = async ({ port, ca, cert, key, size = 1000, connections = 1 }) => {
  using http = Deno.createHttpClient({ caCerts: [ca], ...(cert && { cert, key }) })
  for (let i = 0; i < connections; i++) {
    try {
      const body = randomBytes(size)
      const response = await fetch(`https://localhost:${port}/`, { method: "POST", body, client: http })
      const got = new Uint8Array(await response.arrayBuffer())
      say({ status: response.status, sent: digest(body), got: digest(got) })
    } catch (error) {
      say({ error: `${error} ${error.cause ?? ""}` })
    }
  }
}

const attend = async (conn) => {
  try {
    const { alpnProtocol } = await conn.handshake()
    const buffer = new Uint8Array(65_536)
    for (let n = await conn.read(buffer); n !== null; n = await conn.read(buffer)) {
      await writeAll(conn, buffer.subarray(0, n))
    }
    await conn.closeWrite()
    say({ alpn: alpnProtocol, ended: "closed" })
  } catch (error) {
    say({ error: `${error}` })
    // A close while the other end still writes resets the connection, and the alert may be lost with it.
    await new Promise((resolve) => setTimeout(resolve, 100))
  } finally {
    conn.close()
  }
}

const server = async ({ cert, key, alpn }) => {
  const listener = Deno.listenTls({ hostname: "127.0.0.1", port: 0, cert, key, ...(alpn && { alpnProtocols: alpn }) })
  say({ port: listener.addr.port })
  for await (const conn of listener) attend(conn)
}

/** Certificates and keys come as the names of their files. */
const contents = (name, value) => (["ca", "cert", "key"].includes(name) ? readFileSync(value, "utf8") : value)

const [role, options] = Deno.args
await { client, server, fetching }[role](JSON.parse(options, contents))
