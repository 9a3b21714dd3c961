import assert from 'node:assert/strict'
import type { EventStore } from '../../store/contract.ts'
import type { ReadableSource } from '../../store/contract-reading.ts'
import type { RecordedEvent } from '../../store/event.ts'
import { dataOf, failureOf, numbers, refuses, type StoreLaws, uuidOf } from './laws.ts'

/** Events that point to others: how they are made, and read. What happens to their targets: `link-target-laws.ts`. */
export function linkLaws(laws: StoreLaws): void {
  linkingLaws(laws)
  readingLaws(laws)
  limitLaws(laws)
  transactionLinkLaws(laws)
}

function linkingLaws({ law }: StoreLaws): void {
  law('linkTo() appends a link to an event of another stream', async ({ store }) => {
    const [first] = await fill(store)
    const result = await store.stream('links').linkTo(first)
    const { position, ...rest } = result
    assert.deepEqual(rest, { streamId: 'links', firstVersion: 1, lastVersion: 1, idempotent: false })
    const [event] = await store.stream('links').read().toArray()
    assert.deepEqual(event!.toJSON(), { ...first.toJSON(), link: JSON.parse(linkJson(event!)) })
    const { id, ...link } = event!.link!
    assert.deepEqual(link, { streamId: 'links', version: 1, position })
    assert.match(id, /^[0-9a-f-]{36}$/)
    assert.notEqual(id, first.id)
    assert.deepEqual([event!.position, event!.recordedAt], [first.position, first.recordedAt])
    assert.ok(position! > first.position)
  })

  law('linkTo() takes an event by its place', async ({ store }) => {
    await fill(store)
    await store.stream('links').linkTo({ streamId: 'a-1', version: 2 })
    assert.deepEqual(await dataOf(store.stream('links').read()), [2])
    assert.equal((await store.stream('links').event(1))!.data, 2)
  })

  law('linkTo() links within one stream', async ({ store }) => {
    await fill(store)
    await store.stream('a-1').linkTo({ streamId: 'a-1', version: 1 }, { expectedVersion: 2 })
    await store.stream('a-1').append({ type: 'A', data: 3 }, { expectedVersion: 3 })
    assert.deepEqual(await dataOf(store.stream('a-1').read()), [1, 2, 1, 3])
    const versions = (await store.stream('a-1').read().toArray()).map(({ version, link }) => [
      version,
      link?.version,
    ])
    assert.deepEqual(versions, [
      [1, undefined],
      [2, undefined],
      [1, 3],
      [3 + 1, undefined],
    ])
  })

  law('linkTo() a link points to what that points to', async ({ store }) => {
    const [first] = await fill(store)
    await store.stream('links').linkTo(first)
    await store.stream('more').linkTo({ streamId: 'links', version: 1 })
    await store.stream('more').linkTo({ streamId: 'more', version: 1 })
    const raw = await store.stream('more').read({ resolveLinks: false }).toArray()
    for (const { data } of raw) assert.deepEqual(data, { streamId: 'a-1', version: 1 })
    await store.stream('links').delete()
    assert.deepEqual(await dataOf(store.stream('more').read()), [1, 1])
  })

  law('linkTo() refuses what cannot be read', async ({ store }) => {
    await fill(store)
    await store.stream('empty').setMetadata({ a: 1 })
    for (const place of [
      { streamId: 'a-1', version: 3 },
      { streamId: 'a-1', version: 0 },
      { streamId: 'none', version: 1 },
      { streamId: 'empty', version: 1 },
    ]) {
      for (const link of [
        () => store.stream('links').linkTo(place),
        () => store.transact((tx) => tx.stream('links').linkTo(place)),
      ]) {
        const error = await refuses(store, 'event-not-found', link, JSON.stringify(place))
        assert.deepEqual(error.details, place)
      }
    }
    await refuses(store, 'invalid-argument', () => store.stream('$x').linkTo({ streamId: 'a-1', version: 1 }))
    await refuses(store, 'invalid-argument', () => store.stream('x').linkTo({ streamId: '', version: 1 }))
    const misspelt = { ids: uuidOf(1) } as { id?: string }
    const place = { streamId: 'a-1', version: 1 }
    await refuses(store, 'invalid-argument', () => store.stream('x').linkTo(place, misspelt))
    await refuses(store, 'invalid-argument', () => store.stream('x').linkTo(place, { id: 'no' }))
  })

  law('linkTo() with an id is recognised, as an append is', async ({ store }) => {
    const [first] = await fill(store)
    const link = (): ReturnType<ReturnType<EventStore['stream']>['linkTo']> =>
      store.stream('links').linkTo(first, { id: uuidOf(7), expectedVersion: 0 })
    const made = await link()
    assert.deepEqual(await link(), { ...made, idempotent: true })
    const id = { id: uuidOf(7) }
    const within = await store.transact((tx) => tx.stream('links').linkTo(first, id))
    assert.equal(within.idempotent, true)
    assert.equal((await store.stream('links').info()).version, 1)
    assert.equal((await store.stream('links').event(1))!.link!.id, uuidOf(7))
    await store.stream('other').linkTo(first, { id: uuidOf(7), expectedVersion: 0 })
    assert.deepEqual(await dataOf(store.stream('other').read()), [1])
  })

  law('linkTo() takes an idempotency key', async ({ store }) => {
    const [first, second] = await fill(store)
    const made = await store.stream('links').linkTo(first, { idempotencyKey: 'k' })
    const again = await store.stream('links').linkTo(first, { idempotencyKey: 'k' })
    assert.deepEqual(again, { ...made, idempotent: true })
    await refuses(store, 'idempotency-conflict', () =>
      store.stream('links').linkTo(second, { idempotencyKey: 'k' }),
    )
  })

  law('linkTo() obeys the expected version', async ({ store }) => {
    const [first] = await fill(store)
    const stream = store.stream('links')
    await refuses(store, 'wrong-expected-version', () => stream.linkTo(first, { expectedVersion: 1 }))
    await stream.linkTo(first, { expectedVersion: 'no-stream' })
    await refuses(store, 'wrong-expected-version', () => stream.linkTo(first, { expectedVersion: 0 }))
    await stream.linkTo(first, { expectedVersion: 1 })
    const many = numbers(1, 20).map(() => stream.linkTo(first, { expectedVersion: 2 }))
    const outcomes = await Promise.allSettled(many)
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
  })
}

function readingLaws({ law }: StoreLaws): void {
  law('links themselves come out with resolveLinks: false', async ({ store }) => {
    const [first] = await fill(store)
    const { position } = await store.stream('links').linkTo(first)
    const raw = { resolveLinks: false }
    for (const read of [
      store.stream('links').read(raw),
      store.all.read({ ...raw, after: first.position, direction: 'backwards', limit: 1 }),
      store.category('links').read(raw),
      store.eventType('$link').read(raw),
    ]) {
      const events = await read.toArray()
      assert.equal(events.length, 1)
      const { type, data, tags, link, metadata, streamId, version } = events[0]!
      assert.deepEqual([type, tags, link, metadata], ['$link', [], undefined, undefined])
      assert.deepEqual(data, { streamId: 'a-1', version: 1 })
      assert.deepEqual([streamId, version, events[0]!.position], ['links', 1, position])
    }
  })

  law(
    'links are found where they are, not under the type and the tags of their targets',
    async ({ store }) => {
      const [first] = await fill(store)
      await store.stream('links-1').linkTo(first)
      await store.stream('links-2').append({ type: 'Other', data: 9 })
      const found = async (source: ReadableSource): Promise<unknown[]> => dataOf(source.read())
      assert.deepEqual(await found(store.category('links')), [1, 9])
      assert.deepEqual(await found(store.category('a')), [1, 2])
      assert.deepEqual(await found(store.all), [1, 2, 1, 9])
      assert.deepEqual(await found(store.eventType('A')), [1, 2])
      assert.deepEqual(await found(store.eventType('$link')), [1])
      assert.deepEqual(await found(store.query({ items: [{ tags: ['x'] }] })), [1, 2])
      assert.deepEqual(await found(store.query({ items: [{ types: ['$link'] }] })), [1])
      assert.deepEqual(await found(store.query({ items: [{ types: ['$link'], tags: ['x'] }] })), [])
      assert.deepEqual(await found(store.query({})), [1, 2, 1, 9])
      const sources = [store.category('links'), store.eventType('$link'), store.query({})]
      for (const source of sources) {
        const events = await source.read({ after: first.position + 1n }).toArray()
        assert.ok(events.some(({ link }) => link?.streamId === 'links-1'))
      }
    },
  )

  law('readTransact() resolves links in its snapshot', async ({ store }) => {
    const [first] = await fill(store)
    await store.stream('links').linkTo(first)
    await store.readTransact(async (tx) => {
      assert.deepEqual(await dataOf(tx.stream('links').read()), [1])
      await store.stream('a-1').delete()
      assert.deepEqual(await dataOf(tx.stream('links').read()), [1])
      assert.deepEqual(await dataOf(tx.category('links').read()), [1])
    })
    assert.deepEqual(await dataOf(store.stream('links').read()), [])
  })
}

function limitLaws({ law }: StoreLaws): void {
  law('a limit counts the events that come out, not the links that lead nowhere', async ({ store }) => {
    await fill(store)
    await store.stream('gone-1').append(numbers(1, 200).map((n) => ({ type: 'A', data: -n })))
    for (const version of numbers(1, 200)) await store.stream('links').linkTo({ streamId: 'gone-1', version })
    for (const version of [1, 2]) await store.stream('links').linkTo({ streamId: 'a-1', version })
    for (const version of numbers(1, 100)) await store.stream('links').linkTo({ streamId: 'gone-1', version })
    await store.stream('gone-1').delete()
    for (const source of [store.stream('links'), store.category('links'), store.eventType('$link')]) {
      assert.deepEqual(await dataOf(source.read({ limit: 1 })), [1])
      assert.deepEqual(await dataOf(source.read({ limit: 2 })), [1, 2])
      assert.deepEqual(await dataOf(source.read({ limit: 3, direction: 'backwards' })), [2, 1])
      assert.deepEqual([(await source.read().first())?.data, (await source.read().last())?.data], [1, 2])
      for await (const batch of source.read().batches()) assert.ok(batch.length > 0)
      assert.equal((await source.read({ resolveLinks: false }).toArray()).length, 302)
    }
    const all = store.all.read({ limit: 3 })
    assert.deepEqual(await dataOf(all), [1, 2, 1])
  })
}

function transactionLinkLaws({ law }: StoreLaws): void {
  law('linkTo() in a transaction links an event of the same transaction', async ({ store }) => {
    const [first] = await fill(store)
    await store.transact(async (tx) => {
      await tx.stream('new').append({ type: 'A', data: 3, tags: ['x'] })
      const own = (await tx.stream('new').event(1))!
      const result = await tx.stream('links').linkTo(own)
      assert.deepEqual([result.firstVersion, result.position], [1, undefined])
      await tx.stream('links').linkTo(first)
      await tx.stream('links').linkTo({ streamId: 'links', version: 1 })
      assert.deepEqual(await dataOf(tx.stream('links').read()), [3, 1, 3])
      const [resolved] = await tx.stream('links').read().toArray()
      const { id: _, ...link } = resolved!.link!
      assert.deepEqual(link, { streamId: 'links', version: 1, position: undefined })
      assert.deepEqual(await dataOf(tx.category('links').read({ direction: 'backwards' })), [3, 1, 3])
      assert.deepEqual(await dataOf(tx.query({ items: [{ tags: ['x'] }] }).read()), [1, 2, 3])
      await failureOf('event-not-found', () => tx.stream('links').linkTo({ streamId: 'new', version: 2 }))
    })
    assert.deepEqual(await dataOf(store.stream('links').read()), [3, 1, 3])
    const raw = await store.stream('links').read({ resolveLinks: false }).toArray()
    assert.deepEqual(raw[2]!.data, { streamId: 'new', version: 1 })
  })

  law('linkTo() in a transaction does not link what the transaction has hidden', async ({ store }) => {
    const [first, second] = await fill(store)
    await store.transact(async (tx) => {
      await tx.stream('links').linkTo(first)
      await tx.stream('a-1').truncateBefore(2)
      await failureOf('event-not-found', () => tx.stream('links').linkTo(first))
      await tx.stream('links').linkTo(second)
      assert.deepEqual(await dataOf(tx.stream('links').read()), [2])
    })
    assert.deepEqual(await dataOf(store.stream('links').read()), [2])
  })

  law('linkTo() and a deletion of its target at the same time: one sees the other', async ({ store }) => {
    const [first] = await fill(store)
    let runs = 0
    const linking = store.transact(async (tx) => {
      runs += 1
      await tx.stream('links').linkTo(first)
      if (runs === 1) await store.stream('a-1').delete()
    })
    await assert.rejects(linking, { code: 'event-not-found' })
    assert.equal(await store.stream('links').exists(), false)
  })
}

function linkJson({ link }: RecordedEvent): string {
  return JSON.stringify({ ...link, position: `${link!.position}` })
}

/** Two events with a tag. */
async function fill(store: EventStore): Promise<readonly [RecordedEvent, RecordedEvent]> {
  await store.stream('a-1').append([
    { type: 'A', data: 1, tags: ['x', 'y'], metadata: { m: 1 } },
    { type: 'A', data: 2, tags: ['x'], time: new Date(5) },
  ])
  const [first, second] = await store.stream('a-1').read().toArray()
  return [first!, second!]
}
