import assert from 'node:assert/strict'
import { assertAscending } from './append-laws.ts'
import { counted, refuses, type StoreLaws, uuidOf } from './laws.ts'

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

/** Ids of events: the caller's, or ours. */
export function eventIdLaws({ law, simulatedLaw }: StoreLaws): void {
  law('id is what the caller supplied, in lower case', async ({ store }) => {
    const upper = 'ABCDEF01-2345-6789-ABCD-EF0123456789'
    await store.stream('s').append([
      { type: 'A', id: upper },
      { type: 'A', id: uuidOf(7) },
    ])
    const ids = (await store.stream('s').read().toArray()).map(({ id }) => id)
    assert.deepEqual(ids, [upper.toLowerCase(), uuidOf(7)])
  })

  law('id is a new UUIDv7 unless the caller supplies one, and each differs', async ({ store }) => {
    await Promise.all([1, 2, 3].map((n) => store.stream(`s${n}`).append(counted(400))))
    const ids = (await store.all.read().toArray()).map(({ id }) => id)
    assert.equal(new Set(ids).size, 1_200)
    for (const id of ids) assert.match(id, UUID_V7)
  })

  simulatedLaw('id holds the time at which it was made', async ({ store, runtime }) => {
    const before = runtime.now()
    await store.stream('s').append(counted(1))
    const { id } = (await store.stream('s').event(1))!
    const time = Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16)
    assert.ok(time >= before && time <= runtime.now())
  })

  law('id must be a UUID', async ({ store }) => {
    const texts = ['', 'a', uuidOf(1).slice(1), `${uuidOf(1)}0`, uuidOf(1).replace('8', 'g'), ` ${uuidOf(1)}`]
    for (const id of [...texts, 7, null, {}]) {
      await refuses(store, 'invalid-argument', () =>
        store.stream('s').append({ type: 'A', id: id as unknown as string }),
      )
    }
  })

  law('append() refuses the same id twice in one append', async ({ store }) => {
    const id = uuidOf(1)
    const events = [{ type: 'A', id }, { type: 'B' }, { type: 'C', id }]
    await refuses(store, 'invalid-argument', () => store.stream('s').append(events))
    await refuses(store, 'invalid-argument', () => store.transact((tx) => tx.stream('s').append(events)))
  })

  law('the same id in two streams is two events', async ({ store }) => {
    const event = { type: 'A', id: uuidOf(1) }
    const first = await store.stream('a').append(event)
    const second = await store.stream('b').append(event)
    const [third, fourth] = await store.append([
      { streamId: 'c', events: event },
      { streamId: 'd', events: event },
    ])
    const results = [first, second, third!, fourth!]
    assert.deepEqual(
      results.map(({ firstVersion, idempotent }) => [firstVersion, idempotent]),
      Array.from({ length: 4 }, () => [1, false]),
    )
    assertAscending(results.map(({ position }) => position!))
    assert.equal((await store.all.read().toArray()).length, 4)
  })
}
