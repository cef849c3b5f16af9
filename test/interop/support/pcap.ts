/** A capture of what two ends exchanged, as a file of the classic pcap format: IPv4 and TCP made up around the bytes. */

/** One write of one end. */
export interface Chunk {
  readonly from: "client" | "server"
  readonly bytes: Uint8Array
}

/** The server's port, so that Wireshark takes the stream for TLS. */
export const serverPort = 443

const mostInSegment = 1400
const flags = { syn: 0x02, ack: 0x10, pushAck: 0x18, finAck: 0x11 }

/** pcap-savefile(5): magic, version 2.4, no time zone, snapshot length, LINKTYPE_RAW (packets begin with IP). */
const fileHeader = (): Buffer => {
  const header = Buffer.alloc(24)
  header.writeUInt32LE(0xa1b2c3d4, 0)
  header.writeUInt16LE(2, 4)
  header.writeUInt16LE(4, 6)
  header.writeUInt32LE(0x40000, 16)
  header.writeUInt32LE(101, 20)
  return header
}

/** RFC 1071. */
const checksum = (...parts: ReadonlyArray<Buffer>): number => {
  const all = Buffer.concat(parts)
  let sum = 0
  for (let i = 0; i < all.length; i += 2) sum += ((all[i] ?? 0) << 8) | (all[i + 1] ?? 0)
  while (sum > 0xffff) sum = (sum >>> 16) + (sum & 0xffff)
  return ~sum & 0xffff
}

interface Segment {
  readonly from: Chunk["from"]
  readonly flags: number
  readonly sequence: number
  readonly acknowledged: number
  readonly payload: Uint8Array
}

const addresses = { client: [192, 0, 2, 1], server: [192, 0, 2, 2] } as const
const ports = { client: 50_000, server: serverPort }

const packet = ({ from, flags, sequence, acknowledged, payload }: Segment): Buffer => {
  const to = from === "client" ? "server" : "client"
  const ends = Buffer.from([...addresses[from], ...addresses[to]])
  const tcp = Buffer.alloc(20)
  tcp.writeUInt16BE(ports[from], 0)
  tcp.writeUInt16BE(ports[to], 2)
  tcp.writeUInt32BE(sequence, 4)
  tcp.writeUInt32BE(acknowledged, 8)
  tcp.writeUInt16BE((5 << 12) | flags, 12)
  tcp.writeUInt16BE(0xffff, 14)
  const body = Buffer.from(payload)
  const length = tcp.length + body.length
  const pseudo = Buffer.concat([ends, Buffer.from([0, 6, length >> 8, length & 0xff])])
  tcp.writeUInt16BE(checksum(pseudo, tcp, body.length % 2 === 0 ? body : Buffer.concat([body, Buffer.alloc(1)])), 16)
  const ip = Buffer.concat([Buffer.from([0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 6, 0, 0]), ends])
  ip.writeUInt16BE(ip.length + length, 2)
  ip.writeUInt16BE(checksum(ip), 10)
  return Buffer.concat([ip, tcp, body])
}

/** What passes on the wire: three packets to begin with, the chunks as segments, an end from both sides. */
const segments = (chunks: ReadonlyArray<Chunk>): ReadonlyArray<Segment> => {
  const sent = { client: 1000, server: 2000 }
  const made: Array<Segment> = []
  const say = (from: Chunk["from"], flag: number, payload: Uint8Array = new Uint8Array(0)) => {
    const acknowledged = flag === flags.syn ? 0 : sent[from === "client" ? "server" : "client"]
    made.push({ from, flags: flag, sequence: sent[from], acknowledged, payload })
    sent[from] += payload.length + (flag === flags.ack || flag === flags.pushAck ? 0 : 1)
  }
  say("client", flags.syn)
  say("server", flags.syn | flags.ack)
  say("client", flags.ack)
  for (const { from, bytes } of chunks) {
    for (let at = 0; at < bytes.length; at += mostInSegment) {
      say(from, flags.pushAck, bytes.subarray(at, at + mostInSegment))
    }
  }
  say("client", flags.finAck)
  say("server", flags.finAck)
  say("client", flags.ack)
  return made
}

/** The file. A packet every millisecond. */
export const pcap = (chunks: ReadonlyArray<Chunk>): Uint8Array =>
  Buffer.concat([
    fileHeader(),
    ...segments(chunks).flatMap((segment, i) => {
      const bytes = packet(segment)
      const header = Buffer.alloc(16)
      header.writeUInt32LE(1_780_000_000, 0)
      header.writeUInt32LE(i * 1000, 4)
      header.writeUInt32LE(bytes.length, 8)
      header.writeUInt32LE(bytes.length, 12)
      return [header, bytes]
    })
  ])
