/** Two ends that both speak TLS 1.3, and somebody between them who would rather have something else. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { downgradeSentinel } from "../../src/codec/handshake/serverHello.ts"
import type { TlsConnection } from "../../src/layers/TlsConnection.ts"
import type { TlsError } from "../../src/layers/TlsError.ts"
import type * as Pair from "../../src/layers/testing/pair.ts"
import * as TlsTest from "../../src/layers/testing/TlsTest.ts"
import * as Middleman from "../support/middleman.ts"
import { world } from "./support.ts"

const alteration = (alter: (chunk: Uint8Array) => Uint8Array) => ({ alter })
const up = (...lies: ReadonlyArray<Middleman.Lie<"ClientHello">>): Pair.PairOptions => ({
  leftToRight: alteration(
    Middleman.clientHello((hello) => lies.reduce((said, lie) => ({ ...said, ...lie(said) }), hello))
  )
})
const down = (lie: Middleman.Lie<"ServerHello">): Pair.PairOptions => ({
  rightToLeft: alteration(Middleman.serverHello(lie))
})

const fallback: Middleman.Lie<"ClientHello"> = ({ cipher_suites }) => ({
  cipher_suites: [...cipher_suites, "TLS_FALLBACK_SCSV"]
})
const ancient =
  (legacy_version: "TLSv1.1" | "TLSv1.0" | 0x0300): Middleman.Lie<"ClientHello"> =>
  () => ({ legacy_version })

/** What an end finds out, and the alert that it says or hears. */
const found = (end: Result.Result<TlsConnection, TlsError>) =>
  Result.isSuccess(end)
    ? end.success.info.version
    : `${end.failure.reason._tag}: ${end.failure.alertSent ?? end.failure.alertReceived ?? "no alert"}`

type Row = readonly [
  what: string,
  link: () => Pair.PairOptions,
  client: string,
  server: string,
  options?: TlsTest.Options
]

const only12 = { versions: ["TLSv1.2"] } as const
const downgraded = ["Downgraded: illegal_parameter", "AlertReceived: illegal_parameter"] as const

/** Where the client, or the server, sees it. */
const rows: ReadonlyArray<Row> = [
  ["takes supported_versions out", () => up(Middleman.stripped), ...downgraded],
  ["leaves TLS 1.2 alone in supported_versions", () => up(Middleman.lowered), ...downgraded],
  [
    "takes supported_versions out, and everything else that is of TLS 1.3",
    () =>
      up(Middleman.stripped, ({ extensions }) => ({
        extensions: extensions.filter(({ type }) => type !== "key_share" && type !== "psk_key_exchange_modes")
      })),
    ...downgraded
  ],
  [
    "does so, and takes the sentinel out of the server's random, which is signed",
    () => ({ ...up(Middleman.stripped), ...down(Middleman.unmarked) }),
    "SignatureMismatch: decrypt_error",
    "AlertReceived: decrypt_error"
  ],
  [
    "makes the client one that fell back",
    () => up(Middleman.stripped, fallback),
    "AlertReceived: inappropriate_fallback",
    "InappropriateFallback: inappropriate_fallback"
  ],
  ...(["TLSv1.1", "TLSv1.0", 0x0300] as const).map(
    (version): Row => [
      `takes supported_versions out, and lowers the version to ${version}`,
      () => up(Middleman.stripped, ancient(version)),
      "AlertReceived: protocol_version",
      "UnsupportedVersion: protocol_version"
    ]
  ),
  [
    "takes supported_versions out of the ServerHello",
    () => down(({ extensions }) => ({ extensions: extensions.filter(({ type }) => type !== "supported_versions") })),
    "MisplacedExtension: illegal_parameter",
    "AlertReceived: illegal_parameter"
  ],
  [
    "selects TLS 1.2 in the ServerHello",
    () =>
      down(({ extensions }) => ({
        extensions: extensions.map((extension) =>
          extension.type === "supported_versions" ? { ...extension, data: { selected_version: "TLSv1.2" } } : extension
        )
      })),
    "UnofferedVersion: illegal_parameter",
    "AlertReceived: illegal_parameter"
  ],
  // The extended master secret is of the transcript: who heard something else has other keys.
  [
    "does the like to a server that has nothing better, which is no downgrade but another transcript",
    () => up(Middleman.stripped),
    "AlertReceived: bad_record_mac",
    "BadRecordMac: bad_record_mac",
    { server: only12 }
  ],
  [
    "lets a client fall back whose server has nothing better, and is seen by the transcript",
    () => up(fallback),
    "AlertReceived: bad_record_mac",
    "BadRecordMac: bad_record_mac",
    { client: only12, server: only12 }
  ]
]

layer(world, { excludeTestServices: true })("somebody on the way", (it) => {
  for (const [what, link, client, server, options] of rows) {
    it.effect(what, () =>
      Effect.gen(function* () {
        const ends = yield* TlsTest.outcome({ ...options, link: link() })
        assert.deepStrictEqual([found(ends.client), found(ends.server)], [client, server])
      })
    )
  }

  it.effect("who changes nothing changes nothing", () =>
    Effect.gen(function* () {
      const ends = yield* TlsTest.outcome({ link: { ...up(() => ({})), ...down(() => ({})) } })
      assert.deepStrictEqual([found(ends.client), found(ends.server)], ["TLSv1.3", "TLSv1.3"])
    })
  )

  it.effect("sees the sentinel only where the server could do better", () =>
    Effect.gen(function* () {
      const sentinels: Array<string> = []
      const link = () =>
        down(({ random }) => {
          sentinels.push(downgradeSentinel(random) ?? "none")
          return {}
        })
      for (const [client, server] of [
        [only12, {}],
        [{}, only12],
        [only12, only12],
        [{}, {}]
      ] as const) {
        const ends = yield* TlsTest.outcome({ client, server, link: link() })
        assert.strictEqual(found(ends.client), found(ends.server))
      }
      assert.deepStrictEqual(sentinels, ["TLSv1.2", "none", "none", "none"])
    })
  )
})
