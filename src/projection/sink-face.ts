import {
  ClosedError,
  InvalidArgumentError,
  ProjectionFaultedError,
  ProjectionTimeoutError,
} from '../errors.ts'
import { positionOf } from '../kv/stamp.ts'
import { WAIT_FOR_MS } from '../limits.ts'
import type { WaitForOptions } from '../store/contract-projections.ts'
import type { RunningSinkProjection, SinkProjectionStatus } from '../store/contract-sinks.ts'
import { onlyNames } from '../store/known-names.ts'
import { checkSignal } from '../store/read-options.ts'
import { describe } from '../store/text.ts'
import { seenFault } from './faults.ts'
import { waitFor } from './leasing.ts'
import type { SinkRunner, SinkRunnerScene } from './sink-runner.ts'
import type { SinkSituation } from './sink-situation.ts'
import { countBehind } from './status.ts'
import { checkWaitFor, eitherOf, type PositionWaiters, refuseBeyond } from './waiting.ts'

const checkSkipNames = onlyNames('The options of skip', 'position')
const checkStatusNames = onlyNames('The options of status', 'signal')

/** What asking and waiting take. */
export interface FaceScene<Tx> extends Pick<SinkRunnerScene<Tx>, 'host' | 'reading' | 'projection' | 'id'> {
  readonly waiters: PositionWaiters
  /** Aborted when the store is closed. */
  readonly closed: AbortSignal
}

/** What people get of a projection into a sink that runs here. */
export function sinkFace<Tx>(scene: FaceScene<Tx>, runner: SinkRunner<Tx>): RunningSinkProjection {
  const { name, version } = scene.projection
  const close = async (): Promise<void> => {
    runner.end('closed')
    await runner.ended
  }
  return {
    name,
    version,
    ended: runner.ended,
    status: async (options = {}) => {
      checkStatusNames(options)
      checkSignal(options.signal)
      return statusOf(scene, runner.situation, options.signal)
    },
    waitFor: (position, options) => waitForSink(scene, runner.situation, position, options),
    skip: async (options = {}) => {
      checkSkipNames(options)
      checkPosition(options.position)
      return runner.skip(options.position)
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

function checkPosition(position: unknown): void {
  if (position === undefined || typeof position === 'bigint') return
  throw new InvalidArgumentError(`A position is a bigint, not ${describe(position)}`, { position })
}

async function statusOf<Tx>(
  { reading, projection }: FaceScene<Tx>,
  situation: SinkSituation,
  signal: AbortSignal | undefined,
): Promise<SinkProjectionStatus> {
  const { name, version, source, resolveLinks } = projection
  const { known, state, fault, problem } = situation
  const { place, position, handled, skipped } = known
  const { count, isAll, from } = await countBehind({ reading }, { source, resolveLinks, place }, signal)
  return {
    name,
    version,
    source,
    state,
    position: position === 0n ? undefined : position,
    ...(typeof from === 'number' && { streamVersion: from }),
    lag: count,
    isLagExact: isAll,
    handled,
    skipped,
    fault: fault && seenFault(fault),
    problem: problem?.error,
  }
}

/**
 * Waits until the checkpoint is at a position.
 * @throws ProjectionTimeoutError, ProjectionFaultedError, InvalidArgumentError, ClosedError, why the sink was refused, the signal's reason
 */
async function waitForSink<Tx>(
  scene: FaceScene<Tx>,
  situation: SinkSituation,
  position: bigint,
  options: WaitForOptions = {},
): Promise<void> {
  checkWaitFor(position, options)
  const { timeoutMs = WAIT_FOR_MS, signal } = options
  const { host, reading, projection, waiters, closed } = scene
  const { runtime } = host
  if (situation.known.position < position) {
    const horizon = await reading.onSnapshot(async ({ tx }) => positionOf(await tx.readHorizon()))
    if (position > horizon) refuseBeyond(position, horizon)
  }
  const untilMs = runtime.monotonic() + timeoutMs
  const ending = eitherOf(closed, signal)
  const forget = waiters.want(scene.id, position)
  try {
    for (;;) {
      const { known, changed, state } = situation
      if (closed.aborted) throw new ClosedError('event store')
      signal?.throwIfAborted()
      if (known.position >= position) return
      refuseEnded(situation)
      refuseFaulted(scene, situation, position)
      const leftMs = untilMs - runtime.monotonic()
      if (leftMs <= 0) throw new ProjectionTimeoutError(projection.name, position, known.position, state)
      await waitFor(runtime, changed, leftMs, ending.signal, true).catch(() => {})
    }
  } finally {
    forget()
    ending.release()
  }
}

function refuseEnded({ end }: SinkSituation): void {
  if (end === undefined) return
  throw end.reason === 'refused' ? end.error : new ClosedError('projection')
}

function refuseFaulted<Tx>({ projection }: FaceScene<Tx>, { fault }: SinkSituation, position: bigint): void {
  if (fault === undefined || (fault.event !== undefined && fault.event.position > position)) return
  const { event, error } = seenFault(fault)
  throw new ProjectionFaultedError(projection.name, projection.version, { ...(event && { event }), error })
}
