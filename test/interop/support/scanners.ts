/** Scanners of servers, and what they found: everything above "info" as a line. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { fixtures } from "./fixtures.ts"
import { answers, finish } from "./programs.ts"

export const hasSslscan = answers("sslscan", "--version") !== undefined

/** Debian calls it `testssl`, it calls itself `testssl.sh`. */
export const testssl = ["testssl", "testssl.sh"].find((program) => answers(program, "--version") !== undefined)

/** What a scanner saw: its findings above "info", and what it believes the server speaks. */
export interface Scan {
  readonly findings: ReadonlyArray<string>
  readonly versions: ReadonlyArray<string>
  readonly suites: ReadonlyArray<string>
}

/** And the probes that the server has passed, by the names of testssl.sh. */
export interface ProbedScan extends Scan {
  readonly passed: ReadonlyArray<string>
}

/** Milliseconds; on a machine with nothing else to do it is a quarter of that. */
const patience = 110_000

type Attributes = Readonly<Record<string, string>>

const elements = (xml: string, name: string): ReadonlyArray<Attributes> =>
  [...xml.matchAll(new RegExp(`<${name} ([^>]*)/>`, "g"))].map(([, attributes = ""]) =>
    Object.fromEntries([...attributes.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, key = "", value = ""]) => [key, value]))
  )

/** sslscan grades by colour; these are the ones that it does not print in white or green. */
const suspicious: ReadonlyArray<readonly [element: string, is: (attributes: Attributes) => boolean]> = [
  ["renegotiation", ({ supported, secure }) => supported === "1" && secure !== "1"],
  ["compression", ({ supported }) => supported === "1"],
  ["fallback", ({ supported }) => supported === "0"],
  ["heartbleed", ({ vulnerable }) => vulnerable !== "0"],
  ["cipher", ({ strength = "" }) => !["acceptable", "strong"].includes(strength)],
  ["group", ({ bits }) => Number(bits) < 112],
  ["connection-signature-algorithm", ({ name = "" }) => /sha1|md5|any|dsa_sha224/i.test(name)],
  ["pk", ({ error }) => error !== "false"]
]
const wrongCertificate = /<self-signed>true|<expired>true|<signature-algorithm>[^<]*(?:sha1|md5)[^<]*/gi

export const sslscan = async (port: number): Promise<Scan> => {
  const { stdout: xml, stderr } = await finish("sslscan", ["--show-sigs", "--xml=-", `127.0.0.1:${port}`])
  if (!xml.includes("</document>")) throw new Error(`sslscan did not end: ${xml}\n${stderr}`)
  const found = suspicious.flatMap(([name, is]) =>
    elements(xml, name)
      .filter(is)
      .map((attributes) => `${name} ${JSON.stringify(attributes)}`)
  )
  return {
    findings: [...found, ...(xml.match(wrongCertificate) ?? [])],
    versions: elements(xml, "protocol")
      .filter(({ enabled }) => enabled === "1")
      .map(({ type, version }) => `${type} ${version}`),
    suites: elements(xml, "cipher").map(({ cipher = "" }) => cipher)
  }
}

interface Finding {
  readonly id: string
  readonly severity: string
  readonly finding: string
}

/** It wants the whole path. */
const opensslPath = answers("sh", "-c", "command -v openssl")?.trim() ?? "openssl"

const harmless: ReadonlySet<string> = new Set(["OK", "INFO", "DEBUG"])
const versionIds = ["SSLv2", "SSLv3", "TLS1", "TLS1_1", "TLS1_2", "TLS1_3"]

/**
 * It waits for every answer in rounds of a second, though the answer is there before the first one is over, so here a
 * round is a twentieth of that, and there are as many more of them. What it finds is the same, in a third of the time.
 */
const rounds = [
  "BASH_FUNC_sleep%%=() { command sleep 0.05; }",
  "MAX_WAITSOCK=200",
  "CCS_MAX_WAITSOCK=100",
  "HEARTBLEED_MAX_WAITSOCK=160"
]

/** Of testssl.sh the given sections, whose names its `--help` lists. All of them would take minutes. */
export const runTestssl = async (
  program: string,
  port: number,
  sections: ReadonlyArray<string>
): Promise<ProbedScan> => {
  const file = join(fixtures.folder, `testssl-${port}-${sections.join("")}.json`)
  const args = [
    ...[
      "--openssl",
      opensslPath,
      "--ip",
      "127.0.0.1",
      "--nodns",
      "none",
      "--warnings",
      "off",
      "--quiet",
      "--color",
      "0"
    ],
    ...["--add-ca", fixtures.ca.cert, "--jsonfile", file, ...sections, `localhost:${port}`]
  ]
  const { stdout } = await finish("env", [...rounds, program, ...args], "", patience)
  if (!/ Done \d{4}-/.test(stdout)) throw new Error(`testssl.sh did not end: ${stdout}`)
  const all: ReadonlyArray<Finding> = JSON.parse(readFileSync(file, "utf8"))
  return {
    findings: all
      .filter(({ severity }) => !harmless.has(severity))
      .map(({ id, severity, finding }) => `${id} ${severity} ${finding}`),
    versions: all.filter(({ id, finding }) => versionIds.includes(id) && /^offered/.test(finding)).map(({ id }) => id),
    suites: all.filter(({ id }) => id.startsWith("cipherorder_")).flatMap(({ finding }) => finding.trim().split(" ")),
    passed: all.filter(({ severity }) => severity === "OK").map(({ id }) => id)
  }
}
