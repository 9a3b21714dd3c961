import { openEventStore } from 'eventdb'
import { type Appending, append } from './inline-work.ts'
import type { Figures } from './measured.ts'
import {
  build,
  type Counting,
  catchUp,
  type Projecting,
  project,
  type Waiting,
  waitFor,
} from './projection-work.ts'

/** One measurement of projections on a place. Runs in a process of its own. */
export interface ProjectionCell {
  readonly engine: 'sqlite' | 'lmdb'
  readonly folder: string
  readonly work: ProjectionWork
}

/** What is done. */
export type ProjectionWork =
  | { readonly kind: 'build'; readonly events: number }
  | Projecting
  | Counting
  | Waiting
  | Appending

async function main(): Promise<void> {
  const { engine, folder, work } = JSON.parse(process.argv[2]!) as ProjectionCell
  const store = await openEventStore(folder, { engine, indexes: ['category'] })
  let figures: Figures = {}
  if (work.kind === 'build') await build(store, work.events)
  else if (work.kind === 'project') figures = await project(store, work)
  else if (work.kind === 'wait') figures = await waitFor(store, work)
  else if (work.kind === 'append') figures = await append(store, work)
  else figures = await catchUp(store)
  await store.close()
  console.log(JSON.stringify(figures))
}

await main()
