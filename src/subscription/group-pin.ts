import type { GroupStrategy } from '../store/contract-subscribing.ts'
import type { RecordedEvent } from '../store/event.ts'

/** What the events of a pinned group are pinned by. */
export type PinText = (event: RecordedEvent) => string

/** What an event is pinned by; `undefined` if the strategy does not pin. */
export function pinTextOf(strategy: GroupStrategy): PinText | undefined {
  if (strategy === 'pinned') return ({ streamId }) => streamId
  return strategy === 'pinned-by-correlation' ? correlationOf : undefined
}

/** The correlation of an event, or its stream if it has none. It never fails: an event that cannot be pinned would stop its group. */
function correlationOf(event: RecordedEvent): string {
  const correlation = correlationIn(event)
  if (correlation === undefined || correlation === null) return event.streamId
  return typeof correlation === 'string' ? correlation : JSON.stringify(correlation)
}

function correlationIn(event: RecordedEvent): unknown {
  try {
    const { metadata } = event
    if (typeof metadata !== 'object' || metadata === null || metadata instanceof Uint8Array) return undefined
    return (metadata as { readonly $correlationId?: unknown }).$correlationId
  } catch {
    return undefined
  }
}

/** A hash of 64 bits (two lanes of MurmurHash3's mixing, by Austin Appleby). Never 0, which stands for no key. */
export function pinOf(text: string): bigint {
  let [high, low] = [0x9747b28c, 0x2f0b4c47]
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    high = Math.imul(high ^ code, 0x85ebca6b)
    high = (high << 13) | (high >>> 19)
    low = Math.imul(low ^ code, 0xc2b2ae35)
    low = (low << 15) | (low >>> 17)
  }
  return (BigInt(finished(high ^ text.length)) << 32n) | BigInt((finished(low + high) | 1) >>> 0)
}

function finished(lane: number): number {
  let hash = Math.imul(lane ^ (lane >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
