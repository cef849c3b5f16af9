/** WAIT_FINISHED, SIGNING: the server's Finished and all that we answer (RFC 9846 section 4.5.3). */
import { resultFn } from "../../../codec/resultFn.ts"
import type { Signed } from "../../command.ts"
import { endPointOf } from "../../established.ts"
import type { Heard } from "../../event.ts"
import { Flight, installKeys, logKey } from "../../flight.ts"
import { land, type Of, type Stepped, type Steps } from "../../machine.ts"
import { givenOf, peerOf, staplesOf } from "../../proof.ts"
import { append, type Hashing } from "../../transcript.ts"
import { certificateOf, kindOf } from "../authentication.ts"
import { pack } from "../certificateCompression.ts"
import { signedContent } from "../certificateVerify.ts"
import { verifyData, verifyFinished } from "../finished.ts"
import * as KeySchedule from "../keySchedule.ts"
import { keepTickets } from "./connected.ts"
import type { Connected, Ending, Signing, WaitFinished } from "./state.ts"

/** The application secrets, from the transcript up to the server's Finished. */
const ending = ({ parameters, proof }: WaitFinished, transcript: Hashing): Ending => {
  const { hs, protocol, earlyData } = parameters
  const main = KeySchedule.mainSecret(hs.suite.hash, hs.secret)
  const { server } = hs.offer.config
  const peer = peerOf(proof)
  return {
    parameters,
    proof,
    main,
    traffic: {
      suite: hs.suite,
      ours: KeySchedule.clientApplicationTraffic(main, transcript),
      theirs: KeySchedule.serverApplicationTraffic(main, transcript),
      asked: "nothing"
    },
    established: {
      version: "TLSv1.3",
      suite: hs.suite,
      group: hs.group,
      scheme: proof._tag === "PeerAuthenticated" ? proof.scheme : undefined,
      protocol,
      serverName: server._tag === "DnsName" ? server.name : undefined,
      kind: kindOf(proof, hs.kind),
      earlyData,
      peer,
      staples: staplesOf(proof),
      given: givenOf(proof),
      endPoint: endPointOf(peer?.chain ?? [], peer?.certificateType),
      exporter: KeySchedule.exporterSecret(main, transcript)
    }
  }
}

/** The end without a signature: the main secret is needed no more. */
const finishAtOnce = (flight: Flight, end: Ending): Stepped<Connected> => {
  const step = finish(flight, end)
  end.main.wipe()
  return step
}

/** Says Finished and changes to the application keys. */
const finish = resultFn(function* (flight: Flight, { parameters, main, ...rest }: Ending): Steps<Connected> {
  const { hs } = parameters
  const verify_data = verifyData(hs.client, flight.transcript)
  yield* flight.say("handshake", { _tag: "Finished", body: { verify_data } })
  const { traffic, established } = rest
  const random = hs.offer.hello.random
  flight.do(
    logKey("CLIENT_TRAFFIC_SECRET_0", random, traffic.ours),
    logKey("SERVER_TRAFFIC_SECRET_0", random, traffic.theirs),
    logKey("EXPORTER_SECRET", random, established.exporter),
    installKeys("read", "application", hs.suite, traffic.theirs),
    installKeys("write", "application", hs.suite, traffic.ours),
    { _tag: "Open", direction: "read" },
    { _tag: "Open", direction: "write" },
    { _tag: "Established", established }
  )
  const tickets = keepTickets(parameters, established, () => KeySchedule.resumptionSecret(main, flight.transcript))
  return land({ _tag: "CONNECTED", proof: rest.proof, established, traffic, tickets, owes: undefined }, flight.actions)
})

/** WAIT_FINISHED --Finished--> SIGNING | CONNECTED */
export const finished = resultFn(function* (
  state: WaitFinished,
  event: Of<Heard, "Finished">
): Steps<Signing | Connected> {
  const { hs } = state.parameters
  yield* verifyFinished(event.body.verify_data, hs.server, state.transcript)
  const flight = new Flight(append(state.transcript, event.raw))
  const end = ending(state, flight.transcript)
  if (state.parameters.earlyData === "accepted") {
    // QUIC has other ways to end early data (RFC 9001 section 8.3).
    if (hs.offer.config.transport === undefined) yield* flight.say("early", { _tag: "EndOfEarlyData", body: {} })
    flight.do(installKeys("write", "handshake", hs.suite, hs.client))
  }
  switch (state.auth._tag) {
    case "NotRequested":
      return yield* finishAtOnce(flight, end)
    case "Declined":
      yield* flight.say("handshake", { _tag: "Certificate", body: certificateOf(undefined) })
      return yield* finishAtOnce(flight, end)
    case "Chosen": {
      const { credential, scheme, asked } = state.auth
      const { certificateCompression } = hs.offer.config
      yield* flight.say("handshake", yield* pack(certificateOf(credential, asked), certificateCompression, asked))
      const content = signedContent("Client", flight.transcript)
      return land(
        {
          _tag: "SIGNING",
          asks: { _tag: "Sign", credential, scheme, content },
          ending: end,
          transcript: flight.transcript
        },
        flight.actions
      )
    }
  }
})

/** SIGNING --Signed--> CONNECTED */
export const signed = resultFn(function* (state: Signing, { signature }: Signed): Steps<Connected> {
  const flight = new Flight(state.transcript)
  yield* flight.say("handshake", { _tag: "CertificateVerify", body: { algorithm: state.asks.scheme, signature } })
  return yield* finish(flight, state.ending)
})
