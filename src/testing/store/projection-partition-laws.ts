import assert from 'node:assert/strict'
import type { EventShape } from '../../store/event.ts'
import { failureOf, numbers, type StoreLaws } from './laws.ts'
import {
  a,
  append,
  caughtUp,
  faulted,
  type Log,
  logs,
  made,
  ofProjections,
  statesOf,
} from './projection-examples.ts'

const BYTES_MAX = 512

/** The partitions of projections. */
export function projectionPartitionLaws(laws: StoreLaws): void {
  const named = ofProjections(laws)
  dividingLaws(named)
  nameLaws(named)
  forgettingLaws(named)
  listingLaws(named)
}

const byData = ({ data }: EventShape): string | undefined => (data as { readonly to?: string }).to

function dividingLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('without partitions there is one', async ({ store }) => {
    await append(store, 1)
    await store.stream('t').append(a(2))
    assert.deepEqual(await made(store, logs()), { '': [1, 2] })
  })

  simulatedLaw("partitionBy 'stream' has one partition a stream", async ({ store }) => {
    await append(store, 1)
    await store.stream('t-1').append(a(2))
    await append(store, 3)
    assert.deepEqual(await made(store, logs({ partitionBy: 'stream' })), { s: [1, 3], 't-1': [2] })
  })

  simulatedLaw('by stream, a link belongs to the stream of its event', async ({ store }) => {
    await append(store, 1)
    await store.stream('l').linkTo({ streamId: 's', version: 1 })
    const source = { kind: 'stream', streamId: 'l' } as const
    assert.deepEqual(await made(store, logs({ source, partitionBy: 'stream' })), { s: [1] })
  })

  simulatedLaw('a function says which partition an event belongs to', async ({ store }) => {
    const [x, y, none, empty] = [{ to: 'x' }, { to: 'y' }, {}, { to: '' }]
    await append(store, x, y, none, empty, x)
    const running = await store.project(logs({ partitionBy: byData }))
    await caughtUp(store, running)
    assert.deepEqual(await statesOf(running), { '': [empty], x: [x, x], y: [y] })
    assert.equal((await running.status()).handled, 4)
  })

  simulatedLaw('the initial state may differ by partition', async ({ store }) => {
    await append(store, { to: 'x' }, { to: 'y' })
    const running = await store.project(
      logs({
        partitionBy: byData,
        initialState: (partition) => [partition],
        any: (state) => [...state, '!'],
      }),
    )
    await caughtUp(store, running)
    assert.deepEqual(await statesOf(running), { x: ['x', '!'], y: ['y', '!'] })
    assert.deepEqual(await running.state('z'), ['z'])
    assert.deepEqual(await running.state(), [''])
  })

  simulatedLaw('many partitions are kept apart, however few are remembered', async ({ store }) => {
    const events = numbers(0, 999).map((data) => ({ to: `${data % 100}`, data }))
    for (const cacheMax of [undefined, 7, 0]) {
      const name = `${cacheMax}`
      const running = await store.project(logs({ name, partitionBy: byData }), { cacheMax })
      if (cacheMax === undefined)
        for (const from of [0, 250, 500, 750]) await append(store, ...events.slice(from, from + 250))
      await caughtUp(store, running)
      const states = await statesOf(running)
      assert.equal(Object.keys(states).length, 100)
      for (const [to, state] of Object.entries(states)) {
        assert.deepEqual(
          state,
          events.filter((event) => event.to === to),
        )
      }
    }
  })
}

function nameLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('a partition may have any text for a name, up to its limit', async ({ store }) => {
    const names = ['\u{1}', '$', '__proto__', 'ä', '\u{ffff}', '😀', ' ', 'ä'.repeat(BYTES_MAX / 2)]
    await append(store, ...names.map((to) => ({ to })))
    const running = await store.project(logs({ partitionBy: byData }))
    await caughtUp(store, running)
    for (const to of names) assert.deepEqual(await running.state(to), [{ to }], JSON.stringify(to))
    assert.deepEqual(
      (await running.partitions().toArray()).map(({ partition }) => partition),
      names.toSorted((one, other) => Buffer.compare(bytesOf(one), bytesOf(other))),
    )
  })

  for (const [what, to, code] of [
    ['too long', 'x'.repeat(BYTES_MAX + 1), 'LimitExceededError'],
    ['a text with NUL', 'x\0', 'InvalidArgumentError'],
    ['half a character', '\u{d800}', 'InvalidArgumentError'],
    ['no text', 7 as never, 'InvalidArgumentError'],
    ['null', null as never, 'InvalidArgumentError'],
  ] as const) {
    simulatedLaw(`a partition that is ${what} is a fault`, async ({ store, runtime }) => {
      await append(store, { to: 'x' }, { to }, { to: 'y' })
      const running = await store.project(logs({ partitionBy: byData }), { onFault: () => {} })
      const fault = await faulted(runtime, running)
      assert.deepEqual([fault.event?.version, fault.partition, fault.error.name], [2, undefined, code])
      assert.deepEqual(await statesOf(running), { x: [{ to: 'x' }] })
    })
  }

  simulatedLaw('a partition that cannot be is refused to readers', async ({ store }) => {
    const running = await store.project(logs())
    for (const partition of ['\u{d800}', 7, null, {}]) {
      const name = JSON.stringify(partition)
      await failureOf('invalid-argument', () => running.state(partition as never), name)
      await failureOf('invalid-argument', () => running.load(partition as never), name)
      const prefix = partition as never
      await failureOf('invalid-argument', () => running.partitions({ prefix }).toArray(), name)
    }
    await failureOf('invalid-argument', () => running.partitions({ from: 'x' } as never).toArray())
  })
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

function forgettingLaws({ simulatedLaw }: StoreLaws): void {
  const forgetful = logs({
    partitionBy: byData,
    any: (state, { data }, context) => {
      const { forget = false } = data as { readonly forget?: boolean }
      if (forget) context.forget()
      return [...state, data]
    },
  })

  for (const isSplit of [false, true]) {
    simulatedLaw(
      `forget() removes a partition, which begins anew ${isSplit ? 'in a later batch' : 'in the same batch'}`,
      async ({ store }) => {
        const running = await store.project(forgetful)
        const [x, y, over] = [{ to: 'x' }, { to: 'y' }, { to: 'x', forget: true }]
        const courses = isSplit ? [[x, y], [over], [x]] : [[x, y, over, x]]
        for (const course of courses) {
          await append(store, ...course)
          await caughtUp(store, running)
        }
        assert.deepEqual(await statesOf(running), { x: [x], y: [y] })
        await append(store, over)
        await caughtUp(store, running)
        assert.deepEqual(await statesOf(running), { y: [y] })
        const { exists, state } = await running.load('x')
        assert.deepEqual([exists, state], [false, []])
      },
    )
  }

  simulatedLaw('forget() of what is not there does nothing', async ({ store }) => {
    await append(store, { to: 'x', forget: true }, { to: 'y' })
    assert.deepEqual(await made(store, forgetful), { y: [{ to: 'y' }] })
  })
}

function listingLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('partitions() lists those that begin with a prefix, in order', async ({ store }) => {
    await append(store, ...['b', 'a/2', 'a', 'a/10', '', 'a0', 'ä'].map((to) => ({ to })))
    const running = await store.project(logs({ partitionBy: byData }))
    await caughtUp(store, running)
    const names = async (prefix?: string): Promise<string[]> =>
      (await running.partitions(prefix === undefined ? {} : { prefix }).toArray()).map(
        ({ partition }) => partition,
      )
    assert.deepEqual(await names(), ['', 'a', 'a/10', 'a/2', 'a0', 'b', 'ä'])
    assert.deepEqual(await names(''), await names())
    assert.deepEqual(await names('a'), ['a', 'a/10', 'a/2', 'a0'])
    assert.deepEqual(await names('a/'), ['a/10', 'a/2'])
    assert.deepEqual(await names('c'), [])
    const [first] = await running.partitions({ prefix: 'b' }).toArray()
    assert.deepEqual(first, { partition: 'b', state: [{ to: 'b' }], exists: true })
  })

  simulatedLaw('partitions() goes on over many pages', async ({ store }) => {
    const names = numbers(1_000, 2_999).map(String)
    await append(store, ...names.map((to) => ({ to })))
    const running = await store.project(logs({ partitionBy: byData }))
    await caughtUp(store, running)
    const all = await running.partitions().toArray()
    assert.deepEqual(
      all.map(({ partition, state }) => [partition, (state as Log).length]),
      names.map((to) => [to, 1]),
    )
    const some = await running.partitions({ prefix: '2' }).toArray()
    assert.deepEqual(
      some.map(({ partition }) => partition),
      names.filter((to) => to.startsWith('2')),
    )
  })

  simulatedLaw('partitions() ends when its signal is aborted', async ({ store }) => {
    await append(store, { to: 'x' })
    const running = await store.project(logs({ partitionBy: byData }))
    await caughtUp(store, running)
    const reason = new Error('enough')
    const signal = AbortSignal.abort(reason)
    await assert.rejects(running.partitions({ signal }).toArray(), reason)
  })
}
