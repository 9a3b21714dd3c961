import type { StoreHost } from '../store/host.ts'
import type { Reading } from '../store/reading.ts'

/** What the administration of groups needs. */
export interface AdminScene {
  readonly host: StoreHost
  readonly reading: Reading
  assertOpen(): void
}
