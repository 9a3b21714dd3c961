import {
  type DueTimer,
  defineEvents,
  defineProjection,
  type ProjectedEvent,
  type Projection,
  type ProjectionContext,
  type ProjectionDefinition,
} from 'eventdb'

/** What an event of a run says to do. */
export interface Wish {
  /** Which event it is: counted through the run. */
  readonly n: number
  readonly k: number
  /** How long its handler takes. */
  readonly restMs: number
  /** When its timer is due, after its time; may be before it. */
  readonly delayMs: number
  /** Whether it fails behind everything that it does, or before. */
  readonly failsLate: boolean
}

/** An event of a run; handlers know A, B and C. */
export interface WishedEvent {
  readonly type: 'A' | 'B' | 'C'
  readonly data: Wish
}

/** State of a partition. */
export interface Sum {
  count: number
  total: number
  timers: number
  last: number
}

/** What is drawn for a run's definition. */
export interface RulesPlan {
  readonly source: ProjectionDefinition<WishedEvent, Sum>['source']
  readonly partitionBy: 'none' | 'stream' | 'function'
  readonly hasTimers: boolean
  readonly hasCodec: boolean
}

/** What handlers depend on. */
export interface Rules {
  readonly version: number
  readonly plan: RulesPlan
  /** Whether an event or a timer fails now. */
  fails(what: string): boolean
  /** Takes its time. */
  rest(ms: number): Promise<void>
}

type Handled = ProjectedEvent<WishedEvent>
type Body = (state: Sum, event: Handled, context: ProjectionContext) => Sum | undefined | Promise<Sum>
type Made = Sum | undefined | Promise<Sum | undefined>

/** The projection of all runs. */
export const NAME = 'sums'

/** What an event is called by those who let it fail. */
export function eventText(n: number): string {
  return `event ${n}`
}

/** What a timer is called by those who let it fail. */
export function timerText(partition: string, name: string, dueMs: number): string {
  return `timer ${partition}/${name}/${dueMs}`
}

/** What all timers together are called by those who let them fail. */
export const ALL_TIMERS = 'all timers'

/** Makes the projection of a version. All versions emit for the same events. */
export function sumsOf(rules: Rules): Projection<WishedEvent, Sum> {
  const { plan, version } = rules
  const { source, hasTimers, hasCodec, partitionBy } = plan
  return defineProjection(defineEvents<WishedEvent>(), {
    name: NAME,
    version,
    source,
    ...(partitionBy === 'stream' && { partitionBy }),
    ...(partitionBy === 'function' && { partitionBy: partitionOf }),
    initialState: () => ({ count: 0, total: 0, timers: 0, last: 0 }),
    on: {
      A: failing(rules, addInPlace),
      B: failing(rules, addToModel),
      C: failing(rules, hasTimers ? setTimers : forgetAll),
    },
    ...(hasTimers && { timer: (state, due, context) => runTimer(rules, state, due, context) }),
    ...(hasCodec && {
      encode: (sum: Sum) => new TextEncoder().encode(JSON.stringify(sum)),
      decode: (bytes: Uint8Array) => JSON.parse(new TextDecoder().decode(bytes)) as Sum,
    }),
    fromOlder: () => ({ count: 0, total: 0, timers: 0, last: 0 }),
  })

  function add(state: Sum, { data }: Handled): Sum {
    return { ...state, count: state.count + 1, total: state.total + data.k * version, last: data.n }
  }

  function addInPlace(state: Sum, event: Handled, context: ProjectionContext): undefined {
    Object.assign(state, add(state, event))
    const { n, k } = event.data
    const of = `${eventText(n)} at ${context.position}`
    const made = { type: 'Out', data: { of, version, count: state.count } }
    context.emit(`out-${k % 2}`, k % 3 === 0 ? [made, made] : made)
  }

  async function addToModel(state: Sum, event: Handled, context: ProjectionContext): Promise<Sum> {
    const { kv, partition, position } = context
    const { n, k } = event.data
    const count = ((await kv.get(['count', partition])) as number | undefined) ?? 0
    kv.set(['count', partition], count + version)
    if (k % 4 === 0) kv.clearRange(['recent'])
    let newest = 0
    for await (const { key } of kv.getRange(['recent'], { limit: 1, reverse: true })) newest = Number(key[1])
    kv.set(['recent', n], { newest, at: `${position}` })
    if (k % 5 === 0) kv.clear(['recent', newest])
    context.linkTo(`links-${k % 2}`, event)
    return { ...add(state, event), last: newest }
  }

  function setTimers(state: Sum, event: Handled, context: ProjectionContext): Sum {
    const { k, delayMs } = event.data
    if (k % 6 === 5) context.cancel('t0')
    else context.schedule(`t${k % 2}`, new Date(event.time.getTime() + delayMs))
    if (k % 4 === 3) context.schedule('other', new Date(event.time.getTime() + delayMs))
    if (k % 9 === 8) context.forget()
    return add(state, event)
  }

  function forgetAll(state: Sum, event: Handled, context: ProjectionContext): Sum {
    if (event.data.k % 4 === 0) context.forget()
    return add(state, event)
  }
}

/** Runs a timer; some set another one. */
async function runTimer(
  rules: Rules,
  state: Sum,
  { name, due }: DueTimer,
  context: ProjectionContext,
): Promise<Sum> {
  const { partition, kv, position } = context
  const of = timerText(partition, name, due.getTime())
  kv.set(['due', partition, name], { due: due.getTime(), at: `${position}` })
  if (rules.fails(of) || rules.fails(ALL_TIMERS)) throw new Error(`${of} fails`)
  const timers = state.timers + 1
  context.emit(`out-${timers % 2}`, { type: 'Out', data: { of, version: rules.version, count: timers } })
  if (timers % 3 === 0) context.schedule(name, new Date(due.getTime() + 700))
  return { ...state, timers }
}

function partitionOf({ data }: Handled): string | undefined {
  return data.k % 7 === 6 ? undefined : `p${data.k % 3}`
}

/** Handlers that take their time, and fail for a while. */
function failing(rules: Rules, body: Body): (state: Sum, event: Handled, context: ProjectionContext) => Made {
  return (state, event, context) => {
    const { n, restMs, failsLate } = event.data
    const work = (): Made => {
      const error = rules.fails(eventText(n)) ? new Error(`Event ${n} fails`) : undefined
      if (error !== undefined && !failsLate) throw error
      const made = body(state, event, context)
      if (error === undefined) return made
      if (made instanceof Promise) return made.then(() => Promise.reject(error))
      throw error
    }
    return restMs === 0 ? work() : rules.rest(restMs).then(work)
  }
}
