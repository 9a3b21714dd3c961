import assert from 'node:assert/strict'
import { APPEND_EVENTS_MAX } from '../../limits.ts'
import type { NewEvent } from '../../store/event.ts'
import { counted, dataIn, everythingIn, numbers, refuses, type StoreLaws } from './laws.ts'

/** Appending to one stream: versions, positions, results. */
export function appendLaws({ law }: StoreLaws): void {
  law('append() numbers the events of a stream 1, 2, 3, … without gaps', async ({ store }) => {
    for (const count of [1, 3, 1, 5]) await store.stream('s').append(counted(count))
    const events = await store.stream('s').read().toArray()
    assert.deepEqual(
      events.map(({ version }) => version),
      numbers(1, 10),
    )
  })

  law('append() returns first and last version and the position of the last event', async ({ store }) => {
    const stream = store.stream('s')
    await stream.append(counted(2))
    const result = await stream.append(counted(3))
    assert.deepEqual(result, {
      streamId: 's',
      firstVersion: 3,
      lastVersion: 5,
      position: (await stream.event(5))!.position,
      idempotent: false,
    })
  })

  law(
    'append() gives positions that strictly increase in the order of commits, over all streams',
    async ({ store }) => {
      const ends: (bigint | undefined)[] = []
      for (const n of numbers(1, 20)) {
        ends.push((await store.stream(`s${n % 3}`).append(counted(1 + (n % 4)))).position)
      }
      const positions = (await store.all.read().toArray()).map(({ position }) => position)
      assertAscending(positions)
      assertAscending(ends.map((position) => position!))
      assert.ok(ends.every((position) => positions.includes(position!)))
      assert.equal(positions.length, 50)
    },
  )

  law(
    'append() goes on where a stream ended before the store was closed',
    async ({ store, reopen }) => {
      const { position } = await store.stream('s').append(counted(3))
      const later = await (await reopen()).stream('s').append(counted(1, 4), { expectedVersion: 3 })
      assert.equal(later.firstVersion, 4)
      assert.ok(later.position! > position!)
    },
    { needs: 'reopen' },
  )

  law('append() of an empty list writes nothing, and checks its condition', async ({ store }) => {
    const stream = store.stream('s')
    const nothing = { streamId: 's', position: undefined, idempotent: false }
    assert.deepEqual(await stream.append([]), { ...nothing, firstVersion: 1, lastVersion: 0 })
    assert.deepEqual(await stream.append([], { expectedVersion: 0 }), {
      ...nothing,
      firstVersion: 1,
      lastVersion: 0,
    })
    assert.equal(await stream.exists(), false)
    await refuses(store, 'wrong-expected-version', () => stream.append([], { expectedVersion: 1 }))
    await stream.append(counted(2))
    const before = await everythingIn(store)
    assert.deepEqual(await stream.append([], { expectedVersion: 2 }), {
      ...nothing,
      firstVersion: 3,
      lastVersion: 2,
    })
    assert.equal(await everythingIn(store), before)
    await refuses(store, 'wrong-expected-version', () => stream.append([], { expectedVersion: 'no-stream' }))
  })

  law(`append() takes ${APPEND_EVENTS_MAX} events, and refuses one more`, async ({ store }) => {
    const { lastVersion } = await store.stream('s').append(counted(APPEND_EVENTS_MAX))
    assert.equal(lastVersion, APPEND_EVENTS_MAX)
    assert.equal((await store.stream('s').read().last())!.data, APPEND_EVENTS_MAX)
    const error = await refuses(store, 'limit-exceeded', () =>
      store.stream('s').append(counted(APPEND_EVENTS_MAX + 1)),
    )
    assert.deepEqual(error.details, {
      what: 'An append',
      limit: APPEND_EVENTS_MAX,
      actual: APPEND_EVENTS_MAX + 1,
      unit: 'events',
    })
  })

  law('append() refuses what is no event', async ({ store }) => {
    for (const event of [undefined, null, 'A', 7, {}, { type: 7 }, { type: undefined }, [null], [[]]]) {
      await refuses(store, 'invalid-argument', () => store.stream('s').append(event as unknown as NewEvent))
    }
  })

  law('append() with a signal that has fired writes nothing', async ({ store }) => {
    const reason = new Error('given up')
    const signal = AbortSignal.abort(reason)
    await assert.rejects(store.stream('s').append({ type: 'A' }, { signal }), reason)
    await assert.rejects(store.append([{ streamId: 's', events: counted(1) }], { signal }), reason)
    assert.equal(await store.stream('s').exists(), false)
  })

  law(
    'append() whose signal fires while it waits is left out, and its neighbours go on',
    async ({ store }) => {
      const [reason, controller] = [new Error('given up'), new AbortController()]
      const before = store.stream('s').append(counted(1, 1))
      const given = store.stream('s').append(counted(1, 2), { signal: controller.signal })
      const after = store.stream('s').append(counted(1, 3))
      controller.abort(reason)
      await assert.rejects(given, reason)
      await Promise.all([before, after])
      assert.deepEqual(await dataIn(store, 's'), [1, 3])
    },
  )
}

/** Makes sure that each is larger than the one before. */
export function assertAscending(positions: readonly bigint[]): void {
  for (const [index, position] of positions.entries())
    if (index > 0) assert.ok(position > positions[index - 1]!, `${position} follows ${positions[index - 1]}`)
}
