import { describe, expect, test } from 'vitest'
import { aggregateFromClass } from '../aggregate/aggregate-from-class.ts'
import { aggregateFromDecider } from '../aggregate/aggregate-from-decider.ts'
import { defineEvents } from '../events/define-events.ts'
import { specify } from './specify.ts'

/** The failure of an example, with exactly this message. */
const failure = (...lines: readonly string[]): unknown =>
  expect.objectContaining({ name: 'AssertionError', code: 'ERR_ASSERTION', message: lines.join('\n') })

type ListEvent = { type: 'Added'; data: { item: string } } | { type: 'Cleared' }
const added: ListEvent = { type: 'Added', data: { item: 'a' } }

describe('aggregates of a class', () => {
  class List {
    items: string[] = []
    readonly #secret: number = 1
    add(item: string): ListEvent {
      return { type: 'Added', data: { item } }
    }
    cheat(): ListEvent[] {
      this.items.push('x')
      return []
    }
    apply(event: ListEvent): void {
      if (event.type === 'Added') this.items.push(event.data.item)
    }
    get secret(): number {
      return this.#secret
    }
  }
  const listOf = (items: readonly string[]): List => Object.assign(new List(), { items: [...items] })
  const of = (copy: (list: List) => List): ReturnType<typeof specifyList> => specifyList(copy)
  const specifyList = (copy: (list: List) => List) =>
    specify(
      aggregateFromClass(defineEvents<ListEvent>(), {
        category: 'list',
        create: () => new List(),
        apply: (list, event) => list.apply(event),
        copy,
      }),
    )

  test('are specified like others', () => {
    const { given } = of(({ items }) => listOf(items))
    given(added)
      .when('add', 'b')
      .then({ type: 'Added', data: { item: 'b' } })
    given(added)
      .when('add', 'b')
      .thenState(listOf(['a', 'b']))
    expect(() => given(added).thenState(listOf(['b']))).toThrow(
      failure('The state after 1 event is not as expected:', '', "  state.items[0] is 'a' instead of 'b'"),
    )
    expect(() => given([]).thenState({ items: [] } as unknown as List)).toThrow(
      failure(
        'The initial state is not as expected:',
        '',
        '  state is List { items: [] } instead of { items: [] }',
      ),
    )
  })

  test('fail if a command changes the object', () => {
    const { given } = of(({ items }) => listOf(items))
    expect(() => given(added).when('cheat').thenNothing()).toThrow(
      failure(
        'The command cheat changed the state, which only events may do:',
        '',
        "  state.items[1] was added: 'x'",
      ),
    )
  })

  test('fail if copies are none', () => {
    const shallow = of((list) => Object.assign(new List(), list))
    expect(() =>
      shallow
        .given([])
        .when('add', 'b')
        .thenState(listOf(['b'])),
    ).toThrow(
      failure(
        'What copy makes has something in common with the original, which changed with Added:',
        '',
        "  state.items[0] was added: 'b'",
      ),
    )
    expect(() => of((list) => list).given(added)).toThrow(
      failure('copy returned the state itself, and no copy of it'),
    )
  })

  test('fail if nothing of the state can be seen, rather than pass', () => {
    class Hidden {
      readonly #items: string[] = []
      add(item: string): ListEvent {
        return { type: 'Added', data: { item } }
      }
      apply(): void {
        this.#items.push('a')
      }
      get size(): number {
        return this.#items.length
      }
    }
    const hidden = aggregateFromClass(defineEvents<ListEvent>(), {
      category: 'hidden',
      create: () => new Hidden(),
      apply: (state) => state.apply(),
      copy: ({ size }) => {
        const copy = new Hidden()
        for (let count = 0; count < size; count += 1) copy.apply()
        return copy
      },
    })
    const { given } = specify(hidden)
    given([added, added]).thenState(({ size }) => size === 2)
    expect(() => given([added]).thenState(new Hidden())).toThrow(
      failure(
        'Nothing of a Hidden can be seen from outside, so it cannot be compared: give thenState() a function that looks at it',
      ),
    )
  })
})

describe('deciders', () => {
  type Command = { type: 'Add'; item: string } | { type: 'Clear' }
  const decider = {
    initialState: Object.freeze([]) as readonly string[],
    evolve: (state: readonly string[], event: ListEvent) =>
      event.type === 'Added' ? [...state, event.data.item] : [],
    decide: (command: Command, state: readonly string[]): ListEvent[] => {
      if (command.type === 'Add') return [{ type: 'Added', data: { item: command.item } }]
      return state.length === 0 ? [] : [{ type: 'Cleared' }]
    },
  }
  const { given } = specify(aggregateFromDecider(decider, { category: 'list' }))

  test('are specified by their commands, which have names if they have types', () => {
    given([]).when({ type: 'Add', item: 'a' }).then(added)
    given(added).when({ type: 'Clear' }, { expectedVersion: 1 }).then({ type: 'Cleared' })
    given(added).when({ type: 'Clear' }).thenState([])
    expect(() => given([]).when({ type: 'Clear' }).then({ type: 'Cleared' })).toThrow(
      failure(
        'The command Clear did not decide on the events expected:',
        '',
        "  events[0] is missing: { type: 'Cleared' }",
      ),
    )
  })
})
