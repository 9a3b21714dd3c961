import type { EventStore } from '../../store/contract.ts'
import type { QueryItem } from '../../store/contract-query.ts'
import type { NewEvent } from '../../store/event.ts'
import type { SimulatedRuntime } from '../simulated-runtime.ts'
import { numbers } from './laws.ts'
import { type Scan, scanOfCategory, scanOfQuery, scanOfType } from './scan.ts'

const STEPS = 90

/** Gives numbers in [0, 1). */
export type Random = () => number

/** Lets random things happen to a few streams of a few categories. */
export async function happen(store: EventStore, runtime: SimulatedRuntime, random: Random): Promise<void> {
  for (const _ of numbers(1, STEPS)) {
    if (random() < 0.5) await runtime.advance(Math.floor(random() * 4))
    const stream = store.stream(`c${below(random, 3)}-${below(random, 4)}`)
    const chance = random()
    if (chance < 0.75) await stream.append(numbers(0, below(random, 4)).map(() => randomEvent(random)))
    else await changeLife(store, stream.id, random)
  }
}

async function changeLife(store: EventStore, id: string, random: Random): Promise<void> {
  const stream = store.stream(id)
  if (!(await stream.exists())) {
    if ((await store.stream(`$$${id}`).read().last())?.type === '$stream-deleted')
      await stream.restore().catch(ignoreScavenged)
    return
  }
  const { version } = await stream.info()
  const chance = random()
  if (chance < 0.3) await stream.delete()
  else if (chance < 0.5) await stream.truncateBefore(1 + below(random, version + 1))
  else if (chance < 0.6) await stream.setRetention({ maxCount: random() < 0.3 ? null : 1 + below(random, 9) })
  else if (chance < 0.7) await stream.setRetention({ maxAgeMs: random() < 0.3 ? null : below(random, 200) })
  else {
    const [target] = await store.all.read({ direction: 'backwards', limit: 1 + below(random, 20) }).toArray()
    if (target !== undefined) await stream.linkTo(target)
  }
}

function ignoreScavenged(error: { readonly code?: string }): void {
  if (error.code !== 'stream-not-restorable') throw error
}

function randomEvent(random: Random): NewEvent {
  const tags = ['x', 'y', 'z'].filter(() => random() < 0.4)
  return { type: `T${below(random, 4)}`, tags }
}

/** A category, a type or a query that means some of these events. */
export function randomScan(random: Random): Scan {
  const chance = random()
  if (chance < 0.15) return scanOfCategory(`c${below(random, 4)}`)
  if (chance < 0.3) return scanOfType(random() < 0.2 ? '$link' : `T${below(random, 5)}`)
  return scanOfQuery({ items: numbers(0, below(random, 3)).map(() => randomItem(random)) })
}

function randomItem(random: Random): QueryItem {
  const types = ['T0', 'T1', 'T2', '$link'].filter(() => random() < 0.25)
  const tags = ['x', 'y', 'z'].filter(() => random() < 0.3)
  return { ...(random() < 0.9 && { types }), ...(random() < 0.9 && { tags }) }
}

/** A whole number from 0 on, below a bound. */
export function below(random: Random, bound: number): number {
  return Math.floor(random() * bound)
}
