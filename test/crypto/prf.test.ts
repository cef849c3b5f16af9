/** The PRF of TLS 1.2 and the secrets made with it, against vectors of others. */
import { execFileSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { concat } from "../../src/codec/bytes.ts"
import { primitives as node } from "../../src/crypto/node/index.ts"
import { prf } from "../../src/crypto/prf.ts"
import type { HashName } from "../../src/crypto/primitives.ts"
import { Secret, unsafeBytes } from "../../src/crypto/secret.ts"
import { suites12 } from "../../src/crypto/suite.ts"
import { extendedMasterSecret, masterSecret, writeKeys } from "../../src/state/tls12/keySchedule.ts"
import { fromHex, toHex } from "../support/answers.ts"

const vectors = (name: string) => new URL(`../../../shared/vectors/${name}`, import.meta.url)
const botan = vectors("botan_tls_prf.vec")
const hashes: { readonly [name: string]: HashName } = { "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512" }

interface BotanCase {
  readonly hash: HashName
  readonly secret: string
  readonly seed: string
  readonly output: string
}

const botanCases = (): ReadonlyArray<BotanCase> => {
  const cases: Array<BotanCase> = []
  let hash: HashName | undefined
  let fields: Record<string, string> = {}
  for (const line of readFileSync(botan, "utf8").split(/\s*\n/)) {
    const section = /^\[(.*)\]$/.exec(line)
    if (section !== null) hash = hashes[/TLS-12-PRF\(HMAC\((.*)\)\)/.exec(section[1] ?? "")?.[1] ?? ""]
    const [, name = "", value = ""] = /^(\w+) = (.*)$/.exec(line) ?? []
    fields = { ...fields, [name]: value }
    if (name !== "Output") continue
    const { Secret: secret = "", Salt: salt = "", Label: label = "" } = fields
    if (hash !== undefined) cases.push({ hash, secret, seed: label + salt, output: value })
    fields = {}
  }
  return cases
}

describe("the PRF (RFC 5246 section 5)", () => {
  it.skipIf(!existsSync(botan))("yields what Botan's vectors say, for every hash", () => {
    const cases = botanCases()
    assert.deepStrictEqual([...new Set(cases.map(({ hash }) => hash))].sort(), ["sha256", "sha384", "sha512"])
    for (const { hash, secret, seed, output } of cases) {
      const made = prf(node.hashes[hash], new Secret("any", fromHex(secret)), "", fromHex(seed), output.length / 2)
      assert.strictEqual(toHex(made), output.toLowerCase())
    }
  })

  it("puts the label before the seed, and yields any number of bytes", () => {
    const secret = new Secret("any", fromHex("0102"))
    const { sha256 } = node.hashes
    const whole = prf(sha256, secret, "ab", fromHex("6364"), 100)
    assert.deepStrictEqual(prf(sha256, secret, "", fromHex("61626364"), 100), whole)
    for (const size of [0, 1, 31, 32, 33, 64, 65]) {
      assert.deepStrictEqual(prf(sha256, secret, "ab", fromHex("6364"), size), whole.slice(0, size))
    }
  })
})

interface Acvp {
  readonly testGroups: ReadonlyArray<{
    readonly hashAlg: string
    readonly keyBlockLength: number
    readonly tests: ReadonlyArray<Readonly<Record<string, string>> & { readonly tcId: number }>
  }>
}

const bunzip = (name: string): Acvp => JSON.parse(execFileSync("bzip2", ["-dc", vectors(name).pathname]).toString())[1]
const hasBzip2 = (() => {
  try {
    execFileSync("bzip2", ["--help"], { stdio: "ignore" })
    return existsSync(vectors("acvp_TLS12_prompt.json.bz2"))
  } catch {
    return false
  }
})()

describe("the extended master secret (RFC 7627)", () => {
  it.skipIf(!hasBzip2)("is what ACVP's vectors say, and so is the key block", () => {
    const answers = new Map(
      bunzip("acvp_TLS12_expected.json.bz2").testGroups.flatMap(({ tests }) => tests.map((test) => [test.tcId, test]))
    )
    let seen = 0
    for (const { hashAlg, keyBlockLength, tests } of bunzip("acvp_TLS12_prompt.json.bz2").testGroups) {
      const hash = node.hashes[hashes[hashAlg.replace("SHA2", "SHA")] ?? assert.fail(hashAlg)]
      for (const { tcId, preMasterSecret = "", sessionHash = "", clientRandom = "", serverRandom = "" } of tests) {
        const premaster = new Secret("premaster", fromHex(preMasterSecret))
        const master = extendedMasterSecret(hash, premaster, fromHex(sessionHash))
        const expected = answers.get(tcId) ?? assert.fail(`no answer ${tcId}`)
        assert.strictEqual(toHex(unsafeBytes(master)), expected["masterSecret"]?.toLowerCase())
        const seed = concat([fromHex(serverRandom), fromHex(clientRandom)])
        const block = prf(hash, master, "key expansion", seed, keyBlockLength / 8)
        assert.strictEqual(toHex(block), expected["keyBlock"]?.toLowerCase())
        seen++
      }
    }
    assert.isAbove(seen, 10)
  })
})

describe("the key block (RFC 5246 section 6.3)", () => {
  const randoms = { client: new Uint8Array(32).fill(1), server: new Uint8Array(32).fill(2) }

  it.each(suites12(node).map((suite) => [suite.name, suite] as const))(
    "of %s is cut in the RFC's order",
    (_, suite) => {
      const premaster = new Secret("premaster", new Uint8Array(32).fill(3))
      const master = masterSecret(suite.hash, premaster, randoms)
      assert.strictEqual(unsafeBytes(master).length, 48)
      const iv = suite.aead.name === "CHACHA20-POLY1305" ? 12 : 4
      const key = suite.aead.keySize
      const block = prf(suite.hash, master, "key expansion", concat([randoms.server, randoms.client]), 2 * (key + iv))
      const { client, server } = writeKeys(suite, master, randoms)
      const part = (at: number, size: number) => toHex(block.slice(at, at + size))
      assert.strictEqual(toHex(unsafeBytes(client)), part(0, key) + part(2 * key, iv))
      assert.strictEqual(toHex(unsafeBytes(server)), part(key, key) + part(2 * key + iv, iv))
    }
  )
})
