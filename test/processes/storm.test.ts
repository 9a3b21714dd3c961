import { type EventStore, openEventStore } from 'eventdb'
import { describe, expect, test } from 'vitest'
import { type Child, startChild } from '../support/child-process.ts'
import {
  type Manner,
  type Outcome,
  STOCK,
  type StormOrder,
  type StormReport,
  stockAggregate,
  storm,
  type Taken,
} from '../support/storm.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { ENGINES } from './history.ts'

/** How many want a piece of the same stock. */
const TAKERS = 64
const ROUNDS = 6
const MANNERS: readonly Manner[] = ['at once', 'later', 'with keys']

type Stormer = Child<StormReport>
type Over = Extract<StormReport, { readonly event: 'over' }>

describe.each(ENGINES)(
  `${TAKERS} commands on one aggregate of a %s store, of which it bears ${STOCK}`,
  (engine) => {
    test.each(MANNERS)('are each decided once in one process, %s', async (manner) => {
      await using folder = await temporaryFolder()
      await using store = await openEventStore(folder.path, { engine })
      let decisions = 0
      const stocks = store.aggregate(stockAggregate(() => (decisions += 1)))
      for (let round = 1; round <= ROUNDS; round += 1) {
        const id = `${round}`
        decisions = 0
        await lookAt(store, id, await storm(stocks, { id, manner, takers: takersOf('one', TAKERS) }))
        expect(decisions).toBe(TAKERS)
      }
      expect((await store.check()).problems).toEqual([])
    })

    test('are done once or refused by their rule in two processes', async () => {
      await using scene = await stormScene(engine)
      for (const manner of MANNERS) {
        let decisions = 0
        for (let round = 1; round <= ROUNDS; round += 1) {
          const id = `${manner} ${round}`
          const overs = await scene.storm([
            { id, manner, takers: takersOf('one', TAKERS / 2) },
            { id, manner, takers: takersOf('other', TAKERS / 2) },
          ])
          await lookAt(
            scene.store,
            id,
            overs.flatMap(({ outcomes }) => outcomes),
          )
          decisions += overs.reduce((sum, over) => sum + over.decisions, 0)
        }
        const again = decisions - ROUNDS * TAKERS
        console.log(`${engine}, ${manner}: ${again} of ${decisions} decisions were repetitions`)
        expect(again).toBeGreaterThanOrEqual(0)
      }
      expect((await scene.store.check()).problems).toEqual([])
    })

    test('are done once though two processes give each of them, with the same keys', async () => {
      await using scene = await stormScene(engine)
      for (let round = 1; round <= ROUNDS; round += 1) {
        const order: StormOrder = { id: `${round}`, manner: 'with keys', takers: takersOf('all', TAKERS) }
        const [one, other] = await scene.storm([order, order])
        const pairs = one!.outcomes.map((outcome, at) => [outcome, other!.outcomes[at]!] as const)
        await lookAt(
          scene.store,
          order.id,
          pairs.map((pair) => pair.find((outcome) => !('isRepeated' in outcome && outcome.isRepeated))!),
        )
        for (const pair of pairs) {
          const told = pair.map((outcome) => ('refusal' in outcome ? 'refused' : `${outcome.isRepeated}`))
          expect([
            ['refused', 'refused'],
            ['false', 'true'],
          ]).toContainEqual(told.sort())
        }
      }
      expect((await scene.store.check()).problems).toEqual([])
    })
  },
)

function takersOf(name: string, count: number): string[] {
  return Array.from({ length: count }, (_, at) => `${name} ${at}`)
}

/** As many were served as there was to take, each with the piece that it was told; the others were refused, as nothing was left. */
async function lookAt(store: EventStore, id: string, outcomes: readonly Outcome[]): Promise<void> {
  const refusals = outcomes.flatMap((outcome) => ('refusal' in outcome ? [outcome.refusal] : []))
  expect(refusals).toEqual(Array.from({ length: TAKERS - STOCK }, () => 'sold out'))
  const served = outcomes.flatMap((outcome) => ('version' in outcome ? [outcome] : []))
  const events = await store.stream<Taken>(`stock-${id}`).read().toArray()
  expect(events).toHaveLength(STOCK)
  const told = served.toSorted((one, other) => one.version - other.version)
  expect(told).toEqual(
    events.map(({ version, data }) => ({
      by: data.by,
      version,
      left: STOCK - version,
      isRepeated: false,
    })),
  )
}

interface StormScene extends AsyncDisposable {
  readonly store: EventStore
  /** Tells the first process of the first storm and the second of the second, and waits until both are over. */
  storm(orders: readonly StormOrder[]): Promise<readonly Over[]>
}

/** Two processes with one store, in which this one looks. */
async function stormScene(engine: 'sqlite' | 'lmdb'): Promise<StormScene> {
  const folder = await temporaryFolder()
  const store = await openEventStore(folder.path, { engine })
  const stormers: readonly Stormer[] = ['one', 'other'].map(() =>
    startChild('storming-child.ts', folder.path, engine),
  )
  await Promise.all(stormers.map((stormer) => stormer.reported(({ event }) => event === 'ready')))
  return {
    store,
    storm: (orders) => {
      for (const [at, stormer] of stormers.entries()) stormer.tell(JSON.stringify(orders[at]))
      return Promise.all(stormers.map((stormer, at) => overOf(stormer, orders[at]!.id)))
    },
    [Symbol.asyncDispose]: async () => {
      for (const stormer of stormers) await stormer[Symbol.asyncDispose]()
      await store.close()
      await folder.remove()
    },
  }
}

async function overOf(stormer: Stormer, id: string): Promise<Over> {
  const report = await stormer.reported((report) => report.event === 'over' && report.id === id)
  return report as Over
}
