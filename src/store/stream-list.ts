import { InvalidArgumentError } from '../errors.ts'
import { READ_PAGE_EVENTS } from '../limits.ts'
import { turn } from '../runtime.ts'
import type { StreamEntry, StreamsOptions } from './contract-streams.ts'
import type { StoreHost } from './host.ts'
import { onlyNames } from './known-names.ts'
import { LIVE, stateOf } from './life.ts'
import { readLife } from './life-rows.ts'
import { onSnapshot } from './on-snapshot.ts'
import { isSystemStream } from './prepared-event.ts'
import { checkLimit } from './read-options.ts'
import { type View, viewOf } from './reading.ts'
import { decodeName, headOf } from './stream-rows.ts'
import { firstReadable } from './visibility.ts'

/** A stream, and how many of its events can be read. */
export interface CountedEntry extends StreamEntry {
  readonly readable: number
}

const checkOptions = onlyNames(
  'The options of an enumeration of streams',
  'prefix',
  'after',
  'limit',
  'system',
  'deleted',
  'signal',
)

/** Enumerates streams, page by page, each on a snapshot of its own. @throws InvalidArgumentError */
export async function* listStreams(host: StoreHost, options: StreamsOptions): AsyncGenerator<CountedEntry> {
  checkOptions(options)
  checkTexts(options)
  const { prefix = '', limit = Number.POSITIVE_INFINITY, system = false, deleted = false, signal } = options
  checkLimit(limit, 'streams')
  let after = options.after
  for (let left = limit; left > 0; ) {
    signal?.throwIfAborted()
    const page = await onSnapshot(host.kv, (tx) => readPage(viewOf(tx, host), prefix, after))
    for (const entry of page) {
      if (isSystemStream(entry.streamId) && !system) continue
      if (entry.state !== 'live' && !deleted) continue
      yield entry
      left -= 1
      if (left <= 0) return
    }
    if (page.length < READ_PAGE_EVENTS) return
    after = page.at(-1)!.streamId
    await turn(host.runtime)
  }
}

function checkTexts({ prefix, after }: StreamsOptions): void {
  for (const [name, text] of Object.entries({ prefix, after })) {
    if (text === undefined || typeof text === 'string') continue
    throw new InvalidArgumentError(`"${name}" must be a string, not ${String(text)}`, { [name]: text })
  }
}

async function readPage(view: View, prefix: string, after: string | undefined): Promise<CountedEntry[]> {
  const { tx, keys } = view
  const rows = await tx.getRange(keys.nameRange(prefix, after), { limit: READ_PAGE_EVENTS }).toArray()
  return Promise.all(
    rows.map(({ key, value }) => readEntry(view, keys.streamIdOfName(key), decodeName(keys, key, value))),
  )
}

async function readEntry(view: View, streamId: string, number: number): Promise<CountedEntry> {
  const { tx, keys } = view
  const version = (await headOf(tx, keys, number))?.version ?? 0
  const life = await readLife(tx, keys, number)
  const state = stateOf(true, version, life) as CountedEntry['state']
  const first = life === LIVE ? 1 : await firstReadable(view, number, life, version)
  return { streamId, state, version, readable: version + 1 - first }
}
