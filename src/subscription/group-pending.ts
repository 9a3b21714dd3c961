import type { AnyPlace } from '../store/broker.ts'
import type { Failure } from './group-exchange-parts.ts'

/** What has happened to a consumer's events since the last exchange. */
export interface Pending {
  readonly finished: AnyPlace[]
  readonly failed: Failure[]
  readonly returned: AnyPlace[]
  /** Keys of what has failed: nothing of them is handed over until that is durable. */
  readonly failedKeys: bigint[]
  readonly waiting: Map<AnyPlace, (isAccepted: boolean) => void>
}

/** Nothing has happened. */
export function nothingPending(): Pending {
  return { finished: [], failed: [], returned: [], failedKeys: [], waiting: new Map() }
}

/** What has happened, and then what has. */
export function joinedPending(earlier: Pending, later: Pending): Pending {
  return {
    finished: [...earlier.finished, ...later.finished],
    failed: [...earlier.failed, ...later.failed],
    returned: [...earlier.returned, ...later.returned],
    failedKeys: [...earlier.failedKeys, ...later.failedKeys],
    waiting: new Map([...earlier.waiting, ...later.waiting]),
  }
}
