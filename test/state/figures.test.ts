/** Our figures are the RFC's: appendix A of RFC 9846, written down here by hand and independently of src. */
import { assert, describe, it } from "@effect/vitest"
import { contract, type Drawing, mermaid } from "../../src/state/machine.ts"
import { client12 } from "../../src/state/tls12/client/machine.ts"
import { server12 } from "../../src/state/tls12/server/machine.ts"
import { everyTrip, figures, type Role } from "../support/travel.ts"

/** A.1. Words in lower case are not messages: the client goes on by itself. */
const rfcClient: Drawing = {
  START: { "send ClientHello": ["WAIT_SH"] },
  WAIT_SH: { HelloRetryRequest: ["START"], ServerHello: ["WAIT_EE"] },
  WAIT_EE: { EncryptedExtensions: ["WAIT_FINISHED", "WAIT_CERT_CR"] },
  WAIT_CERT_CR: { Certificate: ["WAIT_CV"], CertificateRequest: ["WAIT_CERT"] },
  WAIT_CERT: { Certificate: ["WAIT_CV"] },
  WAIT_CV: { CertificateVerify: ["WAIT_FINISHED"] },
  WAIT_FINISHED: { Finished: ["CONNECTED"] },
  CONNECTED: {}
}

/** A.2. */
const rfcServer: Drawing = {
  START: { ClientHello: ["RECVD_CH"] },
  RECVD_CH: { "send HelloRetryRequest": ["START"], "select parameters": ["NEGOTIATED"] },
  NEGOTIATED: { "no 0-RTT": ["WAIT_FLIGHT2"], "0-RTT": ["WAIT_EOED"] },
  WAIT_EOED: { "early data": ["WAIT_EOED"], EndOfEarlyData: ["WAIT_FLIGHT2"] },
  WAIT_FLIGHT2: { "no auth": ["WAIT_FINISHED"], "cert-based client auth": ["WAIT_CERT"] },
  WAIT_CERT: { Certificate: ["WAIT_FINISHED", "WAIT_CV"] },
  WAIT_CV: { CertificateVerify: ["WAIT_FINISHED"] },
  WAIT_FINISHED: { Finished: ["CONNECTED"] },
  CONNECTED: {}
}

/** The states of the RFC's figures in which nobody waits for a message. */
const passing: { readonly [R in Role]: ReadonlySet<string> } = {
  client: new Set(["START"]),
  server: new Set(["RECVD_CH", "NEGOTIATED", "WAIT_FLIGHT2"])
}

type Arrow = readonly [from: string, event: string, to: string]

/** Where we say more than the figure: what the text of the RFC asks for and the drawing leaves out. */
const refinements: {
  readonly [R in Role]: { readonly removed: ReadonlyArray<Arrow>; readonly added: ReadonlyArray<Arrow> }
} = {
  client: {
    // A second HelloRetryRequest is an unexpected_message (4.2.4): WAIT_SH_2 is WAIT_SH without that arrow.
    removed: [["WAIT_SH", "HelloRetryRequest", "WAIT_SH"]],
    added: [
      ["WAIT_SH", "HelloRetryRequest", "WAIT_SH_2"],
      ["WAIT_SH_2", "ServerHello", "WAIT_EE"],
      // CompressedCertificate stands in the place of Certificate (RFC 8879 section 4).
      ["WAIT_CERT_CR", "CompressedCertificate", "WAIT_CV"],
      ["WAIT_CERT", "CompressedCertificate", "WAIT_CV"],
      // Messages after the handshake (4.7), and an intent of the application, which is no message.
      ["CONNECTED", "NewSessionTicket", "CONNECTED"],
      ["CONNECTED", "KeyUpdate", "CONNECTED"],
      ["CONNECTED", "UpdateKeys", "CONNECTED"]
    ]
  },
  server: {
    // There is one retry, and no early data after it (4.3.10): WAIT_CH_2 is START without the way back.
    removed: [
      ["START", "ClientHello", "START"],
      // Early data is records and no message, and comes with a PSK, for which no certificate is asked (4.4.2).
      ["WAIT_EOED", "early data", "WAIT_EOED"],
      ["WAIT_EOED", "EndOfEarlyData", "WAIT_CERT"]
    ],
    added: [
      ["START", "ClientHello", "WAIT_CH_2"],
      ["WAIT_CH_2", "ClientHello", "WAIT_CERT"],
      ["WAIT_CH_2", "ClientHello", "WAIT_FINISHED"],
      // RFC 8879 section 4.
      ["WAIT_CERT", "CompressedCertificate", "WAIT_CV"],
      ["WAIT_CERT", "CompressedCertificate", "WAIT_FINISHED"],
      ["CONNECTED", "KeyUpdate", "CONNECTED"],
      ["CONNECTED", "UpdateKeys", "CONNECTED"]
    ]
  }
}

const arrowsOf = (figure: Drawing): ReadonlyArray<string> =>
  Object.entries(figure)
    .flatMap(([from, row]) =>
      Object.entries(row).flatMap(([event, tos]) => (tos ?? []).map((to) => `${from} --${event}--> ${to}`))
    )
    .sort()

const show = ([from, event, to]: Arrow): string => `${from} --${event}--> ${to}`

/** The states that ask, out of the states that handshakes went through. */
const asking = (role: Role): ReadonlySet<string> =>
  new Set(
    everyTrip()
      .filter((travelled) => travelled.role === role)
      .flatMap(({ from, to }) => [from, to])
      .filter((state) => "asks" in state)
      .map((state) => state._tag)
  )

const rfc = { client: rfcClient, server: rfcServer }

/** The states of TLS 1.2, which have a figure of their own. */
const states12: { readonly [R in Role]: ReadonlySet<string> } = {
  client: new Set(Object.keys(client12.figure)),
  server: new Set(Object.keys(server12.figure))
}

/** The figure without the states of TLS 1.2, and the ways there. */
const of13 = (role: Role): Drawing =>
  Object.fromEntries(
    Object.entries(figures[role])
      .filter(([from]) => !states12[role].has(from))
      .map(([from, row]) => [
        from,
        Object.fromEntries(
          Object.entries(row).map(([event, tos]) => [event, (tos ?? []).filter((to) => !states12[role].has(to))])
        )
      ])
  )

/** RFC 5246 section 7.3, as either end hears it: figure 1 for the suites that there are here, and figure 2. */
const flows12: { readonly [R in Role]: ReadonlyArray<string> } = {
  client: [
    // With Certificate and ServerKeyExchange always; CertificateStatus is RFC 6066's, NewSessionTicket RFC 5077's.
    "ServerHello Certificate CertificateStatus? ServerKeyExchange CertificateRequest? ServerHelloDone NewSessionTicket? ChangeCipherSpec Finished",
    "ServerHello NewSessionTicket? ChangeCipherSpec Finished"
  ],
  server: [
    "ClientHello Certificate? ClientKeyExchange CertificateVerify? ChangeCipherSpec Finished",
    "ClientHello ChangeCipherSpec Finished"
  ]
}
/** Where TLS 1.2 begins, and what may come when the handshake is over: a wish for another one, which is refused. */
const doors12: { readonly [R in Role]: { readonly from: string; readonly on: string; readonly after: string } } = {
  client: { from: "WAIT_SH", on: "ServerHello", after: "HelloRequest" },
  server: { from: "START", on: "ClientHello", after: "ClientHello" }
}

/** Every way to say an optional message or to leave it out. */
const variants = (flow: string): ReadonlyArray<string> =>
  flow
    .split(" ")
    .reduce<ReadonlyArray<ReadonlyArray<string>>>(
      (all, message) =>
        message.endsWith("?")
          ? all.flatMap((before) => [before, [...before, message.slice(0, -1)]])
          : all.map((before) => [...before, message]),
      [[]]
    )
    .map((messages) => messages.join(" "))

/** Every way through a figure, by what is heard. */
const ways = (figure: Drawing, from: string, to: string): ReadonlyArray<string> =>
  from === to
    ? [""]
    : Object.entries(figure[from] ?? {}).flatMap(([event, tos]) =>
        (tos ?? []).flatMap((next) => ways(figure, next, to).map((rest) => `${event} ${rest}`.trim()))
      )

describe.each(["client", "server"] as const)("the figure of the %s of TLS 1.2", (role) => {
  const { from, on, after } = doors12[role]

  it("without its asking states is RFC 5246's figures 1 and 2", () => {
    const drawn = contract(figures[role], asking(role))
    const entries = (drawn[from]?.[on] ?? []).filter((to) => states12[role].has(to))
    const found = entries.flatMap((entry) => ways(drawn, entry, "ESTABLISHED").map((way) => `${on} ${way}`))
    assert.deepStrictEqual([...new Set(found)].sort(), flows12[role].flatMap(variants).sort())
  })

  it("has a wish for another handshake at its end, and nothing else", () => {
    assert.deepStrictEqual(figures[role].ESTABLISHED, { [after]: ["ESTABLISHED"] })
  })
})

describe.each(["client", "server"] as const)("the figure of the %s", (role) => {
  it("without its asking states is the RFC's, but for what is listed", () => {
    const drawn = arrowsOf(contract(rfc[role], passing[role]))
    const taken = refinements[role].removed.map(show)
    for (const arrow of taken) assert.include(drawn, arrow, "a listed arrow which the RFC does not have")
    const expected = [...drawn.filter((arrow) => !taken.includes(arrow)), ...refinements[role].added.map(show)]
    assert.deepStrictEqual(arrowsOf(contract(of13(role), asking(role))), expected.sort())
  })

  it("names no state without a row", () => {
    const targets = Object.values(figures[role]).flatMap((row) => Object.values(row).flatMap((tos) => tos ?? []))
    for (const target of targets) assert.property(figures[role], target)
  })

  it("reaches every state from START", () => {
    const reached = new Set<string>(["START"])
    for (const from of reached) {
      for (const tos of Object.values(figures[role][from] ?? {})) for (const to of tos ?? []) reached.add(to)
    }
    assert.deepStrictEqual([...reached].sort(), Object.keys(figures[role]).sort())
  })

  it("is drawn with one line for each arrow", () => {
    const lines = mermaid(figures[role]).split("\n")
    assert.strictEqual(lines[0], "stateDiagram-v2")
    assert.strictEqual(lines.length - 1, arrowsOf(figures[role]).length)
  })
})

describe("contract", () => {
  it("follows several asking states in a row, and every branch of them", () => {
    const figure = { A: { x: ["B"] }, B: { y: ["C", "D"] }, C: { z: ["A", "D"] }, D: {} }
    assert.deepStrictEqual(contract(figure, new Set(["B", "C"])), { A: { x: ["A", "D"] }, D: {} })
  })
})
