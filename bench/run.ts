/**
 * `npm run bench`: effect-tls beside node:tls, interleaved in one run, client and server in processes of their own,
 * over loopback. Prints medians and the median of the ratios round by round; above 1 is in our favour.
 *
 * `npm run bench -- [--quick] [--rounds N] [--only TEXT] [--noble] [--json FILE]`
 */
import * as fs from "node:fs"
import * as os from "node:os"
import { parseArgs } from "node:util"
import { cases, type Figure, warmUp } from "./cases.ts"
import { makeIdentity } from "./identity.ts"
import { codecFigures, primitiveFigures } from "./micro.ts"
import { type Pair, start } from "./pair.ts"

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    rounds: { type: "string" },
    only: { type: "string" },
    noble: { type: "boolean", default: false },
    json: { type: "string", default: "bench/results/latest.json" }
  }
})
const rounds = Number(values.rounds ?? (values.quick ? 3 : 5))
const ours = values.noble ? "effect-tls noble" : "effect-tls"
const theirs = "node:tls"

const median = (list: ReadonlyArray<number>): number => {
  const sorted = [...list].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2
}

interface Row {
  readonly case: string
  readonly figure: string
  readonly unit: string
  readonly ours: number
  readonly theirs: number
  readonly ratio: number
}

const show = (n: number) => (n >= 100 ? n.toFixed(0) : n.toPrecision(3))
const line = (cells: ReadonlyArray<string>) => {
  const [first = "", second = "", ...rest] = cells
  console.log(`${first.padEnd(52)}${second.padEnd(16)}${rest.map((cell) => cell.padStart(16)).join("")}`)
}

/** The figures of one case, round by round; who goes first alternates. */
const compare = async (
  name: string,
  rounds: number,
  run: (pair: Pair) => Promise<ReadonlyArray<Figure>>,
  pairs: { readonly ours: Pair; readonly theirs: Pair }
): Promise<ReadonlyArray<Row>> => {
  const seen: Array<{ readonly ours: ReadonlyArray<Figure>; readonly theirs: ReadonlyArray<Figure> }> = []
  for (let round = 0; round < rounds; round++) {
    const first = round % 2 === 0 ? "ours" : "theirs"
    const one = await run(pairs[first])
    const other = await run(pairs[first === "ours" ? "theirs" : "ours"])
    seen.push(first === "ours" ? { ours: one, theirs: other } : { ours: other, theirs: one })
  }
  const figures = seen[0]?.ours ?? []
  return figures.map((figure, i) => {
    const list = (who: "ours" | "theirs") => seen.map((round) => round[who][i]?.value ?? Number.NaN)
    const [a, b] = [list("ours"), list("theirs")]
    const ratios = a.map((value, j) => {
      const other = b[j] ?? Number.NaN
      return figure.better === "more" ? value / other : other / value
    })
    return {
      case: name,
      figure: figure.name,
      unit: figure.unit,
      ours: median(a),
      theirs: median(b),
      ratio: median(ratios)
    }
  })
}

const main = async () => {
  const identity = await makeIdentity()
  const pairs = { ours: start(ours), theirs: start(theirs) }
  const rows: Array<Row> = []
  console.log(`${os.cpus()[0]?.model ?? "?"}, ${os.cpus().length} cores, Node ${process.version}, ${rounds} rounds\n`)
  line(["case", "figure", ours, theirs, "ratio"])
  try {
    for (const pair of [pairs.ours, pairs.theirs]) await warmUp(pair, identity)
    for (const { name, suite, group, kind = "full", run } of cases(values.quick ? 0.1 : 1)) {
      if (values.only !== undefined && !name.includes(values.only)) continue
      for (const row of await compare(name, rounds, (pair) => run(pair, { identity, suite, group, kind }), pairs)) {
        rows.push(row)
        line([
          row.case,
          row.figure,
          `${show(row.ours)} ${row.unit}`,
          `${show(row.theirs)} ${row.unit}`,
          row.ratio.toFixed(2)
        ])
      }
    }
  } finally {
    pairs.ours.end()
    pairs.theirs.end()
  }
  const micro = values.only === undefined ? [...codecFigures(), ...primitiveFigures()] : []
  if (micro.length > 0) {
    console.log("\none process, µs per call")
    line(["what", "", "µs", "beside", "ratio"])
    for (const { name, value, beside } of micro) {
      line([
        name,
        "",
        show(value),
        beside === undefined ? "" : `${beside.name} ${show(beside.value)}`,
        beside === undefined ? "" : (beside.value / value).toFixed(2)
      ])
    }
  }
  fs.mkdirSync("bench/results", { recursive: true })
  fs.writeFileSync(values.json, `${JSON.stringify({ node: process.version, rounds, rows, micro }, null, 2)}\n`)
}

await main()
