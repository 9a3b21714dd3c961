import assert from 'node:assert/strict'
import { INLINE_ROUNDS_MAX, PARTITION_BYTES_MAX } from '../../limits.ts'
import type { EventStore } from '../../store/contract.ts'
import { numbers, refuses, type StoreLaws } from './laws.ts'
import { a } from './projection-examples.ts'
import {
  type InlineSettings,
  inlineDoing,
  inlineLogs,
  ofInlineProjections,
} from './projection-inline-examples.ts'

/** What a handler of an inline projection can do that refuses the append. */
export function projectionInlineReasonLaws(laws: StoreLaws): void {
  reasonLaws(ofInlineProjections(laws))
}

interface Reason {
  readonly settings: InlineSettings<unknown[]>
  readonly cause: string
  /** Whether it is not known which event it was. */
  readonly isOfAll?: boolean
  readonly prepare?: (store: EventStore) => Promise<unknown>
}

/** What a handler can do that cannot be written. */
const REASONS: Readonly<Record<string, Reason>> = {
  'a state that JSON would change': {
    settings: { any: () => [new Date(0)] },
    cause: 'unserializable',
    isOfAll: true,
  },
  'a state that is no JSON': { settings: { any: () => [1n] }, cause: 'unserializable', isOfAll: true },
  'a state that is too large': {
    settings: { any: () => ['x'.repeat(17 * 1_024 * 1_024)] },
    cause: 'limit-exceeded',
    isOfAll: true,
  },
  'a partition that is too long': {
    settings: { partitionBy: () => 'x'.repeat(PARTITION_BYTES_MAX + 1) },
    cause: 'limit-exceeded',
  },
  'a partition that is no text': {
    settings: { partitionBy: () => 7 as unknown as string },
    cause: 'invalid-argument',
  },
  'a row that is too long': {
    settings: {
      any: (state, _event, { kv }) => {
        kv.set(['k'], 'x'.repeat(200_000))
        return state
      },
    },
    cause: 'limit-exceeded',
  },
  'an event for a tombstoned stream': {
    settings: {
      any: (state, { data }, { emit }) => {
        if (data !== 'good') emit('dead', a(1))
        return state
      },
    },
    cause: 'wrong-expected-version',
    prepare: async (store) => {
      await store.stream('dead').append(a(1))
      await store.stream('dead').tombstone()
    },
  },
  'an event for a system stream': {
    settings: {
      any: (state, { data }, { emit }) => {
        if (data !== 'good') emit('$s', a(1))
        return state
      },
    },
    cause: 'invalid-argument',
  },
  'a link to what is not there': {
    settings: {
      any: (state, { data }, { linkTo }) => {
        if (data !== 'good') linkTo('links', { streamId: 'nowhere', version: 1 })
        return state
      },
    },
    cause: 'event-not-found',
  },
  'a timer': {
    settings: {
      any: (state, _event, context) => {
        ;(context as unknown as { schedule(name: string, at: Date): void }).schedule('t', new Date(0))
        return state
      },
    },
    cause: 'invalid-argument',
  },
}

function reasonLaws({ law }: StoreLaws): void {
  for (const [name, { settings, cause, isOfAll = false, prepare }] of Object.entries(REASONS)) {
    law(`${name} refuses the append`, async ({ store }) => {
      await prepare?.(store)
      await using running = await store.project(inlineLogs(settings as InlineSettings<readonly unknown[]>))
      const error = await refuses(store, 'projection-refused', () => store.stream('s-1').append(a('bad')))
      assert.equal((error.cause as { readonly code?: string }).code, cause)
      const event = isOfAll ? undefined : { streamId: 's-1', version: 1, type: 'A' }
      assert.deepEqual((error.details as { readonly event?: object }).event, event)
      assert.equal((await running.status()).state, 'inline')
      await refuses(store, 'projection-refused', () =>
        store.transact((tx) => tx.stream('s-1').append(a('bad'))),
      )
    })
  }

  law('what goes round in circles is refused', async ({ store }) => {
    await using running = await store.project(
      inlineDoing((_state, { data }, { emit }) => {
        if (data === 'endless' || (data as number) > 0)
          emit('s-2', a(data === 'endless' ? data : (data as number) - 1))
      }),
    )
    await refuses(store, 'projection-refused', () => store.stream('s-1').append(a('endless')))
    assert.deepEqual(await running.state(), [])
    await store.stream('s-1').append(a(INLINE_ROUNDS_MAX))
    assert.deepEqual(await running.state(), numbers(0, INLINE_ROUNDS_MAX).reverse())
    await refuses(store, 'projection-refused', () => store.stream('s-1').append(a(INLINE_ROUNDS_MAX + 1)))
  })

  law('two that answer each other for ever are refused', async ({ store }) => {
    const [ping, pong] = ['s', 't'].map((category, at, both) =>
      inlineDoing((_state, { data }, { emit }) => emit(`${both[1 - at]}-1`, a(data)), {
        name: category,
        source: { kind: 'category', category },
      }),
    )
    await using _ = await store.project(ping!)
    await using __ = await store.project(pong!)
    await refuses(store, 'projection-refused', () => store.stream('s-1').append(a(1)))
  })
}
