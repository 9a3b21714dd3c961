import type { Child } from './child-process.ts'
import type { ProjectingReport } from './projecting-report.ts'

/** A process that runs a projection. */
export type ProjectingChild = Child<ProjectingReport>

/** It is killed after so many batches, at most. */
const BATCHES_MOST = 4

/** Lets a process that has loaded everything open the store. */
export async function begin(child: ProjectingChild): Promise<void> {
  await child.reported(({ event }) => event === 'ready')
  child.tell('go')
  await child.reported(({ event }) => event === 'open')
}

/** Begins, and kills it. Most are killed while they handle events or commit them, some before they lead. */
export async function killSomewhere(child: ProjectingChild, random: () => number): Promise<void> {
  await begin(child)
  if (random() < 0.9) {
    await child.reported(({ event }) => event === 'handling')
    const enough = Math.floor(BATCHES_MOST * random())
    await child.reported(() => batchesOf(child) >= enough)
  }
  await new Promise((resolve) => setTimeout(resolve, 250 * random()))
  child.signal('SIGKILL')
  await child.ended
}

/** How many batches it has committed. */
export function batchesOf({ reports }: ProjectingChild): number {
  return reports.filter(({ event }) => event === 'progress').length
}
