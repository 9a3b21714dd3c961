import type { Transaction } from '../kv/contract.ts'
import type { PendingEvent } from './event.ts'
import type { InlineEntry } from './settings.ts'

/** What an inline projection does in one transaction. */
export interface InlineWork {
  /** Handles events that are about to be committed. What is emitted is appended by the session. @throws ProjectionRefusedError */
  handle(events: readonly PendingEvent[]): Promise<void>
  /** Writes what came of them. @throws ProjectionRefusedError for a state that cannot be stored */
  write(): void
}

/** The session of a transaction, which whoever carries a projection knows more of. */
export interface AppendingSession {
  readonly tx: Transaction
}

/** An inline projection that this process can keep. */
export interface InlineCarrier {
  readonly name: string
  readonly generation: number
  readonly version: number
  /** Begins to handle what a session appends, for the copy with this number. */
  begin(session: AppendingSession, copy: number): InlineWork
}

/** The inline projections that this process carries. */
export class InlineCarriers {
  readonly #carriers = new Set<InlineCarrier>()

  /** Carries one, until the returned function is called. */
  carry(carrier: InlineCarrier): () => void {
    this.#carriers.add(carrier)
    return () => this.#carriers.delete(carrier)
  }

  /** The one that keeps what is in force: of the same generation, as another one of the same name may have had another form. */
  find({ name, generation, version }: InlineEntry): InlineCarrier | undefined {
    for (const carrier of this.#carriers) {
      if (carrier.name === name && carrier.generation === generation && carrier.version === version)
        return carrier
    }
    return undefined
  }
}
