/** The rules that are about the text of src, read off its files. */
import { readdirSync, readFileSync } from "node:fs"
import { posix } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { type ReasonName, reasons } from "../src/state/failure.ts"

const root = new URL("../src/", import.meta.url)

/** Code without its comments; strings stay, as imports and reasons are strings. */
const uncommented = (text: string): string => text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "$1")
const unquoted = (text: string): string =>
  text.replace(/"(?:[^"\\\n]|\\.)*"/g, '""').replace(/`(?:[^`\\]|\\.)*`/g, "``")

interface Import {
  readonly from: string
  readonly typeOnly: boolean
}
interface File {
  readonly path: string
  readonly text: string
  readonly code: string
  readonly imports: ReadonlyArray<Import>
}

const importsOf = (code: string): ReadonlyArray<Import> =>
  [...code.matchAll(/^(import|export)\s+(type\s+)?(?:([\s\S]*?)\s+from\s+)?"([^"]+)"/gm)].map(
    ([, , type, clause = "", from = ""]) => {
      const named = /^\{([\s\S]*)\}$/.exec(clause.trim())?.[1]
      const members = named?.split(",").filter((member) => member.trim() !== "") ?? []
      const allTypes = members.length > 0 && members.every((member) => member.trim().startsWith("type "))
      return { from, typeOnly: type !== undefined || allTypes }
    }
  )

const files: ReadonlyArray<File> = readdirSync(root, { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".ts"))
  .map((path) => {
    const text = readFileSync(new URL(path, root), "utf8")
    const code = uncommented(text)
    return { path, text, code, imports: importsOf(code) }
  })

const core = files.filter(({ path }) => /^(codec|crypto|state)\//.test(path))
const resolve = (path: string, from: string): string => posix.normalize(posix.join(posix.dirname(path), from))
const relative = ({ imports }: File) => imports.filter(({ from }) => from.startsWith("."))

/** What breaks a rule, as `file: what`, so that a failure names it. */
const offences = (among: ReadonlyArray<File>, find: (file: File) => ReadonlyArray<string>): ReadonlyArray<string> =>
  among.flatMap((file) => find(file).map((what) => `${file.path}: ${what}`))
const matches = (pattern: RegExp) => (file: File) =>
  [...unquoted(file.code).matchAll(pattern)].map(([found]) => found.trim())
const none = (found: ReadonlyArray<string>) => assert.deepStrictEqual(found, [])

it("there is something to read", () => {
  assert.isAbove(core.length, 100)
  assert.isAbove(files.flatMap(({ imports }) => imports).length, 300)
})

describe("rule 1: imports point one way", () => {
  /** Lower may not import higher. core.ts is the face of state; index.ts and the command line see everything. */
  const rank = (path: string): number => {
    const order = ["codec/", "crypto/", "state/", "core.ts", "layers/", "index.ts", "cli/"]
    const found = order.findIndex((prefix) => path.startsWith(prefix))
    return found === -1 ? assert.fail(`${path} has no place in the order`) : found
  }
  it("codec ◄ crypto ◄ state ◄ core ◄ layers ◄ cli", () => {
    none(
      offences(files, (file) =>
        relative(file)
          .map(({ from }) => resolve(file.path, from))
          .filter((to) => !to.startsWith("..") && rank(to) > rank(file.path))
      )
    )
  })
  it("below layers nothing runs Effect: only its data modules are imported, and types", () => {
    const data = /^effect\/(Result|Option|Schema\w*|Exit|Data|Redacted|Struct|Brand)$/
    const below = [...core, ...files.filter(({ path }) => path === "core.ts")]
    none(
      offences(below, ({ imports }) =>
        imports.flatMap(({ from, typeOnly }) =>
          /^(effect|@effect)\b/.test(from) && !typeOnly && !data.test(from) ? [from] : []
        )
      )
    )
  })
  it("no module needs itself: values are imported without cycles", () => {
    const graph = new Map(
      files.map((file) => [
        file.path,
        relative(file).flatMap(({ from, typeOnly }) => (typeOnly ? [] : [resolve(file.path, from)]))
      ])
    )
    const cycles: Array<string> = []
    const finished = new Set<string>()
    const visit = (path: string, trail: ReadonlyArray<string>): void => {
      if (trail.includes(path)) cycles.push([...trail.slice(trail.indexOf(path)), path].join(" → "))
      else if (!finished.has(path)) {
        for (const next of graph.get(path) ?? []) visit(next, [...trail, path])
        finished.add(path)
      }
    }
    for (const path of graph.keys()) visit(path, [])
    none(cycles)
  })
  it("deep imports of effect, and relative ones with their ending", () => {
    none(offences(files, ({ imports }) => imports.flatMap(({ from }) => (from === "effect" ? [from] : []))))
    none(offences(files, (file) => relative(file).flatMap(({ from }) => (from.endsWith(".ts") ? [] : [from]))))
  })
})

describe("rule 2: only the parts of Node know Node", () => {
  const ofNode = (path: string): boolean => /^(crypto\/node|layers\/node|cli)\//.test(path)
  const portable = files.filter(({ path }) => !ofNode(path))
  it("no node: and no platform package elsewhere", () => {
    none(
      offences(portable, ({ imports }) =>
        imports.flatMap(({ from }) => (/^(node:|@effect\/platform-node)/.test(from) ? [from] : []))
      )
    )
  })
  it("and nothing elsewhere imports them", () => {
    none(
      offences(portable, (file) =>
        relative(file).flatMap(({ from }) => (ofNode(resolve(file.path, from)) ? [from] : []))
      )
    )
  })
  it("no globals of Node: Buffer, process, require", () => {
    none(
      offences(
        portable,
        matches(/\b(Buffer\.|process\.(env|argv|exit|stdout|stderr|nextTick|platform|hrtime)|require\(|__dirname)/g)
      )
    )
  })
})

describe("rules 3 and 4: one place for a thing", () => {
  const where = (pattern: RegExp) => files.filter(({ code }) => pattern.test(code)).map(({ path }) => path)
  it("UnexpectedMessage is the absence of an arrow", () => {
    assert.deepStrictEqual(where(/"UnexpectedMessage"/), ["state/machine.ts"])
  })
  it("messages are sent by say; the first ClientHello, tickets and KeyUpdate, which no running transcript hears, are not", () => {
    assert.deepStrictEqual(where(/_tag: "Send",/).sort(), [
      "state/flight.ts",
      "state/hello/client.ts",
      "state/tls13/keyUpdate.ts",
      "state/tls13/server/tickets.ts"
    ])
  })
  it("a proof is made where the check is", () => {
    assert.deepStrictEqual(where(/as (PeerAuthenticated|FinishedVerified)\b/), ["state/proof.ts"])
  })
})

describe("rule 5: one subject a file", () => {
  it("no file has more than 350 lines", () => {
    none(offences(files, ({ text }) => (text.split("\n").length > 351 ? [`${text.split("\n").length - 1} lines`] : [])))
  })
  it("no line has more than 120 characters, but for what cannot be broken", () => {
    none(offences(files, ({ text }) => text.split("\n").filter((line) => line.length > 120 && !/["'`/]/.test(line))))
  })
})

describe("rule 6: what the core does not do", () => {
  it("it does not throw", () => {
    none(offences(core, matches(/\bthrow\b/g)))
  })
  it("it has no any, and asserts nothing away", () => {
    // In ASN.1 `any` is a value: a structure that is kept as it is.
    const typed = core.filter(({ code }) => !/import .*\bany\b.* from/.test(code))
    none(offences(typed, matches(/(:\s*|<|\bas\s+|\|\s*)any\b/g)))
    none(offences(core, matches(/[\w)\]]!(?=[.[),;\s])(?!\s*=)/g)))
  })
  it("its generators are made once: `resultFn`, and no `Result.gen`", () => {
    none(offences(files, matches(/\bResult\.gen\(/g)))
  })
  it("no function is assigned to a property as it is written: V8 puts it into old space, with all that it closes over", () => {
    none(offences(files, matches(/\.#?\w+ (\?\?)?= (async )?(\([^()]*\)|\w+) =>/g)))
  })
  it("it asks for time and randomness, and takes neither", () => {
    none(
      offences(
        core.filter(({ path }) => path.startsWith("state/") || path.startsWith("codec/")),
        matches(/\b(Date\.now|new Date\(\)|Math\.random|performance\.now|getRandomValues)\b/g)
      )
    )
  })
  it("it has no async, no promise and no timer in codec and state", () => {
    none(
      offences(
        core.filter(({ path }) => !path.startsWith("crypto/")),
        matches(/\b(async|await|Promise|setTimeout|queueMicrotask)\b/g)
      )
    )
  })
  /** Where state casts: a symbol that must not be written by hand, and what the compiler cannot see of a table. */
  const casts: ReadonlySet<string> = new Set(["state/machine.ts", "state/proof.ts"])
  it("state casts in the files that are known for it", () => {
    const found = offences(
      core.filter(({ path }) => path.startsWith("state/")),
      matches(/\bas (?!const\b)[A-Za-z{][\w.]*/g)
    )
      .filter((offence) => !casts.has(offence.split(":")[0] ?? ""))
      .filter((offence) => !imported(offence))
    none(found)
  })
})

/** `import { step as clientStep }` is no cast. */
const imported = (offence: string): boolean => {
  const [path = "", what = ""] = offence.split(": ")
  const file = files.find((each) => each.path === path)
  return [...(file?.code ?? "").matchAll(/^(import|export)\b[\s\S]*?from "/gm)].some(([clause]) =>
    clause.includes(what)
  )
}

describe("rule 7: public names are documented", () => {
  const entries = ["index.ts", "core.ts", "codec/index.ts", "layers/node/index.ts", "layers/testing/index.ts"]
  const reached = new Set(
    entries.flatMap((entry) => {
      const file = files.find(({ path }) => path === entry)
      return file === undefined ? assert.fail(entry) : relative(file).map(({ from }) => resolve(entry, from))
    })
  )
  it("each export of a file that an entry point names has a doc comment", () => {
    const open = files.filter(({ path }) => reached.has(path))
    assert.isAbove(open.length, 80)
    none(
      offences(open, ({ text }) => {
        // A value and its type of one name are one export.
        const values = new Set([...text.matchAll(/^export const (\w+)/gm)].map(([, name]) => name))
        return [...text.matchAll(/(.*)\nexport (const|class|interface|type) (\w+)/g)].flatMap(
          ([, above = "", kind, name = ""]) =>
            above.endsWith("*/") || (kind === "type" && values.has(name)) ? [] : [name]
        )
      })
    )
  })
})

describe("the failure table", () => {
  /** Reasons that no file of src names in quotes, and why. */
  const unnamed: { readonly [R in ReasonName]?: string } = {}
  const raised = (reason: string): boolean =>
    files.some(({ path, code }) => path !== "state/failure.ts" && new RegExp(`"${reason}"`).test(code))

  it("has no reason that nobody raises", () => {
    none(Object.keys(reasons).filter((reason) => !raised(reason) && !(reason in unnamed)))
    none(Object.keys(unnamed).filter(raised))
  })
  it("names in every reason an alert and a section", () => {
    for (const [name, { alert, see }] of Object.entries(reasons)) {
      assert.match(see, /^RFC \d{4} [A-E0-9.]+$/, name)
      assert.match(alert, /^[a-z_]+$|^none$/, name)
    }
  })
})
