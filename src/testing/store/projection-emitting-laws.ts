import assert from 'node:assert/strict'
import type { EventStore } from '../../store/contract.ts'
import type { JsonObject, RecordedEvent } from '../../store/event.ts'
import { dataIn, dataOf, numbers, type StoreLaws, uuidOf } from './laws.ts'
import { a, append, caughtUp, counts, made, ofProjections } from './projection-examples.ts'

/** What projections emit and link. */
export function projectionEmittingLaws(laws: StoreLaws): void {
  const named = ofProjections(laws)
  emittingLaws(named)
  causeLaws(named)
  mixedLaws(named)
  linkingLaws(named)
  linkTargetLaws(named)
}

const SOURCE = { source: { kind: 'stream', streamId: 's' } } as const

function emittingLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('emit() appends one event or several', async ({ store }) => {
    await append(store, 1, 2)
    const projection = counts((_state, { data }, { emit }) => {
      emit('one', a(data))
      emit('several', [a(data), { type: 'B', data: -(data as number) }])
      emit('none', [])
      return undefined
    }, SOURCE)
    await made(store, projection)
    assert.deepEqual(await dataIn(store, 'one'), [1, 2])
    assert.deepEqual(await dataIn(store, 'several'), [1, -1, 2, -2])
    assert.equal(await store.stream('none').exists(), false)
  })

  simulatedLaw('what is emitted keeps its order over all streams', async ({ store }) => {
    await append(store, ...numbers(1, 50))
    const projection = counts((_state, { data }, context) => {
      for (const part of [1, 2, 3]) {
        context.emit(`out-${((data as number) * part) % 4}`, a([data, part]))
      }
      return undefined
    }, SOURCE)
    await made(store, projection)
    const emitted = (await store.all.read().toArray()).filter(({ streamId }) => streamId !== 's')
    assert.deepEqual(
      emitted.map(({ data }) => data),
      numbers(1, 50).flatMap((data) => [1, 2, 3].map((part) => [data, part])),
    )
    const places = emitted.map(({ data }) => data as [number, number])
    assert.deepEqual(
      emitted.map(({ streamId }) => streamId),
      places.map(([data, part]) => `out-${(data * part) % 4}`),
    )
  })

  simulatedLaw('what is emitted may have all that events have', async ({ store }) => {
    await append(store, 1)
    const time = new Date('2001-01-01T00:00:00.000Z')
    const projection = counts((_state, _event, context) => {
      const bytes = Uint8Array.of(1, 2, 3)
      context.emit('out', {
        type: 'B',
        data: bytes,
        tags: ['x', 'y'],
        id: uuidOf(7),
        time,
        metadata: { m: 1 },
      })
      context.emit('out', { type: 'C' })
      return undefined
    }, SOURCE)
    await made(store, projection)
    const [first, second] = await store.stream('out').read().toArray()
    const { type, data, tags, id, time: at, metadata } = first!
    assert.deepEqual([type, data, tags, id, at], ['B', Uint8Array.of(1, 2, 3), ['x', 'y'], uuidOf(7), time])
    assert.equal((metadata as JsonObject).m, 1)
    assert.deepEqual([second!.type, second!.data], ['C', undefined])
  })

  simulatedLaw('events that are handed to emit() may be changed behind it', async ({ store }) => {
    await append(store, 1)
    const projection = counts((_state, _event, context) => {
      const event = { type: 'B', data: { list: [1] } }
      const events = [event]
      context.emit('out', events)
      event.data.list.push(2)
      events.push(event)
      return undefined
    }, SOURCE)
    await made(store, projection)
    assert.deepEqual(await dataIn(store, 'out'), [{ list: [1] }])
  })

  simulatedLaw('a projection may handle what it emits itself', async ({ store }) => {
    await append(store, 3)
    const projection = counts((_state, { data }, context) => {
      if ((data as number) > 0) context.emit('s', a((data as number) - 1))
      return undefined
    }, SOURCE)
    const running = await store.project(projection)
    for (const _ of numbers(1, 4)) await caughtUp(store, running)
    assert.deepEqual(await dataIn(store, 's'), [3, 2, 1, 0])
    assert.equal(await running.state(), 4)
  })
}

async function metadataIn(store: EventStore, streamId: string): Promise<unknown[]> {
  return (await store.stream(streamId).read().toArray()).map(({ metadata }) => metadata)
}

function causeLaws({ simulatedLaw }: StoreLaws): void {
  const echo = counts((_state, event, context) => {
    context.emit('out', a(event.data))
    return undefined
  }, SOURCE)

  simulatedLaw('what is emitted says what caused it', async ({ store }) => {
    await store.stream('s').append([a(1), a(2, { metadata: { $correlationId: 'c', other: 1 } })])
    await made(store, echo)
    const [one, two] = await store.stream('s').read().toArray()
    assert.deepEqual(await metadataIn(store, 'out'), [
      { $correlationId: one!.id, $causationId: one!.id },
      { $correlationId: 'c', $causationId: two!.id },
    ])
  })

  simulatedLaw('what is emitted may say something else of itself', async ({ store }) => {
    await append(store, 1)
    const [cause] = await store.stream('s').read().toArray()
    const projection = counts((_state, _event, context) => {
      context.emit('out', [
        a(1, { metadata: { $correlationId: 'own' } }),
        a(2, { metadata: { $causationId: 'own', m: 1 } }),
        a(3, { metadata: Uint8Array.of(1) }),
      ])
      return undefined
    }, SOURCE)
    await made(store, projection)
    assert.deepEqual(await metadataIn(store, 'out'), [
      { $correlationId: 'own', $causationId: cause!.id },
      { $correlationId: cause!.id, $causationId: 'own', m: 1 },
      Uint8Array.of(1),
    ])
  })

  simulatedLaw('an event without a map for metadata begins a correlation', async ({ store }) => {
    await store.stream('s').append([a(1, { metadata: Uint8Array.of(1) }), a(2, { metadata: 'text' })])
    await made(store, echo)
    const ids = (await store.stream('s').read().toArray()).map(({ id }) => id)
    assert.deepEqual(
      await metadataIn(store, 'out'),
      ids.map((id) => ({ $correlationId: id, $causationId: id })),
    )
  })
}

function mixedLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('others may write to the streams that are emitted to', async ({ store, runtime }) => {
    await append(store, ...numbers(1, 30))
    const projection = counts(async (_state, { data }, context) => {
      context.emit('out', a(data))
      if ((data as number) % 10 !== 0) return undefined
      await store.stream('out').append(a(`other ${data}`))
      return undefined
    }, SOURCE)
    const running = await store.project(projection)
    const others = numbers(1, 30).map(async (number) => {
      await new Promise<void>((resolve) => void runtime.schedule(number, resolve))
      await store.stream('out').append(a(`beside ${number}`))
      await append(store, 30 + number)
    })
    await Promise.all(others)
    await caughtUp(store, running)
    const out = await dataIn(store, 'out')
    assert.deepEqual(
      out.filter((data) => typeof data === 'number'),
      numbers(1, 30).concat((await dataIn(store, 's')).slice(30) as number[]),
    )
    assert.equal(out.filter((data) => `${data}`.startsWith('beside')).length, 30)
  })

  simulatedLaw('what is emitted brings a deleted stream back to life', async ({ store }) => {
    await store.stream('out').append(a(0))
    await store.stream('out').delete()
    await append(store, 1)
    const projection = counts((_state, { data }, context) => void context.emit('out', a(data)), SOURCE)
    await made(store, projection)
    assert.deepEqual(await dataIn(store, 'out'), [1])
  })

  simulatedLaw(
    'what was emitted is not emitted again when the store is opened again',
    async ({ store, reopen }) => {
      const projection = counts((_state, { data }, context) => void context.emit('out', a(data)), SOURCE)
      await append(store, 1, 2)
      await made(store, projection)
      const again = await reopen()
      await append(again, 3)
      await made(again, projection)
      assert.deepEqual(await dataIn(again, 'out'), [1, 2, 3])
    },
    { needs: 'reopen' },
  )
}

function linkingLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('linkTo() links the event that is handled', async ({ store }) => {
    await append(store, 1, 2, 3)
    const projection = counts((_state, event, context) => {
      if (event.data !== 2) context.linkTo('odd', event)
      return undefined
    }, SOURCE)
    await made(store, projection)
    assert.deepEqual(await placesIn(store, 'odd'), [
      ['s', 1],
      ['s', 3],
    ])
    assert.deepEqual(await dataIn(store, 'odd'), [1, 3])
  })

  simulatedLaw('linkTo() takes an event by its place', async ({ store }) => {
    await append(store, 1, 2)
    const projection = counts((_state, { streamId, version }, context) => {
      context.linkTo('first', { streamId: 's', version: 1 })
      context.linkTo('same', { streamId, version })
      return undefined
    }, SOURCE)
    await made(store, projection)
    assert.deepEqual(await dataIn(store, 'first'), [1, 1])
    assert.deepEqual(await dataIn(store, 'same'), [1, 2])
  })

  simulatedLaw('linkTo() an event that was found by a link points to the event', async ({ store }) => {
    await append(store, 1)
    await store.stream('l').linkTo({ streamId: 's', version: 1 })
    const source = { kind: 'stream', streamId: 'l' } as const
    const projection = counts((_state, event, context) => void context.linkTo('again', event), { source })
    await made(store, projection)
    assert.deepEqual(await placesIn(store, 'again'), [['s', 1]])
    await store.stream('l').delete()
    assert.deepEqual(await dataIn(store, 'again'), [1])
  })

  simulatedLaw('events and links to one stream keep their order', async ({ store }) => {
    await append(store, 1, 2)
    const projection = counts((_state, event, context) => {
      context.emit('out', a(`before ${event.data}`))
      context.linkTo('out', event)
      context.emit('out', a(`after ${event.data}`))
      context.linkTo('out', { streamId: 's', version: 1 })
      return undefined
    }, SOURCE)
    await made(store, projection)
    const expected = [1, 2].flatMap((data) => [`before ${data}`, data, `after ${data}`, 1])
    assert.deepEqual(await dataIn(store, 'out'), expected)
  })

  simulatedLaw('one that links everything does not link its links', async ({ store }) => {
    await append(store, 1, 2)
    const projection = counts((_state, event, context) => void context.linkTo('everything', event))
    const running = await store.project(projection)
    for (const _ of numbers(1, 3)) await caughtUp(store, running)
    await append(store, 3)
    for (const _ of numbers(1, 3)) await caughtUp(store, running)
    assert.deepEqual(await dataIn(store, 'everything'), [1, 2, 3])
    assert.equal(await running.state(), 3)
  })
}

async function placesIn(store: EventStore, streamId: string): Promise<unknown[]> {
  const raw = await store.stream(streamId).read({ resolveLinks: false }).toArray()
  return raw.map(({ data }) => Object.values(data as { streamId: string; version: number }))
}

function linkTargetLaws({ simulatedLaw }: StoreLaws): void {
  simulatedLaw('linkTo() may point to what an event before has emitted', async ({ store }) => {
    await append(store, 1, 2)
    const projection = counts((state, { data }, context) => {
      if (data === 1) context.emit('out', a(data))
      else context.linkTo('l', { streamId: 'out', version: state })
      return undefined
    }, SOURCE)
    await made(store, projection)
    assert.deepEqual(await dataIn(store, 'l'), [1])
  })

  simulatedLaw(
    'linkTo() the event that is handled does so although it is hidden meanwhile',
    async ({ store }) => {
      await append(store, 1, 2)
      let isFirst = true
      const projection = counts(async (_state, event, context) => {
        if (isFirst) await store.stream('s').truncateBefore(2)
        isFirst = false
        context.linkTo('l', event)
        return undefined
      }, SOURCE)
      await made(store, projection)
      assert.deepEqual(await placesIn(store, 'l'), [
        ['s', 1],
        ['s', 2],
      ])
      assert.deepEqual(await dataOf(store.stream('l').read()), [2])
    },
  )

  simulatedLaw('a link has an id of its own, and its time is that of its recording', async ({ store }) => {
    await append(store, 1)
    const projection = counts((_state, event, context) => void context.linkTo('l', event), SOURCE)
    await made(store, projection)
    const [event] = (await store.stream('l').read().toArray()) as [RecordedEvent]
    assert.notEqual(event.link?.id, event.id)
    assert.equal(event.link?.version, 1)
  })
}
