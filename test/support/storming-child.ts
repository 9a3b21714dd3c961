/**
 * Takes part in storms on aggregates: `storming-child.ts <folder> <engine>`. Reports `ready`, and whenever it is told of a storm, what came of it
 * when it is `over`, until it is killed.
 */
import { openEventStore } from 'eventdb'
import { type StormOrder, type StormReport, stockAggregate, storm } from './storm.ts'
import { onTold, report } from './told.ts'

const [folder, engine] = process.argv.slice(2) as [string, 'sqlite' | 'lmdb']
const store = await openEventStore(folder, { engine })
let decisions = 0
const stocks = store.aggregate(stockAggregate(() => (decisions += 1)))
onTold(async (line) => {
  const order = JSON.parse(line) as StormOrder
  decisions = 0
  const outcomes = await storm(stocks, order)
  report({ event: 'over', id: order.id, outcomes, decisions } satisfies StormReport)
})
report({ event: 'ready' } satisfies StormReport)
