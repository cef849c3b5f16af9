/** CompressedCertificate, and what is stapled to certificates (SECURITY rows 44 and 45; RFC 8879, RFC 9846 4.5.1.1). */
import { gzipSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import type { CertificateCompressionAlgorithm } from "../../src/codec/extension/compressCertificate.ts"
import { find } from "../../src/codec/extension/extension.ts"
import { Certificate } from "../../src/codec/handshake/certificate.ts"
import type { Message } from "../../src/codec/handshake/handshake.ts"
import * as Wire from "../../src/codec/presentation/wire.ts"
import type { CertificateCompressor } from "../../src/crypto/compression.ts"
import { certificateCompressors } from "../../src/crypto/node/compression.ts"
import { zlib } from "../../src/crypto/zlib.ts"
import type { ReasonName } from "../../src/state/failure.ts"
import { credentials } from "../support/answers.ts"
import { changed } from "../support/edits.ts"
import { clientEnd, clientWorld, type End, handshake, serverEnd, serverWorld } from "../support/pair.ts"
import { encode, framed, type Puppet } from "../support/puppet.ts"
import { againstClient, againstServer, refused, type Slot } from "../support/script.ts"

const required = { _tag: "Required", authorities: [] } as const
const bytesOf = (body: Certificate): Uint8Array => Result.getOrThrow(Wire.encode(Certificate.wire, body))

interface Lie {
  readonly algorithm?: CertificateCompressionAlgorithm
  readonly length?: (honest: number) => number
  readonly compress?: (bytes: Uint8Array) => Uint8Array
}

/** A Certificate compressed with zlib, honest but for the lie. */
const compressed =
  ({ algorithm = "zlib", length = (honest) => honest, compress = deflate }: Lie = {}) =>
  ({ puppet, message }: Slot<Puppet, "Certificate">) => {
    const bytes = bytesOf(message.body)
    const said: Message = {
      _tag: "CompressedCertificate",
      body: {
        algorithm,
        uncompressed_length: length(bytes.length),
        compressed_certificate_message: compress(bytes)
      }
    }
    return puppet.say(encode(said))
  }
const deflate = (bytes: Uint8Array): Uint8Array => zlib.compress(bytes) ?? assert.fail("zlib compresses everything")
const exactly = (bytes: Uint8Array): Lie => ({ length: () => bytes.length, compress: () => deflate(bytes) })

const certificateCompression = [zlib]
const bad = ["CertificateDecompressionFailed", "bad_certificate"] as const

/** A compressor that must not be reached. */
const mined: CertificateCompressor = { ...zlib, decompress: () => assert.fail("it inflates") }
const failing: CertificateCompressor = { ...zlib, decompress: () => undefined }

type Row = readonly [promise: string, lie: Lie, using: ReadonlyArray<CertificateCompressor>, ReasonName, string]
const rows: ReadonlyArray<Row> = [
  ["a length of 64 KiB and one, before inflating", { length: () => 65_537 }, [mined], ...bad],
  ["a length of 2^24 - 1, before inflating", { length: () => 2 ** 24 - 1 }, [mined], ...bad],
  ["a length of nothing, before inflating", { length: () => 0 }, [mined], ...bad],
  ["a length one too short", { length: (honest) => honest - 1 }, certificateCompression, ...bad],
  ["a length one too long", { length: (honest) => honest + 1 }, certificateCompression, ...bad],
  ["bytes that are not zlib", { compress: (bytes) => gzipSync(bytes) }, certificateCompression, ...bad],
  ["a bomb of 12 MiB", { compress: () => deflate(new Uint8Array(12 * 2 ** 20)) }, certificateCompression, ...bad],
  ["what the decompressor refuses", {}, [failing], ...bad],
  [
    "an algorithm that was not offered",
    { algorithm: "brotli" },
    certificateCompression,
    "UnofferedCompression",
    "illegal_parameter"
  ],
  [
    "an algorithm that nobody knows",
    { algorithm: 0x4001 },
    certificateCompression,
    "UnofferedCompression",
    "illegal_parameter"
  ],
  ["any, where none was offered", {}, [], "UnsolicitedCompression", "unexpected_message"],
  [
    "bytes behind the Certificate inside",
    exactly(Uint8Array.of(0, 0, 0, 0, 7)),
    certificateCompression,
    "DecodeFailed",
    "decode_error"
  ],
  [
    "a message header inside",
    exactly(framed("certificate", Uint8Array.of(0, 0, 0, 0))),
    certificateCompression,
    "DecodeFailed",
    "decode_error"
  ],
  [
    "a context inside",
    exactly(Uint8Array.of(1, 9, 0, 0, 0)),
    certificateCompression,
    "UnexpectedCertificateContext",
    "illegal_parameter"
  ]
]

describe("45: compressed certificates", () => {
  it.each(rows)("a client refuses %s", (_, lie, using, reason, alert) => {
    refused(againstClient({ config: { certificateCompression: using }, Certificate: compressed(lie) }), reason, alert)
  })
  it.each(rows)("a server refuses %s", (_, lie, using, reason, alert) => {
    const config = { certificateCompression: using, clientAuthentication: required }
    refused(againstServer({ config, Certificate: compressed(lie) }), reason, alert)
  })
  it("a client refuses an empty list inside", () => {
    const Certificate = compressed(exactly(Uint8Array.of(0, 0, 0, 0)))
    refused(againstClient({ config: { certificateCompression }, Certificate }), "EmptyCertificateList", "decode_error")
  })
  it("a client refuses nothing at all, compressed", () => {
    const nothing = framed("compressed_certificate", Uint8Array.of(0, 1, 0, 0, 4, 0, 0, 0))
    const Certificate = ({ puppet }: Slot<Puppet, "Certificate">) => puppet.say(nothing)
    refused(againstClient({ config: { certificateCompression }, Certificate }), "DecodeFailed", "decode_error")
  })
  it("both take an honest one, whatever the other end is", () => {
    const client = againstClient({ config: { certificateCompression }, Certificate: compressed() })
    assert.strictEqual(client.end.connection.state, "CONNECTED", client.end.failure?.detail)
    const config = { certificateCompression, clientAuthentication: required }
    const server = againstServer({ config, Certificate: compressed() })
    assert.strictEqual(server.end.connection.state, "CONNECTED", server.end.failure?.detail)
    assert.deepStrictEqual(server.end.connection.established?.peer?.chain, credentials.clientEd25519.chain)
  })
})

const isConnected = (...ends: ReadonlyArray<End>) => {
  for (const end of ends) assert.strictEqual(end.connection.state, "CONNECTED", end.failure?.detail)
}

describe("certificates are compressed", () => {
  it.each(certificateCompressors.map((each) => [String(each.algorithm), each] as const))(
    "with %s, both ways",
    (_, one) => {
      const config = { certificateCompression: [one] }
      const { client, server } = handshake(clientEnd(config), serverEnd({ ...config, clientAuthentication: required }))
      isConnected(client, server)
      for (const end of [client, server]) {
        assert.include(end.messages, "said CompressedCertificate")
        assert.include(end.messages, "heard CompressedCertificate")
      }
    }
  )
  it("with the first of the sender's that the receiver offers", () => {
    const client = clientEnd({ certificateCompression: certificateCompressors })
    const { server } = handshake(
      client,
      serverEnd({ certificateCompression: [zlib, ...certificateCompressors.slice(0, 2)] })
    )
    const said = client.events.flatMap((e) =>
      e._tag === "Message" && e.message._tag === "CompressedCertificate" ? [e.message.body.algorithm] : []
    )
    assert.deepStrictEqual(said, ["zlib"])
    isConnected(client, server)
  })
  it.each([
    ["the other does not offer it", [zlib], []],
    ["we have none", [], [zlib]],
    ["nothing is in common", [zlib], certificateCompressors.filter(({ algorithm }) => algorithm !== "zlib")],
    ["it would be longer", [{ ...zlib, compress: (bytes: Uint8Array) => bytes }], [zlib]],
    ["it cannot be done", [{ ...zlib, compress: () => undefined }], [zlib]]
  ] as const)("not when %s", (_, ours, theirs) => {
    const server = serverEnd({ certificateCompression: ours })
    isConnected(server, handshake(clientEnd({ certificateCompression: theirs }), server).client)
    assert.include(server.messages, "said Certificate")
  })
})

const ocspStaple = Uint8Array.of(0x30, 3, 10, 1, 0)
const signedCertificateTimestamps = [Uint8Array.of(1, 2, 3), Uint8Array.of(4)]
const stapled = { ocspStaple, signedCertificateTimestamps }
const nothing = { ocsp: undefined, timestamps: undefined }
const everything = { ocsp: ocspStaple, timestamps: signedCertificateTimestamps }
const withStaples = (credential: (typeof credentials)["serverP256"]) => () => ({ ...credential, ...stapled })
const staplingServer = () => serverWorld({ choose: withStaples(credentials.serverEd25519) })
const staplingClient = () => clientWorld({ choose: withStaples(credentials.clientEd25519) })

describe("what is stapled", () => {
  it("reaches the client that asks, and its verifier", () => {
    let seen: object = {}
    const world = clientWorld()
    const verify: typeof world.verify = (request) => {
      seen = { ocsp: request.ocsp, timestamps: request.timestamps }
      return world.verify(request)
    }
    const client = clientEnd({ stapling: "ask" }, clientWorld({ verify }))
    isConnected(handshake(client, serverEnd({}, staplingServer())).server, client)
    assert.deepStrictEqual(client.connection.established?.staples, everything)
    assert.deepStrictEqual(seen, everything)
  })
  it("reaches the server that asks", () => {
    const server = serverEnd({ stapling: "ask", clientAuthentication: required })
    isConnected(server, handshake(clientEnd({}, staplingClient()), server).client)
    assert.deepStrictEqual(server.connection.established?.staples, everything)
  })
  it("goes with a certificate that is compressed", () => {
    const client = clientEnd({ stapling: "ask", certificateCompression })
    handshake(client, serverEnd({ certificateCompression }, staplingServer()))
    assert.include(client.messages, "heard CompressedCertificate")
    assert.deepStrictEqual(client.connection.established?.staples, everything)
  })
  it("stays at home when nobody asks", () => {
    const client = clientEnd()
    const server = serverEnd({ clientAuthentication: required }, staplingServer())
    isConnected(server, handshake(client, server).client)
    assert.deepStrictEqual(client.connection.established?.staples, nothing)
    const silent = serverEnd({ clientAuthentication: required })
    handshake(clientEnd({}, staplingClient()), silent)
    assert.deepStrictEqual(silent.connection.established?.staples, nothing)
  })
  it("stands at the leaf and nowhere else", () => {
    const [leaf = new Uint8Array(0)] = credentials.serverEd25519.chain
    const chain = [leaf, ...credentials.serverP256.chain]
    const world = serverWorld({ choose: () => ({ ...credentials.serverEd25519, ...stapled, chain }) })
    const client = clientEnd({ stapling: "ask" })
    isConnected(handshake(client, serverEnd({}, world)).client)
    const counts = client.events.flatMap((e) =>
      e._tag === "Message" && e.message._tag === "Certificate"
        ? e.message.body.certificate_list.map(({ extensions }) => extensions.length)
        : []
    )
    assert.deepStrictEqual(counts, [2, 0])
  })
  it("is asked for in the words of each message", () => {
    const { puppet } = againstClient({ config: { stapling: "ask" } })
    const asked = find(puppet.hello.extensions, "status_request")
    assert.deepStrictEqual(asked, {
      status_type: "ocsp",
      request: { responder_id_list: [], request_extensions: new Uint8Array(0) }
    })
    assert.deepStrictEqual(find(puppet.hello.extensions, "signed_certificate_timestamp"), {})
  })
  const answering = (response: Uint8Array) =>
    changed<"Certificate">(({ certificate_list, ...body }) => ({
      ...body,
      certificate_list: certificate_list.map((entry) => ({
        ...entry,
        extensions: [{ type: 5, data: Uint8Array.of(1, 0, 0, response.length, ...response) }]
      }))
    }))
  it("44: a client that asks refuses an OCSP response of no bytes", () => {
    const Certificate = answering(new Uint8Array(0))
    refused(againstClient({ config: { stapling: "ask" }, Certificate }), "DecodeFailed", "decode_error")
  })
  it("44: a server that asks for none refuses it inside a compressed certificate too", () => {
    const config = { certificateCompression, clientAuthentication: required }
    const Certificate = (slot: Slot<Puppet, "Certificate">) => {
      const [entry] = slot.message.body.certificate_list
      if (entry === undefined) return assert.fail("the client shows nothing")
      const extensions = [{ type: "status_request", data: { status_type: "ocsp", response: ocspStaple } } as const]
      const body = { ...slot.message.body, certificate_list: [{ ...entry, extensions }] }
      return compressed()({ ...slot, message: { _tag: "Certificate", body } })
    }
    refused(againstServer({ config, Certificate }), "UnsolicitedExtension", "unsupported_extension")
  })
})
