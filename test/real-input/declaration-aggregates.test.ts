import { existsSync } from 'node:fs'
import { openEventStore } from 'eventdb'
import { beforeAll, describe, expect } from 'vitest'
import { spawned, test } from '../cli/eventdb.ts'
import { firstDifference } from '../support/first-difference.ts'
import { runProgram } from '../support/run-program.ts'
import {
  type Declaration,
  type DeclarationLine,
  type DeclarationUse,
  declarationAggregate,
  readDeclarations,
} from './declaration.ts'
import { DECLARATIONS } from './declarations.ts'

const EVENTS = 55_628
const STREAMS = 10_357
const NEW_YEAR = new Date('2018-01-01T00:00:00Z')
/** Commands under way at a time. */
const COMMANDS = 24
/** Of so many versions, one is loaded. */
const VERSIONS_A_LOOK = 7

/** What a declaration was at each of its versions, from 0 on. */
type History = readonly Declaration[]

/** A state, and where it was found. */
type Found = readonly [id: string, version: number, state: Declaration]

describe.skipIf(!existsSync(DECLARATIONS))('the expense declarations as aggregates', () => {
  let lines: readonly DeclarationLine[] = []
  let histories: ReadonlyMap<string, History> = new Map()

  beforeAll(() => {
    lines = readDeclarations()
    histories = historiesOf(lines)
    expect([lines.length, histories.size]).toEqual([EVENTS, STREAMS])
  })

  test('are what a loop over the file makes of them, now and as of a day', async ({ folder }) => {
    const imported = await spawned(['import', DECLARATIONS, '--store', folder])
    expect(imported.code, imported.stderr).toBe(0)
    await using store = await openEventStore(folder, { create: false })
    let evolved = 0
    const declarations = store.aggregate(declarationAggregate(() => (evolved += 1)))
    await lookAtNow(declarations, histories)
    expect(evolved).toBe(EVENTS)
    await lookAtNewYear(declarations, histories)
  })

  test('are the same when they were recorded by commands, and snapshots are there', async ({ folder }) => {
    await record(folder, lines)
    // Nothing is in memory any more.
    await using store = await openEventStore(folder, { create: false })
    let evolved = 0
    const declarations = store.aggregate(declarationAggregate(() => (evolved += 1), { every: 5 }))
    await lookAtNow(declarations, histories)
    console.log(`${evolved} of ${EVENTS} events had to be folded, the others were in snapshots`)
    expect(evolved).toBeLessThan(EVENTS - 5_000)
    await lookAtNewYear(declarations, histories)
    await lookAtVersions(declarations, histories)
    expect((await store.check()).problems).toEqual([])
  })

  test('are counted by the example as they are in the file', async () => {
    const { stdout, stderr, exitCode } = await runProgram('examples/declarations.ts', DECLARATIONS)
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 })
    const [now, then] = stdout.split('when 2018 began:')
    const counted = (text: string, status: string): number =>
      Number(new RegExp(`^ {2}(\\d+) ${status},`, 'm').exec(text)?.[1] ?? 0)
    for (const status of ['draft', 'submitted', 'rejected', 'approved', 'to be paid', 'paid']) {
      const count = (versions: Iterable<Declaration>): number =>
        [...versions].filter((state) => state.status === status).length
      expect([status, counted(now!, status)]).toEqual([status, count(lastOf(histories))])
      expect([status, counted(then!, status)]).toEqual([status, count(lastOf(histories, NEW_YEAR))])
    }
    expect(counted(now!, 'paid')).toBeGreaterThan(9_000)
    expect(counted(then!, 'paid')).toBeGreaterThan(2_000)
  })
})

/** Records every line by a command of its own, with a snapshot after each five events of a declaration, unless there is too much to do. */
async function record(folder: string, lines: readonly DeclarationLine[]): Promise<void> {
  await using store = await openEventStore(folder)
  const declarations = store.aggregate(declarationAggregate(() => {}, { every: 5 }))
  const todo = lines.values()
  const work = async (): Promise<void> => {
    for (const line of todo) await declarations.execute(idOf(line), 'record', line)
  }
  await Promise.all(Array.from({ length: COMMANDS }, work))
}

async function lookAtNow(
  declarations: DeclarationUse,
  histories: ReadonlyMap<string, History>,
): Promise<void> {
  const found: Found[] = []
  for (const id of histories.keys()) {
    const { version, state } = await declarations.load(id)
    found.push([id, version, state])
  }
  const expected = [...histories].map(([id, history]): Found => [id, history.length - 1, history.at(-1)!])
  expect(firstDifference(found, expected)).toBeUndefined()
}

async function lookAtNewYear(
  declarations: DeclarationUse,
  histories: ReadonlyMap<string, History>,
): Promise<void> {
  const found: Found[] = []
  let absent = 0
  for (const id of histories.keys()) {
    const { version, state, exists } = await declarations.load(id, { asOf: NEW_YEAR })
    found.push([id, version, state])
    if (!exists) absent += 1
  }
  const expected = [...histories].map(([id, history]): Found => {
    const version = history.findLastIndex((state) => wasThen(state, NEW_YEAR))
    return [id, version, history[version]!]
  })
  expect(firstDifference(found, expected)).toBeUndefined()
  // The year begins in the middle: many are done, many are not there yet, and some are on their way.
  const done = expected.filter(([id, version]) => version === histories.get(id)!.length - 1).length
  expect(absent).toBe(expected.filter(([, version]) => version === 0).length)
  expect(absent).toBeGreaterThan(1_000)
  expect(done).toBeGreaterThan(1_000)
  expect(STREAMS - absent - done).toBeGreaterThan(50)
}

/** Below the newest snapshots, above them, and just there. */
async function lookAtVersions(
  declarations: DeclarationUse,
  histories: ReadonlyMap<string, History>,
): Promise<void> {
  const expected = [...histories]
    .flatMap(([id, history]) => history.map((state, version): Found => [id, version, state]))
    .filter((_, at) => at % VERSIONS_A_LOOK === 0)
  const found: Found[] = []
  for (const [id, version] of expected) {
    const loaded = await declarations.load(id, { version })
    found.push([id, loaded.version, loaded.state])
  }
  expect(firstDifference(found, expected)).toBeUndefined()
}

/** Goes through the file line by line, and notes what it finds: without events, folds and stores. */
function historiesOf(lines: readonly DeclarationLine[]): ReadonlyMap<string, History> {
  const histories = new Map<string, Declaration[]>()
  for (const line of lines) {
    const history = histories.get(idOf(line)) ?? [notBegun()]
    histories.set(idOf(line), history)
    const next = { ...history.at(-1)! }
    const deed = [line.metadata.role, line.time] as const
    if (line.type.includes('Rejected')) {
      next.status = 'rejected'
      next.rejections = next.rejections.concat([deed])
    } else if (line.type.includes('Approved')) {
      next.approvals = next.approvals.concat([deed])
      if (line.type.includes('Final')) next.status = 'approved'
    } else if (line.type === 'PaymentHandled') {
      next.status = 'paid'
      next.paidAt = line.time
    } else if (line.type === 'RequestPayment') next.status = 'to be paid'
    else if (line.type.includes('Saved')) next.status = 'draft'
    else {
      next.status = 'submitted'
      next.submissions += 1
      next.approvals = []
    }
    next.amount = line.data.amount
    next.changedAt = line.time
    history.push(next)
  }
  return histories
}

function notBegun(): Declaration {
  return {
    status: 'none',
    amount: 0,
    submissions: 0,
    approvals: [],
    rejections: [],
    changedAt: null,
    paidAt: null,
  }
}

/** What each declaration is, or was at a time. */
function lastOf(histories: ReadonlyMap<string, History>, asOf?: Date): Declaration[] {
  return [...histories.values()].map((history) => history.findLast((state) => wasThen(state, asOf))!)
}

function wasThen({ changedAt }: Declaration, asOf: Date | undefined): boolean {
  return changedAt === null || asOf === undefined || new Date(changedAt) <= asOf
}

function idOf({ stream }: DeclarationLine): string {
  return stream.slice('declaration-'.length)
}
