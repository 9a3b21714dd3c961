import { fork } from 'node:child_process'
import { once } from 'node:events'
import type { EventStore, IndexName, PersistentSubscription } from 'eventdb'
import { signalled } from './subscription-events.ts'

/** The name of the group that is measured. */
export const GROUP = 'bench'

/** Consumers of the group, in this process or in another one. */
export interface Consumers {
  /** How many events they have handled so far. */
  count(): number
  /** Leaves the group, when all that was handled is acknowledged. Returns the positions of what was handled. */
  close(): Promise<readonly string[]>
}

/** What a process with one consumer is told. */
export interface ConsumerJob {
  readonly engine: 'sqlite' | 'lmdb'
  readonly folder: string
  readonly indexes: readonly IndexName[]
}

/** What a process with one consumer says: that it has joined, how far it is, and at the end what it has handled. */
export interface ConsumerNews {
  readonly count: number
  readonly positions?: readonly string[]
}

/** Joins the group. The handler does nothing but note what it was given. */
export async function consumersIn(
  store: EventStore,
  count: number,
  onProgress: () => void,
): Promise<Consumers> {
  const positions: bigint[] = []
  const subscriptions: PersistentSubscription<unknown>[] = []
  const handle = ({ position }: { readonly position: bigint }): void => {
    positions.push(position)
    onProgress()
  }
  for (let consumer = 0; consumer < count; consumer += 1) {
    subscriptions.push(await store.all.subscribe({ type: 'persistent', group: GROUP }, handle))
  }
  return {
    count: () => positions.length,
    close: async () => {
      await Promise.all(subscriptions.map((subscription) => subscription.close()))
      for (const { ended } of subscriptions) {
        const { reason, error } = await ended
        if (reason !== 'closed') throw error
      }
      return positions.map(String)
    },
  }
}

/** Starts a process that joins the group; resolves when it has. */
export async function consumerProcess(job: ConsumerJob, onProgress: () => void): Promise<Consumers> {
  const file = new URL('./subscription-consumer.ts', import.meta.url)
  const child = fork(file, [JSON.stringify(job)], { execArgv: ['--import', 'tsx'] })
  // Everything that it has said is heard before this.
  const gone = once(child, 'disconnect')
  let latest: ConsumerNews | undefined
  const joined = signalled()
  child.on('message', (news: ConsumerNews) => {
    latest = news
    joined.resolve()
    onProgress()
  })
  await Promise.race([joined.promise, gone])
  if (latest === undefined) throw new Error('A consumer could not join')
  return {
    count: () => latest!.count,
    close: async () => {
      child.send('close')
      await gone
      if (latest?.positions === undefined) throw new Error('A consumer has failed')
      return latest.positions
    },
  }
}
