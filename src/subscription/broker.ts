import { ClosedError } from '../errors.ts'
import { GROUP_BUFFER_MAX } from '../limits.ts'
import type { AnyPlace, Broker, BrokerScene, GroupBirth, MakeBroker } from '../store/broker.ts'
import type { CheckRun } from '../store/check-run.ts'
import type { SourceName } from '../store/contract-query.ts'
import type { StreamState } from '../store/contract-streams.ts'
import type {
  CreateSubscriptionOptions,
  DeliveryHandler,
  PersistentOptions,
  SightOptions,
  SubscriptionEntry,
  SubscriptionGroup,
  VolatileOptions,
} from '../store/contract-subscribing.ts'
import type { RecordedEvent } from '../store/event.ts'
import type { View } from '../store/reading.ts'
import { quietViewOf, viewOf } from '../store/reading.ts'
import { readState } from '../store/stream-info.ts'
import { AloneGate } from './alone-gate.ts'
import { CatchUp } from './catch-up.ts'
import { Feed, type FeedScene } from './feed.ts'
import { groupAdmin } from './group-admin.ts'
import type { AdminScene } from './group-admin-scene.ts'
import { checkGroups } from './group-check.ts'
import {
  createGroup,
  type Joined,
  joinGroup,
  joinVolatileGroup,
  type PlannedGroup,
  plannedSource,
} from './group-creating.ts'
import { GroupDesk } from './group-desk.ts'
import { persistentSubscription, volatileSubscription } from './group-faces.ts'
import { listGroups } from './group-list.ts'
import { GroupMember, type MemberParts } from './group-member.ts'
import { nameKey } from './group-names.ts'
import { assertSubscribable, sourceOf } from './source.ts'
import { checkStart, START_WORDS, type Start, startOf } from './starting.ts'
import {
  type AnySubscribeOptions,
  checkGroupName,
  checkSubscribeOptions,
  handlingOf,
  inboxSizeOf,
  sightOf,
  wantedOf,
} from './subscribe-options.ts'
import { SubscriptionLife } from './subscription-life.ts'
import { LogTail } from './tail.ts'
import { Volatile } from './volatile.ts'

/** Makes what delivers the events of a store. */
export const makeBroker: MakeBroker = (scene) => new StoreBroker(scene)

/** What feeds of a broker read with, so that others that follow the log share its tail. */
export function feedsOf(broker: Broker): FeedScene {
  return (broker as StoreBroker).feeds
}

class StoreBroker implements Broker {
  readonly #scene: BrokerScene
  readonly feeds: FeedScene
  readonly #lives = new Set<SubscriptionLife>()
  readonly #desks = new Map<number, GroupDesk>()
  readonly #gate = new AloneGate()
  #isClosing = false

  constructor(scene: BrokerScene) {
    this.#scene = scene
    this.feeds = { reading: scene.reading, tail: new LogTail(scene.reading) }
  }

  async subscribe(name: SourceName, options: AnySubscribeOptions, handler?: unknown): Promise<unknown> {
    this.#assertOpen()
    checkSubscribeOptions(options, handler)
    options.signal?.throwIfAborted()
    if (options.type === 'persistent') return this.#consume(name, options, handler)
    return options.type === 'volatile' && options.group !== undefined
      ? this.#joinVolatile(name, options, handler)
      : this.#follow(name, options, handler)
  }

  async create(
    source: SourceName,
    name: string,
    options: CreateSubscriptionOptions<AnyPlace>,
  ): Promise<SubscriptionGroup> {
    this.#assertOpen()
    const { host } = this.#scene
    const planned = await this.#plan('persistent', source, name, options)
    await host.kv.transact((tx) => {
      const view = quietViewOf(tx, host)
      return createGroup(host, { tx, view, stateOf: (id) => streamSight(viewOf(tx, host), id) }, planned)
    })
    return this.group(source, name)
  }

  async createWithin(
    birth: GroupBirth,
    source: SourceName,
    name: string,
    options: CreateSubscriptionOptions<AnyPlace>,
  ): Promise<void> {
    this.#assertOpen()
    await createGroup(this.#scene.host, birth, await this.#plan('persistent', source, name, options))
  }

  group(source: SourceName, name: string): SubscriptionGroup {
    return groupAdmin(this.#adminScene(), source, name)
  }

  list(signal: AbortSignal | undefined): AsyncIterable<SubscriptionEntry> {
    return listGroups(this.#adminScene(), signal)
  }

  check(run: CheckRun): Promise<void> {
    return checkGroups(run)
  }

  close(): Promise<void> | undefined {
    this.#isClosing = true
    const lives = [...this.#lives]
    for (const life of lives) life.end('store-closed', new ClosedError('event store'))
    const over = lives.length === 0 ? undefined : Promise.all(lives.map((life) => life.over))
    if (over === undefined) {
      this.feeds.tail.close()
      return undefined
    }
    return over.then(() => this.feeds.tail.close())
  }

  /** Takes part in a persistent group. */
  async #consume(name: SourceName, options: PersistentOptions, handler: unknown): Promise<unknown> {
    const { host } = this.#scene
    const source = sourceOf(name, { resolveLinks: true, system: false })
    const key = await nameKey(host.keys, 'persistent', name, options.group)
    await this.#scene.reading.onSnapshot((view) => this.#assertThere(view, source, { mustExist: false }))
    const joined = await host.kv.transact((tx) =>
      joinGroup(host, tx, key, { name: options.group, source, bufferSize: options.bufferSize }),
    )
    const member = this.#admit(key, joined, options, {
      handler: handler as DeliveryHandler<RecordedEvent> | undefined,
      concurrency: options.concurrency ?? 1,
      onError: options.onError,
      onStuck: () => this.#warnOfStuck(options.group),
    })
    return persistentSubscription(member, handler !== undefined)
  }

  /** A handler that never returns would otherwise take its consumer out of service without a word. */
  #warnOfStuck(group: string): void {
    const message = `A handler of the subscription ${JSON.stringify(group)} has not returned within messageTimeoutMs`
    this.#scene.host.runtime.warn?.(`${message}; its consumer gets nothing until it does`, undefined)
  }

  /** Takes part in a volatile group. */
  async #joinVolatile(
    name: SourceName,
    options: VolatileOptions<RecordedEvent>,
    handler: unknown,
  ): Promise<unknown> {
    const { host, reading } = this.#scene
    const { resolveLinks, system, mustExist } = options
    const settings = {
      resolveLinks,
      system,
      mustExist,
      bufferSize: Math.min(inboxSizeOf(options), GROUP_BUFFER_MAX),
    }
    const planned = await this.#plan('volatile', name, options.group!, settings)
    await reading.onSnapshot((view) => this.#assertThere(view, planned.source, options))
    const joined = await host.kv.transact((tx) => joinVolatileGroup(host, tx, planned))
    const handle = handler as
      | ((event: RecordedEvent, context: { signal: AbortSignal }) => unknown)
      | undefined
    const member = this.#admit(planned.nameKey, joined, options, {
      handler: handle && ((event, { signal }) => handle(event, { signal })),
      concurrency: 1,
      isVolatile: true,
      onLagged: options.onLagged,
    })
    return volatileSubscription(member, handler !== undefined)
  }

  /** Makes a consumer that has joined its group, and has its desk serve it. */
  #admit(
    key: Uint8Array,
    joined: Joined,
    options: AnySubscribeOptions,
    how: Pick<MemberParts, 'handler' | 'concurrency' | 'onError' | 'isVolatile' | 'onLagged' | 'onStuck'>,
  ): GroupMember {
    // Before there is a desk: it would read for nobody if the store was closed meanwhile.
    const life = this.#begin(options)
    const desk = this.#deskOf(key, joined)
    const { consumer, bufferSize } = joined
    const member = new GroupMember({ ...how, consumer, bufferSize, life, desk })
    desk.add(member)
    return member
  }

  #deskOf(key: Uint8Array, { place, control, cursor }: Joined): GroupDesk {
    const { number } = place.keys
    const known = this.#desks.get(number)
    if (known !== undefined) return known
    const { host, reading } = this.#scene
    const desk = new GroupDesk({
      host,
      reading,
      feeds: this.feeds,
      gate: this.#gate,
      nameKey: key,
      place,
      control,
      cursor,
      onEmpty: () => this.#desks.delete(number),
    })
    this.#desks.set(number, desk)
    return desk
  }

  async #plan(
    kind: PlannedGroup['kind'],
    source: SourceName,
    name: string,
    options: CreateSubscriptionOptions<AnyPlace>,
  ): Promise<PlannedGroup> {
    checkGroupName(name)
    const planned = plannedSource(source, options)
    return {
      ...planned,
      kind,
      name,
      options,
      nameKey: await nameKey(this.#scene.host.keys, kind, source, name),
    }
  }

  #adminScene(): AdminScene {
    const { host, reading } = this.#scene
    return { host, reading, assertOpen: () => this.#assertOpen() }
  }

  /** Subscribes without a group. */
  async #follow(
    name: SourceName,
    options: Exclude<AnySubscribeOptions, PersistentOptions>,
    handler: unknown,
  ): Promise<unknown> {
    const sight = sightOf(name.kind, options)
    const source = sourceOf(name, sight)
    const wanted = wantedOf(options)
    const from: Start = options.type === 'volatile' ? 'end' : beginning(options)
    checkStart(source, from, START_WORDS)
    const start = await this.#scene.reading.onSnapshot(async (view) => {
      await this.#assertThere(view, source, options)
      return startOf(view, source, from)
    })
    const life = this.#begin(options)
    const feed = new Feed(this.feeds, source, sight, start)
    if (options.type === 'catch-up') {
      const handling = handlingOf(options.batchSize, handler)
      return new CatchUp({ life, feed, source, wanted, handling, options })
    }
    const handling = handlingOf(undefined, handler)
    return new Volatile({ life, feed, wanted, handling, bufferSize: inboxSizeOf(options), options })
  }

  #assertThere(
    view: View,
    source: Parameters<typeof assertSubscribable>[1],
    { mustExist = true }: SightOptions,
  ): Promise<void> {
    return assertSubscribable(view, source, mustExist, (streamId) => streamSight(view, streamId))
  }

  #begin(options: AnySubscribeOptions): SubscriptionLife {
    this.#assertOpen()
    const life = new SubscriptionLife(this.#scene.host.runtime, options)
    this.#lives.add(life)
    void life.over.then(() => this.#lives.delete(life))
    return life
  }

  #assertOpen(): void {
    this.#scene.assertOpen()
    if (this.#isClosing) throw new ClosedError('event store')
  }
}

/** Where a catch-up subscription begins. */
function beginning({ after, from = 'start' }: { readonly after?: unknown; readonly from?: unknown }): Start {
  if (after !== undefined) return { after: after as AnyPlace | Date }
  return from === 'start' || from === 'end' ? from : { from: from as AnyPlace | Date }
}

async function streamSight(view: View, streamId: string): Promise<{ readonly state: StreamState }> {
  return { state: await readState(view, streamId) }
}
