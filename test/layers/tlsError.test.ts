import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Socket from "effect/socket/Socket"
import { find, fromFailure, misconfigured, TlsError } from "../../src/layers/TlsError.ts"
import { make as failure, type ReasonName, reasons } from "../../src/state/failure.ts"

const where = { phase: "WAIT_SH" }
const names = Object.keys(reasons) as ReadonlyArray<ReasonName>

describe("TlsError", () => {
  it.effect("is caught by its reason", () =>
    Effect.gen(function* () {
      const expired: Effect.Effect<string, TlsError> = Effect.fail(
        fromFailure(failure("CertificateExpired", "since yesterday"), where)
      )
      const caught = expired.pipe(
        Effect.catchReason("TlsError", "CertificateExpired", ({ detail, kind, see }) =>
          Effect.succeed(`${detail} ${kind} ${see}`)
        )
      )
      assert.strictEqual(yield* caught, "since yesterday CertificateRefused RFC 5280 4.1.2.5")
      const other = yield* expired.pipe(
        Effect.catchReason("TlsError", "FinishedMismatch", () => Effect.succeed("never")),
        Effect.flip
      )
      assert.strictEqual(other.reason._tag, "CertificateExpired")
      assert.strictEqual(
        yield* expired.pipe(Effect.catchTag("TlsError", (error) => Effect.succeed(error.phase))),
        "WAIT_SH"
      )
    })
  )

  it("survives JSON, whatever its reason", () => {
    for (const name of names) {
      const error = fromFailure(
        { ...failure(name, `about ${name}`), received: "unknown_ca" },
        { phase: "AUTHENTICATING", alertSent: "decode_error", peer: "example.org:443" }
      )
      const back = Schema.decodeUnknownSync(TlsError)(JSON.parse(JSON.stringify(Schema.encodeSync(TlsError)(error))))
      assert.instanceOf(back, TlsError)
      assert.deepStrictEqual(back.reason, error.reason)
      assert.strictEqual(back.message, error.message)
    }
  })

  it("does not decode a reason that is not in the table, nor one with another's kind", () => {
    const encoded = Schema.encodeSync(TlsError)(misconfigured("detail"))
    const decode = Schema.decodeUnknownExit(TlsError)
    assert.strictEqual(decode({ ...encoded, reason: { ...encoded.reason, _tag: "Nonsense" } })._tag, "Failure")
    assert.strictEqual(decode({ ...encoded, reason: { ...encoded.reason, kind: "Internal" } })._tag, "Failure")
    assert.strictEqual(decode(encoded)._tag, "Success")
  })

  it("says what happened, with whom, where, what was sent, who says so, and what to try", () => {
    const unknown = fromFailure(failure("CertificateIssuerUnknown", `nobody here knows "CN=x"`), {
      phase: "AUTHENTICATING",
      alertSent: "unknown_ca",
      peer: "example.org:443"
    })
    assert.strictEqual(
      unknown.message,
      'CertificateIssuerUnknown: nobody here knows "CN=x" (peer example.org:443; in AUTHENTICATING; alert sent: unknown_ca; RFC 5280 6.1). Hint: if that issuer is an intermediate, the peer must send it with its own certificate: tell whoever runs it; if it is a root that you believe, give it with TrustAnchors.layerPem (--ca)'
    )
    const told = fromFailure(
      {
        ...failure("AlertReceived", "the peer gave up in our state WAIT_FINISHED: certificate_required"),
        received: "certificate_required"
      },
      { phase: "WAIT_FINISHED" }
    )
    assert.strictEqual(
      told.message,
      "AlertReceived: the peer gave up in our state WAIT_FINISHED: certificate_required (in WAIT_FINISHED; RFC 9846 6.2). Hint: the server wants a client certificate: provide Credentials (--cert and --key)"
    )
    assert.strictEqual(
      misconfigured("at least one group is needed").message,
      "InvalidConfiguration: at least one group is needed (in configuration)"
    )
  })

  it("is found inside a SocketError", () => {
    const cause = misconfigured("detail")
    assert.strictEqual(find(new Socket.SocketError({ reason: new Socket.SocketReadError({ cause }) })), cause)
    assert.strictEqual(find(new Error("outer", { cause })), cause)
    assert.strictEqual(find(new Error("alone")), undefined)
    assert.strictEqual(find("text"), undefined)
    const circle = new Error("circle")
    circle.cause = circle
    assert.strictEqual(find(circle), undefined)
  })
})
