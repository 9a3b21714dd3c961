import type { EventStore, ExecuteOptions } from 'eventdb'
import { sleep, turn } from '../../src/runtime.ts'
import { uuidOf } from '../../src/testing/store/laws.ts'
import { IDS, type List, openStore, type Wish, type World } from './aggregate-world.ts'

/** What came of a command. */
export interface CommandOutcome {
  readonly kind: 'command'
  readonly streamId: string
  readonly wish: Wish
  readonly options: ExecuteOptions
  readonly isCreation: boolean
  /** Which queue it was in, and as which it came there. */
  readonly queue: string
  readonly order: number
  /** Everything up to here was told to somebody before it was called. */
  readonly after: bigint
  readonly isAborted: boolean
  readonly outcome: Outcome<{
    readonly state: List
    readonly version: number
    readonly exists: boolean
    readonly position: bigint | undefined
    readonly decisions: number
    readonly idempotent: boolean
    readonly events: readonly { readonly version: number; readonly data: string }[]
  }>
}

/** What came of a look. */
export interface LoadOutcome {
  readonly kind: 'load'
  readonly streamId: string
  readonly after: bigint
  readonly wanted: number | undefined
  readonly outcome: Outcome<{ readonly state: List; readonly version: number; readonly exists: boolean }>
}

/** What came of a transaction with commands on all lists. */
export interface TransferOutcome {
  readonly kind: 'transfer'
  readonly tokens: readonly string[]
  readonly outcome: Outcome<readonly { readonly state: List; readonly version: number }[]>
}

/** A value, or what it failed with. */
export type Outcome<T> = { readonly value: T } | { readonly error: unknown }

/** What all clients have come to. */
export type Told = CommandOutcome | LoadOutcome | TransferOutcome

/** Several clients at work. */
export class Clients {
  readonly told: Told[] = []
  readonly #world: World
  /** Up to where somebody was told that it is there, by stream. */
  readonly #acknowledged = new Map<string, bigint>()
  readonly #epochs = [0, 0]
  #orders = 0
  #tokens = 0

  constructor(world: World) {
    this.#world = world
  }

  /** Does so many random things, one after the other. */
  async work(steps: number): Promise<void> {
    for (let step = 0; step < steps; step += 1) {
      await this.#act()
      if (this.#chance(0.3)) await turn(this.#world.runtime)
      if (this.#chance(0.1)) await sleep(this.#world.runtime, this.#upTo(20))
    }
  }

  async #act(): Promise<void> {
    const { random, faults, seed } = this.#world
    const at = this.#upTo(2)
    const store = this.#world.stores[at]!
    const streamId = `list-${IDS[this.#upTo(IDS.length)]}`
    const choice = random()
    if (seed % 4 === 0 && this.#chance(0.03)) {
      faults.failWrite(
        (['disk-full', 'unknown-lost', 'unknown-kept'] as const)[this.#upTo(3)]!,
        1 + this.#upTo(3),
      )
    }
    if (choice < 0.5)
      await Promise.all(Array.from({ length: 1 + this.#upTo(5) }, () => this.#command(at, streamId)))
    else if (choice < 0.65) await this.#load(store, streamId)
    else if (choice < 0.75) await this.#append(store, streamId)
    else if (choice < 0.83) await this.#transfer(store)
    else if (choice < 0.9) await this.#change(store, streamId, 'delete')
    else if (choice < 0.95) await this.#change(store, streamId, 'restore')
    else if (choice < 0.97) await this.#change(store, streamId, 'truncate')
    else await this.#reopen(at)
  }

  async #command(at: number, streamId: string): Promise<void> {
    const { stores, kinds, runtime } = this.#world
    const kind = this.#upTo(kinds.length)
    const id = streamId.slice('list-'.length)
    const { wish, options } = this.#wish(streamId)
    const isCreation = options.expectedVersion === undefined && this.#chance(0.05)
    const giveUp = this.#chance(0.1) ? new AbortController() : undefined
    const given = { ...options, ...(giveUp && { signal: giveUp.signal }) }
    const isPlain = options.idempotencyKey !== undefined || (wish.sleepMs === undefined && this.#chance(0.8))
    const name = isPlain ? 'now' : 'later'
    const after = this.#acknowledged.get(streamId) ?? -1n
    const queue = `${at} ${this.#epochs[at]} ${kind} ${streamId}`
    this.#orders += 1
    const order = this.#orders
    const store = stores[at]!
    const running = (async () => {
      const of = store.aggregate(kinds[kind]!)
      return isCreation ? of.create(id, name, wish, given) : of.execute(id, name, wish, given)
    })()
    if (giveUp !== undefined) {
      const delayMs = this.#upTo(12)
      runtime.schedule(delayMs, () => giveUp.abort())
    }
    const outcome = await outcomeOf(running)
    const isAborted = giveUp?.signal.aborted ?? false
    this.told.push({
      kind: 'command',
      streamId,
      wish,
      options,
      isCreation,
      queue,
      order,
      after,
      isAborted,
      outcome,
    } as CommandOutcome)
    if ('value' in outcome) this.#acknowledge(streamId, outcome.value.position)
  }

  #wish(streamId: string): { readonly wish: Wish; readonly options: ExecuteOptions } {
    const retriesMax = [0, 2, 99, 99][this.#upTo(4)]!
    const sleepMs = this.#chance(0.2) ? this.#upTo(10) : undefined
    if (this.#chance(0.1)) {
      // Everybody who has this key wants the same.
      const number = this.#upTo(4)
      const token = `key${number}-${streamId}`
      const wish = { token, count: number % 3, refuses: false, ids: undefined, sleepMs: undefined }
      return { wish, options: { idempotencyKey: token, retriesMax } }
    }
    if (this.#chance(0.06)) {
      const number = this.#upTo(3)
      const ids = [uuidOf(1 + number * 2), uuidOf(2 + number * 2)]
      const wish = { token: `ids${number}-${streamId}`, count: 2, refuses: false, ids, sleepMs }
      return { wish, options: { retriesMax } }
    }
    this.#tokens += 1
    const wish: Wish = {
      token: `t${this.#tokens}`,
      count: [0, 1, 1, 1, 2, 3][this.#upTo(6)]!,
      refuses: this.#chance(0.15),
      ids: undefined,
      sleepMs,
    }
    const expectations = [0, 3, 5, 'no-stream', 'stream-exists'] as const
    const expectedVersion = this.#chance(0.08) ? expectations[this.#upTo(expectations.length)]! : undefined
    return { wish, options: { retriesMax, ...(expectedVersion !== undefined && { expectedVersion }) } }
  }

  async #load(store: EventStore, streamId: string): Promise<void> {
    const after = this.#acknowledged.get(streamId) ?? -1n
    const wanted = this.#chance(0.3) ? this.#upTo(20) : undefined
    const kind = this.#world.kinds[this.#upTo(2)]!
    const id = streamId.slice('list-'.length)
    const outcome = await outcomeOf((async () => store.aggregate(kind).load(id, { version: wanted }))())
    this.told.push({ kind: 'load', streamId, after, wanted, outcome })
  }

  async #append(store: EventStore, streamId: string): Promise<void> {
    this.#tokens += 1
    const event = { type: 'Added', data: `plain${this.#tokens}` }
    const outcome = await outcomeOf(store.stream(streamId).append(event))
    if ('value' in outcome) this.#acknowledge(streamId, outcome.value.position)
    else expected(outcome.error, ['closed', 'storage-failed', 'commit-unknown'])
  }

  async #transfer(store: EventStore): Promise<void> {
    this.#tokens += 1
    const tokens = IDS.map((id) => `x${this.#tokens}-${id}`)
    const kind = this.#world.kinds[this.#upTo(2)]!
    const isGivenUp = this.#chance(0.2)
    const running = store.transact(async (tx) => {
      const within = store.aggregate(kind).within(tx)
      const results = await Promise.all(
        IDS.map((id, at) =>
          within.execute(id, this.#chance(0.5) ? 'now' : 'later', {
            token: tokens[at]!,
            count: 1 + at,
            refuses: isGivenUp && at === 1,
            ids: undefined,
            sleepMs: undefined,
          }),
        ),
      )
      return results.map(({ state, version }) => ({ state, version }))
    })
    this.told.push({ kind: 'transfer', tokens, outcome: await outcomeOf(running) })
  }

  async #change(store: EventStore, streamId: string, what: 'delete' | 'restore' | 'truncate'): Promise<void> {
    const stream = store.stream(streamId)
    const running = async (): Promise<void> => {
      if (what === 'delete') await stream.delete()
      else if (what === 'restore') await stream.restore()
      else {
        const { version } = await stream.info()
        if (version > 2) await stream.truncateBefore(version - 2)
      }
      const last = await store.stream(`$$${streamId}`).read({ direction: 'backwards', limit: 1 }).first()
      if (last !== undefined) this.#acknowledge(streamId, last.position)
    }
    const outcome = await outcomeOf(running())
    if ('error' in outcome) {
      const fine = ['closed', 'storage-failed', 'commit-unknown', 'stream-not-found', 'stream-not-restorable']
      expected(outcome.error, [...fine, 'invalid-argument'])
    }
  }

  async #reopen(at: number): Promise<void> {
    const { stores } = this.#world
    const store = stores[at]!
    await store.close()
    // Somebody else may have opened it again meanwhile.
    if (stores[at] !== store) return
    this.#epochs[at]! += 1
    const opening = await outcomeOf(openStore(this.#world, at))
    if ('value' in opening) stores[at] = opening.value
    else expected(opening.error, ['storage-failed', 'commit-unknown'])
  }

  #acknowledge(streamId: string, position: bigint | undefined): void {
    const known = this.#acknowledged.get(streamId) ?? -1n
    if (position !== undefined && position > known) this.#acknowledged.set(streamId, position)
  }

  #chance(probability: number): boolean {
    return this.#world.random() < probability
  }

  #upTo(count: number): number {
    return Math.floor(this.#world.random() * count)
  }
}

async function outcomeOf<T>(running: Promise<T>): Promise<Outcome<T>> {
  try {
    return { value: await running }
  } catch (error) {
    return { error }
  }
}

/** Lets failures pass that belong to the game. */
function expected(error: unknown, codes: readonly string[]): void {
  if (!codes.includes((error as { readonly code?: string }).code ?? '')) throw error
}
