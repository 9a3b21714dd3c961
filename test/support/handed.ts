import { readFile } from 'node:fs/promises'
import type { Delivery, RecordedEvent } from 'eventdb'

/** One event that a consumer was handed, as it says in its file before it acknowledges. */
export interface Handed {
  /** When, in nanoseconds of the clock that all processes share. */
  readonly at: bigint
  readonly position: bigint
  readonly streamId: string
  readonly version: number
  readonly attempt: number
  /** The file that says so. */
  readonly file: string
  /** Whether its handler returned right after. */
  readonly isDone: boolean
}

/** What a consumer does with what it is handed. */
export type HandlingManner =
  /** Acknowledges everything. */
  | 'handle'
  /** Kills its own process over every event of the type `Poison`. */
  | 'die'
  /** Keeps each event until it is told `ack` or `park`, and says what that came to. */
  | 'hold'

/** What a consumer says. */
export type ConsumingReport =
  | { readonly event: 'ready' | 'done' }
  | { readonly event: 'joined'; readonly consumer: number }
  /** How many events it was handed so far. */
  | { readonly event: 'handed'; readonly count: number }
  | { readonly event: 'holding' }
  | { readonly event: 'settled'; readonly isAccepted: boolean }
  /** A subscription of it has ended by itself. */
  | { readonly event: 'ended'; readonly reason: string }

/** A line for what was handed over. */
export function handedLine(
  { position, streamId, version }: RecordedEvent,
  { attempt }: Pick<Delivery<unknown>, 'attempt'>,
  isDone: boolean,
): string {
  return `${[process.hrtime.bigint(), position, streamId, version, attempt, isDone].join(' ')}\n`
}

/** All that the files of several consumers say, in the order in which it happened. A line that was cut off says nothing. */
export async function readHanded(files: readonly string[]): Promise<readonly Handed[]> {
  const handed: Handed[] = []
  for (const file of files) {
    const lines = (await readFile(file, { encoding: 'utf8', flag: 'a+' })).split('\n')
    for (const line of lines.slice(0, -1)) handed.push({ ...parseHanded(line), file })
  }
  return handed.sort((one, other) => (one.at < other.at ? -1 : 1))
}

function parseHanded(line: string): Omit<Handed, 'file'> {
  const [at, position, streamId, version, attempt, isDone] = line.split(' ') as [
    string,
    string,
    string,
    string,
    string,
    string,
  ]
  return {
    at: BigInt(at),
    position: BigInt(position),
    streamId,
    version: Number(version),
    attempt: Number(attempt),
    isDone: isDone === 'true',
  }
}

/** Where an event was handed over before all that are before it in its stream were. */
export function disorderIn(handed: readonly Handed[]): string[] {
  const furthest = new Map<string, number>()
  return handed.flatMap(({ streamId, version }) => {
    const before = furthest.get(streamId) ?? 0
    furthest.set(streamId, Math.max(before, version))
    return version <= before + 1 ? [] : [`${streamId}: ${version} after ${before}`]
  })
}
