/** Compressed certificates and what is stapled to them, with peers that are not ours. */
import { spawnSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Http from "../../src/cli/http.ts"
import { certificateCompressors } from "../../src/crypto/node/compression.ts"
import { zlib } from "../../src/crypto/zlib.ts"
import { fixtures } from "./support/fixtures.ts"
import * as Node from "./support/node.ts"
import * as Openssl from "./support/openssl.ts"
import * as Ours from "./support/ours.ts"
import { curlCffi, effectTls, finish, hasOpenssl, openssl } from "./support/programs.ts"

const { p256 } = fixtures.server
const script = `
from curl_cffi import requests
import sys
response = requests.get(sys.argv[1], impersonate=sys.argv[2], verify=sys.argv[3], default_headers=False)
print(response.status_code, response.json()["suite"])`

/** Says which browser offers what: `chrome` brotli, `safari` zlib. */
const browsers = [
  ["chrome", "brotli", certificateCompressors],
  ["safari", "zlib", certificateCompressors],
  ["safari", "zlib in JavaScript", [zlib]]
] as const

describe.skipIf(curlCffi === undefined)(`BoringSSL, as browsers use it (curl_cffi ${curlCffi})`, () => {
  for (const [browser, algorithm, certificateCompression] of browsers) {
    it.live(`${browser} gets our certificate compressed: ${algorithm}`, () =>
      Effect.gen(function* () {
        const said: Array<string> = []
        const { port } = yield* Ours.serve({
          certificateCompression: certificateCompression.map((each) => ({
            ...each,
            compress: (bytes) => {
              said.push(String(each.algorithm))
              return each.compress(bytes)
            }
          })),
          alpnProtocols: ["http/1.1"],
          serve: Http.makeServer()
        })
        const args = ["-c", script, `https://localhost:${port}/`, browser, fixtures.ca.cert]
        const { stdout, stderr } = yield* Effect.promise(() => finish("python3", args))
        assert.match(stdout, /^200 TLS_/, stderr)
        assert.deepStrictEqual(said, [algorithm.split(" ")[0]])
      })
    )
  }
})

/** A response about a certificate, signed by our authority, which does not know it: good enough to be carried. */
const respond = (): Buffer => {
  const index = join(fixtures.folder, "index.txt")
  const out = join(fixtures.folder, "response.der")
  writeFileSync(index, "")
  const { cert, key } = fixtures.ca
  const signer = ["-CA", cert, "-rsigner", cert, "-rkey", key, "-ndays", "7"]
  spawnSync("openssl", ["ocsp", "-index", index, ...signer, "-issuer", cert, "-cert", p256.cert, "-respout", out])
  return readFileSync(out)
}
const timestamps = [Buffer.from("a timestamp"), Buffer.from("another")]

describe.skipIf(!hasOpenssl)(`stapled OCSP responses (${openssl})`, () => {
  const ocsp = hasOpenssl ? respond() : Buffer.alloc(0)
  const file = join(fixtures.folder, "response.der")
  const stapling = { pairs: [{ ...p256, ocsp, timestamps }] }
  const bytes = (staple: Uint8Array | undefined) => Buffer.from(staple ?? [])

  it.live("openssl s_server staples, our client hears it byte for byte", () =>
    Effect.gen(function* () {
      const { port } = yield* Openssl.server(p256, "-status_file", file)
      const { peerStaples } = yield* Ours.connect(port)
      assert.isTrue(bytes(peerStaples.ocsp).equals(ocsp))
      assert.isUndefined(peerStaples.timestamps)
    })
  )
  it.live("openssl s_server staples nothing for our client that does not ask", () =>
    Effect.gen(function* () {
      const { port } = yield* Openssl.server(p256, "-status_file", file)
      const { peerStaples } = yield* Ours.connect(port, { stapling: "none" })
      assert.isUndefined(peerStaples.ocsp)
    })
  )
  it.live("openssl s_client asks, and reads what our server staples", () =>
    Effect.gen(function* () {
      const { port } = yield* Ours.serve(stapling)
      const program = yield* Openssl.client(port, "-status")
      yield* Openssl.says(program, /OCSP Response Status: successful \(0x0\)/)
      const unasked = yield* Openssl.client(port)
      yield* Openssl.says(unasked, /Verify return code: 0/)
      assert.notInclude(unasked.stdout(), "OCSP Response Status")
    })
  )
  it.live("node:tls asks, and reads what our server staples", () =>
    Effect.gen(function* () {
      const { port } = yield* Ours.serve(stapling)
      let heard: Uint8Array | undefined
      const socket = yield* Node.connect(port, { requestOCSP: true }, (socket) => {
        socket.on("OCSPResponse", (response) => {
          heard = response
        })
      })
      assert.isTrue(socket.authorized)
      assert.isTrue(bytes(heard).equals(ocsp))
    })
  )
  it.live("node:tls is asked by our client, and staples", () =>
    Effect.gen(function* () {
      const { port } = yield* Node.serve({}, undefined, (server) => {
        server.on("OCSPRequest", (_certificate, _issuer, callback) => callback(null, ocsp))
      })
      const { peerStaples } = yield* Ours.connect(port)
      assert.isTrue(bytes(peerStaples.ocsp).equals(ocsp))
    })
  )
  it.live("from our server to our client, with timestamps, the other way only when asked", () =>
    Effect.gen(function* () {
      const { port, served } = yield* Ours.serve({ ...stapling, clientAuthentication: "required", stapling: "ask" })
      const connection = yield* Ours.connect(port, { pair: { ...fixtures.client.p256, timestamps } })
      assert.isTrue(bytes(connection.peerStaples.ocsp).equals(ocsp))
      assert.deepStrictEqual(
        connection.peerStaples.timestamps?.map(String),
        timestamps.map((one) => [...one].join())
      )
      yield* connection.close
      const { peerStaples } = (yield* Queue.take(served)).connection
      assert.deepStrictEqual(peerStaples.timestamps?.length, 2)
      assert.isUndefined(peerStaples.ocsp)
    })
  )
  it.live("effect-tls serve --ocsp, and connect tells of it", () =>
    Effect.gen(function* () {
      const run = (...args: ReadonlyArray<string>) => Effect.acquireDisposable(Effect.sync(() => effectTls(...args)))
      const pair = ["--cert", p256.cert, "--key", p256.key]
      const server = yield* run("serve", "--port", "0", ...pair, "--ocsp", file)
      const [, port] = yield* Openssl.says(server, /listening on \S+:(\d+)/)
      const client = yield* run("connect", `localhost:${port}`, "--ca", fixtures.ca.cert)
      yield* Openssl.says(client, new RegExp(`Stapled +OCSP response of ${ocsp.length} bytes`))
      const wrong = yield* run("serve", "--port", "0", ...pair, "--ocsp", p256.cert)
      yield* Openssl.says(wrong, /OCSP response \(DER\): expected SEQUENCE/)
      assert.strictEqual(yield* Openssl.ended(wrong), 2)
    })
  )
})
