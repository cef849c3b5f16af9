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
