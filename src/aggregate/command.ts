import type { Causation, CommandContext, CommandOrigin } from '../store/contract-aggregates.ts'
import type { ExpectedVersion } from '../store/contract-appending.ts'
import type { JsonObject } from '../store/event.ts'

/** A command as the queue gets it: what is to be decided, and under which conditions. */
export interface CommandRequest {
  readonly id: string
  readonly streamId: string
  /** By which `commands` are called. */
  readonly command: string | symbol
  /** What people know it by. */
  readonly name: string
  readonly input: unknown
  readonly metadata: JsonObject
  readonly expectedVersion: Extract<ExpectedVersion, number | 'no-stream' | 'stream-exists'> | undefined
  /** Whether there must be no events. */
  readonly isCreation: boolean
  readonly key: CommandKey | undefined
  readonly retriesMax: number
  readonly signal: AbortSignal | undefined
}

/** An idempotency key, and what it stands for. */
export interface CommandKey {
  readonly text: string
  readonly fingerprint: Promise<string>
}

/** What a command is told besides the state and its input. */
export function contextOf(
  { id, streamId, metadata, signal }: CommandRequest,
  { version, exists }: { readonly version: number; readonly exists: boolean },
  nowMs: number,
): CommandContext {
  return { id, streamId, version, exists, now: new Date(nowMs), metadata, signal }
}

/** The metadata of a command's events: by its options, else by its context. */
export function metadataOf(
  given: Causation & { readonly metadata?: JsonObject | undefined },
  origin: CommandOrigin,
): JsonObject {
  const correlationId = correlationOf(given) ?? correlationOf(origin)
  const causationId = causeOf(given) ?? causeOf(origin)
  return {
    ...origin.metadata,
    ...given.metadata,
    ...(correlationId !== undefined && { $correlationId: correlationId }),
    ...(causationId !== undefined && { $causationId: causationId }),
  }
}

function correlationOf({ correlationId, causedBy }: Causation): string | undefined {
  if (correlationId !== undefined || causedBy === undefined) return correlationId
  const { $correlationId: known } = (causedBy.metadata ?? {}) as JsonObject
  return typeof known === 'string' ? known : causedBy.id
}

function causeOf({ causationId, causedBy }: Causation): string | undefined {
  return causationId ?? causedBy?.id
}
