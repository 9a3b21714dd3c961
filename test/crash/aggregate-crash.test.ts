import { openEventStore } from 'eventdb'
import { seededRandom } from 'eventdb/testing'
import { expect, test } from 'vitest'
import {
  ACCOUNTS,
  accountAggregate,
  EVERY,
  type ExecutingReport,
  perform,
  type Unit,
} from '../support/account.ts'
import { type Child, startChild } from '../support/child-process.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { OrderLedger, plainAccount } from './order-ledger.ts'

/** How often a process is killed, all on one store. */
const KILLS = 25
/** Before it is killed, it has finished less than this. */
const DONE_MOST = 80
/** Of so many versions of an account, one is looked at in the end, besides the last ones. */
const VERSIONS_A_LOOK = 97

type Engine = 'sqlite' | 'lmdb'

/** Another one than the default finds other moments: the seed of a failed run is in its output. */
const seed = Number(process.env.EVENTDB_SEED ?? 20_260_501)

test.each<Engine>(['sqlite', 'lmdb'])(
  'commands on aggregates of a %s store are done once when their process is killed',
  async (engine) => {
    await using folder = await temporaryFolder()
    const random = seededRandom(seed)
    const ledger = new OrderLedger()
    const start = (kill: number): Child<ExecutingReport> =>
      startChild('executing-child.ts', folder.path, engine, `${kill}`, `${seed + kill}`, `${unitOf(kill)}`)
    // The next child loads its program while the one before it works.
    let next = start(1)
    for (let kill = 1; kill <= KILLS; kill += 1) {
      const child = next
      next = start(kill + 1)
      try {
        await killSomewhere(child, ledger, random)
        await using store = await openEventStore(folder.path, { engine })
        await ledger.lookAt(store, child.reports)
        await ledger.expectAccounts(store, unitOf(kill))
        expect((await store.check()).problems).toEqual([])
      } catch (cause) {
        next.signal('SIGKILL')
        throw new Error(`Kill ${kill} of seed ${seed} has damaged the store`, { cause })
      }
    }
    next.signal('SIGKILL')
    await next.ended
    await finish(folder.path, engine, ledger)
    await lookAtSnapshots(folder.path, engine, ledger)
    await lookAtSpoilt(folder.path, engine, ledger)
    const { tally } = ledger
    console.log(`${engine}, seed ${seed}: ${JSON.stringify(tally)}`)
    // The kills must have hit what they were meant to hit.
    expect(tally.done).toBeGreaterThan(KILLS * 10)
    expect(tally.refused).toBeGreaterThan(0)
    expect(tally.unheard).toBeGreaterThan(0)
    expect(tally.repeatedDone).toBeGreaterThan(0)
    expect(tally.repeatedNew).toBeGreaterThan(0)
  },
  300_000,
)

/** The program is brought up to date now and then, and put back. */
function unitOf(kill: number): Unit {
  return kill % 3 === 0 ? 100 : 1
}

/** Early is while it opens, and repeats what others have not finished. */
async function killSomewhere(
  child: Child<ExecutingReport>,
  { unfinished }: OrderLedger,
  random: () => number,
): Promise<void> {
  await child.reported(({ event }) => event === 'ready')
  child.tell(JSON.stringify(unfinished))
  if (random() > 0.2) {
    const enough = Math.floor(DONE_MOST * random())
    await child.reported(({ event }) => event === 'open')
    await child.reported(() => child.reports.filter(({ event }) => event === 'done').length >= enough)
  }
  await new Promise((resolve) => setTimeout(resolve, 60 * random()))
  child.signal('SIGKILL')
  await child.ended
}

/** Repeats what nobody has finished. */
async function finish(folder: string, engine: Engine, ledger: OrderLedger): Promise<void> {
  const reports: ExecutingReport[] = []
  {
    await using store = await openEventStore(folder, { engine })
    const accounts = store.aggregate(accountAggregate(1, {}))
    for (const order of ledger.unfinished) reports.push(await perform(store, accounts, order))
  }
  {
    // When it was closed, no snapshot was under way any more. Of so many commands, one takes another.
    await using store = await openEventStore(folder, { engine })
    const accounts = store.aggregate(accountAggregate(1, {}))
    for (const account of ACCOUNTS) {
      for (let number = 1; number <= EVERY; number += 1) {
        await accounts.execute(account, 'move', { by: `last ${account}${number}`, amount: 1 })
      }
    }
  }
  await using store = await openEventStore(folder, { engine })
  await ledger.lookAt(store, reports)
  expect(ledger.unfinished).toEqual([])
  expect((await store.check()).problems).toEqual([])
}

/** Snapshots are used, by the version of the program that has saved them, and change nothing. */
async function lookAtSnapshots(folder: string, engine: Engine, ledger: OrderLedger): Promise<void> {
  await using store = await openEventStore(folder, { engine })
  let evolved = 0
  const accounts = store.aggregate(accountAggregate(1, {}, () => (evolved += 1)))
  for (const id of ACCOUNTS) await accounts.load(id)
  expect(evolved).toBeLessThan(ACCOUNTS.length * EVERY)
  for (const unit of [1, 100] as const) {
    await ledger.expectAccounts(store, unit)
    for (const id of ACCOUNTS) {
      const events = ledger.eventsOf(id)
      for (let version = 0; version <= events.length; version += 1) {
        if (version % VERSIONS_A_LOOK > 0 && version < events.length - 4 * EVERY) continue
        // With nothing in memory.
        const fresh = store.aggregate(accountAggregate(unit, {}))
        const state = plainAccount(events.slice(0, version), unit)
        expect(await fresh.load(id, { version })).toMatchObject({ version, state })
      }
    }
  }
}

/** What one version of the program cannot read does not concern the other, and changes nothing for either. */
async function lookAtSpoilt(folder: string, engine: Engine, ledger: OrderLedger): Promise<void> {
  await using store = await openEventStore(folder, { engine })
  const [spoilt, spoiltForOther] = ACCOUNTS as [string, string]
  for (const [id, schemaVersion] of [
    [spoilt, 1],
    [spoiltForOther, 100],
  ] as const) {
    const snapshots = store.stream(`account-${id}`).snapshots('state', { schemaVersion })
    await snapshots.save(ledger.eventsOf(id).length, { balance: 0, digest: 0 })
  }
  for (const unit of [1, 100] as const) {
    const problems: string[] = []
    const onProblem = (_: unknown, { streamId }: { streamId: string }): unknown => problems.push(streamId)
    const accounts = store.aggregate(accountAggregate(unit, { onProblem }))
    for (const id of ACCOUNTS) {
      const events = ledger.eventsOf(id)
      const expected = { version: events.length, state: plainAccount(events, unit) }
      expect(await accounts.load(id)).toMatchObject(expected)
    }
    expect(problems).toEqual([`account-${unit === 1 ? spoilt : spoiltForOther}`])
  }
}
