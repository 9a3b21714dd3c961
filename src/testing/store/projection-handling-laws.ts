import assert from 'node:assert/strict'
import { defineProjection } from '../../projection/define-projection.ts'
import type { ProjectedEvent } from '../../store/contract-projections.ts'
import type { EventShape } from '../../store/event.ts'
import { fillSources, GROUP_SOURCES } from './group-sources.ts'
import { numbers, type StoreLaws } from './laws.ts'
import {
  a,
  append,
  caughtUp,
  counts,
  faulted,
  type Log,
  logs,
  made,
  ofProjections,
} from './projection-examples.ts'

/** What projections make of the events of their sources. */
export function projectionHandlingLaws(laws: StoreLaws): void {
  const named = ofProjections(laws)
  sourceLaws(named)
  eventLaws(named)
  returningLaws(named)
  caseLaws(named)
}

function sourceLaws({ simulatedLaw }: StoreLaws): void {
  for (const { name, data } of GROUP_SOURCES) {
    simulatedLaw(
      `the events of a source by ${name.kind} are handled in order, old and new`,
      async (scene) => {
        const { store } = scene
        await fillSources(store)
        const running = await store.project(logs({ source: name }))
        await caughtUp(store, running)
        assert.deepEqual(await running.state(), data)
        await fillSources(store, 10)
        await caughtUp(store, running)
        const all = [...data, ...data.map((one) => one + 10)]
        assert.deepEqual(await running.state(), all)
        assert.equal((await running.status()).handled, all.length)
        assert.deepEqual((await running.status()).source, name)
      },
    )

    simulatedLaw(
      `a projection by ${name.kind} goes on where it was when the store is opened again`,
      async ({ store, reopen }) => {
        await fillSources(store)
        assert.deepEqual(await made(store, logs({ source: name })), { '': data })
        await fillSources(store, 10)
        const again = await reopen()
        const handled: unknown[] = []
        const more = logs({
          source: name,
          any: (state, event) => {
            handled.push(event.data)
            return [...state, event.data]
          },
        })
        const later = data.map((one) => one + 10)
        assert.deepEqual(await made(again, more), { '': [...data, ...later] })
        assert.deepEqual(handled, later)
      },
      { needs: 'reopen' },
    )
  }

  simulatedLaw('links stand for the events that they point to, but not in `all`', async ({ store }) => {
    await append(store, 1, 2)
    await store.stream('l-1').linkTo({ streamId: 's', version: 1 })
    await store.stream('l-1').append(a(3))
    const inStream = { kind: 'stream', streamId: 'l-1' } as const
    const inCategory = { kind: 'category', category: 'l' } as const
    const all = { kind: 'all' } as const
    for (const [source, resolveLinks, expected] of [
      [inStream, undefined, [1, 3]],
      [inStream, true, [1, 3]],
      [inStream, false, [3]],
      [inCategory, undefined, [1, 3]],
      [inCategory, false, [3]],
      [all, undefined, [1, 2, 3]],
      [all, false, [1, 2, 3]],
      [all, true, [1, 2, 1, 3]],
    ] as const) {
      const name = JSON.stringify([source, resolveLinks])
      const { '': state } = await made(store, logs({ name, source, resolveLinks }))
      assert.deepEqual(state, expected, name)
    }
  })

  simulatedLaw('links to what is hidden are passed over', async ({ store }) => {
    await append(store, 1, 2)
    await store.stream('l').linkTo({ streamId: 's', version: 1 })
    await store.stream('l').linkTo({ streamId: 's', version: 2 })
    await store.stream('s').truncateBefore(2)
    const source = { kind: 'stream', streamId: 'l' } as const
    assert.deepEqual(await made(store, logs({ source })), { '': [2] })
  })

  simulatedLaw('many events are handled, each once', async ({ store }) => {
    for (const from of [0, 1_000, 2_000, 3_000, 4_000]) {
      await append(store, ...numbers(from + 1, from + 1_000))
    }
    assert.deepEqual(await made(store, logs()), { '': numbers(1, 5_000) })
  })

  simulatedLaw('events of system streams are no events of a projection', async ({ store }) => {
    await append(store, 1)
    await store.stream('s').setMetadata({ a: 1 })
    await store.stream('s').delete()
    await store.stream('t').append(a(2))
    assert.deepEqual(await made(store, logs()), { '': [2] })
  })
}

function eventLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('a handler sees all of an event', async ({ store }) => {
    const seen: unknown[] = []
    const time = new Date('2020-02-02T02:02:02.002Z')
    const metadata = { m: [1] }
    await store.stream('s-1').append({ type: 'A', data: { x: 1 }, metadata, tags: ['b', 'a'], time })
    await made(
      store,
      counts((_state, event, { partition, position }) => {
        seen.push([{ ...fieldsOf(event) }, partition, position])
        return undefined
      }),
    )
    const [event] = await store.stream('s-1').read().toArray()
    assert.deepEqual(seen, [[fieldsOf(event as ProjectedEvent), '', event!.position]])
    assert.deepEqual(event!.time, time)
  })

  simulatedLaw(
    'a handler that comes to an event by a link sees its link, and its place',
    async ({ store }) => {
      await append(store, 1)
      const { position } = await store.stream('l').linkTo({ streamId: 's', version: 1 })
      const seen: unknown[] = []
      const source = { kind: 'stream', streamId: 'l' } as const
      const also = (
        _: number,
        { link, streamId, version }: ProjectedEvent,
        { position: at }: { position: bigint },
      ) => {
        seen.push([streamId, version, link?.streamId, link?.version, at])
        return undefined
      }
      await made(store, counts(also, { source }))
      assert.deepEqual(seen, [['s', 1, 'l', 1, position]])
    },
  )

  simulatedLaw('what a handler does to data is seen by nobody else', async ({ store }) => {
    const followed: unknown[] = []
    await store.all.subscribe({ type: 'catch-up' }, ({ data }) => void followed.push(data))
    const spoil = counts((_state, { data }) => {
      ;(data as { list: number[] }).list.push(2)
      return undefined
    })
    const [one, other] = [await store.project(spoil), await store.project(logs({ name: 'other' }))]
    await append(store, { list: [1] })
    await caughtUp(store, one)
    await caughtUp(store, other)
    assert.deepEqual(await other.state(), [{ list: [1] }])
    assert.deepEqual(await made(store, logs({ name: 'later' })), { '': [{ list: [1] }] })
    assert.deepEqual(followed, [{ list: [1] }])
  })

  simulatedLaw('what a handler does to data is gone when it runs again', async ({ store, runtime }) => {
    await append(store, { list: [1] }, 'bad')
    const projection = logs({
      any: (state, { data }) => {
        if (data === 'bad') throw new Error('no')
        ;(data as { list: number[] }).list.push(2)
        return [...state, data]
      },
    })
    const running = await store.project(projection, { onFault: () => {} })
    await faulted(runtime, running, 2)
    assert.deepEqual(await running.state(), [{ list: [1, 2] }])
  })
}

function fieldsOf({ link: _link, ...event }: ProjectedEvent): object {
  const { id, type, data, metadata, tags, streamId, version, position, time, recordedAt } = event
  return { id, type, data, metadata, tags, streamId, version, position, time, recordedAt }
}

interface Sum {
  sum: number
  seen: number[]
}

function returningLaws({ simulatedLaw }: StoreLaws): void {
  const settings = {
    name: 'p',
    source: { kind: 'all' },
    initialState: (): Sum => ({ sum: 0, seen: [] }),
  } as const
  const inPlace = (state: Sum, { data }: { readonly data?: unknown }): undefined => {
    state.sum += data as number
    state.seen.push(data as number)
  }
  const next = (state: Sum, { data }: { readonly data?: unknown }): Sum => ({
    sum: state.sum + (data as number),
    seen: [...state.seen, data as number],
  })
  const ways = {
    'is returned': next,
    'is changed in place': inPlace,
    'is changed in place and returned': (state: Sum, event: { readonly data?: unknown }) => {
      inPlace(state, event)
      return state
    },
    'comes later': async (state: Sum, event: { readonly data?: unknown }) => {
      await Promise.resolve()
      return next(state, event)
    },
    'is changed in place later': async (state: Sum, event: { readonly data?: unknown }) => {
      await Promise.resolve()
      inPlace(state, event)
      return undefined
    },
  }
  for (const [what, any] of Object.entries(ways)) {
    simulatedLaw(`a state that ${what} is kept`, async ({ store }) => {
      const projection = defineProjection<Sum>({ ...settings, any })
      await append(store, 1, 2, 3)
      assert.deepEqual(await made(store, projection), { '': { sum: 6, seen: [1, 2, 3] } })
      await append(store, 4)
      assert.deepEqual(await made(store, projection), { '': { sum: 10, seen: [1, 2, 3, 4] } })
    })
  }

  simulatedLaw('states may be any JSON', async ({ store }) => {
    for (const [index, state] of [null, false, 0, '', 'ä😀', [], {}, [null, { a: [] }], -1.5e-7].entries()) {
      const name = `${index}`
      await append(store, index)
      assert.deepEqual(await made(store, logs({ name, any: () => state as never })), { '': state })
    }
  })

  simulatedLaw('a state that is the same after an event is there all the same', async ({ store }) => {
    await append(store, 1)
    const running = await store.project(logs({ any: (state) => state }))
    assert.equal((await running.load()).exists, false)
    await caughtUp(store, running)
    assert.deepEqual(await running.load().then(({ exists, state }) => [exists, state]), [true, []])
  })
}

function caseLaws({ simulatedLaw }: StoreLaws): void {
  const events = [
    { type: 'A', data: 1 },
    { type: 'B', data: 2 },
    { type: 'toString', data: 3 },
    { type: '__proto__', data: 4 },
  ]
  const note = (what: string) => (state: Log, event: EventShape) => [...state, `${what} ${event.data}`]

  simulatedLaw('types without a case are passed over', async ({ store }) => {
    await store.stream('s').append(events)
    const running = await store.project(logs({ on: { A: note('case') }, any: undefined }))
    await caughtUp(store, running)
    assert.deepEqual(await running.state(), ['case 1'])
    assert.equal((await running.status()).handled, 1)
  })

  simulatedLaw('`any` handles what has no case', async ({ store }) => {
    await store.stream('s').append(events)
    const on = { A: note('case'), constructor: note('case') }
    const state = ['case 1', 'any 2', 'any 3', 'any 4']
    assert.deepEqual(await made(store, logs({ on, any: note('any') })), { '': state })
  })

  simulatedLaw('a case may have any name', async ({ store }) => {
    await store.stream('s').append(events)
    const on = Object.fromEntries(['toString', '__proto__'].map((type) => [type, note('case')]))
    assert.deepEqual(await made(store, logs({ on, any: undefined })), { '': ['case 3', 'case 4'] })
  })

  simulatedLaw('handlers run one after the other', async ({ store, runtime }) => {
    await append(store, 1, 2, 3)
    const course: string[] = []
    const projection = counts(async (_state, { data }) => {
      course.push(`begin ${data}`)
      await new Promise<void>((resolve) => void runtime.schedule(10 - (data as number), resolve))
      course.push(`end ${data}`)
      return undefined
    })
    await made(store, projection)
    assert.deepEqual(course, ['begin 1', 'end 1', 'begin 2', 'end 2', 'begin 3', 'end 3'])
  })
}
