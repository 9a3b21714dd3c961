import type { AnyPlace } from '../store/broker.ts'
import type { StoreHost } from '../store/host.ts'
import type { Reading } from '../store/reading.ts'
import type { AloneGate } from './alone-gate.ts'
import type { FeedScene } from './feed.ts'
import type { Control } from './group-rows.ts'
import type { GroupPlace } from './group-rows-in.ts'

/** What a desk needs. */
export interface DeskParts {
  readonly host: StoreHost
  readonly reading: Reading
  readonly feeds: FeedScene
  readonly gate: AloneGate
  readonly nameKey: Uint8Array
  readonly place: GroupPlace
  readonly control: Control
  readonly cursor: AnyPlace
  /** Called when the last consumer has gone. */
  onEmpty(): void
}
