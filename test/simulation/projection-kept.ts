import {
  type AppendedEvent,
  defineEvents,
  defineInlineProjection,
  type EventShape,
  type InlineContext,
  type Projection,
} from 'eventdb'
import type { Rules, RulesPlan, Sum, Wish, WishedEvent } from './projection-rules.ts'

/** The inline projection of the runs that have one. */
export const KEPT = 'kept'

/** Streams that it emits to, but for what it emits into its own source. */
export const KEPT_STREAMS = ['kept-0', 'kept-1', 'kept-links'] as const

/** What is drawn for its definition. */
export interface KeptPlan extends Omit<RulesPlan, 'hasTimers'> {
  /** Whether nothing is skipped and nothing begins in the middle. */
  readonly isPlain: boolean
}

/** What its handlers depend on. */
export type KeptRules = Omit<Rules, 'plan'> & { readonly plan: KeptPlan }

/** What it emits says for which event. */
interface Emitted extends Partial<Wish> {
  readonly of: string
  readonly count: number
}
type Kept =
  | WishedEvent
  | { readonly type: 'Kept'; readonly data: Emitted }
  | { readonly type: 'Out'; readonly data: Partial<Wish> }
type Handled<Type extends Kept['type'] = Kept['type']> = AppendedEvent<Extract<Kept, { readonly type: Type }>>
type Body = (state: Sum, event: Handled<'A' | 'B' | 'C'>, context: InlineContext) => Sum | Promise<Sum>

/** What its handling of an event is called by those who let it fail. */
export function keptText(n: number): string {
  return `keeping ${n}`
}

/** Makes the inline projection of a version. All versions emit the same. */
export function keptOf(rules: KeptRules): Projection<WishedEvent, Sum> {
  const { plan, version } = rules
  const { source, hasCodec, partitionBy } = plan
  const made: Projection<Kept, Sum> = defineInlineProjection(defineEvents<Kept>(), {
    name: KEPT,
    version,
    source,
    ...(partitionBy === 'stream' && { partitionBy }),
    ...(partitionBy === 'function' && { partitionBy: partitionOf }),
    initialState: () => ({ count: 0, total: 0, timers: 0, last: 0 }),
    on: {
      A: failing(rules, emitInPlace),
      B: failing(rules, writeModel),
      C: failing(rules, forgetSome),
      // Emitted by other projections, or by this one, and part of the source if that is everything.
      Out: (state) => ({ ...state, timers: state.timers + 1 }),
      Kept: (state) => ({ ...state, timers: state.timers + 1 }),
    },
    ...(hasCodec && {
      encode: (sum: Sum) => new TextEncoder().encode(JSON.stringify(sum)),
      decode: (bytes: Uint8Array) => JSON.parse(new TextDecoder().decode(bytes)) as Sum,
    }),
    fromOlder: () => ({ count: 0, total: 0, timers: 0, last: 0 }),
  })
  return made as Projection<EventShape, Sum> as Projection<WishedEvent, Sum>

  function add(state: Sum, { data }: Handled<'A' | 'B' | 'C'>): Sum {
    return { ...state, count: state.count + 1, total: state.total + data.k * version, last: data.n }
  }

  function emitInPlace(state: Sum, event: Handled<'A' | 'B' | 'C'>, { emit, kv }: InlineContext): Sum {
    Object.assign(state, add(state, event))
    const { data, time } = event
    const { n, k } = data
    const said = { of: keptText(n), count: state.count }
    emit(`kept-${k % 2}`, { type: 'Kept', data: said })
    // What is emitted is handled in turn.
    if (k % 3 === 0) emit('in-c', { type: 'C', data: { ...data, ...said, n: n + 0.5, restMs: 0 } })
    kv.set(['times', n], time.getTime())
    return state
  }

  async function writeModel(
    state: Sum,
    event: Handled<'A' | 'B' | 'C'>,
    context: InlineContext,
  ): Promise<Sum> {
    const { kv, partition, linkTo } = context
    const { n, k } = event.data
    const count = ((await kv.get(['count', partition])) as number | undefined) ?? 0
    kv.set(['count', partition], count + version)
    if (k % 4 === 0) kv.clearRange(['recent'])
    let newest = 0
    for await (const { key } of kv.getRange(['recent'], { limit: 1, reverse: true })) newest = Number(key[1])
    kv.set(['recent', n], newest)
    if (k % 5 === 0) kv.clear(['recent', newest])
    linkTo('kept-links', event)
    return { ...add(state, event), last: newest }
  }

  function forgetSome(state: Sum, event: Handled<'A' | 'B' | 'C'>, { forget }: InlineContext): Sum {
    if (event.data.k % 4 === 0) forget()
    return add(state, event)
  }
}

function partitionOf({ data: { k = 0 } }: { readonly data: Partial<Wish> }): string | undefined {
  return k % 7 === 6 ? undefined : `p${k % 3}`
}

/** Handlers that take their time, and fail for a while. */
function failing(rules: KeptRules, body: Body): (...given: Parameters<Body>) => Promise<Sum> {
  return async (state, event, context) => {
    const { n, restMs, failsLate } = event.data
    if (restMs > 0) await rules.rest(restMs)
    const fails = rules.fails(keptText(n))
    if (fails && !failsLate) throw new Error(`${keptText(n)} fails`)
    const made = await body(state, event, context)
    if (fails) throw new Error(`${keptText(n)} fails`)
    return made
  }
}
