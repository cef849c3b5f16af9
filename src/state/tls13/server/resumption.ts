/** Tickets opened, and keys found: which PSK a server goes on with, if any (RFC 9846 section 4.3.11). */
import * as Result from "effect/Result"
import { equal } from "../../../crypto/constantTime.ts"
import { Secret } from "../../../crypto/secret.ts"
import { type CipherSuite13, hashOf13 } from "../../../crypto/suite.ts"
import type { HelloResolved } from "../../command.ts"
import { type Failure, fail } from "../../failure.ts"
import { acceptable } from "../../negotiation/resumption.ts"
import { type Before, verifyBinder } from "../binder.ts"
import { type KnownPsk, ofExternal, ofSession, type SelectedPsk } from "../psk.ts"
import type { Choices, Found } from "./state.ts"

/** A suite that both have, with the hash of the PSK; that of the session before others, or the one we prefer. */
const suiteFor = ({ config, hello, suite: ours }: Choices, known: KnownPsk): CipherSuite13 | undefined => {
  const common = [ours, ...config.suites.filter(({ name }) => hello.cipher_suites.includes(name))]
  if (known._tag === "External") return common.find(({ hash }) => hash.name === known.external.hash)
  const { suite } = known.session
  const hash = hashOf13(suite)
  return common.find(({ name }) => name === suite) ?? common.find((candidate) => candidate.hash.name === hash)
}

/** The first of the client's PSKs that is known and acceptable. */
export const select = (choices: Choices, { psks = [], now }: HelloResolved): Found | undefined => {
  for (const [index, known] of psks.entries()) {
    const identity = choices.psks?.identities[index]?.identity
    if (known === undefined || known._tag === "Session12" || identity === undefined) continue
    const suite = suiteFor(choices, known)
    if (suite === undefined) continue
    if (known._tag === "Session" && !acceptable(choices, known.session, now)) continue
    const psk =
      known._tag === "Session"
        ? ofSession(identity, known.session, suite.hash)
        : ofExternal({ ...known.external, identity }, suite.hash)
    return { psk: { ...psk, index }, suite }
  }
  return undefined
}

/** Only the binder of the PSK in use is looked at, and before anything is done with it. */
export const checkBinder = (choices: Choices, { psk }: Found): Result.Result<void, Failure> =>
  verifyBinder(psk, choices.psks?.binders[psk.index], choices.raw, undefined)

/**
 * Only keys are served, and none that the client names is known here. It costs as much as a wrong binder and gets the
 * same alert, so that nobody can try out identities (appendix "PSK Identity Exposure").
 */
export const refuseUnknown = ({ psks, raw, suite }: Choices): Result.Result<never, Failure> => {
  const [first] = psks?.identities ?? []
  if (first === undefined) return fail("PskRequired", "the client offers no key, and nothing else is served here")
  const { identity } = first
  const nobody = { identity, secret: new Secret("external PSK", new Uint8Array(suite.hash.size)) } as const
  const decoy = ofExternal({ ...nobody, hash: suite.hash.name, kind: "imported" }, suite.hash)
  // Whoever guesses the decoy has guessed nothing: the answer does not depend on the outcome.
  const outcome = verifyBinder(decoy, psks?.binders[0], raw, undefined)
  return Result.isFailure(outcome) && outcome.failure.reason !== "BinderMismatch"
    ? Result.fail(outcome.failure)
    : fail("UnknownPsk", "none of the identities that the client names is known here")
}

/** The selected PSK in the second ClientHello: its new place, and its binder checked anew (section 4.2.2). */
export const selectAgain = (
  psk: SelectedPsk,
  offered: Choices["psks"],
  raw: Uint8Array,
  before: Before
): Result.Result<SelectedPsk, Failure> => {
  const index = offered?.identities.findIndex(({ identity }) => equal(identity, psk.identity)) ?? -1
  return index < 0
    ? fail("HelloChangedAfterRetry", "the second ClientHello lacks the PSK that the first was answered for")
    : Result.map(verifyBinder(psk, offered?.binders[index], raw, before), () => ({ ...psk, index }))
}
