import { describe, expect, test } from 'vitest'
import { InvalidArgumentError, LimitExceededError, ProjectionChangedError } from '../errors.ts'
import { defineEvents } from '../events/define-events.ts'
import { OPEN_ATTEMPTS_MAX } from '../limits.ts'
import { openEventStore } from '../opening/open-event-store.ts'
import type { EventStore } from '../store/contract.ts'
import type { RunOnceOptions } from '../store/contract-projections.ts'
import type { AttemptOverlap } from './attempts.ts'
import { type CorrelationDefinition, defineCorrelation } from './correlation.ts'
import { minutes, seconds } from './durations.ts'
import { type CorrelationMatch, matchesOf } from './matches.ts'
import { type EndedSequence, type Sequence, sequence } from './sequence.ts'

/** What a test appends: a stream, which has one letter, a type, which has another, and when it happened, in milliseconds. */
type Happened = readonly [what: string, timeMs: number]

interface Letter {
  readonly type: string
  readonly data: { readonly n: number }
}

const letters = defineEvents<Letter>()
const START_MS = Date.parse('2018-01-01T00:00Z')
const start = sequence(letters)

/** Reads `'xA@5 B@7'`: an A in stream x, then a B in stream s. */
function logOf(text: string): Happened[] {
  return text.split(' ').map((one) => {
    const [what, timeMs] = one.split('@') as [string, string]
    return [what, Number(timeMs)]
  })
}

/** Appends in this order. */
async function append(store: EventStore, happened: string | readonly Happened[]): Promise<bigint> {
  let last = 0n
  const log = typeof happened === 'string' ? logOf(happened) : happened
  for (const [n, [what, timeMs]] of log.entries()) {
    const type = what.at(-1)!
    const event = { type, data: { n }, time: new Date(START_MS + timeMs) }
    const { position } = await store.stream(what.length > 1 ? what[0]! : 's').append(event)
    last = position!
  }
  return last
}

type Looked = Sequence<Letter> | EndedSequence<Letter>
type Settings = Partial<Omit<CorrelationDefinition<Letter>, 'sequence'>>

function correlation(looksFor: Looked, settings: Settings = {}) {
  return defineCorrelation(letters, {
    name: 'found',
    source: { kind: 'all' },
    by: 'stream',
    sequence: looksFor,
    ...settings,
  })
}

/** A match in short: the events in the order of versions, and when it ended. */
function short({ by, events, endedAt }: CorrelationMatch): string {
  return `${by} ${events.map(({ type, version }) => `${type}${version}`).join('-')} @${endedAt.getTime() - START_MS}`
}

async function matchesIn(reader: Parameters<typeof matchesOf>[0]): Promise<string[]> {
  const found: string[] = []
  for await (const match of matchesOf(reader)) found.push(short(match))
  return found
}

/** What is found in a store of its own. */
async function found(
  happened: string | readonly Happened[],
  looksFor: Looked,
  { overlap, ...options }: RunOnceOptions & { readonly overlap?: AttemptOverlap } = {},
): Promise<string[]> {
  await using store = await openEventStore(':memory:')
  await append(store, happened)
  return matchesIn(await store.runOnce(correlation(looksFor, { overlap }), options))
}

describe('followedBy()', () => {
  const soon = start.startsWith('A').followedBy('B', { within: 5 })

  test('finds what comes in time, at the very moment included', async () => {
    expect(await found('A@0 B@4', soon)).toEqual(['s A1-B2 @4'])
    expect(await found('A@0 B@5', soon)).toEqual(['s A1-B2 @5'])
    expect(await found('A@0 B@6', soon)).toEqual([])
    expect(await found('A@3 B@3', start.startsWith('A').followedBy('B', { within: 0 }))).toEqual([
      's A1-B2 @3',
    ])
  })

  test('passes over what comes in between, and takes the next that fits', async () => {
    const happened = 'A@0 X@1 B@2 B@3'
    expect(await found(happened, soon)).toEqual(['s A1-B3 @2'])
  })

  test('looks in each partition by itself', async () => {
    expect(await found('xA@0 yB@1 yA@2 xB@3 yB@4', soon)).toEqual(['x A1-B2 @3', 'y A2-B3 @4'])
  })

  test('takes one step for each event, also if it would fit two', async () => {
    const three = start.startsWith('A').followedBy('A').followedBy('A')
    expect(await found('A@0 A@1', three)).toEqual([])
    expect(await found('A@0 A@1 A@2', three)).toEqual(['s A1-A2-A3 @2'])
  })

  test('does not take what happened before, and was recorded later', async () => {
    expect(await found('A@9 B@8', soon)).toEqual([])
    expect(await found('A@9 B@8 B@10', soon)).toEqual(['s A1-B3 @10'])
  })

  test('goes by the time of its stream, however far others are', async () => {
    expect(await found('xX@1000 A@0 xX@2000 B@5', soon)).toEqual(['s A1-B2 @5'])
  })

  test('takes one of several types, or what a function says', async () => {
    const happened = 'A@0 C@1 D@2 B@3'
    expect(await found(happened, start.startsWith('A').followedBy(['D', 'C']))).toEqual(['s A1-C2 @1'])
    const third = start.startsWith('A').followedBy(({ data }) => data.n === 2)
    expect(await found(happened, third)).toEqual(['s A1-D3 @2'])
    await expect(
      found(happened, start.startsWith((async () => true) as never).followedBy('B')),
    ).rejects.toThrow(InvalidArgumentError)
  })

  test('takes a time that is ahead of the clock for the time of recording', async () => {
    await using store = await openEventStore(':memory:')
    const ahead = new Date(Date.now() + minutes(60))
    await store.stream('s').append([{ type: 'A', time: ahead }, { type: 'B' }])
    const [match] = await toArray(matchesOf(await store.runOnce(correlation(soon))))
    const [recorded] = await toArray(store.stream('s').read())
    expect(match).toMatchObject({ startedAt: recorded!.recordedAt, durationMs: 0 })
  })
})

describe('within()', () => {
  const both = start.startsWith('A').followedBy('B', { within: 5 }).followedBy('C', { within: 5 }).within(8)

  test('bounds the whole, besides its steps', async () => {
    expect(await found('A@0 B@4 C@8', both)).toEqual(['s A1-B2-C3 @8'])
    expect(await found('A@0 B@4 C@9', both)).toEqual([])
    expect(await found('A@0 B@1 C@7', both)).toEqual([])
  })

  test('does not count the wait for what does not come', async () => {
    const quiet = start.startsWith('A').followedBy('B').notFollowedBy('C', { within: 5 }).within(2)
    expect(await found('A@0 B@2 X@99', quiet)).toEqual(['s A1-B2 @7'])
    expect(await found('A@0 B@3 X@99', quiet)).toEqual([])
  })
})

describe('without()', () => {
  test('ends what is interrupted, only between its two steps', async () => {
    const looksFor = start.startsWith('A').without('X').followedBy('B').followedBy('C')
    expect(await found('A@0 X@1 B@2 C@3', looksFor)).toEqual([])
    expect(await found('X@0 A@1 B@2 X@3 C@4', looksFor)).toEqual(['s A2-B3-C5 @4'])
  })

  test('can be said of several, and counts up', async () => {
    const looksFor = start.startsWith('A').without('X').without(['Y', 'Z']).followedBy('B')
    for (const between of ['X', 'Y', 'Z']) {
      expect(await found(`A@0 ${between}@1 B@2`, looksFor)).toEqual([])
    }
    expect(await found('A@0 C@1 B@2', looksFor)).toEqual(['s A1-B3 @2'])
  })

  test('of everything asks for what comes right after', async () => {
    const rightAfter = start
      .startsWith('A')
      .without(() => true)
      .followedBy('B')
    expect(await found('A@0 X@1 B@2 A@3 B@4', rightAfter)).toEqual(['s A4-B5 @4'])
  })

  test('passes over what happened before the step', async () => {
    const looksFor = start.startsWith('A').without('X').followedBy('B')
    expect(await found('A@5 X@4 B@6', looksFor)).toEqual(['s A1-B3 @6'])
  })
})

describe('notFollowedBy()', () => {
  const unanswered = start.startsWith('A').notFollowedBy('B', { within: 5 })

  test('finds what did not come when time is over, also by an event of others', async () => {
    expect(await found('A@0 xX@6', unanswered)).toEqual(['s A1 @5'])
    expect(await found('A@0 B@6', unanswered)).toEqual(['s A1 @5'])
  })

  test('takes what comes at the very last moment for an answer', async () => {
    expect(await found('A@0 B@5 X@99', unanswered)).toEqual([])
    expect(await found('A@0 xX@5 B@5 X@99', unanswered)).toEqual([])
  })

  test('says nothing as long as time is not over, unless it is told', async () => {
    const happened = 'A@0 X@5'
    expect(await found(happened, unanswered)).toEqual([])
    const until = (ms: number) => ({ clockTo: new Date(START_MS + ms) })
    expect(await found(happened, unanswered, until(5))).toEqual([])
    expect(await found(happened, unanswered, until(6))).toEqual(['s A1 @5'])
  })

  test('tells apart who waits for what, and until when', async () => {
    const happened = 'A@0 A@0 A@2 xA@3 B@6 A@7 X@99'
    expect(await found(happened, unanswered)).toEqual(['s A1 @5', 's A2 @5', 'x A1 @8', 's A5 @12'])
  })

  test('can be interrupted by something else', async () => {
    const looksFor = start.startsWith('A').without('X').notFollowedBy('B', { within: 5 })
    expect(await found('A@0 X@5 C@99', looksFor)).toEqual([])
    expect(await found('A@0 C@5 C@99', looksFor)).toEqual(['s A1 @5'])
  })

  test('takes its time from the step before', async () => {
    const looksFor = start.startsWith('A').followedBy('B').notFollowedBy('C', { within: 5 })
    expect(await found('A@0 B@50 C@55 X@99', looksFor)).toEqual([])
    expect(await found('A@0 B@50 C@56 X@99', looksFor)).toEqual(['s A1-B2 @55'])
  })
})

describe('overlap', () => {
  const pair = start.startsWith('A').followedBy('B')
  const happened = 'A@0 A@1 B@2 B@3'

  test('decides which first events begin an attempt', async () => {
    expect(await found(happened, pair)).toEqual(['s A1-B3 @2', 's A2-B3 @2'])
    expect(await found(happened, pair, { overlap: 'first' })).toEqual(['s A1-B3 @2'])
    expect(await found(happened, pair, { overlap: 'last' })).toEqual(['s A2-B3 @2'])
  })

  test("but for 'every', no event is part of two", async () => {
    const twice = start.startsWith('A').followedBy('A')
    const four = 'A@0 A@1 A@2 A@3'
    expect(await found(four, twice)).toEqual(['s A1-A2 @1', 's A2-A3 @2', 's A3-A4 @3'])
    for (const overlap of ['first', 'last'] as const) {
      expect(await found(four, twice, { overlap })).toEqual(['s A1-A2 @1', 's A3-A4 @3'])
    }
  })

  test("'first' lets the next begin when the open one has run out, or was interrupted", async () => {
    const soon = start.startsWith('A').followedBy('B', { within: 5 })
    expect(await found('A@0 A@6 B@7', soon, { overlap: 'first' })).toEqual(['s A2-B3 @7'])
    const calm = start.startsWith('A').without('A').followedBy('B')
    expect(await found('A@0 A@6 B@7', calm, { overlap: 'first' })).toEqual(['s A2-B3 @7'])
  })

  test("'last' waits anew for what does not come", async () => {
    const quiet = start.startsWith('A').notFollowedBy('B', { within: 5 })
    const happened = 'A@0 A@4 X@8 X@10'
    expect(await found(happened, quiet, { overlap: 'last' })).toEqual(['s A2 @9'])
  })
})

describe('what is found', () => {
  const pair = start.startsWith('A').followedBy('B')

  test('is in the read model with its events and times, several of a moment beside each other', async () => {
    await using store = await openEventStore(':memory:')
    await append(store, 'A@0 A@60000 B@90000 A@90000 B@90000')
    const answer = await store.runOnce(correlation(pair))
    const rows = await toArray(answer.kv.getRange([]))
    const endMs = START_MS + 90_000
    expect(rows.map(({ key }) => key)).toEqual([0, 1, 2].map((n) => ['match', endMs, 's', n]))
    expect(rows[0]!.value).toEqual({
      by: 's',
      events: [
        { streamId: 's', version: 1, type: 'A', time: '2018-01-01T00:00:00.000Z' },
        { streamId: 's', version: 3, type: 'B', time: '2018-01-01T00:01:30.000Z' },
      ],
      startedAt: '2018-01-01T00:00:00.000Z',
      endedAt: '2018-01-01T00:01:30.000Z',
      durationMs: 90_000,
    })
    const [match] = await toArray(matchesOf(answer, { limit: 1, reverse: true }))
    expect([match!.durationMs, match!.endedAt, match!.events[0]!.version]).toEqual([0, new Date(endMs), 4])
    expect(JSON.parse(JSON.stringify(match))).toEqual(rows[2]!.value)
  })

  test('is what has begun, while it is open, and then nothing', async () => {
    await using store = await openEventStore(':memory:')
    await append(store, 'xA@0 yA@1 yB@2 zX@3')
    const answer = await store.runOnce(correlation(pair))
    expect(await toArray(answer.partitions())).toEqual([
      {
        partition: 'x',
        state: { open: [{ events: [{ streamId: 'x', version: 1, type: 'A', timeMs: START_MS }] }] },
        exists: true,
      },
    ])
  })

  test('is told to onMatch, which may write, emit and stop', async () => {
    await using store = await openEventStore(':memory:')
    await append(store, 'xA@0 xB@1 yA@2 yB@3')
    const emitted: unknown[] = []
    const asked = correlation(pair, {
      by: ({ streamId }) => `stream ${streamId}`,
      onMatch: async ({ by, events }, context) => {
        const before = Number((await context.kv.get(['count'])) ?? 0)
        context.kv.set(['count'], before + 1)
        context.emit('alarm', {
          type: 'Alarmed',
          data: { by, versions: events.map(({ version }) => version) },
        })
        context.stop()
      },
    })
    const answer = await store.runOnce(asked, { onEmit: (it) => emitted.push(it) })
    expect([await answer.kv.get(['count']), answer.isStopped]).toEqual([1, true])
    expect(emitted).toEqual([
      { streamId: 'alarm', events: [{ type: 'Alarmed', data: { by: 'stream x', versions: [1, 2] } }] },
    ])
    expect(await matchesIn(answer)).toEqual(['stream x A1-B2 @1'])
  })

  test('passes over events that have nothing in common with others', async () => {
    await using store = await openEventStore(':memory:')
    await append(store, 'xA@0 yB@1 zB@2')
    const asked = correlation(pair, { by: ({ streamId }) => (streamId === 'y' ? undefined : '') })
    expect(await matchesIn(await store.runOnce(asked))).toEqual([' A1-B1 @2'])
  })
})

test('1,000 attempts can be open in a partition, and one more fails', async () => {
  await using store = await openEventStore(':memory:')
  const asked = correlation(start.startsWith('A').followedBy('B', { within: seconds(5) }))
  const time = new Date(START_MS)
  const begin = (count: number) =>
    store.stream('s').append(Array.from({ length: count }, () => ({ type: 'A', time })))
  await begin(OPEN_ATTEMPTS_MAX)
  expect((await (await store.runOnce(asked)).state('s')).open).toHaveLength(OPEN_ATTEMPTS_MAX)
  await begin(1)
  const failure = store.runOnce(asked)
  await expect(failure).rejects.toThrow(LimitExceededError)
  await expect(failure).rejects.toMatchObject({ details: { limit: OPEN_ATTEMPTS_MAX, unit: 'attempts' } })
})

test('a correlation that runs on finds the same, and remembers over a restart', async () => {
  await using store = await openEventStore(':memory:')
  const unpaid = start.startsWith('A').followedBy('B').notFollowedBy('C', { within: 5 })
  const asked = correlation(unpaid)
  {
    await using running = await store.project(asked)
    await running.waitFor(await append(store, 'xA@0 yA@1 xB@2 yB@3'))
    expect(await matchesIn(running)).toEqual([])
    expect((await toArray(running.partitions())).map(({ partition }) => partition)).toEqual(['x', 'y'])
  }
  await using running = await store.project(asked)
  await running.waitFor(await append(store, 'yC@7 zX@20'))
  expect(await matchesIn(running)).toEqual(['x A1-B2 @7'])
  expect(await toArray(running.partitions())).toEqual([])
  expect(await matchesIn(await store.runOnce(asked))).toEqual(['x A1-B2 @7'])
  expect(await matchesIn(store.projection('found'))).toEqual(['x A1-B2 @7'])
})

test('a correlation that looks for something else needs another version', async () => {
  await using store = await openEventStore(':memory:')
  const within = (ms: number) => start.startsWith('A').followedBy('B', { within: ms })
  const last = await append(store, 'A@0 B@6')
  await using running = await store.project(correlation(within(5)))
  await running.waitFor(last)
  expect(await matchesIn(running)).toEqual([])
  await expect(store.project(correlation(within(6)))).rejects.toThrow(ProjectionChangedError)
  const newer = correlation(within(6), { version: 2 })
  await using built = await store.project(newer)
  await running.ended
  expect(await matchesIn(built)).toEqual(['s A1-B2 @6'])
})

async function toArray<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const one of source) all.push(one)
  return all
}
