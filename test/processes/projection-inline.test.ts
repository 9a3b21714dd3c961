import { join } from 'node:path'
import { type EventStore, openEventStore } from 'eventdb'
import { describe, expect, test } from 'vitest'
import { type Child, startChild } from '../support/child-process.ts'
import { eventually } from '../support/eventually.ts'
import type { InlineReport } from '../support/inline-report.ts'
import { expectSums, inlineSums } from '../support/projected-sums.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { ENGINES, type Engine } from './history.ts'

type InlineChild = Child<InlineReport>

describe.each(ENGINES)('processes that carry an inline projection on %s', (engine) => {
  test('append to the same partitions, and nothing is lost; who does not carry it is refused', async () => {
    await using scene = await sceneOn(engine)
    const both = [await scene.start('carry'), await scene.start('carry')]
    const bare = await scene.start('bare')
    expect(await bare.reported(({ event }) => event === 'refused')).toMatchObject({
      code: 'projection-not-carried',
    })
    await bare.ended
    for (const child of both) await child.reported((report) => eventsIn(report) > 150)
    for (const child of both) await tell(child, 'stop')
    await expectAll(scene.store, 1, [...both, bare])
  })

  test('go on when others have paused, reset, rebuilt and raised its version while they stood still', async () => {
    await using scene = await sceneOn(engine)
    const sleeper = await scene.start('carry')
    await sleeper.reported((report) => eventsIn(report) > 20)
    const other = await scene.start('carry')
    const deeds = [['pause', 'resume'], ['reset'], ['rebuild'], ['raise'], ['pause', 'resume', 'raise']]
    for (const [round, lines] of deeds.entries()) {
      sleeper.tell('hold')
      const isHolding = () => sleeper.reports.filter(({ event }) => event === 'holding').length > round
      await sleeper.reported(isHolding)
      sleeper.signal('SIGSTOP')
      const before = appendedBy(other)
      for (const line of lines) await tell(other, line)
      await other.reported(() => appendedBy(other) > before + 10)
      const meanwhile = appendedBy(sleeper)
      sleeper.tell('continue')
      sleeper.signal('SIGCONT')
      await sleeper.reported(() => appendedBy(sleeper) > meanwhile + 10)
    }
    for (const child of [sleeper, other]) await tell(child, 'stop')
    await expectAll(scene.store, 3, [sleeper, other])
  })
})

interface Scene extends AsyncDisposable {
  readonly store: EventStore
  /** Starts a process, and waits until it has opened the store. */
  start(role: 'carry' | 'bare'): Promise<InlineChild>
}

async function sceneOn(engine: Engine): Promise<Scene> {
  const folder = await temporaryFolder()
  const path = join(folder.path, 'store')
  const store = await openEventStore(path, { engine })
  const children: InlineChild[] = []
  return {
    store,
    start: async (role) => {
      const child = startChild<InlineReport>('inline-child.ts', path, engine, role, `${children.length}`)
      children.push(child)
      await child.reported(({ event }) => event === 'ready')
      child.tell('go')
      await child.reported(({ event }) => event === (role === 'carry' ? 'in-force' : 'open'))
      return child
    },
    [Symbol.asyncDispose]: async () => {
      for (const child of children) await child[Symbol.asyncDispose]()
      await store.close()
      await folder.remove()
    },
  }
}

/** Tells a process to do something, and waits until it is done. */
async function tell(child: InlineChild, line: string): Promise<void> {
  const done = () => child.reports.filter((report) => report.event === 'done' && report.line === line).length
  const before = done()
  child.tell(line)
  await child.reported(() => done() > before)
}

function eventsIn(report: InlineReport): number {
  return report.event === 'appended' ? report.events : 0
}

function appendedBy({ reports }: InlineChild): number {
  const last = reports.findLast(({ event }) => event === 'appended')
  return last?.event === 'appended' ? last.events : 0
}

/** Everything that was appended was handled once. */
async function expectAll(
  store: EventStore,
  version: number,
  children: readonly InlineChild[],
): Promise<void> {
  for (const child of children) await child.ended
  const projection = inlineSums(version)
  await using running = await store.project(projection)
  await eventually(
    'it is in force',
    () => running.status(),
    ({ state, building }) => state === 'inline' && building === undefined,
  )
  const handled = await expectSums(store, projection)
  expect(handled).toBe(children.reduce((sum, child) => sum + appendedBy(child), 0))
  expect((await store.check()).problems).toEqual([])
}
