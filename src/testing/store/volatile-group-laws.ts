import assert from 'node:assert/strict'
import { sleep } from '../../runtime.ts'
import type { AnySubscribable } from '../../store/broker.ts'
import type { VolatileOptions, VolatileSubscription } from '../../store/contract-subscribing.ts'
import type { RecordedEvent } from '../../store/event.ts'
import { companion, gate, waitUntil } from './group-consumers.ts'
import { counted, failureOf, numbers, refuses, type StoreLaws } from './laws.ts'
import { vanishingStore } from './vanishing-store.ts'

/** Groups that keep nothing: each event goes to one of the present members, at most once. */
export function volatileGroupLaws(laws: StoreLaws): void {
  sharingLaws(laws)
  joiningLaws(laws)
  memberLaws(laws)
}

interface Member {
  readonly subscription: VolatileSubscription<RecordedEvent>
  readonly data: unknown[]
}

async function join(
  source: Pick<AnySubscribable, 'subscribe'>,
  react: (event: RecordedEvent) => unknown = () => {},
  options: Partial<VolatileOptions<RecordedEvent>> = {},
): Promise<Member> {
  const data: unknown[] = []
  const subscription = await source.subscribe({ group: 'g', ...options, type: 'volatile' }, (event) => {
    data.push(event.data)
    return react(event)
  })
  return { subscription, data }
}

function all(...members: readonly Member[]): unknown[] {
  return members.flatMap(({ data }) => data).toSorted((one, other) => Number(one) - Number(other))
}

function sharingLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('each event goes to one member of a volatile group, and all get some', async (scene) => {
    const { store, runtime } = scene
    const react = (): Promise<void> => sleep(runtime, 1)
    const members = [await join(store.all, react), await join(store.all, react), await join(store.all, react)]
    for (const n of numbers(0, 19)) {
      await store.stream('s').append(counted(6, n * 6 + 1))
      await sleep(runtime, 5)
    }
    await waitUntil(runtime, 'all came', () => all(...members).length >= 120)
    await runtime.advance(1_000)
    assert.deepEqual(all(...members), numbers(1, 120))
    for (const { data } of members) {
      assert.ok(data.length > 10, `one of three has ${data.length} of 120`)
      assert.deepEqual(
        data,
        data.toSorted((one, other) => Number(one) - Number(other)),
      )
    }
  })

  simulatedLaw('each event goes to one member in all processes', async (scene) => {
    const { store, runtime } = scene
    await using other = await companion(scene)
    const members = [await join(store.all), await join(other.all), await join(other.all)]
    for (const n of numbers(0, 29)) {
      await (n % 2 === 0 ? store : other).stream('s').append(counted(4, n * 4 + 1))
      await sleep(runtime, 3)
    }
    await waitUntil(runtime, 'all came', () => all(...members).length >= 120)
    await runtime.advance(5_000)
    assert.deepEqual(all(...members), numbers(1, 120))
  })

  simulatedLaw('a volatile group is known by its source and its name', async ({ store, runtime }) => {
    const one = await join(store.all)
    const two = await join(store.all, undefined, { group: 'h' })
    const three = await join(store.category('s'))
    const four = await join(store.stream('s-1'), undefined, { mustExist: false })
    const without: unknown[] = []
    await store.all.subscribe({ type: 'volatile' }, ({ data }) => without.push(data))
    await store.stream('s-1').append(counted(3))
    await store.stream('t-1').append(counted(2, 4))
    await waitUntil(runtime, 'all came', () => one.data.length + two.data.length + without.length === 15)
    await waitUntil(runtime, 'all came', () => three.data.length + four.data.length === 6)
    for (const { data } of [one, two, { data: without }]) assert.deepEqual(data, numbers(1, 5))
    for (const { data } of [three, four]) assert.deepEqual(data, [1, 2, 3])
  })

  simulatedLaw(
    'a volatile group and a persistent one of the same name know nothing of each other',
    async (scene) => {
      const { store, runtime } = scene
      const member = await join(store.all)
      await failureOf('subscription-not-found', () => store.all.subscription('g').info())
      await failureOf('subscription-not-found', () => store.all.subscribe({ type: 'persistent', group: 'g' }))
      for await (const { name } of store.subscriptions()) assert.fail(`${name} is listed`)
      await store.all.createSubscription('g')
      await store.all.subscription('g').pause()
      await store.stream('s').append(counted(2))
      await waitUntil(runtime, 'all came', () => member.data.length === 2)
      assert.equal((await store.all.subscription('g').info()).lag, 2)
      await store.all.subscription('g').delete()
      await store.stream('s').append(counted(1, 3))
      await waitUntil(runtime, 'it goes on', () => member.data.length === 3)
    },
  )

  simulatedLaw('a member that is busy leaves events to others', async ({ store, runtime }) => {
    const held = gate()
    const busy = await join(store.all, () => held.passed, { bufferSize: 1 })
    await store.stream('s').append(counted(3))
    await waitUntil(runtime, 'it is busy', () => busy.data.length === 1)
    const free = await join(store.all)
    for (const n of numbers(4, 40)) {
      await store.stream('s').append(counted(1, n))
      await sleep(runtime, 5)
    }
    await waitUntil(runtime, 'the other has the rest', () => free.data.length > 30)
    held.open()
    await waitUntil(runtime, 'all came', () => all(busy, free).length === 39)
    // One was in the handler and one waited for it; the third was only the busy member's, which had no room for it.
    assert.deepEqual(all(busy, free), [1, 2, ...numbers(4, 40)])
    assert.deepEqual([busy.subscription.lagged, free.subscription.lagged], [1, 0])
  })

  simulatedLaw('when all members are full, events wait for them', async ({ store, runtime }) => {
    const held = gate()
    const member = await join(store.all, () => held.passed, { bufferSize: 2 })
    await store.stream('s').append(counted(700))
    await runtime.advance(5_000)
    assert.equal(member.data.length, 1)
    held.open()
    await waitUntil(runtime, 'all came', () => member.data.length === 700)
    assert.deepEqual(member.data, numbers(1, 700))
  })
}

function joiningLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('the first member begins now', async ({ store, runtime }) => {
    await store.stream('s').append(counted(5))
    const member = await join(store.all)
    await store.stream('s').append(counted(2, 6))
    await waitUntil(runtime, 'they come', () => member.data.length === 2)
    await runtime.advance(2_000)
    assert.deepEqual(member.data, [6, 7])
  })

  simulatedLaw('a group whose last member has left begins anew', async ({ store, runtime }) => {
    const first = await join(store.all)
    await store.stream('s').append(counted(2))
    await waitUntil(runtime, 'they come', () => first.data.length === 2)
    await first.subscription.close()
    await store.stream('s').append(counted(2, 3))
    const second = await join(store.all)
    await store.stream('s').append(counted(1, 5))
    await waitUntil(runtime, 'it comes', () => second.data.length === 1)
    await runtime.advance(2_000)
    assert.deepEqual([first.data, second.data], [[1, 2], [5]])
  })

  simulatedLaw('a member gets nothing from before it joined', async ({ store, runtime }) => {
    const held = gate()
    const first = await join(store.all, () => held.passed, { bufferSize: 2 })
    await store.stream('s').append(counted(50))
    await waitUntil(runtime, 'it is busy', () => first.data.length === 1)
    const second = await join(store.all)
    await store.stream('s').append(counted(10, 51))
    await runtime.advance(10_000)
    for (const data of second.data) assert.ok(Number(data) > 50, `it got ${data}`)
    held.open()
    await store.stream('s').append(counted(10, 61))
    await waitUntil(runtime, 'the last come', () => all(first, second).includes(70))
    await runtime.advance(2_000)
    for (const data of second.data) assert.ok(Number(data) > 50, `it got ${data}`)
    const shared = all(first, second)
    assert.deepEqual(shared, [...new Set(shared)], 'nothing comes twice')
    for (const n of numbers(51, 70)) assert.ok(shared.includes(n), `${n} reached nobody`)
  })

  simulatedLaw('members that join while others take lose nothing and double nothing', async (scene) => {
    const { store, runtime, random } = scene
    await using other = await companion(scene)
    const members = [await join(store.all)]
    for (const n of numbers(1, 60)) {
      await store.stream('s').append(counted(1, n))
      if (n % 15 === 0) members.push(await join(n % 2 === 0 ? other.all : store.all))
      await sleep(runtime, Math.floor(random() * 6))
    }
    await waitUntil(runtime, 'all came', () => all(...members).length >= 60)
    await runtime.advance(3_000)
    assert.deepEqual(all(...members), numbers(1, 60))
  })

  simulatedLaw(
    'what is committed after subscribe() has returned reaches the group',
    async ({ store, runtime }) => {
      for (const n of numbers(1, 10)) {
        const member = await join(store.all, undefined, { group: `g-${n}` })
        await store.stream('s').append(counted(1, n))
        await waitUntil(runtime, 'it comes', () => member.data.length > 0)
        assert.deepEqual(member.data, [n])
        await member.subscription.close()
      }
    },
  )
}

function memberLaws({ simulatedLaw, law }: StoreLaws): void {
  simulatedLaw('a member that leaves has had what it took, and the others get the rest', async (scene) => {
    const { store, runtime } = scene
    const leaving = await join(store.all)
    const staying = await join(store.all)
    await store.stream('s').append(counted(20))
    await waitUntil(runtime, 'all came', () => all(leaving, staying).length === 20)
    await leaving.subscription.close()
    assert.deepEqual(await leaving.subscription.ended, { reason: 'closed' })
    await store.stream('s').append(counted(20, 21))
    await waitUntil(runtime, 'all came', () => all(leaving, staying).length === 40)
    assert.deepEqual(all(leaving, staying), numbers(1, 40))
  })

  simulatedLaw('a member that vanishes loses what it had, once, and holds up nobody', async (scene) => {
    const { store, runtime } = scene
    const other = await vanishingStore(scene)
    const vanishing = await join(other.store.all, () => other.isDead && new Promise(() => {}))
    const staying = await join(store.all)
    await store.stream('s').append(counted(30))
    await waitUntil(runtime, 'all came', () => all(vanishing, staying).length === 30)
    other.kill()
    await store.stream('s').append(counted(30, 31))
    await waitUntil(runtime, 'they come', () => staying.data.includes(60))
    await store.stream('s').append(counted(30, 61))
    await waitUntil(runtime, 'they come', () => staying.data.includes(90))
    assert.deepEqual(
      all(staying).filter((data) => Number(data) > 30),
      numbers(31, 90),
    )
  })

  simulatedLaw('a volatile group whose only process vanished is there for the next', async (scene) => {
    const { store, runtime } = scene
    const other = await vanishingStore(scene)
    await join(other.store.all)
    other.kill()
    await store.stream('s').append(counted(3))
    const next = await join(store.all)
    await store.stream('s').append(counted(3, 4))
    await waitUntil(runtime, 'they come', () => next.data.includes(6))
    assert.deepEqual(next.data, [4, 5, 6])
  })

  simulatedLaw('a handler that throws ends its member, and the others go on', async ({ store, runtime }) => {
    const ends: unknown[] = []
    const error = new Error('broken')
    const failing = await join(
      store.all,
      () => {
        throw error
      },
      { onEnd: (end) => ends.push(end) },
    )
    await store.stream('s').append(counted(1))
    await waitUntil(runtime, 'it has ended', () => ends.length === 1)
    assert.deepEqual(ends, [{ reason: 'handler-failed', error }])
    assert.deepEqual(failing.data, [1])
    const next = await join(store.all)
    await store.stream('s').append(counted(3, 2))
    await waitUntil(runtime, 'they come', () => next.data.length === 3)
    assert.deepEqual(next.data, [2, 3, 4])
  })

  simulatedLaw('a member can be iterated', async ({ store }) => {
    await using subscription = await store.all.subscribe({ type: 'volatile', group: 'g' })
    await store.stream('s').append(counted(3))
    const data: unknown[] = []
    for await (const event of subscription) {
      data.push(event.data)
      if (data.length === 3) break
    }
    assert.deepEqual(data, [1, 2, 3])
  })

  simulatedLaw('members end with the store', async (scene) => {
    const { store, runtime } = scene
    const other = await companion(scene)
    const member = await join(other.all)
    const staying = await join(store.all)
    await other.close()
    assert.equal((await member.subscription.ended).reason, 'store-closed')
    await store.stream('s').append(counted(4))
    await waitUntil(runtime, 'they come', () => staying.data.length === 4)
  })

  law('a volatile group is refused what it cannot have', async ({ store }) => {
    const bad: readonly (readonly [string, object])[] = [
      ['filter', { filter: { types: ['A'] } }],
      ['name', { group: '' }],
      ['name', { group: 5 }],
      ['bufferSize', { bufferSize: 0 }],
      ['after', { after: 1n }],
    ]
    for (const [name, options] of bad) {
      const error = await refuses(store, 'invalid-argument', () => join(store.all, undefined, options), name)
      assert.ok(error.message.includes(name), `${name}: ${error.message}`)
    }
    await refuses(store, 'limit-exceeded', () => join(store.all, undefined, { group: 'x'.repeat(257) }))
    await refuses(store, 'stream-not-found', () => join(store.stream('s')))
    await store.stream('s').append(counted(1))
    await store.stream('s').tombstone()
    await refuses(store, 'stream-tombstoned', () => join(store.stream('s')))
  })
}
