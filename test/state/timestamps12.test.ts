/** Timestamps of certificate logs in a ServerHello of TLS 1.2 (RFC 6962 section 3.3.1), and what is refused of them. */
import { assert, describe, it } from "@effect/vitest"
import type { Extension } from "../../src/codec/extension/placement.ts"
import type { AuthenticatePeer } from "../../src/state/command.ts"
import { credentials } from "../support/answers.ts"
import { accepted12, extensionOf, having, run12, ticketWish } from "../support/client12.ts"
import { clientWorld, serverWorld } from "../support/pair.ts"
import { giving, openTickets } from "../support/resumption.ts"
import { type Plan12, reasonOf12, travel12 } from "../support/tls12.ts"

const stamps = [Uint8Array.of(1, 2, 3), Uint8Array.of(4)]
const stamped = { ...credentials.serverEd25519, signedCertificateTimestamps: stamps }
const asking = having({ type: "signed_certificate_timestamp", data: {} })
const name = "signed_certificate_timestamp" as "server_name"

describe("our server", () => {
  const world = serverWorld({ choose: () => stamped })
  it("says those of its certificate to a client that asks, and to no other", () => {
    const asked = accepted12(run12({ world, hello: { extensions: asking } }))
    assert.deepStrictEqual(extensionOf(asked, name), { sct_list: stamps } as never)
    assert.isUndefined(extensionOf(accepted12(run12({ world })), name))
  })

  it("says none where it has none", () => {
    assert.isUndefined(extensionOf(accepted12(run12({ hello: { extensions: asking } })), name))
  })

  it("says none when it resumes, where no certificate is shown", () => {
    const resuming = serverWorld({ choose: () => stamped, tickets: openTickets })
    const hello = (ticket?: Uint8Array) => ({ extensions: [...asking, ticketWish(ticket)] })
    const first = accepted12(run12({ config: giving(), world: resuming, hello: hello() }))
    assert.isDefined(extensionOf(first, name))
    const second = accepted12(
      run12({
        config: giving(),
        world: resuming,
        session: first.master ?? assert.fail("no master secret"),
        hello: { ...hello(first.heard("NewSessionTicket").body.ticket), legacy_session_id: new Uint8Array(32).fill(1) }
      })
    )
    assert.strictEqual(second.end.connection.established?.kind, "resumed")
    assert.isUndefined(extensionOf(second, name))
  })
})

describe("our client", () => {
  const saying = (extension: Extension<"ServerHello">, plan: Plan12 = {}): Plan12 => ({
    ...plan,
    ServerHello: (message) => ({
      ...message,
      body: { ...message.body, extensions: [...message.body.extensions, extension] }
    })
  })
  const said = { type: "signed_certificate_timestamp", data: { sct_list: stamps } } as const

  it("hands them to who judges the certificate", () => {
    const judged: Array<AuthenticatePeer["timestamps"]> = []
    const world = () => {
      const own = clientWorld()
      return clientWorld({
        verify: (request) => {
          judged.push(request.timestamps)
          return own.verify(request)
        }
      })
    }
    travel12(saying(said, { world, client: { stapling: "ask" } }))
    assert.deepStrictEqual(judged, [stamps])
    travel12({ world, client: { stapling: "ask" } })
    assert.deepStrictEqual(judged, [stamps, undefined])
  })

  it("refuses those that it did not ask for", () => {
    assert.strictEqual(reasonOf12(saying(said)), "UnsolicitedExtension")
  })
})
