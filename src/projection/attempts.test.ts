import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { defineEvents } from '../events/define-events.ts'
import { openEventStore } from '../opening/open-event-store.ts'
import type { RunOnceOptions } from '../store/contract-projections.ts'
import { defineCorrelation } from './correlation.ts'
import { matchesOf } from './matches.ts'
import { type EndedSequence, type Sequence, sequence } from './sequence.ts'

/** What a test appends: a letter for the stream and one for the type, and when it happened, in milliseconds. */
type Happened = readonly [what: string, timeMs: number]

interface Letter {
  readonly type: string
}

const letters = defineEvents<Letter>()
const START_MS = Date.parse('2018-01-01T00:00Z')
const start = sequence(letters)

/** What is found in a store of its own, in short: the events by their versions, and when it ended. */
async function found(
  happened: readonly Happened[],
  looksFor: Sequence<Letter> | EndedSequence<Letter>,
  options?: RunOnceOptions,
): Promise<string[]> {
  await using store = await openEventStore(':memory:')
  for (const [what, timeMs] of happened) {
    await store.stream(what[0]!).append({ type: what[1]!, time: new Date(START_MS + timeMs) })
  }
  const asked = { name: 'found', source: { kind: 'all' }, by: 'stream', sequence: looksFor } as const
  const matches: string[] = []
  for await (const match of matchesOf(await store.runOnce(defineCorrelation(letters, asked), options))) {
    const names = match.events.map(({ type, version }) => `${type}${version}`).join('-')
    matches.push(`${match.by} ${names} @${match.endedAt.getTime() - START_MS}`)
  }
  return matches
}

describe('of random events', () => {
  const happening = fc.tuple(fc.constantFrom('xA', 'xB', 'xC', 'xD', 'yA', 'yB', 'yC'), fc.nat({ max: 3 }))
  /** In the order of time: each a bit later than the one before. */
  const logs = fc.array(happening, { maxLength: 25 }).map((steps) => {
    let timeMs = 0
    return steps.map(([what, laterMs]): Happened => {
      timeMs += laterMs
      return [what, timeMs]
    })
  })

  test('every attempt is what a look at all that follows would find', async () => {
    const looksFor = start
      .startsWith('A')
      .without('D')
      .followedBy('B', { within: 4 })
      .followedBy(['C', 'A'], { within: 5 })
      .within(7)
    const property = fc.asyncProperty(logs, async (happened) => {
      const expected = ofEachFirst(happened, (rest) => {
        const second = rest.findIndex(({ type }, at) => at > 0 && type === 'B')
        if (second === -1 || rest.slice(1, second).some(({ type }) => type === 'D')) return undefined
        const third = rest.findIndex(({ type }, at) => at > second && (type === 'C' || type === 'A'))
        if (third === -1) return undefined
        const [t0, t1, t2] = [rest[0]!.timeMs, rest[second]!.timeMs, rest[third]!.timeMs]
        return t1 - t0 <= 4 && t2 - t1 <= 5 && t2 - t0 <= 7 ? [0, second, third] : undefined
      })
      expect((await found(happened, looksFor)).toSorted()).toEqual(expected.toSorted())
    })
    await fc.assert(property, { numRuns: 150 })
  })

  test('what is absent is what a look at all that follows would miss', async () => {
    const looksFor = start.startsWith('A').without('D').notFollowedBy(['B', 'C'], { within: 4 })
    const property = fc.asyncProperty(logs, async (happened) => {
      const expected = ofEachFirst(
        happened,
        ([first, ...rest]) =>
          rest.some(({ type, timeMs }) => type !== 'A' && timeMs <= first!.timeMs + 4) ? undefined : [0],
        4,
      )
      const options = { clockTo: new Date(START_MS + 1_000) }
      expect((await found(happened, looksFor, options)).toSorted()).toEqual(expected.toSorted())
    })
    await fc.assert(property, { numRuns: 150 })
  })
})

interface Placed {
  readonly type: string
  readonly version: number
  readonly timeMs: number
}

/** Goes from each A to the end of its stream; `look` says which events make a match. */
function ofEachFirst(
  happened: readonly Happened[],
  look: (rest: readonly Placed[]) => readonly number[] | undefined,
  waitMs = 0,
): string[] {
  return ['x', 'y'].flatMap((streamId) => {
    const own = happened
      .filter(([what]) => what[0] === streamId)
      .map(([what, timeMs], at): Placed => ({ type: what.at(-1)!, version: at + 1, timeMs }))
    return own.flatMap((first, at) => {
      const rest = own.slice(at)
      const chosen = first.type === 'A' ? look(rest) : undefined
      if (chosen === undefined) return []
      const events = chosen.map((index) => rest[index]!)
      const names = events.map(({ type, version }) => `${type}${version}`).join('-')
      return [`${streamId} ${names} @${events.at(-1)!.timeMs + waitMs}`]
    })
  })
}
