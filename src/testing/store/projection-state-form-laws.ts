import assert from 'node:assert/strict'
import { defineEvents } from '../../events/define-events.ts'
import { eventType } from '../../events/event-type.ts'
import { defineProjection } from '../../projection/define-projection.ts'
import type { ProjectionDefinition } from '../../store/contract-projections.ts'
import type { EventShape } from '../../store/event.ts'
import { failureOf, type StoreLaws } from './laws.ts'
import { a, append, caughtUp, faulted, logs, made, ofProjections, statesOf } from './projection-examples.ts'

/** How states are stored, and what events of old forms come to. */
export function projectionStateFormLaws(laws: StoreLaws): void {
  const named = ofProjections(laws)
  codingLaws(named)
  sizeLaws(named)
  upcastLaws(named)
}

const BASE = { name: 'p', source: { kind: 'all' } } as const

const DATES: ProjectionDefinition<EventShape, Map<string, Date>> = {
  ...BASE,
  initialState: () => new Map(),
  any: (state, { data }) => state.set(data as string, new Date(`20${data}-01-01T00:00:00.000Z`)),
  encode: (state) => [...state].map(([key, date]) => [key, date.getTime()]),
  decode: ((encoded: [string, number][]) =>
    new Map(encoded.map(([key, ms]) => [key, new Date(ms)]))) as never,
}

function codingLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('encode and decode keep what JSON would change', async ({ store }) => {
    const projection = defineProjection(DATES)
    await append(store, '01', '02')
    assert.deepEqual([...(await made(store, projection))['']!.values()], [new Date('2001'), new Date('2002')])
    await append(store, '03')
    const states = await made(store, projection)
    assert.deepEqual([...states['']!.keys()], ['01', '02', '03'])
    assert.ok(states['']!.get('01') instanceof Date)
    const stored = await store.projection('p').state()
    assert.deepEqual((stored as unknown[])[0], ['01', Date.UTC(2001)])
  })

  simulatedLaw('members that are undefined are not remembered either', async ({ store }) => {
    interface Odd {
      readonly seen: readonly string[]
      readonly gone?: undefined
      readonly within: readonly { readonly gone?: undefined }[]
    }
    const projection = defineProjection<Odd>({
      ...BASE,
      initialState: () => ({ seen: [], within: [{}] }),
      any: (state, { data }) => {
        const members = `${data}: ${Object.keys(state)} ${Object.keys(state.within[0]!)}`
        const gone = { gone: undefined }
        const seen = [...state.seen, members]
        return data === 1 ? { seen, within: [{}], ...gone } : { seen, within: [gone] }
      },
    })
    const running = await store.project(projection)
    for (const number of [1, 2, 3]) await running.waitFor(await append(store, number))
    const { seen } = await running.state()
    assert.deepEqual(seen, ['1: seen,within ', '2: seen,within ', '3: seen,within '])
  })

  simulatedLaw('encode may make bytes', async ({ store }) => {
    const projection = defineProjection<number[]>({
      ...BASE,
      initialState: () => [],
      any: (state, { data }) => [...state, data as number],
      encode: (state) => Uint8Array.from(state),
      decode: ((encoded: Uint8Array) => [...encoded]) as never,
    })
    await append(store, 1, 2)
    await made(store, projection)
    await append(store, 3)
    assert.deepEqual(await made(store, projection), { '': [1, 2, 3] })
    assert.deepEqual(await store.projection('p').state(), Uint8Array.of(1, 2, 3))
  })

  simulatedLaw('what encode makes may be used again', async ({ store }) => {
    const bytes = new Uint8Array(2)
    const projection = defineProjection<{ at: number }>({
      ...BASE,
      partitionBy: ({ data }) => String(data),
      initialState: () => ({ at: 0 }),
      any: (_state, { data }) => ({ at: data as number }),
      encode: ({ at }) => {
        bytes[0] = at
        return bytes
      },
      decode: ((encoded: Uint8Array) => ({ at: encoded[0]! })) as never,
    })
    await append(store, 1, 2, 3)
    assert.deepEqual(await made(store, projection), { 1: { at: 1 }, 2: { at: 2 }, 3: { at: 3 } })
  })

  for (const [what, encode] of Object.entries({
    throws: () => {
      throw new Error('encode')
    },
    'makes what is no JSON': () => undefined as never,
    'makes a function': () => (() => {}) as never,
  })) {
    simulatedLaw(`an encode that ${what} is a fault`, async ({ store, runtime }) => {
      await append(store, '01', '02')
      const broken = {
        ...DATES,
        encode: (state: Map<string, Date>) => (state.has('02') ? encode() : ['x']) as never,
      }
      const decode = (() => new Map([['01', new Date(0)]])) as never
      const running = await store.project(defineProjection({ ...broken, decode }), { onFault: () => {} })
      assert.equal((await faulted(runtime, running)).event?.version, 2)
      assert.deepEqual(await store.projection('p').state(), ['x'])
    })
  }

  simulatedLaw('what decode throws comes out of reads', async ({ store }) => {
    await append(store, '01')
    await made(store, defineProjection(DATES))
    const decode = () => {
      throw new Error('decode')
    }
    const broken = store.projection(defineProjection({ ...DATES, decode }))
    await assert.rejects(broken.state(), /decode/)
    await assert.rejects(broken.partitions().toArray(), /decode/)
  })

  simulatedLaw('a decode that throws is a fault of the event', async ({ store, runtime }) => {
    await append(store, '01')
    await made(store, defineProjection(DATES))
    await append(store, '02')
    const decode = () => {
      throw new Error('decode')
    }
    const running = await store.project(defineProjection({ ...DATES, decode }), { onFault: () => {} })
    const { event, error } = await faulted(runtime, running)
    assert.deepEqual([event?.version, error.message], [2, 'decode'])
  })

  simulatedLaw('a state that was read may be changed by the reader', async ({ store }) => {
    const running = await store.project(logs())
    await append(store, 1)
    await caughtUp(store, running)
    ;((await running.state()) as unknown[]).push('mine')
    await append(store, 2)
    await caughtUp(store, running)
    assert.deepEqual(await running.state(), [1, 2])
  })
}

function sizeLaws({ simulatedLaw }: StoreLaws): void {
  const sized = logs({ partitionBy: 'stream', any: (_state, { data }) => ['x'.repeat(data as number), data] })

  for (const isSplit of [false, true]) {
    simulatedLaw(
      `states grow and shrink over many rows${isSplit ? ', batch by batch' : ''}`,
      async ({ store }) => {
        const running = await store.project(sized)
        const sizes = [10, 70_000, 65_519, 65_520, 65_521, 65_540, 300_000, 140_000, 0, 200_000, 5]
        for (const [index, size] of sizes.entries()) {
          for (const streamId of ['a', 'b', 'c'])
            await store.stream(streamId).append(a(streamId === 'b' ? size : 3))
          if (!isSplit && index < sizes.length - 1) continue
          await caughtUp(store, running)
          const expected = { a: ['xxx', 3], b: ['x'.repeat(size), size], c: ['xxx', 3] }
          assert.deepEqual(await statesOf(running), expected)
          assert.deepEqual(await running.state('b'), expected.b)
          assert.deepEqual((await store.check()).problems, [])
        }
      },
    )
  }

  simulatedLaw('large states are removed as a whole', async ({ store }) => {
    const projection = logs({
      any: (_state, { data }, context) => {
        if (data === 0) context.forget()
        return ['ä'.repeat(data as number)]
      },
    })
    const running = await store.project(projection)
    for (const size of [200_000, 0, 40_000, 0, 32_760, 0]) {
      await append(store, size)
      await caughtUp(store, running)
      assert.equal((await running.load()).exists, size > 0)
      assert.deepEqual((await store.check()).problems, [])
    }
  })

  simulatedLaw('large states are listed over many pages', async ({ store }) => {
    const names = Array.from({ length: 40 }, (_, index) => `s-${100 + index}`)
    const running = await store.project(sized)
    for (const name of names) await store.stream(name).append(a(1_000_000))
    await caughtUp(store, running)
    const all = await running.partitions().toArray()
    assert.deepEqual(
      all.map(({ partition }) => partition),
      names,
    )
    for (const { state } of all) assert.equal((state[0] as string).length, 1_000_000)
  })
}

function upcastLaws({ simulatedLaw }: StoreLaws): void {
  const events = defineEvents(
    {
      Paid: eventType<{ cents: number }>({
        version: 2,
        upcast: { 1: (data: { euros: number }) => ({ cents: data.euros * 100 }) },
      }),
      Sent: eventType<{ to: string }>(),
    },
    {
      retired: {
        PaidAndSent: ({ data }) => {
          const { cents, to } = data as { cents: number; to: string }
          return [
            { type: 'Paid' as const, data: { cents } },
            { type: 'Sent' as const, data: { to } },
          ]
        },
        Noise: () => [],
      },
    },
  )
  const projection = defineProjection(events, {
    ...BASE,
    partitionBy: ({ type }) => type,
    initialState: (): unknown[] => [],
    on: {
      Paid: (state, { data }) => [...state, data.cents],
      Sent: (state, { data }, context) => {
        context.emit('out', a(data.to))
        return [...state, data.to]
      },
    },
  })

  simulatedLaw('events come as what they are today', async ({ store }) => {
    await store.stream('s').append([
      { type: 'Paid', data: { euros: 1 } },
      { type: 'Paid', data: { cents: 7 }, metadata: { $schemaVersion: 2 } },
      { type: 'PaidAndSent', data: { cents: 3, to: 'x' } },
      { type: 'Noise', data: {} },
      { type: 'Sent', data: { to: 'y' } },
    ])
    const running = await store.project(projection)
    await caughtUp(store, running)
    assert.deepEqual(await statesOf(running), { Paid: [100, 7, 3], Sent: ['x', 'y'] })
    assert.equal((await running.status()).handled, 4)
    assert.deepEqual(
      (await store.stream('out').read().toArray()).map(({ data }) => data),
      ['x', 'y'],
    )
  })

  simulatedLaw('an event of a form that nobody knows is a fault', async ({ store, runtime }) => {
    await store.stream('s').append([
      { type: 'Paid', data: { euros: 1 } },
      { type: 'Paid', data: { what: 7 }, metadata: { $schemaVersion: 3 } },
    ])
    const running = await store.project(projection, { onFault: () => {} })
    assert.equal((await faulted(runtime, running)).error.name, 'UnknownEventError')
    assert.deepEqual(await statesOf(running), { Paid: [100] })
    await failureOf('unknown-event', () => store.runOnce(projection, { onEmit: () => {} }))
  })

  simulatedLaw(
    'a retired event whose second half fails is not handled by half',
    async ({ store, runtime }) => {
      await store.stream('s').append([{ type: 'PaidAndSent', data: { cents: 3, to: 'x' } }])
      const broken = defineProjection(events, {
        ...BASE,
        initialState: (): unknown[] => [],
        on: {
          Paid: (state, { data }, { kv }) => {
            kv.set(['paid'], data.cents)
            return [...state, data.cents]
          },
          Sent: () => {
            throw new Error('no')
          },
        },
      })
      const running = await store.project(broken, { onFault: () => {} })
      await faulted(runtime, running, 2)
      assert.deepEqual([await running.state(), await running.kv.get(['paid'])], [[], undefined])
    },
  )
}
