/** workerd between two HTTPS connections: it answers on one what it was answered on the other. */
import { writeFileSync } from "node:fs"
import { basename, join } from "node:path"
import * as Effect from "effect/Effect"
import { fixtures } from "./fixtures.ts"
import { workerd } from "./peers.ts"
import { start } from "./programs.ts"

const { ca, server, client } = fixtures
const embed = (path: string) => `embed "${basename(path)}"`
const keypair = ({ cert, key }: typeof server.p256) =>
  `keypair = (privateKey = ${embed(key)}, certificateChain = ${embed(cert)})`

/** Its socket wants a certificate of our authority and passes each request on to `port`, where it shows one. */
const config = (port: number) => `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "gateway", worker = (
      modules = [(name = "gateway", esModule = "export default { fetch: (request, env) => env.peer.fetch(request) }")],
      bindings = [(name = "peer", service = "peer")],
      compatibilityDate = "2026-11-01"
    )),
    (name = "peer", external = (address = "127.0.0.1:${port}", https = (
      options = (), certificateHost = "localhost",
      tlsOptions = (trustedCertificates = [${embed(ca.cert)}], ${keypair(client.p256)})
    )))
  ],
  sockets = [(name = "gateway", address = "127.0.0.1:0", service = "gateway", https = (
    options = (),
    tlsOptions = (requireClientCerts = true, trustedCertificates = [${embed(ca.cert)}], ${keypair(server.p256)})
  ))]
);
`

/** Listens on a free port, and is killed when the scope ends. */
export const gateway = Effect.fnUntraced(function* (port: number) {
  const file = join(fixtures.folder, `gateway-${port}.capnp`)
  writeFileSync(file, config(port))
  const program = yield* Effect.acquireDisposable(
    Effect.sync(() => start(workerd ?? "workerd", ["serve", file, "--control-fd=1"]))
  )
  const [, own] = yield* Effect.promise(() => program.until(/"port":(\d+)/))
  return { port: Number(own), program }
})
