import type { StreamAppend } from '../../store/contract-appending.ts'
import type { NewEvent } from '../../store/event.ts'
import { uuidOf } from './laws.ts'

type Appends = readonly StreamAppend[]

const first: NewEvent = {
  type: 'First',
  data: { a: [1, 'x'] },
  metadata: { b: 'é' },
  tags: ['t', 'u'],
  id: uuidOf(1),
  time: new Date(1_000),
}
const second: NewEvent = { type: 'Second' }
const other: StreamAppend = { streamId: 'other', events: [{ type: 'Third', data: Uint8Array.of(123, 125) }] }

/** An append with everything that it can have. */
export const CONTENT: Appends = [{ streamId: 's', events: [first, second] }, other]

/** The same, written down in other ways. */
export const SAME: readonly Appends[] = [
  [{ streamId: 's', events: [{ ...first, tags: ['u', 't', 'u'] }, second] }, other],
  [
    {
      streamId: 's',
      events: [
        { ...first, id: uuidOf(1).toUpperCase() },
        { ...second, tags: [] },
      ],
    },
    { streamId: 'other', events: { type: 'Third', data: Uint8Array.of(123, 125) } },
  ],
]

/** The same append with another first event. */
function withFirst(changed: Partial<NewEvent> | Record<keyof NewEvent, undefined>): Appends {
  return [{ streamId: 's', events: [{ ...first, ...changed } as NewEvent, second] }, other]
}

function without(name: keyof NewEvent): Appends {
  const { [name]: _, ...rest } = first
  return [{ streamId: 's', events: [rest as NewEvent, second] }, other]
}

function withSecond(...events: readonly NewEvent[]): Appends {
  return [{ streamId: 's', events: [first, ...events] }, other]
}

/** Other appends, each different from `CONTENT` in one thing, by what that is. */
export const OTHERS: Readonly<Record<string, Appends>> = {
  'another stream': [{ streamId: 't', events: [first, second] }, other],
  'another second stream': [CONTENT[0]!, { ...other, streamId: 'othe' }],
  'its streams in another order': [other, CONTENT[0]!],
  'a stream less': [CONTENT[0]!],
  'a stream more': [...CONTENT, { streamId: 'more', events: [] }],
  'another type': withFirst({ type: 'Firs' }),
  'other data': withFirst({ data: { a: [1, 'y'] } }),
  'no data': without('data'),
  'null as data': withSecond({ ...second, data: null }),
  'text as data that looks like other data': withFirst({ data: '{"a":[1,"x"]}' }),
  'JSON as data in place of the same bytes': [CONTENT[0]!, { ...other, events: { type: 'Third', data: {} } }],
  'other metadata': withFirst({ metadata: { b: 'e' } }),
  'no metadata': without('metadata'),
  'data and metadata exchanged': withFirst({ data: { b: 'é' }, metadata: { a: [1, 'x'] } }),
  'data as metadata': withSecond({ ...second, metadata: null }),
  'another tag': withFirst({ tags: ['t', 'v'] }),
  'a tag less': withFirst({ tags: ['t'] }),
  'two tags in one': withFirst({ tags: ['tu'] }),
  'no tags': without('tags'),
  'another id': withFirst({ id: uuidOf(2) }),
  'no id': without('id'),
  'an id more': withSecond({ ...second, id: uuidOf(3) }),
  'another time': withFirst({ time: new Date(1_001) }),
  'no time': without('time'),
  'its events in another order': [{ streamId: 's', events: [second, first] }, other],
  'an event more': withSecond(second, second),
  'an event less': withSecond(),
  'an event in the other stream': [
    { streamId: 's', events: [first] },
    { streamId: 'other', events: [second, ...(other.events as readonly NewEvent[])] },
  ],
}
