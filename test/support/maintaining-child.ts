/**
 * Deletes, restores, truncates, scavenges, drops and builds indexes without pause until it is killed: `maintaining-child.ts <folder> <engine>
 * <seed>`. Loads everything, reports `ready`, opens the store when it is told to `go`, and then reports `open` and every change of a
 * stream before it is begun and after it was acknowledged.
 */
import { openEventStore } from 'eventdb'
import { seededRandom } from 'eventdb/testing'
import { report, told } from './told.ts'

/** What is done to a stream. */
export type StreamChange =
  | { readonly kind: 'append'; readonly streamId: string; readonly count: number }
  | { readonly kind: 'truncate'; readonly streamId: string; readonly share: number }
  | { readonly kind: 'delete'; readonly streamId: string }

/** What the child says. */
export type MaintainingReport =
  | { readonly event: 'ready' | 'open' }
  | { readonly event: 'begun' | 'acknowledged'; readonly change: StreamChange }
  | { readonly event: 'scavenged'; readonly events: number }

const STREAMS = 24
const [folder, engine, seed] = process.argv.slice(2) as [string, 'sqlite' | 'lmdb', string]
await import(`../../src/drivers/${engine}/index.ts`)
const random = seededRandom(Number(seed))
const going = told('go')
report({ event: 'ready' })
await going
const store = await openEventStore(folder, { engine })
report({ event: 'open' })
await Promise.all([changeStreams(), maintain()])

async function changeStreams(): Promise<void> {
  for (;;) {
    const change = randomChange()
    report({ event: 'begun', change })
    await make(change)
    report({ event: 'acknowledged', change })
  }
}

function randomChange(): StreamChange {
  const streamId = `stream-${Math.floor(random() * STREAMS)}`
  const chance = random()
  if (chance < 0.8) return { kind: 'append', streamId, count: 1 + Math.floor(random() * 40) }
  return chance < 0.9 ? { kind: 'truncate', streamId, share: random() } : { kind: 'delete', streamId }
}

async function make(change: StreamChange): Promise<void> {
  const stream = store.stream(change.streamId)
  switch (change.kind) {
    case 'append':
      await stream.append(
        Array.from({ length: change.count }, (_, at) => ({
          type: `Type${at % 3}`,
          tags: [`tag-${at % 5}`],
          data: { filler: 'x'.repeat(200) },
        })),
      )
      break
    case 'truncate':
      await store
        .transact(async (tx) => {
          const { version } = await tx.stream(change.streamId).info()
          await tx.stream(change.streamId).truncateBefore(1 + Math.floor(change.share * version))
        })
        .catch(ignoreMissing)
      break
    case 'delete':
      await stream.delete().catch(ignoreMissing)
  }
}

function ignoreMissing(error: { readonly code?: string }): void {
  if (error.code !== 'stream-not-found') throw error
}

async function maintain(): Promise<void> {
  for (;;) {
    const { events } = await store.scavenge()
    report({ event: 'scavenged', events })
    await store.reindex({ drop: ['tag'], add: ['tag'] })
    await store.reindex({ drop: ['type'] })
    await store.reindex({ add: ['type'] })
  }
}
