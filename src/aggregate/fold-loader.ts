import { ConflictError, EventNotFoundError, HistoryMissingError } from '../errors.ts'
import { LOAD_RESTARTS_MAX, READ_PAGE_EVENTS } from '../limits.ts'
import type { Aggregate } from '../store/contract-aggregates.ts'
import type { EventShape } from '../store/event.ts'
import { LIVE, lifeBase } from '../store/life.ts'
import { readPageFrom, type StreamPage } from '../store/read-stream.ts'
import type { Reading, View } from '../store/reading.ts'
import { headOf } from '../store/stream-rows.ts'
import type { AggregateSnapshots, FoundState } from './aggregate-snapshots.ts'
import { Fold, type Folded } from './fold.ts'
import { identify, lookAt, NO_STREAM, type StreamLook } from './stream-look.ts'

/** Which fold is wanted, and what is at hand for it. */
export interface Wanted<S> {
  /** A state that may be built upon, if it is of the stream's present life. */
  readonly known: Folded<S> | undefined
  /** The last version. @default the stream's */
  readonly version?: number | undefined
  /** Only events before the first one that happened later, in milliseconds since 1970. */
  readonly untilMs?: number | undefined
  /** What the engine's clock of calls shows. */
  readonly seenAt: number
  readonly signal?: AbortSignal | undefined
}

/** Which fold somebody wants, whatever is at hand. */
export type LoadWish = Pick<Wanted<unknown>, 'version' | 'untilMs' | 'signal'>

/** What the first look at a stream yields. */
interface Begun<S> {
  readonly look: StreamLook
  readonly from: Folded<S>
  readonly last: number
  readonly page: StreamPage | undefined
}

const SHAPE = {
  limit: Number.POSITIVE_INFINITY,
  backwards: false,
  resolveLinks: false,
  lastStored: () => Number.POSITIVE_INFINITY,
}

/** Folds streams: from a state at hand, from a snapshot, or from the beginning. */
export class FoldLoader<E extends EventShape, S> {
  readonly #aggregate: Aggregate<E, S, unknown>
  readonly #snapshots: AggregateSnapshots<E, S>

  constructor(aggregate: Aggregate<E, S, unknown>, snapshots: AggregateSnapshots<E, S>) {
    this.#aggregate = aggregate
    this.#snapshots = snapshots
  }

  /**
   * @throws StreamTombstonedError, HistoryMissingError, EventNotFoundError for a version after the last; UnknownEventError, ValidationError,
   * and what `evolve` throws
   */
  async load(reading: Reading, streamId: string, wanted: Wanted<S>): Promise<Folded<S>> {
    for (let restarts = 0; restarts <= LOAD_RESTARTS_MAX; restarts += 1) {
      wanted.signal?.throwIfAborted()
      const begun = await reading.onSnapshot((view) => this.#begin(view, streamId, wanted))
      const folded = await this.#foldOn(reading, streamId, wanted, begun)
      if (folded !== undefined) return folded
    }
    throw new ConflictError(LOAD_RESTARTS_MAX + 1)
  }

  async #begin(view: View, streamId: string, wanted: Wanted<S>): Promise<Begun<S>> {
    const stream = await identify(view, streamId)
    const isPlain = stream?.life === LIVE && wanted.known === undefined && wanted.version === undefined
    if (isPlain) return this.#beginPlain(view, { streamId, number: stream.number }, wanted)
    const look = stream === undefined ? NO_STREAM : await lookAt(view, stream)
    const { head, base, number } = look
    const last = wanted.version ?? head
    if (last > head) throw new EventNotFoundError(streamId, last)
    if (last < base) throw new HistoryMissingError(streamId, 1, base)
    const from = await this.#start(view, streamId, look, last, wanted)
    const page =
      number === undefined || from.version >= last
        ? undefined
        : await this.#page(view, { streamId, number }, from.version + 1, last)
    return { look, from, last, page }
  }

  /** The same for a stream that has been through nothing, of which nothing is known: where it ends is, mostly, where its first page does. */
  async #beginPlain(
    view: View,
    stream: { readonly streamId: string; readonly number: number },
    { untilMs = Number.POSITIVE_INFINITY, seenAt }: Wanted<S>,
  ): Promise<Begun<S>> {
    const { number, streamId } = stream
    const plain = { number, base: 0, first: 1 }
    const range = { last: Number.MAX_SAFE_INTEGER, untilMs }
    const found = await this.#snapshots.find(view, streamId, plain, range)
    const from = found === undefined ? this.initial(0, 0, seenAt) : builtUpon(found, 0, seenAt)
    const page = await this.#page(view, stream, from.version + 1, Number.MAX_SAFE_INTEGER)
    const end = page.isEnd ? undefined : await headOf(view.tx, view.keys, number)
    const head = end?.version ?? page.through ?? from.version
    return { look: { ...plain, head }, from, last: head, page }
  }

  /** The state before all events that come behind a version. */
  initial(version: number, base: number, seenAt: number): Folded<S> {
    const state = this.#aggregate.initialState()
    return {
      state,
      version,
      base,
      isWhole: version === base,
      latestMs: Number.NEGATIVE_INFINITY,
      snapshot: base,
      loadMs: 0,
      seenAt,
    }
  }

  /** The newest state that can be built upon. */
  async #start(
    view: View,
    streamId: string,
    look: StreamLook,
    last: number,
    { known, untilMs = Number.POSITIVE_INFINITY, seenAt }: Wanted<S>,
  ): Promise<Folded<S>> {
    const { number = 0, base, first, head } = look
    const isUsable =
      known !== undefined &&
      known.base === base &&
      known.version <= last &&
      known.version >= first - 1 &&
      known.latestMs <= untilMs
    if (isUsable && last - known.version <= READ_PAGE_EVENTS) return { ...known, seenAt }
    const stream = { number, base, first }
    const found =
      last > base ? await this.#snapshots.find(view, streamId, stream, { last, untilMs }) : undefined
    if (isUsable && (found === undefined || found.version <= known.version)) return { ...known, seenAt }
    if (found !== undefined) return builtUpon(found, base, seenAt)
    const isHidden = first - 1 > base && last > base
    if (isHidden && this.#aggregate.hidden !== 'skip') {
      throw new HistoryMissingError(streamId, base + 1, Math.min(first - 1, head))
    }
    return this.initial(isHidden ? Math.min(first - 1, last) : base, base, seenAt)
  }

  /** Folds the first page, and reads on up to the last version. Returns nothing if the stream has changed in a way that makes this worthless. */
  async #foldOn(
    reading: Reading,
    streamId: string,
    { untilMs = Number.POSITIVE_INFINITY, signal }: Wanted<S>,
    { look, from, last, page: firstPage }: Begun<S>,
  ): Promise<Folded<S> | undefined> {
    const fold = new Fold(this.#aggregate, from)
    for (let page = firstPage; fold.version < last; ) {
      if (page === undefined || page.events[0]?.version !== fold.version + 1) return undefined
      // The time of events without one of their own is that at which they were recorded, so there is no need for the clock.
      if (await fold.read(page.events, untilMs, 0)) break
      if (fold.version >= last) break
      await reading.pause()
      signal?.throwIfAborted()
      page = await reading.onSnapshot(async (view) => {
        const stream = await identify(view, streamId)
        if (stream === undefined || lifeBase(stream.life) !== look.base) return undefined
        // What was hidden meanwhile may be gone by now.
        if ((stream.life.scavengedTo ?? 0) > fold.version) return undefined
        const { number } = stream
        return this.#page(view, { streamId, number }, fold.version + 1, last)
      })
    }
    return fold.result()
  }

  #page(
    view: View,
    stream: { readonly streamId: string; readonly number: number },
    first: number,
    last: number,
  ): Promise<StreamPage> {
    return readPageFrom(view, stream, { first, last }, READ_PAGE_EVENTS, SHAPE)
  }
}

/** A state that was found in a snapshot, to be built upon. */
function builtUpon<S>(found: FoundState<S>, base: number, seenAt: number): Folded<S> {
  return { ...found, base, isWhole: true, snapshot: found.version, loadMs: 0, seenAt }
}
