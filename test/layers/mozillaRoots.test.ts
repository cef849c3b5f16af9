/** The bundled roots: the list that Node carries, as old as our Node, and good for chains of the web. */
import { X509Certificate } from "node:crypto"
import { readFileSync } from "node:fs"
import { getCACertificates } from "node:tls"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Result from "effect/Result"
import * as TestClock from "effect/testing/TestClock"
import { render } from "../../docs/roots.ts"
import { primitives } from "../../src/crypto/node/index.ts"
import { anchorOfRoot } from "../../src/layers/mozillaRoot.ts"
import { roots, source } from "../../src/layers/mozillaRoots.ts"
import { layerMozilla, TrustAnchors } from "../../src/layers/TrustAnchors.ts"

const file = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8")
const isOurs = process.versions.node === source.node
const day = 86_400_000

describe("the bundled roots", () => {
  it("are as old as the Node that we develop with: after another, run `node docs/roots.ts`", () => {
    const { devDependencies }: { devDependencies: { node: string } } = JSON.parse(file("package.json"))
    assert.strictEqual(source.node, devDependencies.node)
  })

  it.skipIf(!isOurs)("are what the script makes of that Node, byte for byte", () => {
    assert.strictEqual(file("src/layers/mozillaRoots.ts"), render(source.date))
  })

  it.skipIf(!isOurs)("have the names and the keys of its list, and every key can be used", () => {
    const certificates = getCACertificates("bundled").map((pem) => new X509Certificate(pem))
    const keys = certificates.map(({ publicKey }) =>
      publicKey.export({ format: "der", type: "spki" }).toString("base64")
    )
    const anchors = roots.map((line) => Result.getOrThrow(anchorOfRoot(line)))
    const ours = anchors.map(({ publicKey }) => Buffer.from(publicKey.spki).toString("base64"))
    assert.deepStrictEqual(ours.toSorted(), keys.toSorted())
    for (const { publicKey } of anchors) assert.isTrue(Result.isSuccess(primitives.publicKey(publicKey.spki)))
  })

  it("stay small", () => {
    assert.isBelow(file("src/layers/mozillaRoots.ts").length, 100_000)
    assert.isAbove(roots.length, 100)
  })

  it.effect("warn when they are older than 400 days, and are believed all the same", () =>
    Effect.gen(function* () {
      const warnings: Array<string> = []
      const logger = Logger.make(({ message }) => {
        warnings.push(String(message))
      })
      const made = Date.parse(source.date)
      const count = TrustAnchors.useSync(({ anchors }) => anchors.length).pipe(
        Effect.provide(Layer.provide(layerMozilla, Logger.layer([logger])))
      )
      yield* TestClock.setTime(made + 400 * day)
      assert.strictEqual(yield* count, roots.length)
      assert.deepStrictEqual(warnings, [])
      yield* TestClock.setTime(made + 400 * day + 1)
      assert.strictEqual(yield* count, roots.length)
      assert.lengthOf(warnings, 1)
      assert.include(warnings[0], source.date)
    })
  )

  it.effect("a line that is none is a failure", () =>
    Effect.sync(() => {
      for (const line of ["", "AAAA", "*", `${roots[0]}AAAA`]) assert.isTrue(Result.isFailure(anchorOfRoot(line)))
    })
  )
})
