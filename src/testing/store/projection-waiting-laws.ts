import assert from 'node:assert/strict'
import { type NotYetProjectedError, ProjectionTimeoutError } from '../../errors.ts'
import { defineProjection } from '../../projection/define-projection.ts'
import type { EventStore } from '../../store/contract.ts'
import type { Projection, ProjectionStatus } from '../../store/contract-projections.ts'
import type { EventShape } from '../../store/event.ts'
import { lists } from './aggregate-examples.ts'
import { gate, waitUntil } from './group-consumers.ts'
import { failureOf, type SimulatedStoreScene, type StoreLaws } from './laws.ts'
import { append, caughtUp, Failure, type Log, logs, ofProjections } from './projection-examples.ts'

const sizes = defineProjection({
  name: 'sizes',
  source: { kind: 'category', category: 'list' },
  partitionBy: 'stream',
  initialState: () => 0,
  any: (count) => count + 1,
})

/** Waiting for projections: for a version of one, and by commands. */
export function projectionWaitingLaws(laws: StoreLaws): void {
  const named = ofProjections(laws)
  versionLaws(named)
  commandLaws(named)
}

/** Version 1 has handled one event, and is closed. Returns the position of that event. */
async function handledByFirst(store: EventStore): Promise<bigint> {
  const position = await append(store, 1)
  const first = await store.project(logs())
  await first.waitFor(position)
  await first.close()
  return position
}

/** A version whose handler fails. */
function failing(version: number): Projection<EventShape, Log> {
  return logs({
    version,
    any: () => {
      throw new Failure('no')
    },
  })
}

function versionLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('who waits by a definition waits until its version answers', async ({ store }) => {
    const position = await handledByFirst(store)
    const held = gate()
    const any = async (state: Log): Promise<Log> => {
      await held.passed
      return [...state, 'by 2']
    }
    const second = await store.project(logs({ version: 2, any }))
    let isOver = false
    const waiting = second.waitFor(position).then(() => {
      isOver = true
    })
    await store.projection('p').waitFor(position)
    assert.deepEqual(await store.projection('p').state(), [1])
    assert.equal(isOver, false)
    const { details } = await failureOf('projection-timeout', () =>
      second.waitFor(position, { timeoutMs: 5 }),
    )
    assert.deepEqual(details, { projection: 'p', wanted: position, position: 0n, state: 'being built' })
    held.open()
    await waiting
    assert.deepEqual(await second.state(), ['by 2'])
  })

  simulatedLaw('a version that nobody builds is waited for, in vain', async ({ store }) => {
    const position = await handledByFirst(store)
    const second = store.projection(logs({ version: 2 }))
    const { details } = await failureOf('projection-timeout', () =>
      second.waitFor(position, { timeoutMs: 5 }),
    )
    assert.deepEqual(details, {
      projection: 'p',
      wanted: position,
      position,
      state: 'of an older version',
    })
    const waiting = second.waitFor(position)
    await store.project(logs({ version: 2 }))
    await waiting
    assert.deepEqual(await second.state(), [1])
  })

  simulatedLaw('one that can answer from an older version is not waited for', async ({ store }) => {
    const position = await handledByFirst(store)
    const fromOlder = (state: Log): Log => [...state, 'from 1']
    const second = store.projection(logs({ version: 2, fromOlder }))
    await second.waitFor(position)
    assert.deepEqual(await second.state(), [1, 'from 1'])
  })

  simulatedLaw(
    'a version that stopped while it is being built is not waited for',
    async ({ store, runtime }) => {
      await handledByFirst(store)
      const second = await store.project(failing(2), { onFault: () => {} })
      const { building } = await waitUntilBuildingFails(store, runtime)
      assert.equal(building?.state, 'faulted')
      // Wherever it stands, it will not answer.
      const { message } = await failureOf('projection-faulted', () => second.waitFor(0n))
      assert.match(message, /^Version 2 of the projection "p" has stopped/)
      await store.projection('p').waitFor(0n)
    },
  )

  simulatedLaw('a version that gave way is not waited for', async ({ store }) => {
    const position = await handledByFirst(store)
    const first = store.projection(logs())
    const second = await store.project(failing(2), { onFault: () => {} })
    await first.waitFor(position)
    await store.project(logs({ version: 3 }))
    await failureOf('projection-superseded', () => second.waitFor(position))
    await caughtUp(store, store.projection(logs({ version: 3 })))
    await failureOf('projection-superseded', () => first.waitFor(position))
  })
}

async function waitUntilBuildingFails(
  store: EventStore,
  runtime: SimulatedStoreScene['runtime'],
): Promise<ProjectionStatus> {
  let status: ProjectionStatus | undefined
  await waitUntil(runtime, 'the one that is being built fails', async () => {
    status = await store.projection('p').status()
    return status.building?.fault !== undefined
  })
  return status!
}

function commandLaws({ law, simulatedLaw }: StoreLaws): void {
  law('a command that waits for a projection sees itself in it', async ({ store }) => {
    await using projection = await store.project(sizes)
    const of = store.aggregate(lists())
    for (let count = 1; count <= 5; count += 1) {
      await of.execute('1', 'add', count, { waitFor: [projection] })
      assert.equal(await projection.state('list-1'), count)
    }
  })

  simulatedLaw('a command is done although its projection is late, and says so', async ({ store }) => {
    await using projection = await store.project(sizes)
    await projection.pause()
    const of = store.aggregate(lists())
    const error = (await failureOf('not-yet-projected', () =>
      of.execute('1', 'add', 1, { waitFor: [projection] }),
    )) as NotYetProjectedError
    assert.ok(error.cause instanceof ProjectionTimeoutError)
    assert.equal((error.details.result as { readonly version: number }).version, 1)
    assert.equal((await of.load('1')).version, 1)
  })
}
