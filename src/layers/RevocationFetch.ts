/**
 * Revocation lists fetched from where certificates say they are, over Effect's `HttpClient`. Never implicit: nothing is
 * fetched unless this layer is provided, and nothing but the `http:` URLs of distribution points is asked for, in
 * certificates of a path whose signatures were found right. Lists are signed, so it needs no TLS, and TLS to fetch them
 * could need lists again.
 */
import * as Cache from "effect/Cache"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { describe } from "../codec/presentation/wire.ts"
import type { CertificateList } from "../codec/x509/crl.ts"
import { escape } from "../state/failure.ts"
import { bytesKey } from "../state/path/build.ts"
import { urlsOf } from "../state/path/crl.ts"
import type { Link } from "../state/path/revocation.ts"
import { collect } from "./collect.ts"
import { type Lists, noLists, readLists } from "./crlSource.ts"
import { make, type Options as PolicyOptions, Revocation } from "./Revocation.ts"
import type { TlsError } from "./TlsError.ts"

/** How lists are fetched, and how much of that is allowed. */
export interface Options extends PolicyOptions {
  /** Bytes of one list at most; default 32 MiB. */
  readonly maxSize?: number | undefined
  /** For one list, all of it; default 5 seconds. The deadline of the handshake bounds them all. */
  readonly timeout?: Duration.Input | undefined
  /** Lists that are kept; default 64. */
  readonly capacity?: number | undefined
  /** How long a list is kept at most, should it hold for longer; default 1 day. */
  readonly maxAge?: Duration.Input | undefined
}

/** What could not be fetched, or is of no use, is not tried again sooner: a server that is down stays asked seldom. */
const patience = 60_000

/** Distribution points of one certificate that are asked. */
const mostUrls = 4

/** A list as it was fetched, and for how many milliseconds it is kept. */
interface Fetched {
  readonly lists: Lists
  readonly keep: number
}

const failed = (url: string, why: string): Fetched => ({
  lists: { lists: [], problems: [`the CRL at ${escape(url)} ${why}`] },
  keep: patience
})

const read = (url: string, body: Uint8Array, now: number, maxAge: number): Fetched =>
  Result.match(readLists(body), {
    onFailure: (failure) => failed(url, `cannot be read: ${escape(describe(failure))}`),
    onSuccess: (lists) => {
      const ends = lists.map(({ nextUpdate = now }) => nextUpdate - now)
      return { lists: { lists, problems: [] }, keep: Math.max(patience, Math.min(maxAge, ...ends)) }
    }
  })

/** One list, whatever happens within its time. */
const makeFetch = (client: HttpClient.HttpClient, options: Options) => {
  const { maxSize = 2 ** 25, timeout = "5 seconds", maxAge = "1 day" } = options
  const keep = Duration.toMillis(Duration.fromInputUnsafe(maxAge))
  return (url: string): Effect.Effect<Fetched> =>
    Effect.gen(function* () {
      const response = yield* client.get(url)
      if (response.status !== 200) return failed(url, `could not be fetched: HTTP status ${response.status}`)
      const body = yield* collect(response.stream, maxSize)
      if (body === undefined) return failed(url, `is longer than ${maxSize} bytes`)
      return read(url, body, yield* Clock.currentTimeMillis, keep)
    }).pipe(
      Effect.provideService(HttpClient.TracerPropagationEnabled, false),
      Effect.catch(({ message }) => Effect.succeed(failed(url, `could not be fetched: ${escape(message)}`))),
      Effect.timeoutOrElse({
        duration: timeout,
        orElse: () => Effect.succeed(failed(url, "could not be fetched in time"))
      })
    )
}

/** Of a URL and a key: what is no list of this issuer must not stand in the way of one that is. */
const cacheKey = (url: string, { issuer }: Link): string => `${url} ${bytesKey(issuer.publicKey.spki)}`
const urlOf = (key: string): string => key.slice(0, key.indexOf(" "))

/** Lists by distribution point, each fetched by one handshake for all that wait for it. */
const makeLists = Effect.fnUntraced(function* (options: Options) {
  const fetch = makeFetch(yield* HttpClient.HttpClient, options)
  const cache = yield* Cache.makeWith((key: string) => fetch(urlOf(key)), {
    capacity: options.capacity ?? 64,
    timeToLive: (exit) => (Exit.isSuccess(exit) ? exit.value.keep : 0)
  })
  const listsAt = (link: Link, isSigned: (list: CertificateList) => boolean) =>
    Effect.fnUntraced(function* (url: string) {
      const key = cacheKey(url, link)
      const { lists } = yield* Cache.get(cache, key)
      const signed = lists.lists.filter(isSigned)
      if (signed.length > 0 || lists.lists.length === 0) return { lists: signed, problems: lists.problems }
      const useless = failed(url, "is not signed by the issuer of the certificate")
      yield* Cache.set(cache, key, useless)
      return useless.lists
    })
  return (link: Link, isSigned: (list: CertificateList) => boolean): Effect.Effect<ReadonlyArray<Lists>> => {
    const urls = urlsOf(link.certificate.known.cRLDistributionPoints).slice(0, mostUrls)
    return Effect.forEach(urls, listsAt(link, isSigned), { concurrency: mostUrls })
  }
})

/**
 * Checks revocation with the lists that certificates point to, besides those given and what is stapled. Every `http:`
 * URL of every distribution point is asked, at most 4 of a certificate; lists are kept until their nextUpdate.
 *
 * What cannot be fetched is no answer: with `require` the peer is refused, with `prefer` it is not.
 *
 * @example
 * const Checked = RevocationFetch.layer({ policy: "prefer" }).pipe(Layer.provide(FetchHttpClient.layer))
 */
export const layer = (options: Options = {}): Layer.Layer<never, TlsError, HttpClient.HttpClient> =>
  Layer.effect(
    Revocation,
    Effect.gen(function* () {
      const given = yield* make(options)
      const fetched = yield* makeLists(options)
      return {
        ...given,
        depth: options.depth ?? "chain",
        lists: Effect.fnUntraced(function* (link: Link, isSigned: (list: CertificateList) => boolean) {
          const own = yield* given.lists(link, isSigned)
          return [own, ...(yield* fetched(link, isSigned))].reduce(
            (all, more) => ({ lists: [...all.lists, ...more.lists], problems: [...all.problems, ...more.problems] }),
            noLists
          )
        }),
        fingerprint: [...given.fingerprint, "fetched", options.depth ?? "chain"]
      }
    })
  )
