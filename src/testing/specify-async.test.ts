import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { aggregateFromDecider } from '../aggregate/aggregate-from-decider.ts'
import { defineAggregate } from '../aggregate/define-aggregate.ts'
import { InvalidArgumentError } from '../errors.ts'
import { defineEvents } from '../events/define-events.ts'
import { specify } from './specify.ts'

type Counted = { type: 'Counted'; data: { by: number } }

const counter = defineAggregate(defineEvents<Counted>(), {
  category: 'counter',
  initialState: () => 0,
  evolve: { Counted: (sum, { data }) => sum + data.by },
  commands: {
    count: (_sum, by: number) => ({ type: 'Counted', data: { by } }),
    countLater: async (_sum, by: number) => {
      await Promise.resolve()
      if (by < 0) throw new RangeError('too little')
      return { type: 'Counted', data: { by } }
    },
    countSometimes: (sum, by: number): Counted | Promise<Counted> => {
      const event: Counted = { type: 'Counted', data: { by } }
      return sum === 0 ? event : Promise.resolve(event)
    },
  },
})
const { given } = specify(counter)
const counted = (by: number): Counted => ({ type: 'Counted', data: { by } })

const failure = (...lines: readonly string[]): unknown =>
  expect.objectContaining({ name: 'AssertionError', code: 'ERR_ASSERTION', message: lines.join('\n') })

describe('a synchronous command', () => {
  test('needs no promises', () => {
    expect(given([]).when('count', 2).then(counted(2))).toBe(undefined)
    expect(() => given([]).when('count', 2).thenState(3)).toThrow(
      failure('The state after the command count is not as expected:', '', '  state is 2 instead of 3'),
    )
  })
})

describe('an asynchronous command', () => {
  test('returns promises, of its events, its state and its refusal', async () => {
    const promise = given(counted(1)).when('countLater', 2).then(counted(2))
    expect(promise).toBeInstanceOf(Promise)
    await promise
    await given(counted(1)).when('countLater', 2).thenState(3)
    await given([]).when('countLater', -1).thenThrows(RangeError)
    await expect(given([]).when('countLater', 2).thenNothing()).rejects.toThrow(
      failure(
        'The command countLater should decide on nothing, but it decided on:',
        '',
        "  { type: 'Counted', data: { by: 2 } }",
      ),
    )
  })

  test('is asynchronous when it is, if it is only sometimes', async () => {
    expect(given([]).when('countSometimes', 2).then(counted(2))).toBe(undefined)
    expect(() => given([]).when('countSometimes', 2).thenNothing()).toThrow('should decide on nothing')
    const sometimes = given(counted(1)).when('countSometimes', 2)
    await sometimes.then(counted(2))
    await expect(sometimes.thenNothing()).rejects.toThrow('should decide on nothing')
  })

  test('fails with a stack that leads to the example', async () => {
    const error: Error = await given([])
      .when('countLater', 2)
      .thenState(3)
      .catch((error: unknown) => error as Error)
      .then((error) => error as Error)
    expect(error.stack!.split('\n').find((line) => line.startsWith('    at '))).toContain(
      'specify-async.test.ts',
    )
  })
})

describe('what when() returns', () => {
  const awaited = failure(
    'What when(…) returns is no promise, and was awaited as one: await what its then(events), thenState(…), thenThrows(…) or thenNothing() returns',
  )

  test.each([
    ['a synchronous', 'count'],
    ['an asynchronous', 'countLater'],
  ] as const)('of %s command says so if it is awaited', async (_kind, name) => {
    const outcome = given([]).when(name, 2)
    // @ts-expect-error it is no promise
    const returned = async (): Promise<unknown> => outcome
    await expect(returned()).rejects.toThrow(awaited)
    await expect(Promise.resolve(outcome)).rejects.toThrow(awaited)
    expect(() => outcome.then((() => {}) as never)).toThrow(awaited)
  })
})

describe('with async: true', () => {
  const { given: givenLater } = specify(counter, { async: true })

  test('everything returns promises', async () => {
    const results = [
      givenLater(counted(1)).thenState(1),
      givenLater([]).when('count', 2).then(counted(2)),
      givenLater([]).when('count', 2).thenState(2),
    ]
    for (const result of results) expect(result).toBeInstanceOf(Promise)
    await Promise.all(results)
    await expect(givenLater([]).thenState(1)).rejects.toThrow('The initial state is not as expected')
    await expect(givenLater([]).when('count', 2).thenNothing()).rejects.toThrow('should decide on nothing')
    await expect(givenLater({ type: 'Counted', data: { by: 1n as never } }).thenState(1)).rejects.toThrow(
      'given[0] could not have been written',
    )
  })

  const checked = defineAggregate(
    defineEvents(
      { Counted: z.object({ by: z.number().refine(async (by) => by > 0, 'too little') }) },
      { validateOnRead: true },
    ),
    {
      category: 'counter',
      initialState: () => 0,
      evolve: { Counted: (sum, { data }) => sum + data.by },
      commands: { count: (_sum, by: number) => ({ type: 'Counted', data: { by } }) },
    },
  )

  test('schemas may be asynchronous', async () => {
    const { given } = specify(checked, { async: true })
    await given([counted(1), counted(2)])
      .when('count', 3)
      .then(counted(3))
    await given(counted(1)).when('count', 3).thenState(4)
    await given([])
      .when('count', -1)
      .thenThrows({ code: 'validation-failed', details: { issues: [{ message: 'too little' }] } })
    await expect(given([counted(1), counted(-1)]).thenState(0)).rejects.toThrow(
      failure(
        'given[1] could not have been written: ValidationError: The data of "Counted" is not valid: by: too little',
      ),
    )
  })

  test('deciders may be asynchronous', async () => {
    const { given } = specify(asynchronous, { async: true })
    await given([]).when(2).then(counted(2))
  })

  const asynchronous = aggregateFromDecider(
    {
      initialState: 0,
      evolve: (sum: number, { data }: Counted) => sum + data.by,
      decide: async (by: number) => counted(by),
    },
    { category: 'counter' },
  )

  test('is asked for, rather than that failures are lost', () => {
    const say = 'use specify(aggregate, { async: true }), and await what the methods return'
    expect(() => specify(asynchronous).given([]).when(2)).toThrow(
      failure(`This decider is asynchronous: ${say}`),
    )
    expect(() => specify(checked).given(counted(1))).toThrow(
      failure(`A schema of these events is asynchronous: ${say}`),
    )
    expect(() => specify(checked).given([]).when('count', 2)).toThrow(
      failure(`A schema of the events of count is asynchronous: ${say}`),
    )
  })
})

describe('specify()', () => {
  test.each([
    [{ now: new Date(Number.NaN) }, 'now must be a valid Date, not Invalid Date'],
    [{ id: '' }, 'The id of an aggregate must not be empty'],
    [{ async: 1 }, 'async must be true or false, not 1'],
    [{ clock: 1 }, 'The options of specify cannot have "clock", only now, id, async, codecs'],
  ])('refuses the options %j', (options, message) => {
    expect(() => specify(counter, options as never)).toThrow(message)
  })

  test('refuses commands that there are not', () => {
    expect(() => given([]).when('cuont' as never, 2 as never)).toThrow(InvalidArgumentError)
    expect(() => given([]).when('count', 2, { retriesMax: 1 } as never)).toThrow(InvalidArgumentError)
  })

  test('passes and fails under node:test as it should', async () => {
    const { NODE_TEST_CONTEXT: _none, ...env } = process.env
    const args = ['--conditions=eventdb-source', '--import', 'tsx', '--test', '--test-reporter=tap']
    const run = promisify(execFile)(process.execPath, [...args, 'test/support/specify-in-node-test.ts'], {
      env,
    })
    const { stdout } = (await run.catch((error: unknown) => error)) as { readonly stdout: string }
    expect(stdout.match(/^ *(not )?ok \d+ - (passes|fails).*$/gm)?.map((line) => line.trim())).toEqual([
      'ok 1 - passes',
      'ok 2 - passes later',
      'not ok 3 - fails',
      'not ok 4 - fails later',
      'not ok 5 - fails if it is awaited too soon',
    ])
    expect(stdout).toContain('events[0].data.by is 2 instead of 3')
    expect(stdout).toMatch(/expected: 3\n\s*actual: 2/)
    expect(stdout).toContain('is no promise, and was awaited as one')
  })
})
