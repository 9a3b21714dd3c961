import assert from 'node:assert/strict'
import { systemRuntime, turn } from '../runtime.ts'
import type { ProjectionSink } from '../store/contract-sinks.ts'

/** An empty database, and what the suite can do with it. */
export interface SinkFixture<Tx> {
  readonly sink: ProjectionSink<Tx>
  /** A sink of the same database as another process would have it: on a connection of its own. */
  readonly other: ProjectionSink<Tx>
  /** Adds a row with this text, in a transaction that a sink has given. */
  put(tx: Tx, text: string): unknown
  /** The texts of all rows that are committed. */
  rows(): Promise<readonly string[]>
  /** Closes everything, and removes what is left. */
  dispose(): Promise<void>
}

/** What the suite needs: a test runner's function, and a way to make databases. */
export interface SinkConformanceOptions<Tx> {
  /** Registers one test: `test` of vitest, `node:test`, jest or any other runner. */
  readonly test: (name: string, fn: (...context: unknown[]) => Promise<void>) => unknown
  /** Makes an empty database for one test. */
  readonly open: () => Promise<SinkFixture<Tx>>
}

type Law<Tx> = (name: string, verify: (fixture: SinkFixture<Tx>) => Promise<void>) => void

/**
 * Holds a sink to what `docs/sinks.md` asks of it: each law as a test on an empty database.
 *
 * @example
 * import { test } from 'vitest'
 * sinkConformance({
 *   test,
 *   open: async () => {
 *     const databases = [new Database(file), new Database(file)]
 *     databases[0].exec('create table texts (text text)')
 *     return {
 *       sink: sqliteSink(databases[0]),
 *       other: sqliteSink(databases[1]),
 *       put: (tx, text) => tx.prepare('insert into texts values (?)').run(text),
 *       rows: async () => databases[0].prepare('select text from texts').pluck().all(),
 *       dispose: async () => databases.forEach((database) => database.close()),
 *     }
 *   },
 * })
 */
export function sinkConformance<Tx>({ test, open }: SinkConformanceOptions<Tx>): void {
  const law: Law<Tx> = (name, verify) => {
    test(`a sink: ${name}`, async () => {
      const fixture = await open()
      try {
        await verify(fixture)
      } finally {
        await fixture.dispose()
      }
    })
  }
  checkpointLaws(law)
  failureLaws(law)
  raceLaws(law)
}

function checkpointLaws<Tx>(law: Law<Tx>): void {
  law('gives no checkpoint before the first, and then the one that was committed last', async (fixture) => {
    const { sink, other } = fixture
    assert.equal(await sink.checkpoint('a@1'), undefined)
    assert.equal(await sink.commit('a@1', undefined, adding(fixture, 'one', 'first')), true)
    assert.equal(await sink.checkpoint('a@1'), 'first')
    assert.equal(await sink.commit('a@1', 'first', adding(fixture, 'two', 'second')), true)
    assert.equal(await other.checkpoint('a@1'), 'second')
    assert.deepEqual(await sorted(fixture), ['one', 'two'])
  })

  law('gives a checkpoint as it was, whatever is in it', async (fixture) => {
    const { sink, other } = fixture
    const texts = ['', ' {"a": 1} ', "'; drop table x; --", 'Ä €\n𝄞\t\\u0041%s$1', 'long '.repeat(20_000)]
    let expected: string | undefined
    for (const text of texts) {
      assert.equal(await sink.commit('a@1', expected, async () => text), true)
      assert.equal(await other.checkpoint('a@1'), text)
      expected = text
    }
  })

  law('keeps what has different ids apart', async (fixture) => {
    const { sink } = fixture
    const ids = ['a@1', 'a@2', 'A@1', 'a@1 ', "a'; --@1", `${'ä'.repeat(128)}@${Number.MAX_SAFE_INTEGER}`]
    for (const id of ids) {
      assert.equal(await sink.checkpoint(id), undefined, id)
      assert.equal(await sink.commit(id, undefined, adding(fixture, id, `of ${id}`)), true, id)
    }
    for (const id of ids) assert.equal(await sink.checkpoint(id), `of ${id}`)
    assert.deepEqual(await sorted(fixture), ids.toSorted())
  })

  law('changes nothing, and does not write, if the checkpoint is not what is expected', async (fixture) => {
    const { sink, other } = fixture
    await sink.commit('a@1', undefined, adding(fixture, 'one', 'first'))
    const refuse = async (): Promise<string> => assert.fail('write was called')
    for (const expected of [undefined, '', 'second', 'First', 'first ']) {
      assert.equal(await other.commit('a@1', expected, refuse), false, `expecting ${expected}`)
    }
    assert.equal(await other.commit('b@1', 'first', refuse), false)
    assert.equal(await sink.checkpoint('a@1'), 'first')
    assert.equal(await sink.checkpoint('b@1'), undefined)
    assert.equal(await sink.commit('b@1', undefined, adding(fixture, 'two', 'first')), true)
  })

  law('lets what is written take its time', async (fixture) => {
    const { sink } = fixture
    const write = async (tx: Tx): Promise<string> => {
      for (const text of ['one', 'two', 'three']) {
        await fixture.put(tx, text)
        await turn(systemRuntime)
      }
      return 'first'
    }
    assert.equal(await sink.commit('a@1', undefined, write), true)
    assert.deepEqual(await sorted(fixture), ['one', 'three', 'two'])
  })
}

function failureLaws<Tx>(law: Law<Tx>): void {
  law('changes nothing, and rejects with the same, if what is to be written fails', async (fixture) => {
    const { sink, other } = fixture
    for (const expected of [undefined, 'first']) {
      const before = await sorted(fixture)
      const failure = new Error('it has failed')
      const failing = async (tx: Tx): Promise<string> => {
        await fixture.put(tx, 'lost')
        throw failure
      }
      await assert.rejects(sink.commit('a@1', expected, failing), (error: unknown) => error === failure)
      assert.equal(await other.checkpoint('a@1'), expected)
      assert.deepEqual(await sorted(fixture), before)
      // And it is as good as before.
      assert.equal(await sink.commit('a@1', expected, adding(fixture, `after ${expected}`, 'first')), true)
    }
  })

  law('gives no checkpoint that is not committed', async (fixture) => {
    const { sink, other } = fixture
    await sink.commit('a@1', undefined, adding(fixture, 'one', 'first'))
    const asked: Promise<string | undefined>[] = []
    const failing = async (tx: Tx): Promise<string> => {
      await fixture.put(tx, 'lost')
      // One that is asked on the same connection may wait until the transaction is over.
      asked.push(sink.checkpoint('a@1'), other.checkpoint('a@1'))
      await turn(systemRuntime)
      throw new Error('it has failed')
    }
    await assert.rejects(sink.commit('a@1', 'first', failing), /it has failed/)
    assert.deepEqual(await Promise.all(asked), ['first', 'first'])
    assert.deepEqual(await sorted(fixture), ['one'])
  })

  law(
    'serves several projections at a time, and the failure of one is not that of another',
    async (fixture) => {
      const { sink } = fixture
      const ids = Array.from({ length: 8 }, (_, number) => `p${number}@1`)
      const commits = ids.map((id, number) =>
        sink.commit(id, undefined, async (tx) => {
          await fixture.put(tx, id)
          await turn(systemRuntime)
          if (number % 2 === 1) throw new Error('it has failed')
          return id
        }),
      )
      const outcomes = await Promise.allSettled(commits)
      const even = ids.filter((_, number) => number % 2 === 0)
      assert.deepEqual(
        outcomes.map((outcome) => outcome.status === 'fulfilled' && outcome.value),
        ids.map((id) => even.includes(id)),
      )
      assert.deepEqual(await sorted(fixture), even)
      for (const id of ids) assert.equal(await sink.checkpoint(id), even.includes(id) ? id : undefined)
    },
  )
}

function raceLaws<Tx>(law: Law<Tx>): void {
  for (const expected of [undefined, 'first'] as const) {
    const what = expected === undefined ? 'the first checkpoint' : 'the same checkpoint'
    law(`lets one of two have ${what}`, async (fixture) => {
      const { sink, other } = fixture
      if (expected !== undefined) await sink.commit('a@1', undefined, async () => expected)
      const commits = [sink, other, sink, other].map((one, number) =>
        one.commit('a@1', expected, async (tx) => {
          await fixture.put(tx, `row ${number}`)
          await turn(systemRuntime)
          return `by ${number}`
        }),
      )
      // Whoever comes too late may also fail, as the database is busy.
      const outcomes = await Promise.allSettled(commits)
      const winners = outcomes.flatMap(({ status }, number) =>
        status === 'fulfilled' && (outcomes[number] as PromiseFulfilledResult<boolean>).value ? [number] : [],
      )
      assert.equal(winners.length, 1, JSON.stringify(outcomes))
      assert.equal(await sink.checkpoint('a@1'), `by ${winners[0]}`)
      assert.deepEqual(await sorted(fixture), [`row ${winners[0]}`])
    })
  }

  law('counts without losing or doubling anything, from two sides', async (fixture) => {
    const { sink, other } = fixture
    const count = async (mine: ProjectionSink<Tx>, side: string): Promise<void> => {
      for (let done = 0, tries = 0; done < 10; tries += 1) {
        assert.ok(tries < 10_000, 'it never comes to an end')
        const expected = await mine.checkpoint('a@1').catch(() => undefined)
        const next = String(Number(expected ?? 0) + 1)
        const write = adding(fixture, `${next.padStart(2, '0')} ${side}`, next)
        if (await mine.commit('a@1', expected, write).catch(() => false)) done += 1
        await turn(systemRuntime)
      }
    }
    await Promise.all([count(sink, 'here'), count(other, 'there')])
    assert.equal(await sink.checkpoint('a@1'), '20')
    const numbers = (await sorted(fixture)).map((text) => Number.parseInt(text, 10))
    assert.deepEqual(
      numbers,
      Array.from({ length: 20 }, (_, index) => index + 1),
    )
  })
}

function adding<Tx>({ put }: SinkFixture<Tx>, text: string, checkpoint: string): (tx: Tx) => Promise<string> {
  return async (tx) => {
    await put(tx, text)
    return checkpoint
  }
}

async function sorted<Tx>({ rows }: SinkFixture<Tx>): Promise<string[]> {
  return [...(await rows())].sort()
}
