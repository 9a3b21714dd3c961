import assert from 'node:assert/strict'
import type { EventStore } from '../../store/contract.ts'
import type { ReadableSource } from '../../store/contract-reading.ts'
import { dataOf, refuses, type StoreLaws, uuidOf } from './laws.ts'

/** What may happen to the target of a link, and to the event that takes its place in reads afterwards. */
const FATES: Readonly<Record<string, (store: EventStore) => Promise<unknown>>> = {
  deleted: (store) => store.stream('t-1').delete(),
  tombstoned: (store) => store.stream('t-1').tombstone(),
  truncated: (store) => store.stream('t-1').truncateBefore(3),
  'beyond maxCount': (store) => store.stream('t-1').setRetention({ maxCount: 1 }),
  'deleted and scavenged': async (store) => {
    await store.stream('t-1').delete()
    await store.scavenge()
  },
  'truncated and scavenged': async (store) => {
    await store.stream('t-1').truncateBefore(3)
    await store.scavenge()
  },
  'tombstoned and scavenged': async (store) => {
    await store.stream('t-1').tombstone()
    await store.scavenge()
  },
  'deleted and written over': async (store) => {
    await store.stream('t-1').delete()
    await store.stream('t-1').append({ type: 'A', data: 4 })
  },
}

/** What becomes of links when something happens to what they point to. */
export function linkTargetLaws({ law, simulatedLaw }: StoreLaws): void {
  for (const [name, happens] of Object.entries(FATES)) {
    law(`a link to an event that is ${name} yields nothing, and is still there`, async ({ store }) => {
      await fill(store)
      await happens(store)
      for (const source of linkSources(store)) {
        assert.deepEqual(await dataOf(source.read()), [1])
        assert.deepEqual(await dataOf(source.read({ direction: 'backwards', limit: 1 })), [1])
        assert.equal((await source.read({ resolveLinks: false }).toArray()).length, 2)
      }
      assert.equal(await store.stream('links-1').event(2), undefined)
      assert.equal((await store.stream('links-1').info()).version, 2)
      const within = await store.transact((tx) => dataOf(tx.stream('links-1').read()))
      assert.deepEqual(within, [1])
      const target = { streamId: 't-1', version: 2 }
      await refuses(store, 'event-not-found', () => store.stream('x').linkTo(target))
    })

    law(`a link to a link to an event that is ${name} is refused`, async ({ store }) => {
      await fill(store)
      await happens(store)
      const link = { streamId: 'links-1', version: 2 }
      await refuses(store, 'event-not-found', () => store.stream('x').linkTo(link))
    })

    law(`a link that was made before is recognised, also when its target is ${name}`, async ({ store }) => {
      await fill(store)
      const [place, id] = [{ streamId: 't-1', version: 2 }, uuidOf(1)]
      const made = await store.stream('x').linkTo(place, { id })
      const keyed = await store.stream('y').linkTo(place, { idempotencyKey: 'k' })
      await happens(store)
      assert.deepEqual(await store.stream('x').linkTo(place, { id }), { ...made, idempotent: true })
      const again = await store.stream('y').linkTo(place, { idempotencyKey: 'k' })
      assert.deepEqual(again, { ...keyed, idempotent: true })
    })
  }

  law('a link to an event that is restored yields it again', async ({ store }) => {
    await fill(store)
    await store.stream('t-1').delete()
    await store.stream('t-1').restore()
    for (const source of linkSources(store)) assert.deepEqual(await dataOf(source.read()), [1, 2])
  })

  simulatedLaw('a link to an event that has expired yields nothing', async ({ store, runtime }) => {
    await fill(store)
    await store.stream('t-1').setRetention({ maxAgeMs: 1_000 })
    for (const source of linkSources(store)) assert.deepEqual(await dataOf(source.read()), [1, 2])
    await runtime.advance(2_000)
    for (const source of linkSources(store)) assert.deepEqual(await dataOf(source.read()), [1])
  })

  law(
    'a transaction that read through a link conflicts with what happens to its target',
    async ({ store }) => {
      await fill(store)
      const seen: unknown[] = []
      await store.transact(async (tx) => {
        seen.push(await dataOf(tx.stream('links-1').read()))
        if (seen.length === 1) await store.stream('t-1').delete()
        await tx.stream('out').append({ type: 'Out' })
      })
      assert.deepEqual(seen, [[1, 2], [1]])
    },
  )

  law('a link is hidden with its own stream, and its target is not', async ({ store }) => {
    await fill(store)
    await store.stream('links-1').delete()
    for (const source of [store.category('links'), store.eventType('$link')])
      assert.deepEqual(await source.read({ resolveLinks: false }).toArray(), [])
    assert.deepEqual(await dataOf(store.all.read()), [1, 2, 3])
    await store.stream('links-1').append({ type: 'A', data: 9 })
    await store.scavenge()
    assert.deepEqual(await dataOf(store.category('links').read()), [9])
  })
}

/** Where the links of `fill` are. */
function linkSources(store: EventStore): readonly ReadableSource[] {
  const query = store.query({ items: [{ types: ['$link'] }] })
  const stream: ReadableSource = {
    read: ({ direction = 'forwards', limit = Number.POSITIVE_INFINITY, resolveLinks = true } = {}) =>
      store.stream('links-1').read({ direction, limit, resolveLinks }),
  }
  return [stream, store.category('links'), store.eventType('$link'), query]
}

/** Links to an event that stays, and to the second of two. */
async function fill(store: EventStore): Promise<void> {
  await store.stream('stays').append({ type: 'A', data: 1 })
  await store.stream('t-1').append([{ type: 'First' }, { type: 'A', data: 2 }, { type: 'A', data: 3 }])
  await store.stream('t-1').truncateBefore(2)
  await store.stream('links-1').linkTo({ streamId: 'stays', version: 1 })
  await store.stream('links-1').linkTo({ streamId: 't-1', version: 2 })
}
