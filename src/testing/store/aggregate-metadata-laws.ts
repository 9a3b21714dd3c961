import assert from 'node:assert/strict'
import type { EventStore } from '../../store/contract.ts'
import type { CommandContext } from '../../store/contract-aggregates.ts'
import { type Added, added, besideIt, lists, listsOf, ofAggregates } from './aggregate-examples.ts'
import { refuses, type StoreLaws, uuidOf } from './laws.ts'

/** Where events come from: metadata of commands, their correlation, and their cause. */
export function aggregateMetadataLaws(laws: StoreLaws): void {
  const { law, simulatedLaw } = ofAggregates(laws)

  law('metadata of a command goes into each of its events', async ({ store }) => {
    const of = store.aggregate(lists())
    await of.execute('1', 'addAll', [1, 2], { metadata: { who: 'me', in: { a: 1 } } })
    await of.execute('1', 'add', 3)
    await of.execute('1', 'add', 4, { metadata: {} })
    const who = { who: 'me', in: { a: 1 } }
    assert.deepEqual(await metadataIn(store), [who, who, undefined, undefined])
  })

  law('what an event says itself goes before what its command says', async ({ store }) => {
    const of = store.aggregate(lists())
    const options = { metadata: { who: 'me', at: 1 }, correlationId: 'c', causationId: 'd' }
    const bytes = Uint8Array.of(1)
    await of.execute(
      '1',
      'decide',
      [
        { ...added(1), metadata: { who: 'event', own: true } },
        { ...added(2), metadata: { $correlationId: 'own' } },
        { ...added(3), metadata: bytes },
        { ...added(4), metadata: {} },
      ],
      options,
    )
    const all = { who: 'me', at: 1, $correlationId: 'c', $causationId: 'd' }
    assert.deepEqual(await metadataIn(store), [
      { ...all, who: 'event', own: true },
      { ...all, $correlationId: 'own' },
      bytes,
      all,
    ])
  })

  law('correlationId and causationId are in the metadata, under their names', async ({ store }) => {
    const of = store.aggregate(lists())
    await of.execute('1', 'add', 1, { correlationId: 'c' })
    await of.execute('1', 'add', 2, { causationId: 'd' })
    await of.execute('1', 'add', 3, { correlationId: 'c', causationId: 'd', metadata: { a: 1 } })
    await of.execute('1', 'add', 4, { correlationId: 'c', metadata: { $correlationId: 'other' } })
    await of.execute('1', 'add', 5, { metadata: { $correlationId: 'other' } })
    assert.deepEqual(await metadataIn(store), [
      { $correlationId: 'c' },
      { $causationId: 'd' },
      { a: 1, $correlationId: 'c', $causationId: 'd' },
      { $correlationId: 'c' },
      { $correlationId: 'other' },
    ])
  })

  law('causedBy takes correlation and cause from an event', async ({ store }) => {
    await store.stream('cause').append([
      { type: 'A', id: uuidOf(1), metadata: { $correlationId: 'c', $causationId: 'x', other: 1 } },
      { type: 'A', id: uuidOf(2) },
      { type: 'A', id: uuidOf(3), metadata: Uint8Array.of(1) },
      { type: 'A', id: uuidOf(4), metadata: { $correlationId: 7 } },
    ])
    const of = store.aggregate(lists())
    const causes = await store.stream('cause').read().toArray()
    for (const causedBy of causes) await of.execute('1', 'add', 1, { causedBy })
    const [first] = causes
    await of.execute('1', 'add', 2, { causedBy: first!, correlationId: 'own' })
    await of.execute('1', 'add', 2, { causedBy: first!, causationId: 'own' })
    await of.execute('1', 'add', 2, { causedBy: { id: 'mine', metadata: undefined } })
    assert.deepEqual(await metadataIn(store), [
      { $correlationId: 'c', $causationId: uuidOf(1) },
      { $correlationId: uuidOf(2), $causationId: uuidOf(2) },
      { $correlationId: uuidOf(3), $causationId: uuidOf(3) },
      { $correlationId: uuidOf(4), $causationId: uuidOf(4) },
      { $correlationId: 'own', $causationId: uuidOf(1) },
      { $correlationId: 'c', $causationId: 'own' },
      { $correlationId: 'mine', $causationId: 'mine' },
    ])
  })

  law('context is asked at each call, and what the options say goes first', async ({ store }) => {
    let asked = 0
    let origin: object = {}
    const of = store.aggregate(lists(), {
      context: () => {
        asked += 1
        return origin
      },
    })
    await of.execute('1', 'add', 1)
    origin = { correlationId: 'c', causationId: 'd', metadata: { who: 'context', at: 1 } }
    await of.execute('1', 'add', 2)
    await of.execute('1', 'add', 3, { correlationId: 'own', metadata: { who: 'option' } })
    origin = { causedBy: { id: 'e', metadata: { $correlationId: 'f' } } }
    await of.execute('1', 'add', 4)
    await of.execute('1', 'add', 5, { causedBy: { id: 'g', metadata: undefined } })
    assert.equal(asked, 5)
    await of.load('1')
    assert.equal(asked, 5)
    assert.deepEqual(await metadataIn(store), [
      undefined,
      { $correlationId: 'c', $causationId: 'd', who: 'context', at: 1 },
      { $correlationId: 'own', $causationId: 'd', who: 'option', at: 1 },
      { $correlationId: 'f', $causationId: 'e' },
      { $correlationId: 'g', $causationId: 'g' },
    ])
  })

  law('context that throws, or says what cannot be, refuses the command', async ({ store }) => {
    const failure = new Error('mine')
    const throwing = store.aggregate(lists(), {
      context: () => {
        throw failure
      },
    })
    await assert.rejects(throwing.execute('1', 'add', 1), failure)
    for (const origin of [{ correlationId: 7 }, { metadata: 'x' }, { causedBy: {} }]) {
      const of = store.aggregate(lists(), { context: () => origin as object })
      await refuses(store, 'invalid-argument', () => of.execute('1', 'add', 1))
    }
  })

  simulatedLaw('context is asked once a command, however often that is decided', async (scene) => {
    const { store } = scene
    await using other = await besideIt(scene)
    let asked = 0
    const contexts: unknown[] = []
    const kind = listsOf({
      look: (_state, _input: undefined, { metadata }: CommandContext) => {
        contexts.push(metadata)
        return added(1)
      },
    })
    const of = store.aggregate(kind, {
      context: () => {
        asked += 1
        return { correlationId: `c${asked}` }
      },
    })
    await of.load('1')
    await other.stream('list-1').append(added('faster'))
    assert.equal((await of.execute('1', 'look')).decisions, 2)
    assert.deepEqual([asked, contexts], [1, [{ $correlationId: 'c1' }, { $correlationId: 'c1' }]])
    assert.deepEqual((await metadataIn(store)).slice(1), [{ $correlationId: 'c1' }])
  })

  law('who asks for a kind with a context has that for his own commands', async ({ store }) => {
    const kind = lists()
    const [one, two] = ['a', 'b'].map((correlationId) =>
      store.aggregate(kind, { context: () => ({ correlationId }) }),
    )
    await Promise.all([one!.execute('1', 'count'), two!.execute('1', 'count'), one!.execute('1', 'count')])
    assert.deepEqual(await metadataIn(store), [
      { $correlationId: 'a' },
      { $correlationId: 'b' },
      { $correlationId: 'a' },
    ])
  })
}

async function metadataIn(store: EventStore): Promise<unknown[]> {
  const events = await store.stream<Added>('list-1').read().toArray()
  return events.map(({ metadata }) => metadata)
}
