import { readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type EventStore, type IndexName, openEventStore } from 'eventdb'
import { type Administration, administer } from './feature-administration.ts'
import { type Appends, appends, build } from './feature-appends.ts'
import { ask } from './feature-questions.ts'
import { type Figures, measured } from './measured.ts'
import type { QuestionName } from './tagged.ts'

/** One measurement of the event store on a place. Runs in a process of its own. */
export interface FeatureCell {
  readonly engine: 'sqlite' | 'lmdb'
  readonly folder: string
  readonly indexes: readonly IndexName[]
  readonly work: FeatureWork
}

/** What is done. */
export type FeatureWork =
  | { readonly kind: 'build'; readonly events: number }
  | Appends
  | { readonly kind: 'ask'; readonly question: QuestionName; readonly scale: number }
  | Administration

async function main(): Promise<void> {
  const { engine, folder, indexes, work } = JSON.parse(process.argv[2]!) as FeatureCell
  const store = await openEventStore(folder, { engine, indexes })
  const { eventsOfStore, ...figures } = await run(store, folder, work)
  await store.close()
  // Not before: closing leaves nothing in the files that is only there for the time being.
  const size = eventsOfStore === undefined ? {} : { bytesPerEvent: bytesOf(folder) / eventsOfStore }
  console.log(JSON.stringify({ ...figures, ...size }))
}

async function run(store: EventStore, folder: string, work: FeatureWork): Promise<Figures> {
  switch (work.kind) {
    case 'build':
      await build(store, work.events)
      return {}
    case 'append':
      return appends(store, work)
    case 'ask':
      return ask(store, work.question, work.scale)
    case 'backup':
      return backUp(store, `${folder}-backup`)
    default:
      return administer(store, work)
  }
}

async function backUp(store: EventStore, copy: string): Promise<Figures> {
  const seen = await measured(async () => {
    await store.backup(copy)
    return bytesOf(copy) / 2 ** 20
  })
  rmSync(copy, { recursive: true })
  return { ...seen, mibPerSecond: seen.perSecond }
}

/** The size of the files in a folder. */
function bytesOf(folder: string): number {
  const files = readdirSync(folder, { withFileTypes: true, recursive: true })
  return files
    .filter((file) => file.isFile())
    .reduce((bytes, file) => bytes + statSync(join(file.parentPath, file.name)).size, 0)
}

await main()
