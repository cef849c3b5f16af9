/** Chains as people put them into files. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import { loadPem } from "../../src/layers/Credentials.ts"
import * as NodeCryptoProvider from "../../src/layers/node/NodeCryptoProvider.ts"
import { type Issued, issue, makeCa, makeIntermediate } from "../../src/layers/testing/certificates.ts"

const chainOf = Effect.gen(function* () {
  const root = yield* makeCa({ commonName: "root" })
  const upper = yield* makeIntermediate(root, { commonName: "upper" })
  const lower = yield* makeIntermediate(upper, { commonName: "lower" })
  const leaf = yield* issue(lower, { names: ["example.org"] })
  const stranger = yield* makeCa({ commonName: "stranger" })
  return { root, upper, lower, leaf, stranger }
})

/** What is loaded from a file with these certificates, and the warnings. */
const load = Effect.fnUntraced(function* (leaf: Issued, file: ReadonlyArray<Issued>) {
  const warnings: Array<string> = []
  const logger = Logger.make(({ message }) => {
    warnings.push(String(message))
  })
  const chain = file.map(({ certificatePem }) => certificatePem).join("")
  const credential = yield* loadPem({ chain, key: leaf.privateKeyPem }).pipe(Effect.provide(Logger.layer([logger])))
  return { chain: credential.chain, warnings }
})

const ders = (list: ReadonlyArray<Issued>) => list.map(({ certificate }) => certificate)

layer(NodeCryptoProvider.layer)("chains in files", (it) => {
  it.effect("in any order they come out in the right one", () =>
    Effect.gen(function* () {
      const { root, upper, lower, leaf } = yield* chainOf
      for (const file of [
        [leaf, lower, upper],
        [upper, lower, leaf],
        [leaf, upper, lower],
        [lower, leaf, upper],
        [leaf, lower, leaf, upper, lower]
      ]) {
        const { chain, warnings } = yield* load(leaf, file)
        assert.deepStrictEqual(chain, ders([leaf, lower, upper]))
        assert.deepStrictEqual(warnings, [])
      }
      assert.deepStrictEqual((yield* load(leaf, [root, upper, lower, leaf])).chain, ders([leaf, lower, upper, root]))
    })
  )

  it.effect("what does not belong to them is left out, and said", () =>
    Effect.gen(function* () {
      const { lower, leaf, stranger } = yield* chainOf
      const { chain, warnings } = yield* load(leaf, [stranger, leaf, lower])
      assert.deepStrictEqual(chain, ders([leaf, lower]))
      assert.lengthOf(warnings, 1)
      assert.match(warnings[0] ?? "", /"CN=stranger"/)
      assert.deepStrictEqual((yield* load(leaf, [leaf, stranger])).chain, ders([leaf]))
    })
  )

  it.effect("of two issuers with one name, the one with the right key; of two that are cross-signed, both", () =>
    Effect.gen(function* () {
      const { root, upper, lower, leaf, stranger } = yield* chainOf
      const homonym = yield* makeIntermediate(stranger, { commonName: "lower" })
      assert.deepStrictEqual((yield* load(leaf, [homonym, lower, leaf])).chain, ders([leaf, lower]))
      const crossed = yield* makeIntermediate(stranger, { commonName: "upper", privateKey: upper.privateKey })
      const { chain, warnings } = yield* load(leaf, [crossed, upper, leaf, lower])
      assert.deepStrictEqual(chain, ders([leaf, lower, crossed, upper]))
      assert.deepStrictEqual(warnings, [])
      assert.lengthOf((yield* load(leaf, [root, crossed, upper, leaf, lower, stranger])).chain, 6)
    })
  )

  it.effect("the certificate is the one whose key it is, though another stands first", () =>
    Effect.gen(function* () {
      const { lower, leaf } = yield* chainOf
      const other = yield* issue(lower, { names: ["other.example"] })
      assert.deepStrictEqual((yield* load(leaf, [other, leaf, lower])).chain, ders([leaf, lower]))
      const renewed = yield* issue(lower, { names: ["example.org"], privateKey: leaf.privateKey })
      assert.deepStrictEqual((yield* load(leaf, [renewed, leaf, lower])).chain, ders([renewed, lower]))
    })
  )

  it.effect("no certificate of the key, or one that cannot be read, is refused and says which", () =>
    Effect.gen(function* () {
      const { root, upper, lower, leaf, stranger } = yield* chainOf
      const nobody = yield* Effect.flip(load(stranger, [leaf, lower]))
      assert.match(nobody.message, /does not belong to the first certificate of the chain, nor to any other/)
      const alone = yield* Effect.flip(load(stranger, [leaf]))
      assert.match(alone.message, /first certificate of the chain \(/)
      const broken = { ...upper, certificatePem: leaf.privateKeyPem.replaceAll("PRIVATE KEY", "CERTIFICATE") }
      const failure = yield* Effect.flip(load(leaf, [leaf, broken, root]))
      assert.match(failure.message, /certificate 2 of 3: expected/)
      for (const line of leaf.privateKeyPem.split("\n").slice(1, -2)) assert.notInclude(failure.message, line)
    })
  )
})
