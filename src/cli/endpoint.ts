/** `HOST:PORT`, `[v6 address]:PORT`. */
import * as Result from "effect/Result"
import { type CliFailure, usage } from "./failure.ts"

export interface Endpoint {
  /** A name or an address, without brackets. */
  readonly host: string
  readonly port: number
}

/** As it was written: with brackets around an IPv6 address. */
export const showEndpoint = ({ host, port }: Endpoint): string =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`

const parsePort = (text: string): number | undefined => {
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : undefined
  return port !== undefined && port <= 65535 ? port : undefined
}

const form = /^(?:\[([0-9a-f.]*:[0-9a-z:.%]*)\]|([^\s:[\]/]+)):([^:]*)$/i

export const parseEndpoint = (text: string): Result.Result<Endpoint, CliFailure> => {
  const [, address, name, digits] = form.exec(text) ?? []
  const host = address ?? name
  const port = digits === undefined ? undefined : parsePort(digits)
  const quoted = JSON.stringify(text.slice(0, 256))
  if (host === undefined || digits === undefined) {
    return Result.fail(usage(`${quoted} is not HOST:PORT`, "for example example.org:443 or [::1]:4433"))
  }
  if (port === undefined || port === 0) return Result.fail(usage(`the port in ${quoted} is not one from 1 to 65535`))
  return Result.succeed({ host, port })
}
