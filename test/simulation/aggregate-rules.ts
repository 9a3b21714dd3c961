import assert from 'node:assert/strict'
import type { CommandOutcome, LoadOutcome, Told, TransferOutcome } from './aggregate-clients.ts'
import type { Moment, TrueEvent, Truth } from './aggregate-truth.ts'
import { type List, Refusal, type Seen, type World } from './aggregate-world.ts'

/** Holds what clients were told against what is stored, by the rules of `docs/aggregates.md`. */
export class Rules {
  readonly #world: World
  readonly #truth: Truth

  constructor(world: World, truth: Truth) {
    this.#world = world
    this.#truth = truth
  }

  /** Checks all rules. @throws AssertionError */
  check(told: readonly Told[]): void {
    for (const one of told) {
      if (one.kind === 'command') this.#command(one)
      else if (one.kind === 'load') this.#load(one)
      else this.#transfer(one)
    }
    this.#order(told)
    for (const [name, events] of this.#truth.events) assert.equal(events.length, 1, `${name} is there once`)
    const names = this.#world.problems.map((error) => (error as { readonly code?: string }).code)
    const fine = ['closed', 'storage-failed', 'commit-unknown']
    assert.deepEqual(
      names.filter((code) => !fine.includes(`${code}`)),
      [],
      'problems with snapshots',
    )
  }

  #command(command: CommandOutcome): void {
    const { wish, outcome, isAborted, options } = command
    const what = JSON.stringify({ ...wish, ...options })
    const written = this.#written(wish.token)
    const isShared = options.idempotencyKey !== undefined || wish.ids !== undefined
    if ('value' in outcome) return this.#done(command, written, what)
    const code = codeOf(outcome.error)
    assert.ok(
      isAborted || FINE.includes(code),
      `${what}: ${(outcome.error as Error)?.stack ?? outcome.error}`,
    )
    if (isShared) return
    // Rule 4: all of it or nothing.
    const mayBeThere = isAborted || code === 'commit-unknown'
    const isThere = written.length === wish.count && mayBeThere
    assert.ok(written.length === 0 || isThere, `${what} is not there, as it failed with ${code}`)
    if (code === 'refusal' && !isAborted) this.#sawMoment(command, this.#seen(wish.token), what)
    if (code === 'history-missing') assert.ok(this.#truth.truncated.has(command.streamId), what)
  }

  #done(command: CommandOutcome, written: readonly TrueEvent[], what: string): void {
    const { wish, outcome, streamId, options } = command
    if (!('value' in outcome)) return
    const { value } = outcome
    if (value.idempotent) {
      assert.equal(written.length, wish.count, `${what} was done before`)
      assert.deepEqual([value.events, value.exists], [[], value.state.length > 0], what)
      return this.#sawMoment(command, value, what)
    }
    assert.equal(written.length, wish.count, `${what} is there`)
    if (wish.count === 0) return this.#sawMoment(command, value, what)
    // Rules 1 and 4: where it says, once, and the state is the fold.
    assert.deepEqual(
      value.events.map(({ version, data }) => [version, data]),
      written.map(({ version, name }) => [version, name]),
      what,
    )
    const { base, version, position } = written.at(-1)!
    assert.equal(written[0]!.streamId, streamId)
    assert.deepEqual([value.version, value.position, value.exists], [version, position, true], what)
    assert.deepEqual(value.state, this.#fold(streamId, base, version), `${what}: the state`)
    // Rule 2: what it saw was the state of the stream when it was written.
    if (options.idempotencyKey !== undefined || wish.ids !== undefined) return
    const seen = this.#seen(wish.token)
    assert.equal(seen.version, written[0]!.version - 1, what)
    assert.deepEqual(seen.state, this.#fold(streamId, base, seen.version), `${what}: what it saw`)
    assert.equal(seen.exists, seen.version > base, what)
    const { expectedVersion } = options
    if (expectedVersion === undefined && !command.isCreation) assert.equal(value.decisions, seen.times, what)
    if (command.isCreation) assert.equal(seen.exists, false, what)
    if (typeof expectedVersion === 'number') assert.equal(seen.version, expectedVersion, what)
    if (expectedVersion === 'no-stream') assert.equal(seen.exists, false, what)
    if (expectedVersion === 'stream-exists') assert.equal(seen.exists, true, what)
  }

  #load({ outcome, streamId, after, wanted }: LoadOutcome): void {
    const what = `load of ${streamId} at ${wanted}`
    if ('error' in outcome) {
      const code = codeOf(outcome.error)
      const fine = wanted === undefined ? LOADING : [...LOADING, 'event-not-found', 'history-missing']
      const isMissing = code === 'history-missing' && this.#truth.truncated.has(streamId)
      assert.ok(isMissing || fine.includes(code), `${what}: ${(outcome.error as Error).stack}`)
      return
    }
    const { state, version } = outcome.value
    if (wanted === undefined) return this.#sawMoment({ streamId, after }, outcome.value, what)
    assert.equal(version, wanted)
    const moments = this.#moments(streamId).filter((moment) => moment.version === version)
    const states = [...moments.map((moment) => moment.state), ...(version === 0 ? [[]] : [])]
    assert.ok(
      states.some((one) => same(one, state)),
      `${what}: ${state}, of ${JSON.stringify(states)}`,
    )
  }

  #transfer({ tokens, outcome }: TransferOutcome): void {
    const written = tokens.map((token) => this.#written(token))
    const counts = written.map(({ length }) => length)
    if ('error' in outcome) {
      const code = codeOf(outcome.error)
      assert.ok([...FINE, 'conflict'].includes(code), `${(outcome.error as Error).stack}`)
      if (code === 'commit-unknown')
        assert.ok(counts.every((count) => count > 0) || counts.every((count) => count === 0))
      else
        assert.deepEqual(
          counts,
          tokens.map(() => 0),
          `transfer ${tokens}: ${code}`,
        )
      return
    }
    assert.deepEqual(
      counts,
      tokens.map((_, at) => at + 1),
      `transfer ${tokens}`,
    )
    const positions = written.flatMap((events) => events.map(({ position }) => position)).toSorted(ascending)
    for (const [at, position] of positions.entries()) {
      assert.equal(position, positions[0]! + BigInt(at), `transfer ${tokens} is one transaction`)
    }
    for (const [at, { state, version }] of outcome.value.entries()) {
      const last = written[at]!.at(-1)!
      assert.deepEqual([version, state], [last.version, this.#fold(last.streamId, last.base, version)])
      const seen = this.#seen(tokens[at]!)
      assert.deepEqual(seen.state, this.#fold(last.streamId, last.base, written[at]![0]!.version - 1))
    }
  }

  /** Rule 5: those that came to a queue one after the other are there in that order. */
  #order(told: readonly Told[]): void {
    const last = new Map<string, { readonly order: number; readonly version: number }>()
    const commands = told.filter((one) => one.kind === 'command')
    for (const { outcome, order, queue, wish } of commands.toSorted((a, b) => a.order - b.order)) {
      if (!('value' in outcome) || outcome.value.idempotent || outcome.value.events.length === 0) continue
      const { version } = outcome.value
      const before = last.get(queue)
      assert.ok(
        before === undefined || before.version < version,
        `${wish.token} is behind those called before`,
      )
      last.set(queue, { order, version })
    }
  }

  /** Rules 1 and 3: a state that the stream had at some moment that was not over when it was asked for. */
  #sawMoment(
    { streamId, after }: { readonly streamId: string; readonly after: bigint },
    { state, version, exists }: Pick<Seen, 'state' | 'version' | 'exists'>,
    what: string,
  ): void {
    const moments = this.#moments(streamId)
    const first = moments.findLastIndex(({ position }) => position <= after)
    const found = moments
      .slice(Math.max(0, first))
      .some(
        (moment) =>
          moment.version === version && same(moment.state, state) && exists === version > moment.base,
      )
    assert.ok(found, `${what} saw version ${version}, ${state}, which was not the state after ${after}`)
  }

  #moments(streamId: string): readonly Moment[] {
    return this.#truth.moments.get(streamId) ?? [{ position: -1n, state: [], version: 0, base: 0 }]
  }

  #written(token: string): readonly TrueEvent[] {
    const found: TrueEvent[] = []
    for (let at = 0; ; at += 1) {
      const [event] = this.#truth.events.get(`${token}/${at}`) ?? []
      if (event === undefined) return found
      found.push(event)
    }
  }

  #seen(token: string): Seen {
    const seen = this.#world.seen.get(token)
    assert.ok(seen !== undefined, `${token} was decided`)
    return seen
  }

  #fold(streamId: string, base: number, version: number): List {
    const names: string[] = []
    for (const list of this.#truth.events.values()) {
      for (const event of list) {
        if (event.streamId === streamId && event.version > base && event.version <= version) {
          names[event.version - base - 1] = event.name
        }
      }
    }
    return names
  }
}

/** What a command may fail with in this game. */
const FINE = [
  'refusal',
  'closed',
  'too-many-conflicts',
  'wrong-expected-version',
  'stream-exists',
  'storage-failed',
  'commit-unknown',
  'history-missing',
]
const LOADING = ['closed', 'storage-failed', 'commit-unknown']

function codeOf(error: unknown): string {
  if (error instanceof Refusal) return 'refusal'
  return (error as { readonly code?: string } | undefined)?.code ?? `${error}`
}

function same(a: List, b: List): boolean {
  return a.length === b.length && a.every((name, at) => name === b[at])
}

function ascending(a: bigint, b: bigint): number {
  return a < b ? -1 : 1
}
