import assert from 'node:assert/strict'
import { followAll, followLive, mark, shutDoor } from './following.ts'
import { waitUntil } from './group-consumers.ts'
import { counted, numbers, type StoreLaws } from './laws.ts'

const MIB = 1_024 * 1_024

/** Subscribers that are slow or far behind: they are told so, and nobody waits for them. */
export function slowSubscriberLaws(laws: StoreLaws): void {
  signalLaws(laws)
  slownessLaws(laws)
}

function signalLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw(
    'onCaughtUp comes when all that was there was handed over, and not before',
    async ({ store, runtime }) => {
      await mark(store, 1, 1_500, 50)
      const told: string[] = []
      const tell = (what: string) => (): unknown => told.push(`${what} at ${follower.data.at(-1)}`)
      const follower = await followAll(store.category('s'), {
        onCaughtUp: tell('caught up'),
        onFellBehind: tell('fell behind'),
      })
      assert.equal(follower.subscription.isCaughtUp, false)
      await waitUntil(runtime, 'it has caught up', () => follower.subscription.isCaughtUp)
      await mark(store, 1_501, 1_520)
      await waitUntil(runtime, 'it has the last', () => follower.data.includes(1_520))
      assert.deepEqual(told, ['caught up at 1500'])
    },
  )

  simulatedLaw(
    'onCaughtUp comes although there is nothing, or nothing is wanted',
    async ({ store, runtime }) => {
      const empty = await followAll(store.all)
      await waitUntil(runtime, 'it has caught up with nothing', () => empty.subscription.isCaughtUp)
      await mark(store, 1, 1_500, 50)
      const none = await followAll(store.all, { filter: { types: ['Of nobody'] } })
      await waitUntil(runtime, 'it has caught up', () => none.subscription.isCaughtUp)
      assert.deepEqual(none.seen, [])
    },
  )

  for (const burst of [1_500, 1]) {
    simulatedLaw(
      `onFellBehind comes when more than a page waits, which came ${burst} at a time`,
      async ({ store, runtime }) => {
        using door = shutDoor()
        const told: string[] = []
        const slow = await followAll(
          store.all,
          { onCaughtUp: () => told.push('caught up'), onFellBehind: () => told.push('fell behind') },
          ({ data }) => (data === 1 ? door.passed : undefined),
        )
        const quick = await followLive(store.all, { bufferSize: 9_000 })
        await waitUntil(runtime, 'it has caught up', () => slow.subscription.isCaughtUp)
        await store.stream('s').append(counted(1))
        await waitUntil(runtime, 'it is busy', () => slow.data.length === 1)
        for (let from = 2; from <= 1_501; from += burst) {
          await store.stream('s').append(counted(burst, from))
          await waitUntil(runtime, 'others have it', () => quick.data.length === from + burst - 1)
        }
        door.open()
        await waitUntil(runtime, 'it has the last', () => slow.data.length === 1_501)
        await waitUntil(runtime, 'it has caught up', () => slow.subscription.isCaughtUp)
        assert.deepEqual(told, ['caught up', 'fell behind', 'caught up'])
        assert.deepEqual(slow.data, numbers(1, 1_501))
      },
    )
  }
}

function slownessLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw(
    'a slow catch-up subscription holds up neither writers nor others, and has all in the end',
    async ({ store, runtime }) => {
      using door = shutDoor()
      await mark(store, 1, 1)
      const slow = await followAll(store.category('s'), {}, () => door.passed)
      const quick = [await followAll(store.stream('s')), await followLive(store.all, { bufferSize: 20_000 })]
      await waitUntil(runtime, 'it is busy', () => slow.data.length === 1)
      for (const n of numbers(1, 100)) await store.stream('s').append(counted(50, 50 * n))
      await waitUntil(runtime, 'the others have all', () => quick.every(({ data }) => data.includes(5_049)))
      assert.deepEqual(slow.data, [1])
      door.open()
      const places = async (): Promise<number> => (await store.category('s').read().toArray()).length
      const expected = await places()
      await waitUntil(runtime, 'it has all', () => slow.seen.length === expected)
      assert.deepEqual(slow.data, [1, ...numbers(50, 5_049)])
    },
  )

  simulatedLaw('a catch-up subscription reads a page ahead, no more', async ({ store, runtime }) => {
    using door = shutDoor()
    await store.stream('s').append(counted(5_000))
    let looked = 0
    const where = (): boolean => {
      looked += 1
      return true
    }
    for (const source of [store.all, store.stream('s'), store.category('s')]) {
      const follower = await followAll(source, { filter: { where } }, () => door.passed)
      await waitUntil(runtime, 'it is busy', () => follower.data.length === 1)
    }
    const live = await followAll(store.all)
    await waitUntil(runtime, 'another has all', () => live.data.length === 5_000)
    assert.ok(looked <= 3 * 512, `it has looked at ${looked}`)
  })

  simulatedLaw(
    'who is far behind finds rare events through an index, before others have all',
    async ({ store, runtime }) => {
      using door = shutDoor()
      const waitAtFirst = ({ data }: { readonly data?: unknown }): unknown =>
        data === 0 ? door.passed : undefined
      const common = await followAll(store.all, {}, waitAtFirst)
      let atLast = 0
      const rare = await followAll(store.eventType('Rare'), {}, (event) => {
        atLast = common.data.length
        return waitAtFirst(event)
      })
      const areCaughtUp = (): boolean => [common, rare].every(({ subscription }) => subscription.isCaughtUp)
      await waitUntil(runtime, 'both have caught up', areCaughtUp)
      await store.stream('s').append({ type: 'Rare', data: 0 })
      await waitUntil(runtime, 'both are busy', () => common.data.length + rare.data.length === 2)
      for (const n of numbers(0, 7)) await store.stream('s').append(counted(2_500, 2_500 * n + 1))
      await store.stream('s').append({ type: 'Rare', data: 20_001 })
      door.open()
      await waitUntil(runtime, 'both have all', () => common.data.length === 20_002 && rare.data.length === 2)
      assert.ok(atLast < 12_000, `the other had come to ${atLast}`)
    },
  )

  simulatedLaw('an event of 16 MiB arrives', async ({ store, runtime }) => {
    const data = new Uint8Array(16 * MIB - 100).fill(7)
    const followers = [await followAll(store.all), await followLive(store.all)]
    await store.stream('s').append([{ type: 'Large', data }, ...counted(1)])
    followers.push(await followAll(store.stream('s')))
    await waitUntil(runtime, 'all have it', () => followers.every(({ seen }) => seen.length === 2))
    for (const { seen } of followers) assert.equal((seen[0]!.data as Uint8Array).length, data.length)
  })
}
