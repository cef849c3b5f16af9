/** A `ClientSessionStore` on Effect's `KeyValueStore`. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { KeyValueStore } from "effect/persistence/KeyValueStore"
import * as Semaphore from "effect/Semaphore"
import { ClientSessionStore, limitsOf, make, type Options } from "./ClientSessionStore.ts"
import { useDocument } from "./sessionDocument.ts"

/** The one key of the store. */
const key = "effect-tls/sessions"

/**
 * Keeps sessions under the key "effect-tls/sessions", as text with their secrets in it: let nobody else read it. What
 * goes wrong with the store is logged at debug, and means that no session is resumed.
 *
 * This layer hands out a ticket once, but cannot lock the store: let one process use it.
 *
 * @example
 * const Sessions = ClientSessionKeyValueStore.layer().pipe(Layer.provide(KeyValueStore.layerMemory))
 */
export const layer = (options: Options = {}): Layer.Layer<never, never, KeyValueStore> =>
  Layer.effect(
    ClientSessionStore,
    Effect.gen(function* () {
      const store = yield* KeyValueStore
      const semaphore = yield* Semaphore.make(1)
      const place = { read: store.get(key), write: (text: string) => store.set(key, text), limits: limitsOf(options) }
      return make((use, otherwise) =>
        semaphore
          .withPermit(useDocument(place, use))
          .pipe(
            Effect.catch(({ message }) =>
              Effect.as(Effect.logDebug(`TLS sessions: the store cannot be used: ${message}`), otherwise)
            )
          )
      )
    })
  )
