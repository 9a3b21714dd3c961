import assert from 'node:assert/strict'
import { AGGREGATE_QUEUE_MAX } from '../../limits.ts'
import type { EventStore } from '../../store/contract.ts'
import type { CommandContext } from '../../store/contract-aggregates.ts'
import {
  besideIt,
  LIST_COMMANDS,
  type Lists,
  listIn,
  lists,
  listsOf,
  ofAggregates,
  ticks,
} from './aggregate-examples.ts'
import { gate } from './group-consumers.ts'
import { failureOf, nextTurn, numbers, type StoreLaws, uuidOf } from './laws.ts'

/** Giving up: by a signal, and as the store is closed. */
export function aggregateGivingUpLaws(laws: StoreLaws): void {
  const { law, simulatedLaw } = ofAggregates(laws)

  law('a command whose signal has fired is not decided', async ({ store }) => {
    const of = store.aggregate(lists())
    const reason = new Error('enough')
    let decided = 0
    const options = { signal: AbortSignal.abort(reason) }
    const look = (): void => {
      decided += 1
    }
    await assert.rejects(of.execute('1', 'countAfter', look, options), reason)
    await assert.rejects(of.create('1', 'countAfter', look, options), reason)
    await assert.rejects(
      of.execute('1', 'add', 1, { signal: AbortSignal.abort('text') }),
      (thrown) => thrown === 'text',
    )
    await nextTurn()
    assert.deepEqual([decided, await listIn(store)], [0, []])
  })

  law('a command whose signal fires while it waits leaves the queue at once', async ({ store }) => {
    const { of, slow, open } = await busy(store)
    const [giveUp, reason] = [new AbortController(), new Error('enough')]
    const { signal } = giveUp
    const given = [
      of.execute('1', 'add', 'x', { signal }),
      of.execute('1', 'countAfter', () => assert.fail('decided'), { signal }),
      of.execute('1', 'add', 'x', { signal, idempotencyKey: 'k' }),
    ]
    const behind = of.execute('1', 'count')
    giveUp.abort(reason)
    for (const one of given) await assert.rejects(one, reason)
    open()
    assert.deepEqual([(await slow).version, (await behind).version], [1, 2])
    assert.deepEqual(await listIn(store), [0, 1])
    assert.equal((await of.execute('1', 'add', 'x', { idempotencyKey: 'k' })).idempotent, false)
  })

  law(
    'a command whose signal fires while it is decided is dropped, and the next has its turn',
    async (scene) => {
      const { store } = scene
      for (const ends of ['decides', 'refuses', 'never ends'] as const) {
        const id = ends
        const of = store.aggregate(lists())
        const [giveUp, reason] = [new AbortController(), new Error('enough')]
        const [begun, goOn] = [gate(), gate()]
        const wait = async (): Promise<void> => {
          begun.open()
          await (ends === 'never ends' ? new Promise(() => {}) : goOn.passed)
        }
        const command = ends === 'refuses' ? 'refuseAfter' : 'countAfter'
        const given = of.execute(id, command, wait, { signal: giveUp.signal })
        const behind = of.execute(id, 'add', 'behind')
        await begun.passed
        giveUp.abort(reason)
        await assert.rejects(given, reason)
        assert.deepEqual((await behind).state, ['behind'])
        goOn.open()
        await nextTurn()
        assert.deepEqual((await of.execute(id, 'count')).state, ['behind', 1])
      }
    },
  )

  law('a command sees its signal, and may reject for it', async ({ store }) => {
    const giveUp = new AbortController()
    const begun = gate()
    const of = store.aggregate(
      listsOf({
        wait: (_state, _input: undefined, { signal }: CommandContext) =>
          new Promise<undefined>((_, reject) => {
            signal?.addEventListener('abort', () => reject(signal.reason))
            begun.open()
          }),
        count: LIST_COMMANDS.count,
      }),
    )
    const given = of.execute('1', 'wait', undefined, { signal: giveUp.signal })
    await begun.passed
    giveUp.abort()
    await assert.rejects(given, { name: 'AbortError' })
    assert.deepEqual((await of.execute('1', 'count')).state, [0])
  })

  law('a command whose signal fires at any moment is there once or not at all', async ({ store }) => {
    const of = store.aggregate(lists())
    for (const [way, add] of Object.entries(WAYS)) {
      for (const moment of numbers(0, 40)) {
        const id = `${way} ${moment}`
        const giveUp = new AbortController()
        const before = of.execute(id, 'add', 'before')
        const given = add(of, id, giveUp.signal).then(
          () => 'done',
          () => 'given up',
        )
        const behind = of.execute(id, 'add', 'behind')
        await ticks(moment)
        giveUp.abort()
        const outcome = await given
        await Promise.all([before, behind])
        const items = (await listIn(store, `list-${id}`)).map((item) =>
          typeof item === 'number' ? 'x' : item,
        )
        assert.deepEqual(
          items.filter((item) => item !== 'x'),
          ['before', 'behind'],
          id,
        )
        if (outcome === 'done') assert.deepEqual(items, ['before', 'x', 'behind'], id)
        else assert.ok(items.length <= 3, id)
      }
    }
  })

  law('a command that gives up while those before it are written is not written', async ({ store }) => {
    const of = store.aggregate(lists())
    const { plain: _, ...others } = WAYS
    for (const [way, add] of Object.entries(others)) {
      for (const moment of numbers(8, 24)) {
        const id = `${way} ${moment}`
        const giveUp = new AbortController()
        await of.load(id)
        const before = of.execute(id, 'count')
        const given = add(of, id, giveUp.signal)
        const failure = assert.rejects(given, { name: 'AbortError' }, id)
        // By now the first one is on its way to the disk, which takes at least a turn of the event loop.
        await ticks(moment)
        giveUp.abort()
        await failure
        await before
        await of.execute(id, 'add', 'behind')
        assert.deepEqual(await listIn(store, `list-${id}`), [0, 'behind'], id)
      }
    }
  })

  law('commands that have given up make room in the queue', async ({ store }) => {
    const { of, slow, open } = await busy(store)
    const given = numbers(1, AGGREGATE_QUEUE_MAX).map(() => {
      const giveUp = new AbortController()
      return { giveUp, result: of.execute('1', 'decide', undefined, { signal: giveUp.signal }) }
    })
    const failures = Promise.allSettled(given.map(({ result }) => result))
    for (const { giveUp } of given) giveUp.abort()
    await failures
    const next = of.execute('1', 'count').catch(({ code }) => ({ version: code }))
    open()
    assert.deepEqual([(await slow).version, (await next).version], [1, 2])
  })

  simulatedLaw(
    'close() refuses commands that wait or are decided, and waits for what is written',
    async (scene) => {
      const other = await besideIt(scene)
      const of = other.aggregate(lists())
      const begun = gate()
      const written = of.execute('1', 'add', 'written')
      const never = of.execute('1', 'countAfter', () => {
        begun.open()
        return new Promise(() => {})
      })
      const waiting = [
        of.execute('1', 'add', 'x'),
        of.execute('1', 'countAfter', () => {}),
        of.execute('1', 'add', 'x', { idempotencyKey: 'k' }),
        of.create('1', 'add', 'x'),
      ]
      const outcomes = Promise.allSettled([never, ...waiting])
      await begun.passed
      await other.close()
      for (const one of await outcomes) assert.equal(one.status === 'rejected' && one.reason.code, 'closed')
      assert.equal((await written).version, 1)
      assert.deepEqual(await listIn(scene.store), ['written'])
    },
  )

  for (const [way, add] of Object.entries(WAYS)) {
    simulatedLaw(`close() at any moment, commands ${way}: told is written, refused is not`, async (scene) => {
      const firsts = Object.values(WAYS)
      for (const moment of numbers(0, 90)) {
        const other = await besideIt(scene)
        const of = other.aggregate(lists())
        const id = `${moment}`
        // With the state in memory, all that comes before the disk is a matter of microtasks.
        if (moment < 40) await of.load(id)
        const first = firsts[moment % firsts.length]!
        const calls = [...(moment < 20 ? [] : [first(of, id)]), ...numbers(1, 4).map(() => add(of, id))]
        const told = Promise.all(
          calls.map((one) =>
            one.then(
              ({ version }) => version,
              ({ code }) => code as string,
            ),
          ),
        )
        if (moment < 80) await ticks(moment % 40)
        else for (const _ of numbers(80, moment)) await nextTurn()
        await other.close()
        const outcomes = await told
        const read = await scene.store.stream(`list-${id}`).read().toArray()
        const versions = outcomes.filter((one) => typeof one === 'number')
        assert.deepEqual(
          versions,
          read.map(({ version }) => version),
          `${id}: ${outcomes}`,
        )
        for (const one of outcomes) assert.ok(one === 'closed' || typeof one === 'number', `${one}`)
      }
    })
  }

  law('a closed store has no aggregates', async ({ store }) => {
    const of = store.aggregate(lists())
    await of.execute('1', 'add', 1)
    await store.close()
    await failureOf('closed', () => of.load('1'))
    await failureOf('closed', () => of.execute('1', 'add', 1))
    await failureOf('closed', () => of.create('1', 'add', 1))
    await failureOf('closed', () => store.aggregate(lists()))
  })

  law('a closing store accepts no commands, also of a kind that is new', async ({ store }) => {
    const of = store.aggregate(lists())
    const written = of.execute('1', 'add', 1)
    const closing = store.close()
    const late = [of.execute('1', 'add', 'late'), of.execute('2', 'add', 'late')]
    await failureOf('closed', async () => store.aggregate(lists()))
    const outcomes = await Promise.allSettled(late)
    await closing
    await Promise.allSettled([written])
    for (const outcome of outcomes)
      assert.equal(outcome.status === 'rejected' && outcome.reason.code, 'closed')
  })
}

type Way = (of: Lists, id: string, signal?: AbortSignal) => ReturnType<Lists['execute']>

/** How something may be added. */
const WAYS: Readonly<Record<string, Way>> = {
  plain: (of, id, signal) => of.execute(id, 'count', undefined, { ...(signal && { signal }) }),
  slow: (of, id, signal) => of.execute(id, 'countAfter', () => {}, { ...(signal && { signal }) }),
  slower: (of, id, signal) => of.execute(id, 'countAfter', () => nextTurn(), { ...(signal && { signal }) }),
  keyed: (of, id, signal) => {
    const idempotencyKey = nextKey()
    return of.execute(id, 'count', undefined, { idempotencyKey, ...(signal && { signal }) })
  },
  'with an id': (of, id, signal) => {
    const event = { type: 'Added', data: 0, id: uuidOf(Number(nextKey())) } as const
    return of.execute(id, 'decide', [event], { ...(signal && { signal }) })
  },
}

let keys = 0

function nextKey(): string {
  keys += 1
  return `${keys}`
}

/** Lists of which the first is busy until it is told to go on. */
async function busy(
  store: EventStore,
): Promise<{ readonly of: Lists; readonly slow: ReturnType<Lists['execute']>; readonly open: () => void }> {
  const of = store.aggregate(lists())
  const [begun, goOn] = [gate(), gate()]
  const slow = of.execute('1', 'countAfter', () => {
    begun.open()
    return goOn.passed
  })
  await begun.passed
  return { of, slow, open: goOn.open }
}
