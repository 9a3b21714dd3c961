import { describe, expect, test, vi } from 'vitest'
import { UnserializableError } from '../errors.ts'
import { defineEvents } from '../events/define-events.ts'
import { defineProjection } from '../projection/define-projection.ts'
import { specifyProjection } from './specify-projection.ts'

describe('a projection that breaks a rule', () => {
  const counting = (change: (count: number) => number) =>
    specifyProjection(
      defineProjection({
        name: 'broken',
        source: { kind: 'all' },
        initialState: () => ({ count: 0 }),
        any: (state) => ({ count: change(state.count) }),
      }),
    ).given([{ streamId: 's', type: 'E' }])

  test('is found if it asks the clock', async () => {
    await expect(counting(() => Date.now()).thenState(() => true)).rejects.toThrow(
      /^Run again over the same events, the projection came to something else\. .*\n\n {2}partitions\[""\]\.count was \d+ at first, and then \d+$/s,
    )
  })

  test('is found if it asks a clock that moves slowly, and not waited for if the clock stands still', async () => {
    const clock = vi.spyOn(Date, 'now')
    try {
      let looks = 0
      clock.mockImplementation(() => (looks++ < 100 ? 1 : 2))
      await expect(counting(() => Date.now()).thenState(() => true)).rejects.toThrow(
        /count was 1 at first, and then 2$/,
      )
      clock.mockImplementation(() => 3)
      await counting(() => Date.now()).thenState({ count: 3 })
    } finally {
      clock.mockRestore()
    }
  })

  test('is found if it leaves all to chance, in what it emits', async () => {
    const { given } = specifyProjection(
      defineProjection({
        name: 'chance',
        source: { kind: 'all' },
        initialState: () => null,
        on: {
          E: (_state, _event, context) =>
            context.emit('s', { type: 'F', id: crypto.randomUUID() }) as undefined,
        },
      }),
    )
    await expect(given({ streamId: 's', type: 'E' }).thenState(null)).rejects.toThrow(
      /^Run again .*\n\n {2}emitted\[0\]\.id was '[\w-]+' at first, and then '[\w-]+'$/s,
    )
  })

  test('is found if it remembers something outside of states', async () => {
    let calls = 0
    const remembering = counting(() => {
      calls += 1
      return calls
    })
    await expect(remembering.thenThrows(Error)).rejects.toThrow(
      /^Run again .*count was 1 at first, and then 2$/s,
    )
  })

  test('is found if its state loses something when it is written', async () => {
    const lossy = defineProjection({
      name: 'lossy',
      source: { kind: 'all' },
      initialState: () => ({ count: 0, seen: new Set<string>() }),
      any: (state, { type }) => {
        if (!state.seen.has(type)) state.count += 1
        state.seen.add(type)
      },
      encode: ({ count }) => ({ count }),
      decode: ({ count }: { readonly count: number }) => ({ count, seen: new Set<string>() }),
    })
    const { given } = specifyProjection(lossy)
    const event = { streamId: 's', type: 'E' }
    await given(event).thenState(({ count }) => count === 1)
    await expect(given([event, event]).thenState(() => true)).rejects.toThrow(
      /^With each event and timer in a batch of its own, .*\n\n {2}partitions\[""\]\.count was 1 at first, and then 2$/s,
    )
  })

  test('stops at a state that JSON would change', async () => {
    const dated = defineProjection({
      name: 'dated',
      source: { kind: 'all' },
      initialState: (): { at: Date | null } => ({ at: null }),
      any: (_state, { time }) => ({ at: time }),
    })
    const { given } = specifyProjection(dated)
    await given({ streamId: 's', type: 'E' }).thenThrows(UnserializableError)
    await expect(given({ streamId: 's', type: 'E' }).thenState({ at: null })).rejects.toThrow(
      /it failed at E of s, version 1 with UnserializableError/,
    )
  })

  test('stops at such a state even if the next event would mend it', async () => {
    const hasty = defineProjection({
      name: 'hasty',
      source: { kind: 'all' },
      initialState: (): { at: Date | null } => ({ at: null }),
      any: (state, { time }) => ({ at: state.at === null ? time : null }),
    })
    const event = { streamId: 's', type: 'E' }
    await specifyProjection(hasty).given([event, event]).thenThrows(UnserializableError)
  })

  test('may change the data of an event, which nobody else sees', async () => {
    const greedy = defineProjection(defineEvents<{ type: 'E'; data: { items: number[] } }>(), {
      name: 'greedy',
      source: { kind: 'all' },
      initialState: () => ({ sum: 0 }),
      on: {
        E: (state, { data }) => {
          while (data.items.length > 0) state.sum += data.items.pop()!
        },
      },
    })
    await specifyProjection(greedy)
      .given({ streamId: 's', type: 'E', data: { items: [1, 2, 3] } })
      .thenState({ sum: 6 })
  })
})
