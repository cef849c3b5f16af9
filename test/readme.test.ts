import * as fs from "node:fs"
import { assert, describe, it } from "@effect/vitest"

const read = (path: string) => fs.readFileSync(new URL(path, import.meta.url), "utf8")

describe("the README", () => {
  const readme = read("../README.md")
  const examples = [...read("types/readme.ts").matchAll(/\/\/ README: begin\n([\s\S]*?)\/\/ README: end/g)]

  it("has examples that type-check", () => {
    assert.isNotEmpty(examples)
    const shown = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code = ""]) => code.trimEnd())
    assert.strictEqual(shown.length, examples.length)
    // The first shows its imports too.
    for (const [, code = ""] of examples)
      assert.isTrue(
        shown.some((each) => each.endsWith(code.trimEnd())),
        code
      )
  })

  it("has a heading for every link to one", () => {
    const slugs = [...readme.matchAll(/^## (.*)$/gm)].map(([, title = ""]) =>
      title
        .toLowerCase()
        .replace(/[^\w -]/g, "")
        .replaceAll(" ", "-")
    )
    const links = [...readme.matchAll(/\]\(#([\w-]+)\)/g)].map(([, slug = ""]) => slug)
    assert.sameMembers(links, slugs)
  })

  it("names tests that exist", () => {
    const named = [...readme.matchAll(/`(test\/[\w/.-]+)`/g)].map(([, path = ""]) => path)
    assert.isNotEmpty(named)
    for (const path of named) assert.isTrue(fs.existsSync(new URL(`../${path}`, import.meta.url)), path)
  })

  it("names entry points that package.json has, and every one has a source", () => {
    const { exports }: { exports: Record<string, string | { default: string }> } = JSON.parse(read("../package.json"))
    const named = [...readme.matchAll(/`effect-tls(\/\w+)?`/g)].map(([, path = ""]) => `.${path}`)
    assert.includeMembers(Object.keys(exports), named)
    for (const target of Object.values(exports)) {
      if (typeof target === "string") continue
      const source = target.default.replace("./dist/", "../src/").replace(/js$/, "ts")
      assert.isTrue(fs.existsSync(new URL(source, import.meta.url)), source)
    }
  })
})
