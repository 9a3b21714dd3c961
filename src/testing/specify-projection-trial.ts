import { storedValue } from '../projection/state-rows.ts'
import { systemRuntime } from '../runtime.ts'
import type { Codecs } from '../store/codecs.ts'
import type { RecordedEvent } from '../store/event.ts'
import { type Difference, differences, listed } from './specify-difference.ts'
import type { Failure } from './specify-failure.ts'
import { emittedIn, wholePicture } from './specify-projection-emitted.ts'
import { eventsOf, type RunResult, type RunScene, runAtOnce, runOneByOne } from './specify-projection-run.ts'

/** What a projection came to, and which rule it has broken. */
export interface Outcome extends RunResult {
  readonly broken: Failure | undefined
  /** What was not of its source. */
  readonly passedOver: readonly RecordedEvent[]
}

/** Runs a projection three times, which must come to the same. */
export async function tryOut<S>(scene: RunScene<S>): Promise<Outcome> {
  const { codecs, log } = scene
  const atOnce = await runAtOnce(scene)
  await untilTheClockMoves()
  const again = await runAtOnce(scene)
  const oneByOne = await runOneByOne(scene)
  const seen = new Set(eventsOf(scene))
  return {
    ...oneByOne,
    broken: unlike(RUN_AGAIN, atOnce, again, codecs) ?? unlikeSplit(atOnce, oneByOne, codecs),
    passedOver: log.filter((event) => !seen.has(event)),
  }
}

/** States by partition, as they are stored. */
export function partitionsIn({ partitions }: RunResult): Readonly<Record<string, unknown>> {
  return Object.fromEntries(partitions.map(({ partition, encoded }) => [partition, storedValue(encoded)]))
}

const RUN_AGAIN =
  'Run again over the same events, the projection came to something else. Handlers may ask neither the clock nor chance, nor keep anything outside of states:'
const SPLIT =
  'With each event and timer in a batch of its own, and states written and read in between, the projection came to something else than at once. What is in a state must be there when it is read:'

/** Whether a state can be written is judged at the end of a batch, so the one may go on where the other stops. */
function unlikeSplit(atOnce: RunResult, oneByOne: RunResult, codecs: Codecs): Failure | undefined {
  return oneByOne.stop?.isUnwritable ? undefined : unlike(SPLIT, atOnce, oneByOne, codecs)
}

/** How one run differs from another that must come to the same. */
function unlike(message: string, first: RunResult, then: RunResult, codecs: Codecs): Failure | undefined {
  const [expected, actual] = [pictureOf(first, codecs), pictureOf(then, codecs)]
  const found: readonly Difference[] = Object.keys(expected).flatMap((name) =>
    differences(actual[name], expected[name], name),
  )
  if (found.length === 0) return undefined
  return { message: `${message}${listed(found, asRuns)}`, actual, expected, operator: 'deepEqual' }
}

function asRuns(path: string, then: string | undefined, first: string | undefined): string {
  return `${path} was ${first ?? 'not there'} at first, and then ${then ?? 'not there'}`
}

/** All that came of a run, to be compared. */
function pictureOf(result: RunResult, codecs: Codecs): Readonly<Record<string, unknown>> {
  const { stop, kv, timers, effects } = result
  if (stop !== undefined) return { stop: `${String(stop.error)} ${stop.where}` }
  return {
    stop: undefined,
    partitions: partitionsIn(result),
    kv: kv.map(({ key, value }) => [key, value]),
    timers: timers.map(({ partition, name, dueMs }) => ({ partition, name, due: new Date(dueMs) })),
    emitted: emittedIn(effects, codecs).map(wholePicture),
  }
}

const LOOKS_MAX = 100_000

/** What asks the clock shall see another time; but where it stands still, because a test has stopped it, nobody waits for it. */
async function untilTheClockMoves(): Promise<void> {
  const now = systemRuntime.now()
  for (let looks = 0; looks < LOOKS_MAX && systemRuntime.now() === now; looks += 1) await undefined
}
