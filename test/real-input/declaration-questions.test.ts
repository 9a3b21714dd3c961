import { existsSync } from 'node:fs'
import {
  type CorrelationMatch,
  days,
  defineCorrelation,
  type EndedSequence,
  type EventShape,
  type EventStore,
  hours,
  matchesOf,
  openEventStore,
  type Sequence,
  sequence,
} from 'eventdb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { firstDifference } from '../support/first-difference.ts'
import { type ProgramRun, runProgram } from '../support/run-program.ts'
import { type DeclarationLine, readDeclarations } from './declaration.ts'
import { DECLARATIONS } from './declarations.ts'

const LINES_AT_ONCE = 1_000
const HOUR_MS = 3_600_000
const END = new Date('2020-01-01T00:00:00Z')

/** A match: its declaration, the versions of its events, and how long it took in milliseconds. */
type Found = readonly [stream: string, versions: readonly number[], durationMs: number]

/** A line of the file, and its place in the history of its declaration. */
interface Step {
  readonly type: string
  readonly version: number
  readonly ms: number
  readonly time: string
}

describe.skipIf(!existsSync(DECLARATIONS))('questions about the expense declarations', () => {
  let histories: ReadonlyMap<string, readonly Step[]>
  let store: EventStore
  let example: ProgramRun

  beforeAll(async () => {
    const lines = readDeclarations()
    histories = historiesOf(lines)
    store = await openEventStore(':memory:')
    await record(store, lines)
    example = await runProgram('examples/questions.ts', DECLARATIONS)
    expect([example.stderr, example.exitCode]).toEqual(['', 0])
  })
  afterAll(() => store?.close())

  /** What our code finds, in the order of declarations and versions. */
  async function found(looksFor: Sequence<EventShape> | EndedSequence<EventShape>): Promise<Found[]> {
    const asked = { name: 'found', source: { kind: 'category', category: 'declaration' } } as const
    const question = defineCorrelation({ ...asked, by: 'stream', sequence: looksFor })
    const matches: Found[] = []
    for await (const match of matchesOf(await store.runOnce(question, { clockTo: END }))) {
      expect(match.events.every(({ streamId }) => streamId === match.by)).toBe(true)
      matches.push(inShort(match))
    }
    return matches.toSorted(inOrder)
  }

  test('which were rejected, and submitted again within 24 hours', async () => {
    const expected = eachStep(histories, (steps, at) => {
      if (!steps[at]!.type.includes('Rejected')) return undefined
      const next = steps.slice(at + 1).find(({ type }) => type.includes('Submitted'))
      return next && next.ms - steps[at]!.ms <= 24 * HOUR_MS ? next : undefined
    })
    expect(expected.length).toBeGreaterThan(1_000)
    const looksFor = sequence()
      .startsWith(({ type }) => type.startsWith('DeclarationRejected'))
      .followedBy('DeclarationSubmittedByEmployee', { within: hours(24) })
    expect(firstDifference(await found(looksFor), expected)).toBeUndefined()
    expect(numberIn(example, 'within 24 hours')).toBe(new Set(expected.map(([stream]) => stream)).size)
  })

  test('which were paid, though the administration had never approved', async () => {
    const expected = eachStep(histories, (steps, at) => {
      const paid = steps.findIndex(({ type }) => type === 'PaymentHandled')
      if (at > 0 || paid === -1) return undefined
      const before = steps.slice(0, paid).map(({ type }) => type)
      return before.includes('DeclarationApprovedByAdministration') ? undefined : steps[paid]
    })
    expect(expected.length).toBeGreaterThan(1_000)
    const looksFor = sequence()
      .startsWith(({ version }) => version === 1)
      .without('DeclarationApprovedByAdministration')
      .followedBy('PaymentHandled')
    expect(firstDifference(await found(looksFor), expected)).toBeUndefined()
    expect(numberIn(example, 'had never approved')).toBe(expected.length)
  })

  test('how long the longest wait of each month was', async () => {
    const expected = eachStep(histories, (steps, at) => steps[at + 1])
    const looksFor = sequence()
      .startsWith(() => true)
      .followedBy(() => true)
    expect(firstDifference(await found(looksFor), expected)).toBeUndefined()
    const longest = new Map<string, number>()
    for (const [stream, [, version], ms] of expected) {
      const month = histories.get(stream)![version! - 1]!.time.slice(0, 7)
      longest.set(month, Math.max(longest.get(month) ?? 0, ms))
    }
    const drawn = [...example.stdout.matchAll(/^ {2}(\d{4}-\d\d) █+ +([\d.]+) days/gm)]
    expect(drawn.map(([, month, length]) => [month, length])).toEqual(
      [...longest].toSorted().map(([month, ms]) => [month, (ms / (24 * HOUR_MS)).toFixed(1)]),
    )
    expect(drawn.length).toBe(25)
  })

  test('which heard nothing for 30 days after they were submitted', async () => {
    const waitMs = 30 * 24 * HOUR_MS
    const expected = [...histories]
      .flatMap(([stream, steps]) =>
        steps.flatMap(({ type, version, ms }, at): Found[] => {
          const isSilent = (steps[at + 1]?.ms ?? Number.POSITIVE_INFINITY) > ms + waitMs
          return type.includes('Submitted') && isSilent ? [[stream, [version], waitMs]] : []
        }),
      )
      .toSorted(inOrder)
    expect(expected.length).toBeGreaterThan(100)
    const looksFor = sequence()
      .startsWith('DeclarationSubmittedByEmployee')
      .notFollowedBy(() => true, { within: days(30) })
    expect(firstDifference(await found(looksFor), expected)).toBeUndefined()
  })
})

async function record(store: EventStore, lines: readonly DeclarationLine[]): Promise<void> {
  for (let from = 0; from < lines.length; from += LINES_AT_ONCE) {
    await store.transact(async (tx) => {
      for (const { stream, type, time } of lines.slice(from, from + LINES_AT_ONCE)) {
        await tx.stream(stream).append({ type, time: new Date(time) })
      }
    })
  }
}

function historiesOf(lines: readonly DeclarationLine[]): ReadonlyMap<string, readonly Step[]> {
  const histories = new Map<string, Step[]>()
  for (const { stream, type, time } of lines) {
    const steps = histories.get(stream) ?? []
    histories.set(stream, steps)
    steps.push({ type, version: steps.length + 1, ms: Date.parse(time), time })
  }
  return histories
}

/** Goes through all histories; `endOf` gives the step that ends what the step at an index begins, if any. */
function eachStep(
  histories: ReadonlyMap<string, readonly Step[]>,
  endOf: (steps: readonly Step[], at: number) => Step | undefined,
): Found[] {
  const found: Found[] = []
  for (const [stream, steps] of histories) {
    for (const [at, { version, ms }] of steps.entries()) {
      const end = endOf(steps, at)
      if (end !== undefined) found.push([stream, [version, end.version], end.ms - ms])
    }
  }
  return found.toSorted(inOrder)
}

function inShort({ by, events, durationMs }: CorrelationMatch): Found {
  return [by, events.map(({ version }) => version), durationMs]
}

function inOrder(a: Found, b: Found): number {
  if (a[0] !== b[0]) return a[0] < b[0] ? -1 : 1
  return a[1][0]! - b[1][0]!
}

function numberIn({ stdout }: ProgramRun, question: string): number {
  return Number(new RegExp(`${question}: (\\d+)$`, 'm').exec(stdout)?.[1])
}
