import type { Projection } from '../store/contract-projections.ts'
import type { EventShape, RecordedEvent } from '../store/event.ts'
import { DELETED, TOMBSTONED } from '../store/life.ts'
import { SYSTEM_PREFIX } from '../store/prepared-event.ts'
import { categoryOf, readSettings, type Settings } from '../store/settings.ts'
import { isSystemEvent } from '../store/stored-event.ts'
import { type Sight, type Source, sourceOf } from '../subscription/source.ts'

/** The source of a projection, and how it is seen. */
export interface ProjectionSource {
  readonly source: Source
  readonly sight: Sight
}

/** Makes the source of a projection. Deletions are in no index and in no stream, so whoever wants them reads the log. */
export function projectionSource<S>({
  source: name,
  resolveLinks,
  definition,
}: Pick<Projection<EventShape, S>, 'source' | 'resolveLinks' | 'definition'>): ProjectionSource {
  if (definition.deleted === undefined) {
    const sight = { resolveLinks, system: false }
    return { source: sourceOf(name, sight), sight }
  }
  const sight = { resolveLinks, system: true }
  const log = sourceOf({ kind: 'all' }, sight)
  const isWanted = (event: RecordedEvent, settings: Settings): boolean => {
    const { streamId } = event.link ?? event
    if (!isSystemEvent(event)) return isOf(name, streamId, settings)
    const isDeletion = event.type === DELETED || event.type === TOMBSTONED
    return isDeletion && isOf(name, streamId.slice(SYSTEM_PREFIX.length), settings)
  }
  const source: Source = {
    ...log,
    page: async (view, after, limit) => {
      const settings = await readSettings(view.tx, view.keys)
      const page = await log.page(view, after, limit)
      return { ...page, events: page.events.filter((event) => isWanted(event, settings)) }
    },
    isMeant: isWanted,
  }
  return { source, sight }
}

function isOf(name: Projection<never, never>['source'], streamId: string, settings: Settings): boolean {
  switch (name.kind) {
    case 'stream':
      return streamId === name.streamId
    case 'category':
      return categoryOf(streamId, settings) === name.category
    default:
      return true
  }
}
