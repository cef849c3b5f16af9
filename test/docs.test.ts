import * as fs from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { pages } from "../docs/generate.ts"

describe("generated pages", () => {
  for (const [name, text] of Object.entries(pages())) {
    it(`docs/${name} is what the code says (npm run docs)`, () => {
      assert.strictEqual(fs.readFileSync(new URL(`../docs/${name}`, import.meta.url), "utf8"), text)
    })
  }
})

describe("docs/INTEROP.md", () => {
  it("names tests that exist, and every test of interoperability", () => {
    const page = fs.readFileSync(new URL("../docs/INTEROP.md", import.meta.url), "utf8")
    const named = [...page.matchAll(/`(test\/[\w/.-]+)`/g)].map(([, path = ""]) => path)
    const here = fs.readdirSync(new URL("interop", import.meta.url)).filter((name) => name.endsWith(".test.ts"))
    assert.sameMembers(
      [...new Set(named)],
      here.map((name) => `test/interop/${name}`)
    )
  })
})
