import { InvalidArgumentError } from '../errors.ts'
import { COMMAND_RETRIES, IDEMPOTENCY_KEY_BYTES_MAX } from '../limits.ts'
import type {
  Aggregate,
  AggregatesOptions,
  CommandCall,
  CommandOrigin,
  ExecuteOptions,
} from '../store/contract-aggregates.ts'
import type { EventShape, JsonObject } from '../store/event.ts'
import { sha256 } from '../store/fingerprint.ts'
import { encodeJson } from '../store/json.ts'
import { onlyNames } from '../store/known-names.ts'
import { checkName, describe } from '../store/text.ts'
import { DECIDE } from './aggregate-from-decider.ts'
import { checkWhole } from './aggregate-settings.ts'
import { type CommandKey, type CommandRequest, metadataOf } from './command.ts'

/** A call of `execute`, taken apart. */
export interface Call {
  readonly command: string | typeof DECIDE
  readonly name: string
  readonly input: unknown
  readonly options: ExecuteOptions
}

const WITHIN = ['expectedVersion', 'metadata', 'correlationId', 'causationId', 'causedBy'] as const
const checkOptions = onlyNames(
  'The options of a command',
  'idempotencyKey',
  'retriesMax',
  'waitFor',
  'signal',
  ...WITHIN,
)
const checkOptionsWithin = onlyNames('The options of a command within a transaction', ...WITHIN)

/** Takes a call apart: a name, an input and options, or the command of a decider and options. @throws InvalidArgumentError */
export function callOf<E extends EventShape, S>(
  { commands }: Aggregate<E, S, unknown>,
  given: readonly unknown[],
  isWithin: boolean,
): Call {
  const known = commands as Readonly<Record<string, unknown>>
  const isWhole = DECIDE in known
  const [name, input, options = {}] = (isWhole ? [nameOf(given[0]), given[0], given[1]] : given) as readonly [
    string,
    unknown,
    ExecuteOptions | undefined,
  ]
  if (!isWhole && !(typeof name === 'string' && Object.hasOwn(known, name))) {
    const names = Object.keys(known).join(', ')
    throw new InvalidArgumentError(`There is no command ${describe(name)}, only ${names}`, { command: name })
  }
  if (isWithin) checkOptionsWithin(options)
  else checkOptions(options)
  checkValues(options)
  return { command: isWhole ? DECIDE : name, name, input, options }
}

function nameOf(command: unknown): string {
  const type = (command as { readonly type?: unknown } | null)?.type
  return typeof type === 'string' ? type : 'decide'
}

function checkValues({
  expectedVersion,
  retriesMax,
  idempotencyKey,
  waitFor,
  metadata,
  ...origin
}: ExecuteOptions): void {
  const isWord = expectedVersion === 'no-stream' || expectedVersion === 'stream-exists'
  if (!isWord) checkWhole('expectedVersion', expectedVersion, 0, Number.MAX_SAFE_INTEGER)
  checkWhole('retriesMax', retriesMax, 0, Number.MAX_SAFE_INTEGER)
  if (idempotencyKey !== undefined) checkName(idempotencyKey, 'An idempotency key', IDEMPOTENCY_KEY_BYTES_MAX)
  checkOrigin({ ...origin, metadata })
  checkWaitables(waitFor)
}

function checkWaitables(waitFor: unknown): void {
  const canBeWaitedFor = (one: unknown): boolean =>
    typeof (one as { readonly waitFor?: unknown } | null | undefined)?.waitFor === 'function'
  if (waitFor === undefined || (Array.isArray(waitFor) && waitFor.every(canBeWaitedFor))) return
  throw new InvalidArgumentError(`waitFor must be an array of projections, not ${describe(waitFor)}`, {
    waitFor,
  })
}

/** Checks where a command is said to come from. @throws InvalidArgumentError */
export function checkOrigin({ metadata, correlationId, causationId, causedBy }: CommandOrigin): void {
  for (const [name, value] of Object.entries({ correlationId, causationId })) {
    if (value === undefined || typeof value === 'string') continue
    throw new InvalidArgumentError(`${name} must be a string, not ${describe(value)}`, { [name]: value })
  }
  if (causedBy !== undefined && typeof causedBy?.id !== 'string') {
    throw new InvalidArgumentError(`causedBy must be an event, not ${describe(causedBy)}`)
  }
  const isMap =
    typeof metadata === 'object' &&
    metadata !== null &&
    !Array.isArray(metadata) &&
    !((metadata as unknown) instanceof Uint8Array)
  if (metadata === undefined || isMap) return
  throw new InvalidArgumentError(`The metadata of a command must be an object, not ${describe(metadata)}`)
}

/** A call as middleware sees it. @throws InvalidArgumentError, and what `context` throws */
export function wholeCall(
  category: string,
  id: string,
  streamId: string,
  { name, input, options }: Call,
  { context }: AggregatesOptions,
): CommandCall {
  const origin = context?.() ?? {}
  checkOrigin(origin)
  const metadata = metadataOf(options, origin)
  return { category, id, streamId, name, input, metadata, signal: options.signal }
}

/** What is to be decided, with what middleware has made of it. Without a key and a signal, which only commands outside of transactions have. */
export function requestOf(
  { command, name, options }: Call,
  { id, streamId, input, metadata }: CommandCall,
  isCreation: boolean,
): CommandRequest {
  const { expectedVersion, retriesMax = COMMAND_RETRIES } = options
  if (isCreation && expectedVersion !== undefined) {
    throw new InvalidArgumentError('create() has no expectedVersion: there must be no events')
  }
  const conditions = { expectedVersion, isCreation, retriesMax, key: undefined, signal: undefined }
  return { id, streamId, command, name, input, metadata, ...conditions }
}

/** An idempotency key, with the fingerprint of the command: where, which, and with what input. @throws UnserializableError */
export function keyOf(streamId: string, { name, input, options }: Call): CommandKey | undefined {
  const { idempotencyKey: text } = options
  if (text === undefined) return undefined
  const json = input === undefined ? '' : encodeJson(ordered(JSON.parse(encodeJson(input, 'input'))), 'input')
  const fingerprint = sha256(['command', streamId, name, json]).then((digest) => `command ${digest}`)
  return { text, fingerprint }
}

/** The same value with the names of its members in order, so that it does not matter in which they were given. */
function ordered(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(ordered)
  const members = value as JsonObject
  return Object.fromEntries(
    Object.keys(members)
      .toSorted()
      .map((name) => [name, ordered(members[name])]),
  )
}
