import { openEventStore } from 'eventdb'
import { seededRandom } from 'eventdb/testing'
import { expect, test } from 'vitest'
import type { GroupReport } from '../support/appended-group.ts'
import { type Child, startChild } from '../support/child-process.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { type KilledChild, Ledger } from './ledger.ts'

/** How often a process is killed, all on one store. */
const KILLS = 60
/** Kills of which one is followed by the next, so that a process recovers what another has left. After all others somebody looks. */
const KILLS_PER_OMISSION = 6
/** Kills after which everything is read again and checked. */
const KILLS_PER_CHECK = 10

type Report = { event: 'ready' } | { event: 'open' } | ({ event: 'acknowledged' } & GroupReport)
type Moment = 'early' | 'appending' | 'closing'
type Engine = 'sqlite' | 'lmdb'

/** Another one than the default finds other moments: the seed of a failed run is in its output. */
const seed = Number(process.env.EVENTDB_SEED ?? 20_260_101)

test.each<Engine>(['sqlite', 'lmdb'])(
  'a %s store loses nothing that it acknowledged when its process is killed',
  async (engine) => {
    await using folder = await temporaryFolder()
    const random = seededRandom(seed)
    const ledger = new Ledger()
    const tally = { kills: 0, looks: 0, acknowledged: 0, found: 0 }
    const start = (kill: number): Child<Report> =>
      startChild('appending-child.ts', folder.path, engine, nameOf(kill), String(seed + kill))
    let unseen: KilledChild[] = []
    // The next child loads its program while the one before it works.
    let next = start(1)
    for (let kill = 1; kill <= KILLS; kill += 1) {
      const child = next
      next = start(kill + 1)
      const moment = momentOf(kill, random)
      try {
        const reports = await killAt(child, moment, random)
        tally.kills += 1
        tally.acknowledged += reports.length
        unseen.push({ name: nameOf(kill), reports })
        if (kill % KILLS_PER_OMISSION === 1) continue
        tally.found += await lookAt(folder.path, engine, ledger, unseen, kill % KILLS_PER_CHECK === 0)
        tally.looks += 1
        unseen = []
      } catch (cause) {
        next.signal('SIGKILL')
        throw new Error(`Kill ${kill} of seed ${seed} (${moment}) has damaged the store`, { cause })
      }
    }
    next.signal('SIGKILL')
    await next.ended
    console.log(`${engine}, seed ${seed}: ${JSON.stringify({ ...tally, events: ledger.events })}`)
    expect(tally.looks).toBeGreaterThanOrEqual(50)
    expect(tally.acknowledged).toBeGreaterThan(KILLS)
  },
  300_000,
)

function nameOf(kill: number): string {
  return `child${kill}`
}

function momentOf(kill: number, random: () => number): Moment {
  if (kill % 8 === 0) return 'closing'
  return random() < 0.25 ? 'early' : 'appending'
}

/** Early is while it opens, recovers, and appends its first events. Returns what it said was acknowledged. */
async function killAt(child: Child<Report>, moment: Moment, random: () => number): Promise<GroupReport[]> {
  await child.reported(({ event }) => event === 'ready')
  child.tell('go')
  if (moment === 'early') await pause(200 * random())
  else {
    await child.reported(({ event }) => event === 'open')
    await pause(50 + 550 * random())
  }
  if (moment === 'closing') {
    child.tell('close')
    await pause(30 * random())
  }
  child.signal('SIGKILL')
  await child.ended
  return child.reports.filter((report) => report.event === 'acknowledged')
}

async function lookAt(
  folder: string,
  engine: Engine,
  ledger: Ledger,
  children: readonly KilledChild[],
  isChecked: boolean,
): Promise<number> {
  await using store = await openEventStore(folder, { engine })
  const groups = await ledger.lookAtGrowth(store, children)
  if (isChecked) {
    await ledger.lookAtEverything(store)
    const { problems, events } = await store.check()
    expect(problems).toEqual([])
    expect(events).toBe(ledger.events)
  }
  return groups
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
