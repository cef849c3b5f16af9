/** certificate_authorities both ways, and what a client that is not let in gets to know. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ClientVerifier from "../../src/layers/ClientVerifier.ts"
import * as Credentials from "../../src/layers/Credentials.ts"
import { HandshakeObserver } from "../../src/layers/events.ts"
import * as ServerVerifier from "../../src/layers/ServerVerifier.ts"
import * as TlsError from "../../src/layers/TlsError.ts"
import * as TrustAnchors from "../../src/layers/TrustAnchors.ts"
import * as Certificates from "../../src/layers/testing/certificates.ts"
import * as TlsTest from "../../src/layers/testing/TlsTest.ts"
import { open, world } from "./support.ts"

const pem = ({ chainPem, privateKeyPem }: Certificates.Issued) => ({ chain: chainPem, key: privateKeyPem })

layer(world)("certificate_authorities", (it) => {
  it.effect("in ClientHello where the client wants it: the server shows the certificate that leads there", () =>
    Effect.gen(function* () {
      const [one, two] = [
        yield* Certificates.makeCa({ commonName: "1" }),
        yield* Certificates.makeCa({ commonName: "2" })
      ]
      const servers = [yield* Certificates.issue(one), yield* Certificates.issue(two)]
      const believes = (ca: Certificates.Issued) =>
        // A layer of its own: the constant would be the one of this file's world.
        ServerVerifier.layerWebPkiWith({}).pipe(Layer.provide(TrustAnchors.layerPem(ca.certificatePem)))
      const meet = (certificateAuthorities: "omit" | "send") => {
        const named: Array<boolean> = []
        const observer = Layer.succeed(HandshakeObserver, {
          onMessage: (role, { message }) => {
            if (role !== "server" || message._tag !== "ClientHello") return
            named.push(message.body.extensions.some(({ type }) => type === "certificate_authorities"))
          }
        })
        return TlsTest.outcome({ client: { certificateAuthorities } }).pipe(
          Effect.map(({ client }) => [named[0], client._tag === "Success" ? "connected" : client.failure.reason._tag]),
          Effect.provide(Layer.mergeAll(observer, Credentials.layerPem(servers.map(pem)), believes(two)))
        )
      }
      assert.deepStrictEqual(yield* meet("send"), [true, "connected"])
      assert.deepStrictEqual(yield* meet("omit"), [false, "CertificateIssuerUnknown"])
    })
  )

  it.effect("in CertificateRequest: a client without a certificate under them learns that one is required", () =>
    Effect.gen(function* () {
      const { ca, server } = yield* TlsTest.TestCertificates
      const stranger = yield* Certificates.issue(yield* Certificates.makeCa(), { purpose: "client" })
      const judge = ClientVerifier.layerWebPkiWith({}).pipe(Layer.provide(TrustAnchors.layerPem(ca.certificatePem)))
      // One service for both ends of this test: the server is chosen by its name, the client by its authority.
      const { client, server: refused } = yield* TlsTest.outcome({ server: { clientAuthentication: "required" } }).pipe(
        Effect.provide(Layer.merge(judge, Credentials.layerPem([pem(server), pem(stranger)])))
      )
      // The server's own certificate is under the authority, and no client's: it is shown, and refused for its purpose.
      assert.strictEqual(refused._tag === "Failure" && refused.failure.reason._tag, "CertificatePurposeMismatch")
      assert.strictEqual(client._tag, "Success")

      const alone = yield* TlsTest.outcome({ server: { clientAuthentication: "required" } }).pipe(
        Effect.provide(
          Layer.merge(
            ClientVerifier.layerWebPkiWith({}).pipe(
              Layer.provide(TrustAnchors.layerPem((yield* Certificates.makeCa({ commonName: "other" })).certificatePem))
            ),
            Credentials.layerPem([pem(server)])
          )
        )
      )
      assert.strictEqual(
        alone.server._tag === "Failure" && alone.server.failure.reason._tag,
        "ClientCertificateRequired"
      )
      if (alone.client._tag === "Failure") return assert.fail("the client is connected before the server answers")
      const { pull } = yield* open(alone.client.success.socket)
      const error = TlsError.find(yield* Effect.flip(pull)) ?? assert.fail("no TlsError")
      assert.deepStrictEqual([error.reason._tag, error.alertReceived], ["AlertReceived", "certificate_required"])
      assert.include(error.hint, "Credentials")
    })
  )
})
