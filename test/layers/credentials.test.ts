import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { SignatureScheme } from "../../src/codec/registry/signatureScheme.ts"
import * as Credentials from "../../src/layers/Credentials.ts"
import * as NodeCryptoProvider from "../../src/layers/node/NodeCryptoProvider.ts"
import * as Certificates from "../../src/layers/testing/certificates.ts"
import type { ChooseCredential, ResolveHello } from "../../src/state/command.ts"

const everything: ReadonlyArray<SignatureScheme> = ["ed25519", "ecdsa_secp256r1_sha256", "rsa_pss_rsae_sha256"]

const hello = (serverName: string | undefined, schemes = everything): ResolveHello => ({
  _tag: "ResolveHello",
  serverName,
  protocols: [],
  schemes,
  certificateSchemes: schemes,
  authorities: [],
  identities: []
})

const request = (authorities: ReadonlyArray<Uint8Array>, schemes = everything): ChooseCredential => ({
  _tag: "ChooseCredential",
  schemes,
  certificateSchemes: schemes,
  authorities
})

const pem = ({ chainPem, privateKeyPem }: Certificates.Issued) => ({ chain: chainPem, key: privateKeyPem })

const serviceOf = (options: Credentials.PemOptions | ReadonlyArray<Credentials.PemOptions>) =>
  Effect.flatMap(Layer.build(Credentials.layerPem(options)), (context) =>
    Effect.provide(
      Effect.map(Credentials.Credentials, (service) => service),
      context
    )
  )

const reasonOf = <A, R>(effect: Effect.Effect<A, { readonly reason: unknown; readonly detail: string }, R>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => reason)

const leafOf = (credential: Credentials.Credential | undefined) => credential?.chain[0]

layer(NodeCryptoProvider.layer)("Credentials.layerPem", (it) => {
  for (const keyType of ["p256", "p384", "ed25519", "rsa2048"] as const) {
    it.effect(`loads a ${keyType} key and signs with it`, () =>
      Effect.gen(function* () {
        const issued = yield* Certificates.makeSelfSigned({ keyType })
        const service = yield* serviceOf(pem(issued))
        const schemes = issued.key.schemes
        const credential = yield* service.choose(hello("localhost", [...schemes]))
        assert.deepStrictEqual(leafOf(credential), issued.certificate)
        assert.deepStrictEqual(credential?.schemes, schemes)
        const [scheme] = schemes
        if (credential === undefined || scheme === undefined) return assert.fail("no credential")
        const content = new TextEncoder().encode("content")
        const signature = yield* service.sign(credential, scheme, content)
        assert.isTrue(issued.key.publicKey.verify(scheme as "ed25519", content, signature))
      })
    )
  }

  it.effect("takes bytes and redacted keys", () =>
    Effect.gen(function* () {
      const issued = yield* Certificates.makeSelfSigned()
      const encoder = new TextEncoder()
      const service = yield* serviceOf({
        chain: encoder.encode(issued.chainPem),
        key: Redacted.make(encoder.encode(issued.privateKeyPem))
      })
      assert.deepStrictEqual(leafOf(yield* service.choose(hello("localhost"))), issued.certificate)
    })
  )

  it.effect("chooses by name, wildcard and scheme; the first serves whom none is for", () =>
    Effect.gen(function* () {
      const ca = yield* Certificates.makeCa()
      const first = yield* Certificates.issue(ca, { names: ["first.example"] })
      const wild = yield* Certificates.issue(ca, { names: ["*.second.example"] })
      const edwards = yield* Certificates.issue(ca, { names: ["third.example"], keyType: "ed25519" })
      const service = yield* serviceOf([first, wild, edwards].map(pem))
      const chosen = (name: string | undefined, schemes = everything) =>
        Effect.map(service.choose(hello(name, schemes)), leafOf)
      assert.deepStrictEqual(yield* chosen("first.example"), first.certificate)
      assert.deepStrictEqual(yield* chosen("WWW.Second.Example"), wild.certificate)
      assert.deepStrictEqual(yield* chosen("a.b.second.example"), first.certificate)
      assert.deepStrictEqual(yield* chosen("third.example"), edwards.certificate)
      assert.deepStrictEqual(yield* chosen("third.example", ["ecdsa_secp256r1_sha256"]), first.certificate)
      assert.deepStrictEqual(yield* chosen(undefined), first.certificate)
      assert.deepStrictEqual(yield* chosen("..bad..name"), first.certificate)
      assert.deepStrictEqual(yield* chosen(undefined, ["ed25519"]), edwards.certificate)
      assert.strictEqual(yield* chosen("first.example", ["rsa_pss_rsae_sha256"]), undefined)
    })
  )

  it.effect("of two for one name the one whose authority the client knows", () =>
    Effect.gen(function* () {
      const [one, two] = [
        yield* Certificates.makeCa({ commonName: "one" }),
        yield* Certificates.makeCa({ commonName: "two" })
      ]
      const ours = [yield* Certificates.issue(one), yield* Certificates.issue(two)]
      const service = yield* serviceOf(ours.map(pem))
      const chosen = (authorities: ReadonlyArray<Uint8Array>) =>
        Effect.map(service.choose({ ...hello("localhost"), authorities }), leafOf)
      assert.deepStrictEqual(yield* chosen([two.subject.der]), ours[1]?.certificate)
      assert.deepStrictEqual(yield* chosen([]), ours[0]?.certificate)
    })
  )

  it.effect("a client chooses by who the server believes", () =>
    Effect.gen(function* () {
      const [one, two] = [
        yield* Certificates.makeCa({ commonName: "one" }),
        yield* Certificates.makeCa({ commonName: "two" })
      ]
      const ours = [
        yield* Certificates.issue(one, { purpose: "client" }),
        yield* Certificates.issue(two, { purpose: "client" })
      ]
      const service = yield* serviceOf(ours.map(pem))
      assert.deepStrictEqual(leafOf(yield* service.choose(request([two.subject.der]))), ours[1]?.certificate)
      assert.deepStrictEqual(leafOf(yield* service.choose(request([]))), ours[0]?.certificate)
    })
  )

  const wrong = (
    name: string,
    message: RegExp,
    options: (issued: Certificates.Issued, other: Certificates.Issued) => Credentials.PemOptions
  ) =>
    it.effect(name, () =>
      Effect.gen(function* () {
        const issued = yield* Certificates.makeSelfSigned()
        const other = yield* Certificates.makeSelfSigned()
        const error = yield* Effect.flip(serviceOf(options(issued, other)))
        assert.strictEqual(error.reason._tag, "InvalidConfiguration")
        assert.match(error.message, message)
        for (const line of issued.privateKeyPem.split("\n").slice(1, -2)) assert.notInclude(error.message, line)
      })
    )

  wrong("a key of another certificate", /does not belong to the first certificate/, (issued, other) => ({
    chain: issued.chainPem,
    key: other.privateKeyPem
  }))
  wrong("a key of another kind", /does not belong|certificate and private key/, (issued) => ({
    chain: issued.chainPem,
    key: "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF\n-----END PRIVATE KEY-----\n"
  }))
  wrong("files the wrong way round", /-----BEGIN CERTIFICATE-----/, (issued) => ({
    chain: issued.privateKeyPem,
    key: issued.chainPem
  }))
  wrong("no private key", /-----BEGIN PRIVATE KEY-----/, (issued) => ({ chain: issued.chainPem, key: issued.chainPem }))
  wrong("a key cut short", /private key/, (issued) => ({
    chain: issued.chainPem,
    key: issued.privateKeyPem.slice(0, 90)
  }))
  wrong("an encrypted key", /openssl pkey/, (issued) => ({
    chain: issued.chainPem,
    key: "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"
  }))
  wrong("nothing", /certificate chain/, () => ({ chain: "", key: "" }))

  it.effect("no credentials at all", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Layer.build(Credentials.layer([])))
      assert.include(error.message, "at least one certificate")
    })
  )
})

layer(NodeCryptoProvider.layer)("Credentials.layerSni", (it) => {
  const hosts = Effect.gen(function* () {
    const ca = yield* Certificates.makeCa()
    const [exact, wild, edwards, other] = yield* Effect.all([
      Certificates.issue(ca),
      Certificates.issue(ca),
      Certificates.issue(ca, { keyType: "ed25519" }),
      Certificates.issue(ca)
    ])
    return { exact, wild, edwards, other }
  })

  it.effect("chooses exact names before wildcards, whatever the case and the certificates say", () =>
    Effect.gen(function* () {
      const { exact, wild, edwards, other } = yield* hosts
      const service = yield* Credentials.fromSni(
        { "WWW.a.example": pem(exact), "*.A.example": [pem(edwards), pem(wild)], "xn--bcher-kva.example": pem(exact) },
        { default: pem(other) }
      )
      const chosen = (name: string | undefined, schemes = everything) =>
        Effect.map(service.choose(hello(name, schemes)), leafOf)
      assert.deepStrictEqual(yield* chosen("www.a.example"), exact.certificate)
      assert.deepStrictEqual(yield* chosen("www.A.EXAMPLE"), exact.certificate)
      assert.deepStrictEqual(yield* chosen("xn--bcher-kva.example"), exact.certificate)
      assert.deepStrictEqual(yield* chosen("mail.a.example"), edwards.certificate)
      assert.deepStrictEqual(yield* chosen("mail.a.example", ["ecdsa_secp256r1_sha256"]), wild.certificate)
      for (const name of [
        "a.example",
        "x.mail.a.example",
        "a",
        "__proto__",
        "constructor",
        "__proto__.a.b",
        undefined
      ]) {
        assert.deepStrictEqual(yield* chosen(name), other.certificate, name)
      }
      assert.strictEqual(yield* reasonOf(service.choose(hello("www.a.example", ["ed25519"]))), "NoCredential")
    })
  )

  it.effect("takes any name that a peer may think of", () =>
    Effect.gen(function* () {
      const { exact } = yield* hosts
      const service = yield* Credentials.fromSni({ "*.a.example": pem(exact) })
      const parts = ["__proto__", "constructor", "\0", ".", "..", "*", "*.a.example", "x".repeat(255), "\u{1f600}", " "]
      for (let i = 0; i < 10_000; i++) {
        const name = [i, i >> 3, i >> 7].map((n) => parts[n % parts.length]).join(i % 2 === 0 ? "." : "")
        const outcome = yield* Effect.result(service.choose(hello(name)))
        if (outcome._tag === "Failure") assert.strictEqual(outcome.failure.reason, "UnrecognizedName")
        else assert.match(name, /^[^.]+\.a\.example$/)
      }
    })
  )

  it.effect("signs with every key of its own", () =>
    Effect.gen(function* () {
      const { exact, other } = yield* hosts
      const service = yield* Credentials.fromSni({ "a.example": pem(exact) }, { default: pem(other) })
      for (const name of ["a.example", undefined]) {
        const credential = yield* service.choose(hello(name))
        if (credential === undefined) return assert.fail("no credential")
        yield* service.sign(credential, "ecdsa_secp256r1_sha256", new Uint8Array(8))
      }
    })
  )

  it.effect("without a default, or for a strict server, an unknown name is unrecognized", () =>
    Effect.gen(function* () {
      const { exact, other } = yield* hosts
      const alone = yield* Credentials.fromSni({ "a.example": pem(exact) })
      const both = yield* Credentials.fromSni({ "a.example": pem(exact) }, { default: pem(other) })
      for (const name of ["b.example", "__proto__", undefined]) {
        assert.strictEqual(yield* reasonOf(alone.choose(hello(name))), "UnrecognizedName")
        const strict = { ...hello(name), serverNamePolicy: "strict" } as const
        assert.strictEqual(yield* reasonOf(both.choose(strict)), "UnrecognizedName")
      }
      const known = { ...hello("a.example"), serverNamePolicy: "strict" } as const
      assert.deepStrictEqual(leafOf(yield* both.choose(known)), exact.certificate)
      assert.strictEqual(yield* alone.choose(request([])), undefined, "a client shows the default, or none")
      assert.deepStrictEqual(leafOf(yield* both.choose(request([]))), other.certificate)
    })
  )

  const wrong: ReadonlyArray<readonly [name: string, message: RegExp]> = [
    ["10.0.0.1", /never for addresses/],
    ["bücher.example", /A-labels/],
    ["*.*.example", /not a server's name/],
    ["*", /not a server's name/],
    ["", /it is empty/]
  ]
  it.effect.each(wrong)("refuses the name %s", ([name, message]) =>
    Effect.gen(function* () {
      const { exact } = yield* hosts
      const error = yield* Effect.flip(Credentials.fromSni({ [name]: pem(exact) }))
      assert.strictEqual(error.reason._tag, "InvalidConfiguration")
      assert.match(error.message, message)
    })
  )

  it.effect("refuses a name that is given twice, and no certificate at all", () =>
    Effect.gen(function* () {
      const { exact } = yield* hosts
      const twice = yield* Effect.flip(Credentials.fromSni({ "a.example": pem(exact), "A.example": pem(exact) }))
      assert.match(twice.message, /given twice/)
      assert.match((yield* Effect.flip(Credentials.fromSni({}))).message, /at least one certificate/)
    })
  )
})

layer(NodeCryptoProvider.layer)("Credentials.layerReloading", (it) => {
  it.effect("new handshakes get the new certificate, those under way sign with what they chose", () =>
    Effect.gen(function* () {
      const [before, after] = [yield* Certificates.makeSelfSigned(), yield* Certificates.makeSelfSigned()]
      const current = yield* SubscriptionRef.make(yield* Credentials.fromPem(pem(before)))
      const context = yield* Layer.build(Credentials.layerReloading(SubscriptionRef.get(current)))
      const service = yield* Effect.provide(Credentials.Credentials, context)
      const old = yield* service.choose(hello("localhost"))
      yield* SubscriptionRef.set(current, yield* Credentials.fromPem(pem(after)))
      const fresh = yield* service.choose(hello("localhost"))
      assert.deepStrictEqual(leafOf(old), before.certificate)
      assert.deepStrictEqual(leafOf(fresh), after.certificate)
      const content = new TextEncoder().encode("content")
      for (const [credential, { key }] of [
        [old, before],
        [fresh, after]
      ] as const) {
        if (credential === undefined) return assert.fail("no credential")
        const signature = yield* service.sign(credential, "ecdsa_secp256r1_sha256", content)
        assert.isTrue(key.publicKey.verify("ecdsa_secp256r1_sha256", content, signature))
      }
      const stranger = { chain: [], schemes: [], key: {} }
      assert.strictEqual(yield* reasonOf(service.sign(stranger, "ecdsa_secp256r1_sha256", content)), "AnswerFailed")
    })
  )
})
