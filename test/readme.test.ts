import * as fs from "node:fs"
import { assert, describe, it } from "@effect/vitest"

const read = (path: string) => fs.readFileSync(new URL(path, import.meta.url), "utf8")

describe("the README", () => {
  const readme = read("../README.md")
  const examples = [...read("types/readme.ts").matchAll(/\/\/ README: begin\n([\s\S]*?)\/\/ README: end/g)]

  it("has examples that type-check", () => {
    assert.isNotEmpty(examples)
    for (const [, code = ""] of examples) assert.include(readme, code)
  })

  it("names tests that exist", () => {
    const named = [...readme.matchAll(/`(test\/[\w/.-]+)`/g)].map(([, path = ""]) => path)
    assert.isNotEmpty(named)
    for (const path of named) assert.isTrue(fs.existsSync(new URL(`../${path}`, import.meta.url)), path)
  })
})
