import assert from 'node:assert/strict'
import type { EventStore } from '../../store/contract.ts'
import type { DeletedStream } from '../../store/contract-projections.ts'
import type { SourceName } from '../../store/contract-query.ts'
import type { StoreLaws } from './laws.ts'
import {
  a,
  caughtUp,
  type Log,
  logs,
  made,
  ofProjections,
  type Settings,
  statesOf,
} from './projection-examples.ts'

/** What projections make of streams that are deleted, or whose events are hidden. */
export function projectionDeletionLaws(laws: StoreLaws): void {
  const named = ofProjections(laws)
  deletedLaws(named)
  hiddenLaws(named)
}

/** Keeps the data of events, and what is told of deletions. */
function obituaries(settings: Settings<Log> = {}) {
  return logs({
    deleted: (state, { streamId, version, isTombstone }) => [
      ...state,
      `${streamId} ${version} ${isTombstone}`,
    ],
    ...settings,
  })
}

/** Events 1 to 3 in `c-1` and `d-1`; `c-1` is deleted and written again; then both are tombstoned. */
async function fill(store: EventStore): Promise<void> {
  await store.stream('c-1').append([a(1), a(2)])
  await store.stream('d-1').append(a(3))
  await store.stream('c-1').delete()
  await store.stream('c-1').append(a(4))
  await store.stream('d-1').tombstone()
}

const CASES: readonly (readonly [SourceName, Log])[] = [
  [{ kind: 'all' }, ['c-1 2 false', 4, 'd-1 1 true']],
  [{ kind: 'category', category: 'c' }, ['c-1 2 false', 4]],
  [{ kind: 'category', category: 'd' }, ['d-1 1 true']],
  [{ kind: 'stream', streamId: 'c-1' }, ['c-1 2 false', 4]],
  [{ kind: 'stream', streamId: 'd-1' }, ['d-1 1 true']],
  [{ kind: 'stream', streamId: 'e-1' }, []],
]

function deletedLaws({ simulatedLaw }: StoreLaws): void {
  for (const [source, expected] of CASES) {
    const name = Object.values(source).join(' ')
    simulatedLaw(`deletions are told to a projection of ${name}`, async ({ store }) => {
      await fill(store)
      const running = await store.project(obituaries({ source }))
      await caughtUp(store, running)
      assert.deepEqual(await running.state(), expected)
      const { lag, state, handled } = await running.status()
      assert.deepEqual([lag, state, handled], [0, 'live', expected.length])
      assert.deepEqual(await (await store.runOnce(obituaries({ source }))).state(), expected)
    })
  }

  simulatedLaw(
    'how far behind a stream is whose deletions are told, counts its events',
    async ({ store }) => {
      const running = await store.project(obituaries({ source: { kind: 'stream', streamId: 's' } }))
      await store.stream('s').append([a(1), a(2)])
      await caughtUp(store, running)
      await running.close()
      const behind = async () => {
        const { lag, isLagExact, streamVersion } = await running.status()
        return [lag, isLagExact, streamVersion]
      }
      await store.stream('t').append([a(7), a(8)])
      assert.deepEqual(await behind(), [0, true, 2])
      await store.stream('s').append([a(3), a(4), a(5)])
      await store.stream('t').append(a(9))
      assert.deepEqual(await behind(), [3, true, 2])
      await store.stream('s').delete()
      assert.deepEqual(await behind(), [0, true, 2])
      await store.stream('s').append(a(6))
      assert.deepEqual(await behind(), [1, true, 2])
      await store.stream('s').tombstone()
      assert.deepEqual(await behind(), [0, true, 2])
    },
  )

  simulatedLaw('deletions are told as they happen', async ({ store }) => {
    const running = await store.project(obituaries({ source: { kind: 'category', category: 'c' } }))
    const seen: Log[] = []
    for (const act of [
      () => store.stream('c-1').append([a(1), a(2)]),
      () => store.stream('c-1').delete(),
      () => store.stream('c-1').append(a(3)),
      () => store.stream('x-1').append(a(9)),
      () => store.stream('x-1').delete(),
      () => store.stream('c-1').setMetadata({ m: 1 }),
      () => store.stream('c-1').tombstone(),
    ]) {
      await act()
      await caughtUp(store, running)
      seen.push(await running.state())
    }
    assert.deepEqual(seen.at(-1), [1, 2, 'c-1 2 false', 3, 'c-1 3 true'])
    assert.equal(seen[1]!.length, 3)
  })

  simulatedLaw('by stream, a deletion belongs to the partition of its stream', async ({ store }) => {
    const projection = obituaries({
      partitionBy: 'stream',
      deleted: (_state, _stream, context) => {
        context.forget()
        return []
      },
    })
    const running = await store.project(projection)
    await store.stream('c-1').append(a(1))
    await store.stream('c-2').append(a(2))
    await caughtUp(store, running)
    assert.deepEqual(await statesOf(running), { 'c-1': [1], 'c-2': [2] })
    await store.stream('c-1').delete()
    await caughtUp(store, running)
    assert.deepEqual(await statesOf(running), { 'c-2': [2] })
    await store.stream('c-1').append(a(3))
    await caughtUp(store, running)
    assert.deepEqual(await statesOf(running), { 'c-1': [3], 'c-2': [2] })
  })

  simulatedLaw('a deletion says when and where it happened', async ({ store, runtime }) => {
    const deletions: DeletedStream[] = []
    await store.stream('s').append(a(1))
    await store.stream('s').delete()
    const running = await store.project(
      obituaries({
        deleted: (state, deletion, { position, emit }) => {
          deletions.push(deletion)
          emit('out', a(`${position === deletion.position}`))
          return state
        },
        any: (state) => state,
      }),
    )
    await caughtUp(store, running)
    const [deletion] = deletions
    assert.equal(deletions.length, 1)
    assert.ok(deletion!.time instanceof Date)
    assert.ok(Math.abs(deletion!.time.getTime() - runtime.now()) < 60_000)
    const [emitted] = await store.stream('out').read().toArray()
    assert.equal(emitted!.data, 'true')
    assert.match((emitted!.metadata as { $causationId: string }).$causationId, /^[0-9a-f-]{36}$/)
  })

  simulatedLaw('links stand for events beside deletions, too', async ({ store }) => {
    await store.stream('s').append([a(1), a(2)])
    await store.stream('l-1').linkTo({ streamId: 's', version: 2 })
    await store.stream('s').append(a(3))
    const source = { kind: 'category', category: 'l' } as const
    assert.deepEqual(await made(store, obituaries({ source })), { '': [2] })
    await store.stream('l-1').delete()
    assert.deepEqual(await made(store, obituaries({ source })), { '': [2, 'l-1 1 false'] })
  })

  simulatedLaw('deleted alone is a handler that other events do not need', async ({ store }) => {
    await fill(store)
    const on = { B: (state: Log) => state }
    assert.deepEqual(await made(store, obituaries({ on, any: undefined })), {
      '': ['c-1 2 false', 'd-1 1 true'],
    })
  })
}

function hiddenLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('what is hidden by then is not handled', async ({ store }) => {
    await store.stream('s').append([a(1), a(2), a(3)])
    await store.stream('t').append(a(4))
    await store.stream('s').truncateBefore(3)
    await store.stream('t').delete()
    assert.deepEqual(await made(store, logs()), { '': [3] })
  })

  simulatedLaw('what was handled stays in the state when it is hidden', async ({ store }) => {
    await store.stream('s').append([a(1), a(2)])
    const running = await store.project(logs())
    await caughtUp(store, running)
    await store.stream('s').delete()
    await store.stream('t').append(a(3))
    await caughtUp(store, running)
    assert.deepEqual(await running.state(), [1, 2, 3])
    assert.deepEqual(await (await store.runOnce(logs())).state(), [3])
  })

  simulatedLaw('a projection of a stream goes on when that is written again', async ({ store }) => {
    const source = { kind: 'stream', streamId: 's' } as const
    const running = await store.project(logs({ source }))
    for (const round of [1, 2, 3]) {
      await store.stream('s').append(a(round))
      await caughtUp(store, running)
      await store.stream('s').delete()
    }
    await caughtUp(store, running)
    assert.deepEqual(await running.state(), [1, 2, 3])
    const { state, streamVersion, fault } = await running.status()
    assert.deepEqual([state, streamVersion, fault], ['live', 3, undefined])
  })

  simulatedLaw('a scavenge changes nothing of a projection', async ({ store }) => {
    await store.stream('s').append([a(1), a(2)])
    const running = await store.project(logs())
    await caughtUp(store, running)
    await store.stream('s').truncateBefore(2)
    await store.scavenge()
    await store.stream('s').append(a(3))
    await caughtUp(store, running)
    assert.deepEqual(await running.state(), [1, 2, 3])
  })
}
