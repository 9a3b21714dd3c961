import { join } from 'node:path'
import { type EventStore, openEventStore, type ProjectionStatus } from 'eventdb'
import { describe, expect, test } from 'vitest'
import { type Child, startChild } from '../support/child-process.ts'
import { COUNTED, expectSums, sums } from '../support/projected-sums.ts'
import type { ProjectingReport } from '../support/projecting-report.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { ENGINES, type Engine } from './history.ts'

type ProjectingChild = Child<ProjectingReport>

describe.each(ENGINES)('two processes that run a projection on %s', (engine) => {
  test('stand by for each other: when the leader is killed, the other one goes on', async () => {
    await using scene = await sceneOn(engine)
    const { store, start } = scene
    const first = await start('project')
    await first.reported(({ event }) => event === 'handling')
    const { leader } = await statusOf(store)
    const second = await start('project')
    await append(store, 40)
    await first.reported((report) => report.event === 'progress' && report.handled > 40)
    expect(second.reports.some(({ event }) => event === 'handling')).toBe(false)

    first.signal('SIGKILL')
    await first.ended
    await expectAllOnce(store, await append(store, 40))
    expect(second.reports.some(({ event }) => event === 'handling')).toBe(true)
    expect((await statusOf(store)).leader).not.toMatchObject({ process: leader!.process })
  })

  test('fence each other: a leader that stood still for longer than its lease changes nothing', async () => {
    await using scene = await sceneOn(engine)
    const { store, start } = scene
    const sleeper = await start('hold')
    await sleeper.reported(({ event }) => event === 'holding')
    const { leader: before } = await statusOf(store)
    sleeper.signal('SIGSTOP')
    const other = await start('project')
    await expectAllOnce(store, await append(store, 40))
    const { leader: after } = await statusOf(store)
    expect(after).not.toMatchObject({ process: before!.process })

    // It handles what it had in its hands, and cannot commit it.
    sleeper.tell('continue')
    sleeper.signal('SIGCONT')
    await sleeper.reported(({ event }) => event === 'fenced')
    expect(sleeper.reports.some(({ event }) => event === 'progress')).toBe(false)
    await expectAllOnce(store, await append(store, 40))
    expect((await statusOf(store)).leader).toMatchObject({ process: after!.process })

    // It stands by, and is as good as any other.
    other.signal('SIGKILL')
    await other.ended
    await expectAllOnce(store, await append(store, 40))
    expect((await statusOf(store)).leader).toMatchObject({ process: before!.process })
  })
})

interface Scene extends AsyncDisposable {
  readonly store: EventStore
  /** Starts a process, and waits until it has opened the store. */
  start(role: 'project' | 'hold'): Promise<ProjectingChild>
}

/** A store with some events, and the processes of one test. */
async function sceneOn(engine: Engine): Promise<Scene> {
  const folder = await temporaryFolder()
  const path = join(folder.path, 'store')
  const store = await openEventStore(path, { engine })
  const children: ProjectingChild[] = []
  await append(store, 20)
  return {
    store,
    start: async (role) => {
      const child = startChild<ProjectingReport>('projecting-child.ts', path, engine, role, '1')
      children.push(child)
      await child.reported(({ event }) => event === 'ready')
      child.tell('go')
      await child.reported(({ event }) => event === 'open')
      return child
    },
    [Symbol.asyncDispose]: async () => {
      for (const child of children) await child[Symbol.asyncDispose]()
      await store.close()
      await folder.remove()
    },
  }
}

/** Appends to all streams in turn. Returns the last position. */
async function append(store: EventStore, count: number): Promise<bigint> {
  let last = 0n
  for (let by = 0; by < count; by += 1) {
    const { position } = await store
      .stream(COUNTED[by % COUNTED.length]!)
      .append({ type: 'Counted', data: { by } })
    last = position!
  }
  return last
}

function statusOf(store: EventStore): Promise<ProjectionStatus> {
  return store.projection('sums').status()
}

/** Everything up to a position was handled, emitted and linked, once. */
async function expectAllOnce(store: EventStore, position: bigint): Promise<void> {
  await store.projection(sums(async () => {})).waitFor(position, { timeoutMs: 90_000 })
  const handled = await expectSums(store)
  expect((await statusOf(store)).handled).toBe(handled)
  expect((await store.check()).problems).toEqual([])
}
