import type { EventStore, IndexName, ReindexProgress, StoreInfo } from 'eventdb'
import { positionalsUpTo, textOptions } from '../arguments.ts'
import type { Command, Invocation } from '../command.ts'
import { formatCounted, formatShare } from '../format.ts'
import { INDEX_NAMES, indexNames } from '../index-names.ts'
import { INTERRUPTED } from '../interruption.ts'
import { longWork } from '../long-work.ts'
import { withExistingStore } from '../open-store.ts'

interface Changes {
  readonly add: readonly IndexName[]
  readonly drop: readonly IndexName[]
}

const INDEX = INDEX_NAMES.join(', ')

/** `eventdb reindex`: adds and drops indexes. */
export const reindex: Command = {
  name: 'reindex',
  form: '[--add I]... [--drop I]...',
  summary: 'Add and drop indexes, and finish what was begun',
  details: `
The store may be in use meanwhile. Without an index, what needs it is refused; each index
costs a row for each event, and that by tag one for each tag.

Ctrl-C stops it, and it says how to go on. Without options it finishes what is unfinished.

Examples:
  eventdb reindex --add tag --store shop
  eventdb reindex --drop type --drop category --store shop
  eventdb reindex --drop tag --add tag --store shop    # builds it anew`,
  options: [
    { name: 'add', value: 'I', repeats: true, about: `Add an index: ${INDEX}; may be repeated` },
    { name: 'drop', value: 'I', repeats: true, about: 'Drop one; may be repeated' },
  ],
  run: (invocation) => {
    const { args } = invocation
    positionalsUpTo(args, 0)
    const changes: Changes = {
      add: indexNames('add', textOptions(args, 'add')),
      drop: indexNames('drop', textOptions(args, 'drop')),
    }
    return withExistingStore(invocation, (store) => reindexStore(store, changes, invocation))
  },
}

async function reindexStore(
  store: EventStore,
  changes: Changes,
  { out, err, json }: Invocation,
): Promise<number> {
  const { interrupted } = await longWork(err, ({ signal, line }) =>
    store.reindex({
      ...changes,
      signal,
      onProgress: (progress) => line.update(() => progressOf(progress)),
    }),
  )
  if (interrupted) {
    err.note(`interrupted: ${howToGoOn(changes)}\n`)
    return INTERRUPTED
  }
  const { indexes } = await store.info()
  await out.line(json ? JSON.stringify({ indexes }) : formatIndexes(indexes))
  return 0
}

function progressOf({ index, doing, done, share }: ReindexProgress): string {
  if (share === undefined) return `${doing} ${index}  ${formatCounted(done, 'row')}`
  return `${doing} ${index}  ${formatShare(share)}  ${formatCounted(done, 'event')}`
}

/** Dropping an index once more that is being built would begin it anew. */
function howToGoOn({ add, drop }: Changes): string {
  const again = add.some((index) => drop.includes(index)) ? ' without --drop' : ''
  return `the same command${again} goes on from there`
}

function formatIndexes(indexes: StoreInfo['indexes']): string {
  return indexes.length === 0 ? 'The store has no indexes.' : `Indexes: ${indexes.join(', ')}.`
}
