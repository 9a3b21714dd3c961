import { type CheckProblem, CorruptionError, type EventStore, FormatError } from 'eventdb'
import { seededRandom } from 'eventdb/testing'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Row } from '../../src/kv/rows.ts'
import { databaseWith } from '../format/fixed-world.ts'
import { type Effects, effectsOf, type Item, isUnseen } from './store-damage-effects.ts'
import { type Damage, damagedRows, describeDamage, randomDamage, spaceOf } from './store-damaging.ts'
import { READS, type Seen, type StoreRead } from './store-reads.ts'
import { openStore, type Truth, writeTruth } from './store-truth.ts'

/** Damages of each of the tests, and how many tests there are. */
const DAMAGES = 125
const ROUNDS = 8
const seed = Number(process.env.EVENTDB_SEED ?? 20_260_101)

/** What a complaint must say: where it is. */
const NAMES_A_PLACE = /position \d+|stream (number \d|")|version \d/i

let truth: Truth

beforeAll(async () => {
  truth = await writeTruth()
})

describe(`a store in which one row is damaged, with seeds from ${seed}`, () => {
  test.each(Array.from({ length: ROUNDS }, (_, round) => [round + 1]))(
    'never yields what is wrong, and check() finds it, round %i',
    async (round) => {
      const failures: string[] = []
      for (let at = 0; at < DAMAGES; at += 1) {
        const damageSeed = seed + (round - 1) * DAMAGES + at
        const damage = randomDamage(truth.rows, truth.prefixLength, seededRandom(damageSeed))
        const found = await lookAt(damage)
        failures.push(
          ...found.map((what) => `EVENTDB_SEED=${damageSeed} ${describeDamage(damage)}\n  ${what}`),
        )
      }
      expect(failures.join('\n')).toBe('')
    },
  )
})

test('a store that is whole yields what it holds, and passes its check', async () => {
  const store = await openStore(databaseWith([...truth.others, ...truth.rows]))
  for (const read of READS) expect(await read.read(store), read.name).toEqual(truth.reads.get(read.name))
  expect((await store.check()).problems).toEqual([])
  expect([...truth.reads.values()].filter(({ length }) => length > 0).length).toBeGreaterThan(60)
  expect(new Set(truth.rows.map((row) => spaceOf(row, truth.prefixLength))).size).toBe(18)
})

test('two rows of a stream that were exchanged are seen by its readers, by links and by check()', async () => {
  const [number] = [...truth.streams].find(([, { streamId }]) => streamId === 'order-1')!
  const [first, second] = [1, 2].map((version) => rowAt(truth.keys.streamKey(number, version)))
  const others = truth.rows.filter((row) => row !== first && row !== second)
  const exchanged = [
    { key: first!.key, value: second!.value },
    { key: second!.key, value: first!.value },
  ]
  await using store = await openStore(databaseWith([...truth.others, ...others, ...exchanged]))
  for (const streamId of ['order-1', 'list-links'])
    await expect(store.stream(streamId).read().toArray()).rejects.toThrow(CorruptionError)
  await expect(store.category('list').read().toArray()).rejects.toThrow(CorruptionError)
  const { problems } = await store.check()
  expect(problems.map(({ kind }) => kind)).toContain('row-wrong')
})

function rowAt(key: Uint8Array): Row {
  return truth.rows.find((row) => Buffer.compare(row.key, key) === 0)!
}

/** What is wrong with how a store behaves that has this damage. */
async function lookAt(damage: Damage): Promise<string[]> {
  const isOfFormat = spaceOf(damage.row, truth.prefixLength) === 0
  const database = databaseWith([...truth.others, ...damagedRows(truth.rows, damage)])
  try {
    await using store = await openStore(database)
    return [...(await lookAtReads(store, damage)), ...(await lookAtCheck(store, damage))]
  } catch (error) {
    if (isOfFormat && error instanceof FormatError) return []
    return [`fails with ${(error as Error).stack}`]
  } finally {
    await database.kv.close()
  }
}

async function lookAtReads(store: EventStore, damage: Damage): Promise<string[]> {
  const effects = effectsOf(damage, truth)
  const failures: string[] = []
  for (const read of READS) {
    const failure = await lookAtRead(store, read, effects)
    if (failure !== undefined) failures.push(`${read.name} ${failure}`)
  }
  return failures
}

async function lookAtRead(store: EventStore, read: StoreRead, effects: Effects): Promise<string | undefined> {
  try {
    return differenceOf(read, await read.read(store), effects)
  } catch (error) {
    if (!(error instanceof CorruptionError)) throw error
    const { position, streamId, version } = error.details
    const isPlaced = (position ?? streamId ?? version) !== undefined || NAMES_A_PLACE.test(error.message)
    return isPlaced ? undefined : `does not say where: ${error.stack}`
  }
}

/** What a read yields that it must not, or lacks, or has in another order. */
function differenceOf(read: StoreRead, seen: Seen, effects: Effects): string | undefined {
  const expected = truth.reads.get(read.name)!
  const items = seen.map((text): Item => JSON.parse(text))
  const wrong = seen.find((text, at) => !expected.includes(text) && !effects.mayCome(read, items[at]!, text))
  if (wrong !== undefined) return `yields ${wrong}`
  const lacking = expected.find((text) => !seen.includes(text) && !effects.mayLack(read, JSON.parse(text)))
  if (lacking !== undefined) return `lacks ${lacking}`
  return isOrdered(read, items) ? undefined : `yields in this order: ${seen}`
}

function isOrdered({ through, name }: StoreRead, items: readonly Item[]): boolean {
  const isDescending = through === 'snapshots' || name.endsWith('backwards')
  const places = items.map((item) => {
    const { version, position } = item.link ?? item
    return through === 'log' || through === 'index' ? BigInt(position) : version
  })
  if (isDescending) places.reverse()
  return places.every((place, at) => at === 0 || places[at - 1]! < place)
}

async function lookAtCheck(store: EventStore, damage: Damage): Promise<string[]> {
  const { problems } = await store.check()
  if (problems.length === 0) return isUnseen(damage, truth) ? [] : ['is not found by check()']
  return problems
    .filter((problem) => !isSpeaking(problem))
    .map((problem) => `check() says ${problem.message}`)
}

function isSpeaking({ kind, message }: CheckProblem): boolean {
  return /^[a-z-]+$/.test(kind) && /\w.*\w/.test(message)
}
