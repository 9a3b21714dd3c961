import { join } from 'node:path'
import { type EventStore, type GroupSettings, openEventStore, type SubscriptionGroup } from 'eventdb'
import { Crew, type CrewScene } from './crew.ts'
import { temporaryFolder } from './temporary-folder.ts'

/** A group of `all` in a store of its own, and a crew that consumes it. */
export interface GroupScene extends AsyncDisposable {
  readonly place: CrewScene
  readonly store: EventStore
  readonly group: SubscriptionGroup
  readonly crew: Crew
}

/** Makes a store, fills it, and creates a group. */
export async function groupScene(
  engine: 'sqlite' | 'lmdb',
  settings: GroupSettings,
  fill: (folder: string) => Promise<unknown> = async () => {},
): Promise<GroupScene> {
  const folder = await temporaryFolder()
  const place: CrewScene = { folder: folder.path, store: join(folder.path, 'store'), engine, group: 'g' }
  await fill(place.store)
  const store = await openEventStore(place.store, { engine })
  const crew = new Crew(place)
  return {
    place,
    store,
    group: await store.all.createSubscription('g', settings),
    crew,
    [Symbol.asyncDispose]: async () => {
      await crew[Symbol.asyncDispose]()
      await store.close()
      await folder.remove()
    },
  }
}
