/** The TLS 1.2 client: where its keys change, that it is a function, and what it says and keeps. */
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { find } from "../../src/codec/extension/extension.ts"
import { forget, unsafeBytes } from "../../src/crypto/secret.ts"
import type { Action } from "../../src/state/action.ts"
import { begin, maxLifetime } from "../../src/state/session.ts"
import { credentials, now, toHex } from "../support/answers.ts"
import { keeping } from "../support/resumption.ts"
import { plans12, resuming, run12, ticketOf12, travel12 } from "../support/tls12.ts"
import { arrowOf, plain, steps } from "../support/travel.ts"

const changes = (actions: ReadonlyArray<Action>): ReadonlyArray<string> =>
  actions.flatMap((action) => {
    switch (action._tag) {
      case "InstallKeys12":
        return [`K_${action.direction === "read" ? "recv" : "send"}: ${action.secret.stage}`]
      case "SendChangeCipherSpec":
        return ["says ChangeCipherSpec"]
      case "Send":
      case "Send12":
        return [`says ${action.message._tag}`]
      case "Open":
        return [`opens ${action.direction}`]
      default:
        return []
    }
  })

const ourEnd = ["says ChangeCipherSpec", "K_send: client write", "says Finished"]
const open = ["opens read", "opens write"]

/** What happens on an arrow, where it is anything that the peer or the records can tell. */
const expected: { readonly [arrow: string]: ReadonlyArray<ReadonlyArray<string>> } = {
  "START --HelloPrepared--> WAIT_SH": [["says ClientHello"]],
  "EXCHANGING_KEY --SecretAgreed--> WAIT_CHANGE_CIPHER_SPEC": [
    ["says ClientKeyExchange", ...ourEnd],
    ["says Certificate", "says ClientKeyExchange", ...ourEnd]
  ],
  "EXCHANGING_KEY --SecretAgreed--> WAIT_NEW_SESSION_TICKET": [["says ClientKeyExchange", ...ourEnd]],
  "EXCHANGING_KEY --SecretAgreed--> SIGNING_TRANSCRIPT": [["says Certificate", "says ClientKeyExchange"]],
  "SIGNING_TRANSCRIPT --Signed--> WAIT_CHANGE_CIPHER_SPEC": [["says CertificateVerify", ...ourEnd]],
  "SIGNING_TRANSCRIPT --Signed--> WAIT_NEW_SESSION_TICKET": [["says CertificateVerify", ...ourEnd]],
  "WAIT_CHANGE_CIPHER_SPEC --ChangeCipherSpec--> WAIT_SERVER_FINISHED": [["K_recv: server write"]],
  "WAIT_SERVER_FINISHED --Finished--> ESTABLISHED": [open],
  "RESUMED_WAIT_CHANGE_CIPHER_SPEC --ChangeCipherSpec--> RESUMED_WAIT_SERVER_FINISHED": [["K_recv: server write"]],
  "RESUMED_WAIT_SERVER_FINISHED --Finished--> ESTABLISHED": [[...ourEnd, ...open]]
}

describe.each(Object.entries(plans12))("%s", (_, plan) => {
  const trip = travel12(plan)

  it("changes keys, speaks and opens on the arrows that do, and nowhere else", () => {
    for (const travelled of trip) {
      const arrow = arrowOf(travelled)
      const seen = changes(travelled.actions)
      assert.isTrue(
        (expected[arrow] ?? [[]]).some((each) => each.join() === seen.join()),
        `${arrow}: ${seen.join()}`
      )
    }
  })

  it("makes the same transitions again, forwards and backwards", () => {
    assert.deepStrictEqual(plain(travel12(plan)), plain(trip))
    const told = trip.map(({ actions, to }) => plain({ actions, to }))
    for (const [i, { role, from, event }] of [...trip.entries()].reverse()) {
      const again = Result.getOrThrow(steps[role](from, event))
      assert.deepStrictEqual(plain({ actions: again.actions, to: again.state }), told[i])
    }
  })

  it("has one line for the key log, which is of its master secret", () => {
    const lines = trip.flatMap(({ actions }) => actions).filter((action) => action._tag === "LogKey")
    assert.deepStrictEqual(
      lines.map((line) => line._tag === "LogKey" && [line.label, toHex(unsafeBytes(line.secret))]),
      [["CLIENT_RANDOM", toHex(unsafeBytes(run12(plan).master ?? assert.fail("no master secret")))]]
    )
  })

  it("holds no secret at its end but the one that its exporter needs", () => {
    const last = trip.at(-1) ?? assert.fail("no step")
    for (const { from, to } of trip) forget(from, to)
    const { to } = last
    if (to._tag !== "ESTABLISHED") assert.fail(to._tag)
    const { exporter } = to.established
    assert.strictEqual(exporter === undefined, plan.masterSecret === "plain")
    if (exporter !== undefined) assert.isFalse(exporter.master.wiped)
  })
})

describe("what a client of both versions says", () => {
  const hello = run12().heard("ClientHello").body

  it("is a ClientHello for both", () => {
    assert.strictEqual(hello.legacy_version, "TLSv1.2")
    assert.deepStrictEqual(find(hello.extensions, "supported_versions")?.versions, ["TLSv1.3", "TLSv1.2"])
    assert.deepStrictEqual(find(hello.extensions, "ec_point_formats")?.ec_point_format_list, ["uncompressed"])
    assert.deepStrictEqual(find(hello.extensions, "renegotiation_info")?.renegotiated_connection, new Uint8Array(0))
    assert.isDefined(find(hello.extensions, "extended_master_secret"))
    assert.isUndefined(find(hello.extensions, "session_ticket"), "it keeps no sessions")
    assert.strictEqual(hello.cipher_suites.length, 9)
    assert.deepStrictEqual(hello.legacy_compression_methods, Uint8Array.of(0))
  })

  it("is nothing of TLS 1.3 where only TLS 1.2 is spoken, nor a hybrid group (SECURITY 36)", () => {
    const groups = ["X25519MLKEM768", "x25519", "secp256r1"] as const
    const only = run12({ client: { versions: ["TLSv1.2"], groups } }).heard("ClientHello").body
    assert.deepStrictEqual(find(only.extensions, "supported_groups")?.named_group_list, ["x25519", "secp256r1"])
    assert.deepStrictEqual(find(only.extensions, "supported_versions")?.versions, ["TLSv1.2"])
    for (const type of ["key_share", "psk_key_exchange_modes", "pre_shared_key"] as const) {
      assert.isUndefined(find(only.extensions, type), type)
    }
    assert.strictEqual(only.legacy_session_id.length, 0)
    assert.isTrue(only.cipher_suites.every((suite) => String(suite).startsWith("TLS_ECDHE_")))
  })

  it("is nothing of TLS 1.2 where that is not spoken", () => {
    for (const client of [
      { versions: undefined },
      { suites12: [] },
      { serverCertificateTypes: ["RawPublicKey"] as const }
    ]) {
      const { extensions } = run12({ client: { ...client } }).heard("ClientHello").body
      assert.deepStrictEqual(find(extensions, "supported_versions")?.versions, ["TLSv1.3"])
      assert.isUndefined(find(extensions, "extended_master_secret"))
      assert.isUndefined(find(extensions, "renegotiation_info"))
    }
  })
})

describe("sessions", () => {
  const ticket = Uint8Array.of(1, 2, 3)
  const stored = (plan: Parameters<typeof travel12>[0]) =>
    travel12(plan)
      .flatMap(({ actions }) => actions)
      .flatMap((action) => (action._tag === "StoreTicket" ? [action] : []))

  it("are kept by ticket or by session ID, with all that a resumption must not differ in", () => {
    const [byTicket] = stored({ client: keeping(), ticket })
    assert.deepStrictEqual([byTicket?.form, byTicket?.lifetime], ["ticket", 3_600_000])
    const [byId] = stored({ client: keeping(), sessionId: ticket })
    assert.deepStrictEqual([byId?.form, byId?.lifetime], ["session_id", 86_400_000])
    for (const action of [byTicket, byId]) {
      assert.deepStrictEqual(action?.ticket, ticket)
      const { version, suite, serverName, peer, policy } = action?.draft ?? assert.fail("nothing was kept")
      assert.deepStrictEqual(
        [version, suite, serverName],
        ["TLSv1.2", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "server.test"]
      )
      assert.deepStrictEqual(peer?.chain, credentials.serverEd25519.chain)
      assert.strictEqual(policy.length, 32)
    }
  })

  it("are not kept where nobody keeps any, where the ticket is empty, and never without an extended master secret", () => {
    assert.lengthOf(stored({ sessionId: ticket }), 0)
    assert.lengthOf(stored({ ticket: new Uint8Array(0), client: keeping() }), 0)
    const plain = { masterSecret: "plain", client: keeping({ extendedMasterSecret: "optional" }) } as const
    assert.lengthOf(stored({ ...plain, ticket }), 0)
  })

  it("are offered by a ticket with a session ID of chance, or by their ID", () => {
    const byTicket = run12(resuming(ticketOf12({ ticket }))).heard("ClientHello").body
    assert.deepStrictEqual(find(byTicket.extensions, "session_ticket")?.ticket, ticket)
    assert.strictEqual(byTicket.legacy_session_id.length, 32)
    const byId = run12(resuming(ticketOf12({ sessionId: ticket }))).heard("ClientHello").body
    assert.deepStrictEqual(byId.legacy_session_id, ticket)
    assert.deepStrictEqual(find(byId.extensions, "session_ticket")?.ticket, new Uint8Array(0))
  })

  it("that the server does not resume are no harm", () => {
    const { resume, ...plan } = resuming(ticketOf12({ ticket }))
    assert.isDefined(resume)
    assert.strictEqual(travel12(plan).at(-1)?.to._tag, "ESTABLISHED")
  })

  it("that are resumed without a new ticket may be resumed again", () => {
    const [again] = stored(resuming(ticketOf12({ ticket })))
    assert.deepStrictEqual(again?.ticket, ticket)
    const [renewed] = stored(resuming(ticketOf12({ ticket }), { ticket: Uint8Array.of(4) }))
    assert.deepStrictEqual(renewed?.ticket, Uint8Array.of(4))
  })

  it("that are resumed live no longer for it: their time goes on, and so does that since the server showed who it is", () => {
    const began = ticketOf12({ ticket })
    const older = { ...began, session: { ...began.session, authenticated: now - 1000, expires: now + 5000 } }
    const [again] = stored(resuming(older))
    assert.deepStrictEqual([again?.lifetime, again?.draft.authenticated], [5000, now - 1000])
    const [renewed] = stored(resuming(older, { ticket: Uint8Array.of(4) }))
    assert.deepStrictEqual([renewed?.lifetime, renewed?.draft.authenticated], [3_600_000, now - 1000])
    const { expires } = begin(renewed?.draft ?? assert.fail("none"), { now, lifetime: 2 * maxLifetime, ageAdd: 0 })
    assert.strictEqual(expires, now - 1000 + maxLifetime)
  })

  it("of TLS 1.3 are offered to servers of TLS 1.3 alone", () => {
    const began = ticketOf12({ ticket })
    const session = { ...began.session, version: "TLSv1.3", suite: "TLS_AES_128_GCM_SHA256" } as const
    const { resume: _, ...plan } = resuming({ ...began, session })
    const { extensions } = run12(plan).heard("ClientHello").body
    assert.deepStrictEqual(find(extensions, "session_ticket")?.ticket, new Uint8Array(0))
    assert.isDefined(find(extensions, "pre_shared_key"))
  })
})
