import assert from 'node:assert/strict'
import type { EventRead, ReadOptions, StreamReadOptions } from '../../store/contract-reading.ts'
import { counted, dataOf, failureOf, numbers, type StoreLaws } from './laws.ts'

const EVENTS = 150
const ROUNDS = 200

/** Reading one stream, and what every read can do. */
export function streamReadLaws({ law }: StoreLaws): void {
  law(
    'stream.read() reads what the bounds, the limit and the direction say: as an array would',
    async ({ store, random }) => {
      await store.append([
        { streamId: 'r', events: counted(3) },
        { streamId: 's', events: counted(EVENTS) },
        { streamId: 't', events: counted(3) },
      ])
      const versions = numbers(1, EVENTS)
      for (let round = 0; round < ROUNDS; round += 1) {
        const options = randomOptions(random, () => Math.floor(random() * (EVENTS + 20)) - 5)
        const expected = expectedRead(versions, options, (bound) => [bound, bound])
        await assertReads(store.stream('s').read(options), expected, ({ version }) => version, options)
      }
    },
  )

  law('tx.stream.read() does the same, with own events at the end', async ({ store, random }) => {
    const stored = 100
    await store.stream('s').append(counted(stored))
    await store.transact(async (tx) => {
      await tx.stream('s').append(counted(20, stored + 1))
      await tx.stream('t').append(counted(20))
      for (let round = 0; round < ROUNDS; round += 1) {
        const options = randomOptions(random, () => Math.floor(random() * 140) - 5)
        const expected = expectedRead(numbers(1, 120), options, (bound) => [bound, bound])
        await assertReads(tx.stream('s').read(options), expected, ({ version }) => version, options)
      }
    })
  })

  law('stream.read() of a stream that never existed yields nothing', async ({ store }) => {
    await store.stream('s').append(counted(1))
    for (const id of ['missing', 'r', 't', 's ', '$$s', '$system']) {
      const read = store.stream(id).read()
      assert.deepEqual(await read.toArray(), [])
      assert.deepEqual([await read.first(), await read.last()], [undefined, undefined])
      for await (const _ of read.batches()) assert.fail('no batch is empty')
      assert.equal(await store.stream(id).event(1), undefined)
      assert.equal(await store.stream(id).exists(), false)
    }
    assert.deepEqual(await store.stream('missing').metadata(), {})
    const error = await failureOf('stream-not-found', () => store.stream('missing').info())
    assert.deepEqual(error.details, { streamId: 'missing' })
  })

  law('stream.read() of a stream without events yields nothing', async ({ store }) => {
    const stream = await store.createStream('s')
    assert.deepEqual(await stream.read({ direction: 'backwards' }).toArray(), [])
    assert.equal(await stream.exists(), true)
    assert.equal((await stream.info()).version, 0)
  })

  law('stream.event() is the event with that version, or undefined', async ({ store }) => {
    await store.stream('s').append(counted(3, 10))
    for (const version of numbers(1, 3))
      assert.equal((await store.stream('s').event(version))!.data, 9 + version)
    for (const version of [0, -1, 4, Number.MAX_SAFE_INTEGER])
      assert.equal(await store.stream('s').event(version), undefined)
    for (const version of [1.5, Number.NaN, '1', 1n]) {
      await failureOf('invalid-argument', () => store.stream('s').event(version as number))
    }
  })

  law('read() refuses bounds, limits and directions that make no sense', async ({ store }) => {
    const bad: Record<string, unknown>[] = [
      { from: 1.5 },
      { after: '1' },
      { to: 1n },
      { before: new Date(0) },
      { limit: -1 },
      { limit: Number.NaN },
      { limit: '1' },
      { direction: 'up' },
    ]
    for (const options of bad) {
      const name = Object.entries(options).join()
      const streamOptions = options as StreamReadOptions
      await failureOf('invalid-argument', () => store.stream('s').read(streamOptions), name)
      await failureOf(
        'invalid-argument',
        () => store.readTransact((tx) => tx.stream('s').read(streamOptions)),
        name,
      )
    }
  })

  law('read() can be iterated again, and then sees what has come since', async ({ store }) => {
    const read = store.stream('s').read()
    assert.deepEqual(await dataOf(read), [])
    await store.stream('s').append(counted(2))
    assert.deepEqual(await dataOf(read), [1, 2])
    const [one, other] = [read[Symbol.asyncIterator](), read[Symbol.asyncIterator]()]
    assert.equal((await one.next()).value?.data, 1)
    assert.equal((await one.next()).value?.data, 2)
    assert.equal((await other.next()).value?.data, 1)
    assert.equal((await one.next()).done, true)
    assert.equal((await one.next()).done, true)
    await store.stream('s').append(counted(1, 3))
    assert.deepEqual(await dataOf(read), [1, 2, 3])
    assert.equal((await one.next()).done, true)
  })

  law('read() can be left early', async ({ store }) => {
    await store.stream('s').append(counted(100))
    for (const enough of [1, 64, 65]) {
      const seen: unknown[] = []
      for await (const { data } of store.stream('s').read()) if (seen.push(data) === enough) break
      assert.deepEqual(seen, numbers(1, enough))
    }
    const iterator = store.stream('s').read()[Symbol.asyncIterator]()
    await iterator.next()
    await iterator.return?.()
    assert.equal((await iterator.next()).done, true)
  })

  law('read() throws the reason of its signal', async ({ store }) => {
    await store.stream('s').append(counted(200))
    const reason = new Error('given up')
    for (const source of [store.stream('s'), store.all]) {
      await assert.rejects(source.read({ signal: AbortSignal.abort(reason) }).toArray(), reason)
      const controller = new AbortController()
      const seen: unknown[] = []
      const reading = async (): Promise<void> => {
        for await (const { data } of source.read({ signal: controller.signal })) {
          seen.push(data)
          if (seen.length === 10) controller.abort(reason)
        }
      }
      await assert.rejects(reading(), reason)
      assert.ok(seen.length < 200)
    }
  })

  law('readTransact() reads one snapshot, whatever is appended meanwhile', async ({ store }) => {
    await store.stream('s').append(counted(70))
    await store.readTransact(async (tx) => {
      assert.equal((await tx.stream('s').read().first())!.data, 1)
      await store.stream('s').append(counted(70, 71))
      await store.stream('new').append(counted(1))
      assert.deepEqual(await dataOf(tx.stream('s').read()), numbers(1, 70))
      assert.equal((await tx.all.read().toArray()).length, 70)
      assert.equal(await tx.stream('new').exists(), false)
      assert.equal((await tx.stream('s').info()).version, 70)
      assert.deepEqual((await tx.stream('s').event(70))!.data, 70)
      assert.deepEqual(await tx.stream('s').metadata(), {})
    })
  })
}

/** Random bounds, limits and directions, each of which may be missing. */
export function randomOptions<Bound>(random: () => number, bound: () => Bound): ReadOptions<Bound> {
  const options: Record<string, unknown> = {}
  for (const name of ['from', 'after', 'to', 'before']) if (random() < 0.3) options[name] = bound()
  if (random() < 0.4) options.limit = Math.floor(random() * 90)
  if (random() < 0.5) options.direction = random() < 0.8 ? 'backwards' : 'forwards'
  return options as ReadOptions<Bound>
}

/** What an array would give. `span` says from which to which place a bound reaches. */
export function expectedRead<Place extends number | bigint, Bound>(
  places: readonly Place[],
  { from, after, to, before, limit, direction }: ReadOptions<Bound>,
  span: (bound: Bound) => readonly [Place, Place],
): Place[] {
  const within = places.filter(
    (place) =>
      (from === undefined || place >= span(from)[0]) &&
      (after === undefined || place > span(after)[1]) &&
      (to === undefined || place <= span(to)[1]) &&
      (before === undefined || place < span(before)[0]),
  )
  if (direction === 'backwards') within.reverse()
  return within.slice(0, limit)
}

/** Makes sure that a read gives these, in every way in which it can be read. */
export async function assertReads<R, Place>(
  read: EventRead<R>,
  expected: readonly Place[],
  placeOf: (event: R) => Place,
  options: unknown,
): Promise<void> {
  const hint = JSON.stringify(options, (_, value) => (typeof value === 'bigint' ? `${value}n` : value))
  const array = await read.toArray()
  assert.deepEqual(array.map(placeOf), expected, hint)
  const [first, last] = [await read.first(), await read.last()]
  assert.deepEqual(first && placeOf(first), expected[0], `first ${hint}`)
  assert.deepEqual(last && placeOf(last), expected.at(-1), `last ${hint}`)
  const batched: Place[] = []
  for await (const batch of read.batches()) {
    assert.ok(batch.length > 0, `no batch is empty ${hint}`)
    batched.push(...batch.map(placeOf))
  }
  assert.deepEqual(batched, expected, `batches ${hint}`)
  const single: Place[] = []
  for await (const event of read) single.push(placeOf(event))
  assert.deepEqual(single, expected, `iteration ${hint}`)
}
