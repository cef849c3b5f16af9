/** UTCTime and GeneralizedTime in the one form of each that RFC 5280 section 4.1.2.5 allows. */
import * as Schema from "effect/Schema"
import type { Der, Tagged } from "./der.ts"
import { tagged } from "./der.ts"
import { drawn } from "./schema.ts"
import { choice } from "./structure.ts"
import { type Tag, tags } from "./tlv.ts"

const second = 1000

/** Milliseconds since 1970 of a UTC date; `undefined` when the calendar has no such second. */
const instant = (year: number, month: number, day: number, hour: number, minute: number, seconds: number) => {
  // Date.UTC takes the years 0 to 99 for those of the twentieth century
  const date = new Date(Date.UTC(2000, month - 1, day, hour, minute, seconds))
  date.setUTCFullYear(year, month - 1, day)
  const isReal =
    month >= 1 && month <= 12 && date.getUTCDate() === day && hour < 24 && minute < 60 && seconds < 60 && day > 0
  return isReal ? date.getTime() : undefined
}

const pad = (value: number, width: number) => String(value).padStart(width, "0")

/** A time type: `digits` of the year, its century decided by `fullYear`, then month to second and `Z`. */
const time = (
  name: string,
  tag: Tag,
  digits: 2 | 4,
  fullYear: (year: number) => number,
  [first, last]: readonly [number, number]
): Tagged<number> => {
  const pattern = new RegExp(`^(\\d{${digits}})(\\d\\d)(\\d\\d)(\\d\\d)(\\d\\d)(\\d\\d)Z$`)
  const expected = `a ${name} written ${digits === 2 ? "YY" : "YYYY"}MMDDHHMMSSZ`
  const fits = (value: unknown): value is number =>
    typeof value === "number" && Number.isInteger(value / second) && value >= first && value <= last
  return tagged(
    name,
    tag,
    drawn(
      name,
      fits,
      Schema.Int.check(Schema.isBetween({ minimum: first / second, maximum: last / second })),
      (seconds) => seconds * second,
      (value) => value / second
    ),
    (reader) => {
      const text = String.fromCharCode(...reader.rest().subarray(0, 20))
      const [year = 0, month = 0, day = 0, hour = 0, minute = 0, seconds = 0] = (pattern.exec(text) ?? [])
        .slice(1)
        .map(Number)
      const value = instant(fullYear(year), month, day, hour, minute, seconds)
      if (value === undefined) reader.fail(expected)
      return value ?? 0
    },
    (writer, value) => {
      if (!fits(value)) return writer.fail(expected)
      const date = new Date(value)
      const fields = [
        date.getUTCMonth() + 1,
        date.getUTCDate(),
        date.getUTCHours(),
        date.getUTCMinutes(),
        date.getUTCSeconds()
      ]
      const text = `${pad(date.getUTCFullYear(), 4).slice(4 - digits)}${fields.map((field) => pad(field, 2)).join("")}Z`
      writer.put(Uint8Array.from(text, (character) => character.charCodeAt(0)))
    }
  )
}

const year0 = -62167219200 * second
const year1950 = Date.UTC(1950, 0)
const year2050 = Date.UTC(2050, 0)
const year10000 = Date.UTC(10000, 0)

/** Milliseconds since 1970; the years 1950 to 2049. */
export const utcTime = time("UTCTime", tags.UTCTime, 2, (year) => year + (year < 50 ? 2000 : 1900), [
  year1950,
  year2050 - second
])

/** Milliseconds since 1970; the years 0 to 9999, whole seconds. */
export const generalizedTime = time("GeneralizedTime", tags.GeneralizedTime, 4, (year) => year, [
  year0,
  year10000 - second
])

/**
 * `Time ::= CHOICE { utcTime, generalTime }`. RFC 5280 wants UTCTime through 2049; roots that are trusted everywhere
 * write such dates as GeneralizedTime, so both are read, and `timeOf` makes the right one.
 */
export const Time = choice({ utcTime, generalTime: generalizedTime })
export type Time = Der.Type<typeof Time>

/** The form in which RFC 5280 section 4.1.2.5 wants an instant, in milliseconds since 1970, to be written. */
export const timeOf = (value: number): Time =>
  value >= year1950 && value < year2050 ? { _tag: "utcTime", value } : { _tag: "generalTime", value }
