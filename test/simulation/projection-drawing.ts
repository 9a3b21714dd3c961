import type { NewEvent } from 'eventdb'
import { eventText, type Wish } from './projection-rules.ts'
import type { ProjectionWorld } from './projection-world.ts'

/** Streams that events of a run are appended to. */
export const STREAMS = ['in-a', 'in-a', 'in-b', 'in-c', 'other-x'] as const
const TYPES = ['A', 'A', 'B', 'B', 'C', 'C', 'D'] as const

/** Draws a whole number below a limit. */
export function below({ random }: Pick<ProjectionWorld, 'random'>, limit: number): number {
  return Math.floor(random() * limit)
}

/** Draws whether something is so. */
export function chance({ random }: Pick<ProjectionWorld, 'random'>, probability: number): boolean {
  return random() < probability
}

/** Draws one of several. */
export function oneOf<T>(world: Pick<ProjectionWorld, 'random'>, list: readonly T[]): T {
  return list[below(world, list.length)]!
}

/** Draws an event that was not appended yet. */
export function newEvent(world: ProjectionWorld): NewEvent {
  world.appended += 1
  const data: Wish = {
    n: world.appended,
    k: below(world, 60),
    restMs: chance(world, 0.15) ? 1 + below(world, 40) : 0,
    delayMs: oneOf(world, [-500, 0, 0, 100, 100, 1_000, 5_000]),
    failsLate: chance(world, 0.5),
  }
  if (chance(world, 0.04)) world.failing.add(eventText(data.n))
  // Some happened before, some are dated ahead.
  const timeMs = world.runtime.now() + oneOf(world, [-3_000, -10, 10, 60_000])
  return { type: oneOf(world, TYPES), data, ...(chance(world, 0.3) && { time: new Date(timeMs) }) }
}
