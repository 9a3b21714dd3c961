import { InvalidArgumentError, SubscriptionNotFoundError } from '../errors.ts'
import type { Transaction } from '../kv/contract.ts'
import type { AnyPlace } from '../store/broker.ts'
import type { Listing } from '../store/contract-listing.ts'
import type { SourceName } from '../store/contract-query.ts'
import type {
  GroupSettings,
  ParkedEvent,
  ParkedOptions,
  ParkedSelection,
  SubscriptionGroup,
  SubscriptionInfo,
} from '../store/contract-subscribing.ts'
import { onlyNames } from '../store/known-names.ts'
import { listing } from '../store/listing.ts'
import { quietViewOf } from '../store/reading.ts'
import type { AdminScene } from './group-admin-scene.ts'
import { groupPlace, removeGroup } from './group-creating.ts'
import { readGroupInfo } from './group-info.ts'
import { groupNumberOf, nameKey } from './group-names.ts'
import { checkSelection, listParked, replayParked, skipParked } from './group-parked.ts'
import type { Item } from './group-rows.ts'
import { GroupRowsIn } from './group-rows-in.ts'
import { changedSettings, startFromOf } from './group-settings.ts'
import { type Source, sourceOf } from './source.ts'
import { checkStart, groupStartOf, START_WORDS } from './starting.ts'
import { checkGroupName } from './subscribe-options.ts'

const checkInfoOptions = onlyNames('The options of info', 'signal')
const checkResetOptions = onlyNames('The options of reset', 'to')
const checkParkedOptions = onlyNames('The options', 'signal', 'onProgress')

/** A group, to be administered, whether it exists or not. @throws InvalidArgumentError, LimitExceededError */
export function groupAdmin(scene: AdminScene, source: SourceName, name: string): SubscriptionGroup {
  checkGroupName(name)
  return new GroupAdmin(scene, source, name)
}

class GroupAdmin implements SubscriptionGroup {
  readonly name: string
  readonly source: SourceName
  readonly #scene: AdminScene
  readonly #source: Source

  constructor(scene: AdminScene, source: SourceName, name: string) {
    this.name = name
    this.source = source
    this.#scene = scene
    this.#source = sourceOf(source, { resolveLinks: true, system: false })
  }

  async info(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<SubscriptionInfo> {
    this.#scene.assertOpen()
    checkInfoOptions(options)
    const key = await this.#key()
    const info = await readGroupInfo(this.#scene, this.#source, key, options.signal)
    return info ?? this.#missing()
  }

  async pause(): Promise<void> {
    await this.#change(async (rows) => {
      if (rows.control.state === 'running') rows.setControl({ ...rows.control, state: 'paused' })
    })
  }

  async resume(): Promise<void> {
    await this.#change(async (rows) => {
      const { stopped: _, ...control } = rows.control
      if (control.state !== 'running') rows.setControl({ ...control, state: 'running' })
    })
  }

  async reset(options: { readonly to: 'start' | 'end' | AnyPlace | Date }): Promise<void> {
    this.#scene.assertOpen()
    checkResetOptions(options)
    if (options.to === undefined) throw new InvalidArgumentError('reset needs "to": where to go on')
    const start = startFromOf(options.to)
    checkStart(this.#source, start, START_WORDS)
    await this.#change(async (rows, tx) => {
      const place = await groupStartOf(quietViewOf(tx, this.#scene.host), this.#source, start)
      await clearUnfinished(rows)
      await rows.change((ledger) => {
        ledger.cursor = place
        if (place > ledger.reach) ledger.reach = place
      })
      rows.setControl({ ...rows.control, resets: rows.control.resets + 1 })
    })
  }

  async update(settings: GroupSettings): Promise<void> {
    this.#scene.assertOpen()
    await this.#change(async (rows) => {
      const after = changedSettings(rows.control.settings, settings)
      if (after.strategy !== rows.control.settings.strategy) await assertNothingUnfinished(rows)
      rows.setControl({ ...rows.control, settings: after })
    })
  }

  async delete(): Promise<void> {
    const key = await this.#key()
    await this.#change(async (rows, tx) => removeGroup(tx, key, rows.place))
  }

  parked(options: { readonly signal?: AbortSignal | undefined } = {}): Listing<ParkedEvent> {
    return listing(() => this.#parked(options))
  }

  async *#parked(options: { readonly signal?: AbortSignal | undefined }): AsyncGenerator<ParkedEvent> {
    this.#scene.assertOpen()
    checkInfoOptions(options)
    const key = await this.#key()
    yield* listParked(this.#scene, this.#source, key, options.signal, () => this.#missing())
  }

  async replay(which: ParkedSelection<AnyPlace>, options: ParkedOptions = {}): Promise<number> {
    this.#scene.assertOpen()
    checkParkedOptions(options)
    checkSelection(this.#source, which)
    return replayParked((body) => this.#change(body, options.signal), which, options)
  }

  async skip(which: ParkedSelection<AnyPlace>, options: ParkedOptions = {}): Promise<number> {
    this.#scene.assertOpen()
    checkParkedOptions(options)
    checkSelection(this.#source, which)
    return skipParked((body) => this.#change(body, options.signal), which, options)
  }

  #key(): Promise<Uint8Array> {
    return nameKey(this.#scene.host.keys, 'persistent', this.source, this.name)
  }

  #missing(): never {
    throw new SubscriptionNotFoundError(this.name, this.source)
  }

  /** Changes rows of the group in a transaction. @throws SubscriptionNotFoundError */
  async #change<T>(
    body: (rows: GroupRowsIn, tx: Transaction) => Promise<T>,
    signal?: AbortSignal | undefined,
  ): Promise<T> {
    this.#scene.assertOpen()
    const { host } = this.#scene
    const key = await this.#key()
    return host.kv.transact(
      async (tx) => {
        if (host.settings.recall(tx) === undefined) await host.settings.read(tx)
        const number = await groupNumberOf(tx, host.keys, key)
        if (number === undefined) return this.#missing()
        const rows = await GroupRowsIn.read(tx, groupPlace(host, number, this.#source.isStream))
        if (rows === undefined) return this.#missing()
        const result = await body(rows, tx)
        rows.flush()
        return result
      },
      signal === undefined ? {} : { signal },
    )
  }
}

/** Clears everything that is unfinished; what is parked stays, and what is behind it. */
async function clearUnfinished(rows: GroupRowsIn): Promise<void> {
  const { tx, place } = rows
  for (const range of place.keys.waiting()) tx.clearRange(range)
  for (const consumer of (await rows.leases()).keys()) rows.setHand(consumer, [])
  let cleared = 0
  for await (const { key, value } of tx.getRange(place.keys.keys())) {
    if (place.values.decodeKey(key, value, place.isStream).state === 'parked') continue
    tx.clear(key)
    tx.clearRange(place.keys.allBehind(place.keys.keyOf(key)))
    cleared += 1
  }
  await rows.change((ledger) => {
    ledger.waiting = 0
    ledger.suspects = 0
    ledger.keys -= cleared
    ledger.slots.clear()
  })
}

/** Another strategy needs a group without anything that was given out by the old one. @throws InvalidArgumentError */
async function assertNothingUnfinished(rows: GroupRowsIn): Promise<void> {
  const { waiting, parked } = await rows.ledger()
  let inFlight = 0
  for (const consumer of (await rows.leases()).keys()) {
    const hand: readonly Item[] = await rows.hand(consumer)
    inFlight += hand.length
  }
  if (waiting + parked + inFlight === 0) return
  throw new InvalidArgumentError(
    `"strategy" can be changed only when nothing is in flight (${inFlight}), waiting (${waiting}) or parked (${parked}); reset the subscription to its checkpoint, and replay or skip what is parked`,
    { inFlight, waiting, parked },
  )
}
