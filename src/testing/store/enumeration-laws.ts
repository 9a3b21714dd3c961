import assert from 'node:assert/strict'
import type { EventStore } from '../../store/contract.ts'
import type { StreamEntry, StreamsOptions } from '../../store/contract-streams.ts'
import { counted, failureOf, numbers, type StoreLaws } from './laws.ts'

const PARTS = ['a', 'b', 'é', '漢', '😀', '\uffff', '-', '\u0001']

/** Which streams there are, and what there is in all. */
export function enumerationLaws({ law, simulatedLaw }: StoreLaws): void {
  law(
    'streams() enumerates by prefix, after and limit, in the order of UTF-8 bytes: as an array would',
    async ({ store, random }) => {
      const randomId = (most: number): string =>
        Array.from(
          { length: Math.ceil(random() * most) },
          () => PARTS[Math.floor(random() * PARTS.length)],
        ).join('')
      const versions = new Map<string, number>()
      for (let count = 0; count < 120; count += 1) versions.set(randomId(4), Math.floor(random() * 3))
      await store.append([...versions].map(([streamId, version]) => ({ streamId, events: counted(version) })))
      for (const [id, version] of versions) if (version === 0) await store.createStream(id)
      const system = [...versions]
        .filter(([, version]) => version === 0)
        .map(([id]) => [`$$${id}`, 1] as const)
      for (let round = 0; round < 150; round += 1) {
        const options: StreamsOptions = {
          ...(random() < 0.6 && { prefix: random() < 0.2 ? '$' : randomId(2) }),
          ...(random() < 0.4 && { after: randomId(4) }),
          ...(random() < 0.4 && { limit: Math.floor(random() * 10) }),
          ...(random() < 0.4 && { system: true }),
        }
        const all = [...versions, ...(options.system ? system : [])]
        assert.deepEqual(await list(store, options), expectedList(all, options), JSON.stringify(options))
      }
    },
  )

  law('a listing can be iterated again, and sees what has come meanwhile', async ({ store }) => {
    const streams = store.streams()
    assert.deepEqual(await streams.toArray(), [])
    await store.append(['a', 'b'].map((streamId) => ({ streamId, events: counted(1) })))
    const ids: string[] = []
    for await (const { streamId } of streams) ids.push(streamId)
    assert.deepEqual(ids, ['a', 'b'])
    assert.deepEqual(
      (await streams.toArray()).map(({ streamId }) => streamId),
      ids,
    )
  })

  law('streams() sees each of many streams once', async ({ store }) => {
    const ids = numbers(1, 1_100).map((n) => `s${String(n).padStart(5, '0')}`)
    for (const part of [ids.slice(0, 600), ids.slice(600)])
      await store.append(part.map((streamId) => ({ streamId, events: counted(1) })))
    const listed = (await list(store, {})).map(({ streamId }) => streamId)
    assert.deepEqual(listed, ids)
    for (const limit of [511, 512, 513]) {
      const [first] = [await list(store, { limit })]
      const rest = await list(store, { after: first.at(-1)!.streamId })
      assert.deepEqual(
        [...first, ...rest].map(({ streamId }) => streamId),
        ids,
      )
    }
  })

  law('streams() can be left early, and refuses what makes no sense', async ({ store }) => {
    await store.append(numbers(1, 5).map((n) => ({ streamId: `s${n}`, events: counted(1) })))
    for await (const { streamId } of store.streams()) {
      assert.equal(streamId, 's1')
      break
    }
    const reason = new Error('given up')
    await assert.rejects(list(store, { signal: AbortSignal.abort(reason) }), reason)
    for (const limit of [-1, Number.NaN]) await failureOf('invalid-argument', () => list(store, { limit }))
  })

  law('streams() has nothing of a stream that was refused', async ({ store }) => {
    await failureOf('wrong-expected-version', () =>
      store.append([
        { streamId: 'a', events: counted(1) },
        { streamId: 'b', events: counted(1), expectedVersion: 1 },
      ]),
    )
    await store.stream('c').append([])
    await store.stream('d').read().toArray()
    assert.deepEqual(await list(store, { system: true }), [])
  })

  simulatedLaw(
    'store.info() counts streams and events, and knows the ends of the log',
    async ({ store, runtime }) => {
      const { engine } = store.kv
      assert.deepEqual(await store.info(), {
        engine,
        format: 1,
        indexes: ['category', 'type', 'tag'],
        categorySeparator: '-',
        streams: 0,
        events: 0,
        systemEvents: 0,
        lastPosition: undefined,
        firstRecordedAt: undefined,
        lastRecordedAt: undefined,
      })
      await store.stream('a').append(counted(3))
      await runtime.advance(60_000)
      await store.createStream('b')
      await store.stream('a').setMetadata({ x: 1 })
      await store.stream('c').append(counted(2))
      const events = await store.all.read({ system: true }).toArray()
      assert.deepEqual(await store.info(), {
        engine,
        format: 1,
        indexes: ['category', 'type', 'tag'],
        categorySeparator: '-',
        streams: 3,
        events: 5,
        systemEvents: 2,
        lastPosition: events.at(-1)!.position,
        firstRecordedAt: events[0]!.recordedAt,
        lastRecordedAt: events.at(-1)!.recordedAt,
      })
      const reason = new Error('given up')
      await assert.rejects(store.info({ signal: AbortSignal.abort(reason) }), reason)
    },
  )
}

function list(store: EventStore, options: StreamsOptions): Promise<StreamEntry[]> {
  return store.streams(options).toArray()
}

function expectedList(
  all: readonly (readonly [string, number])[],
  { prefix = '', after, limit }: StreamsOptions,
): StreamEntry[] {
  return all
    .map(([streamId, version]) => ({ streamId, state: 'live' as const, version }))
    .filter(({ streamId }) => streamId.startsWith(prefix))
    .filter(({ streamId }) => after === undefined || compareBytes(streamId, after) > 0)
    .toSorted((a, b) => compareBytes(a.streamId, b.streamId))
    .slice(0, limit)
}

function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
