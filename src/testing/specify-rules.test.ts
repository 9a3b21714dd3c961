import { Packr } from 'msgpackr'
import { describe, expect, test } from 'vitest'
import { defineAggregate } from '../aggregate/define-aggregate.ts'
import { UnserializableError } from '../errors.ts'
import { defineEvents } from '../events/define-events.ts'
import { eventType } from '../events/event-type.ts'
import type { DataCodec } from '../store/contract-codec.ts'
import { specify } from './specify.ts'

/** The failure of an example, with exactly this message. */
const failure = (...lines: readonly string[]): unknown =>
  expect.objectContaining({ name: 'AssertionError', code: 'ERR_ASSERTION', message: lines.join('\n') })

type ListEvent = { type: 'Added'; data: { item: string } } | { type: 'Cleared' }
const added: ListEvent = { type: 'Added', data: { item: 'a' } }

describe('a command that changes the state', () => {
  const list = defineAggregate(defineEvents<ListEvent>(), {
    category: 'list',
    initialState: () => ({
      items: [] as string[],
      seen: new Map<string, { times: number }>(),
      tags: new Set(['z']),
      at: new Date(0),
    }),
    evolve: {
      Added: (state, { data }) => ({
        ...state,
        items: [...state.items, data.item],
        seen: new Map([[data.item, { times: 1 }]]),
      }),
    },
    commands: {
      push: (state) => {
        state.items.push('b')
        return []
      },
      pushAndRefuse: (state) => {
        state.seen.get('a')!.times += 1
        throw new Error('no')
      },
      tag: (state) => {
        state.tags.add('x')
        return []
      },
      later: async (state) => {
        await Promise.resolve()
        state.items.length = 0
        return []
      },
      move: (state) => {
        state.at.setTime(5)
        return []
      },
      mistake: (state) => (state as unknown as { nothing: { at: [] } }).nothing.at,
    },
  })
  const { given } = specify(list)

  test('fails, with what it tried to change', () => {
    const outcome = given(added).when('push')
    const message = failure(
      'The command push changed the state, which only events may do:',
      '',
      "  state.items[1] was added: 'b'",
    )
    expect(() => outcome.thenNothing()).toThrow(message)
    expect(() => outcome.thenNothing()).toThrow(
      expect.objectContaining({
        cause: expect.objectContaining({
          name: 'TypeError',
          stack: expect.stringContaining('specify-rules.test.ts'),
        }),
        actual: expect.objectContaining({ items: ['a', 'b'] }),
        expected: expect.objectContaining({ items: ['a'] }),
      }),
    )
    expect(() => outcome.then(added)).toThrow(message)
    expect(() => outcome.thenThrows(TypeError)).toThrow(message)
    expect(() => outcome.thenState(() => true)).toThrow(message)
  })

  test('fails with what it changed of maps and dates, whatever it throws', () => {
    expect(() => given(added).when('pushAndRefuse').thenThrows(/no/)).toThrow(
      expect.objectContaining({
        message: expect.stringMatching(
          /^The command pushAndRefuse changed the state.*\n\n {2}state\.seen was /,
        ),
      }),
    )
    const state = given(added)
    state.when('mistake').thenThrows(TypeError)
    expect(() => state.when('move').thenNothing()).toThrow(
      failure(
        'The command move changed the state, which only events may do:',
        '',
        '  state.at was 1970-01-01T00:00:00.000Z and is now 1970-01-01T00:00:00.005Z',
      ),
    )
  })

  test('fails with what it changed of sets', () => {
    expect(() => given([]).when('tag').thenNothing()).toThrow(
      failure(
        'The command tag changed the state, which only events may do:',
        '',
        "  state.tags was Set(1) { 'z' } and is now Set(2) { 'z', 'x' }",
      ),
    )
  })

  test('fails if it does so later', async () => {
    await expect(given(added).when('later').thenNothing()).rejects.toThrow(
      failure(
        'The command later changed the state, which only events may do:',
        '',
        "  state.items[0] was 'a' and is gone",
      ),
    )
  })

  test('is told from one with another mistake', () => {
    given(added).when('mistake').thenThrows(TypeError)
  })
})

describe('evolve', () => {
  const definition = {
    category: 'list',
    initialState: () => ({ items: ['z'], last: undefined as string | undefined }),
    commands: { add: () => added },
  }

  test('that changes the state it got fails, given events and deciding on them', () => {
    const list = defineAggregate(defineEvents<ListEvent>(), {
      ...definition,
      evolve: {
        Added: (state, { data }) => {
          state.items.sort().push(data.item)
          return state
        },
      },
    })
    const { given } = specify(list)
    const message = failure(
      'evolve changed the state that it got with Added, instead of making another one:',
      '',
      "  state.items[1] was added: 'a'",
    )
    expect(() => given([added])).toThrow(message)
    expect(() => given([]).when('add').then(added)).toThrow(message)
    given([]).thenState({ items: ['z'], last: undefined })
  })

  test('sees data as it will be read', () => {
    const seen: unknown[] = []
    const list = defineAggregate(defineEvents<ListEvent>(), {
      ...definition,
      evolve: (state, event) => {
        seen.push(event.type === 'Added' && Object.keys(event.data), event.time, event.version)
        return state
      },
      commands: {
        add: () => ({ type: 'Added', data: { item: 'a', note: undefined } }),
      },
    })
    const time = new Date(7)
    specify(list, { now: new Date(3) })
      .given({ ...added, time })
      .when('add')
      .then(added)
    expect(seen).toEqual([['item'], time, 1, ['item'], new Date(3), 2])
  })

  test('cannot change what events hold, and nor can upcasters', () => {
    const sorting = defineAggregate(defineEvents<{ type: 'Listed'; data: { items: string[] } }>(), {
      category: 'list',
      initialState: () => '',
      evolve: { Listed: (_state, { data }) => data.items.sort().join() },
      commands: { list: () => ({ type: 'Listed', data: { items: ['b', 'a'] } }) },
    })
    const { given } = specify(sorting)
    given([]).when('list').thenThrows(TypeError)
    expect(() => given({ type: 'Listed', data: { items: ['b', 'a'] } })).toThrow(TypeError)
    const upcasting = defineAggregate(
      defineEvents({
        Listed: eventType<string[]>({ version: 2, upcast: { 1: (items: string[]) => items.sort() } }),
      }),
      {
        category: 'list',
        initialState: () => '',
        evolve: { Listed: (_state, { data }) => data.join() },
        commands: {},
      },
    )
    const old = { type: 'Listed', data: ['b', 'a'], metadata: { $schemaVersion: 1 } }
    expect(() => specify(upcasting).given(old)).toThrow(TypeError)
  })

  test('may make states that contain themselves', () => {
    interface Node {
      readonly items: readonly string[]
      self?: Node
    }
    const cyclic = defineAggregate(defineEvents<ListEvent>(), {
      category: 'list',
      initialState: (): Node => ({ items: [] }),
      evolve: (state) => {
        const next: Node = { items: [...state.items, 'a'] }
        next.self = next
        return next
      },
      commands: { push: (state) => void (state.self!.items as string[]).push('b') },
    })
    const expected = (...items: readonly string[]): Node => {
      const node: Node = { items }
      node.self = { items, self: node }
      return node
    }
    const { given } = specify(cyclic)
    given([added, added]).thenState(expected('a', 'a'))
    expect(() => given(added).thenState(expected('b'))).toThrow("state.items[0] is 'a' instead of 'b'")
    expect(() => given(added).when('push').thenNothing()).toThrow("state.items[1] was added: 'b'")
  })

  test('may throw, which is the outcome, as in execute()', () => {
    const list = defineAggregate(defineEvents<ListEvent>(), {
      ...definition,
      evolve: {
        Added: () => {
          throw new RangeError('too many')
        },
      },
    })
    specify(list).given([]).when('add').thenThrows(RangeError)
    expect(() => specify(list).given(added)).toThrow(RangeError)
  })
})

describe('data', () => {
  interface Money {
    readonly amount: number
  }
  class Euro implements Money {
    readonly amount = 3
  }
  type Paid = { type: 'Paid'; data: { at?: Date; money?: Money; by?: unknown }; metadata?: unknown }
  const account = defineAggregate(defineEvents<Paid>(), {
    category: 'account',
    initialState: () => 0,
    evolve: (count) => count + 1,
    commands: {
      pay: (_state, data: Paid['data']) => ({ type: 'Paid', data }),
      note: (_state, metadata: unknown) => ({ type: 'Paid', data: {}, metadata }),
    },
  })
  const { given } = specify(account)

  test.each([
    [{ at: new Date(0) }, "  data.at is 1970-01-01T00:00:00.000Z and is read as '1970-01-01T00:00:00.000Z'"],
    [{ money: new Euro() }, '  data.money is Euro { amount: 3 } and is read as { amount: 3 }'],
  ])('that would be read otherwise than it was written fails: %j', (data, line) => {
    const message = failure('Paid would not be read as it is written:', '', line)
    expect(() => given([]).when('pay', data).then({ type: 'Paid', data })).toThrow(message)
    expect(() => given({ type: 'Paid', data })).toThrow(message)
  })

  test('is not the only thing that is looked at', () => {
    expect(() =>
      given([])
        .when('note', { at: new Date(0) })
        .thenState(1),
    ).toThrow(
      failure(
        'Paid would not be read as it is written:',
        '',
        "  metadata.at is 1970-01-01T00:00:00.000Z and is read as '1970-01-01T00:00:00.000Z'",
      ),
    )
  })

  test('that cannot be written at all is refused, as in execute()', () => {
    given([]).when('pay', { by: new Set() }).thenThrows(UnserializableError)
    expect(() =>
      given([
        { type: 'Paid', data: {} },
        { type: 'Paid', data: { by: 1n } },
      ]),
    ).toThrow(
      failure(
        'given[1] could not have been written: UnserializableError: data.by cannot be stored as JSON: it is a bigint',
      ),
    )
  })

  test('may hold -0, which is 0 to everybody else', () => {
    given([])
      .when('pay', { by: -0 })
      .then({ type: 'Paid', data: { by: 0 } })
  })

  test('is held against the codec that the store will have', () => {
    const packr = new Packr({ useRecords: false, moreTypes: true })
    const msgpack: DataCodec = {
      name: 'msgpack',
      encode: (data) => packr.pack(data),
      decode: (bytes) => packr.unpack(bytes),
    }
    const { given } = specify(account, { codecs: [msgpack] })
    for (const data of [{ at: new Date(0) }, { by: new Set([1]) }]) {
      given({ type: 'Paid', data }).when('pay', data).then({ type: 'Paid', data })
    }
    expect(() => given([]).when('pay', { money: new Euro() }).thenState(1)).toThrow(
      failure(
        'Paid would not be read as it is written:',
        '',
        '  data.money is Euro { amount: 3 } and is read as { amount: 3 }',
      ),
    )
  })
})
