/**
 * Every error that eventdb throws, in one file, grouped by the moment it occurs.
 *
 * Programs tell errors apart by class or by `code`, never by the text of a message: codes are stable, texts
 * are for people. `details` holds what was wrong in a form that a program can use. `retryable` says that the
 * same call may succeed when it is made again unchanged.
 */

/** The common ancestor of all errors that this package throws on its own account. */
export abstract class EventDbError<Details extends object = object> extends Error {
  /** A stable, kebab-case identifier of the kind of error. */
  abstract readonly code: string
  /** What was wrong, for programs. */
  readonly details: Details
  /** Whether the same call may succeed if it is simply made again. */
  readonly retryable: boolean = false

  constructor(message: string, details: Details, options?: ErrorOptions) {
    super(message, options)
    this.details = details
    this.name = new.target.name
  }
}

// ── Arguments: refused before anything is read or written ────────────────────────────────────────────────

/** An argument is of the wrong form: an empty id, an unknown option, a key outside its subspace. */
export class InvalidArgumentError extends EventDbError<Readonly<Record<string, unknown>>> {
  override readonly code = 'invalid-argument'

  constructor(message: string, details: Readonly<Record<string, unknown>> = {}) {
    super(message, details)
  }
}

/** Something is larger than a limit of `docs/limits.md`; the message names the limit and both sizes. */
export class LimitExceededError extends EventDbError<{
  readonly what: string
  readonly limit: number
  readonly actual: number
  readonly unit: string
}> {
  override readonly code = 'limit-exceeded'

  constructor(what: string, limit: number, actual: number, unit = 'bytes') {
    super(`${what} is too large: ${actual} ${unit}, and the limit is ${limit} ${unit}`, {
      what,
      limit,
      actual,
      unit,
    })
  }
}

/** Data or metadata holds something that JSON cannot; `path` leads to it, as in `data.items[2].price`. */
export class UnserializableError extends EventDbError<{ readonly path: string; readonly problem: string }> {
  override readonly code = 'unserializable'

  constructor(path: string, problem: string) {
    super(`${path} cannot be stored as JSON: ${problem}`, { path, problem })
  }
}

// ── Opening a database ───────────────────────────────────────────────────────────────────────────────────

/** The store was written in a format that this version of eventdb does not know. It was not touched. */
export class FormatError extends EventDbError<{ readonly found: unknown; readonly supported: unknown }> {
  override readonly code = 'format-unknown'

  constructor(message: string, found: unknown, supported: unknown) {
    super(message, { found, supported })
  }
}

/** There is no store at the given place, and the caller asked not to create one. */
export class StoreNotFoundError extends EventDbError<{ readonly path: string }> {
  override readonly code = 'store-not-found'

  constructor(path: string) {
    super(`There is no event store in ${path}`, { path })
  }
}

/** The package of a storage engine is not installed, or could not be loaded on this runtime. */
export class EngineMissingError extends EventDbError<{
  readonly engine: string
  readonly packages: readonly string[]
}> {
  override readonly code = 'engine-missing'

  constructor(engine: string, packages: readonly string[], hint: string, cause?: unknown) {
    super(`${engine} is not available here: ${hint}`, { engine, packages }, { cause })
  }
}

// ── Key-value transactions ───────────────────────────────────────────────────────────────────────────────

/** Something that the transaction read was changed by another commit before its own. Nothing was written. */
export class ConflictError extends EventDbError<{ readonly attempts: number }> {
  override readonly code = 'conflict'
  override readonly retryable = true

  constructor(attempts = 1) {
    super(
      attempts === 1
        ? 'The transaction read something that another commit has changed since'
        : `The transaction still conflicted with other commits after ${attempts} attempts`,
      { attempts },
    )
  }
}

/** The commit may or may not have happened: the engine failed while it was making the commit durable. */
export class CommitUnknownError extends EventDbError {
  override readonly code = 'commit-unknown'

  constructor(cause: unknown) {
    super('The engine failed while committing, so the transaction may or may not be durable', {}, { cause })
  }
}

/** The transaction outlived its snapshot (5 seconds, or crowded out by very many younger ones). */
export class TransactionTooOldError extends EventDbError<{
  readonly ageMs: number
  readonly limitMs: number
}> {
  override readonly code = 'transaction-too-old'
  override readonly retryable = true

  constructor(ageMs: number, limitMs: number) {
    super(`The transaction's snapshot is gone: it was ${ageMs} ms old, and the limit is ${limitMs} ms`, {
      ageMs,
      limitMs,
    })
  }
}

/** The transaction writes more rows or bytes than one commit may carry. Nothing was written. */
export class TransactionTooLargeError extends EventDbError<{
  readonly what: 'rows' | 'bytes'
  readonly limit: number
  readonly actual: number
}> {
  override readonly code = 'transaction-too-large'

  constructor(what: 'rows' | 'bytes', limit: number, actual: number) {
    super(`The transaction writes ${actual} ${what}, and the limit is ${limit}`, { what, limit, actual })
  }
}

/** The store, database or transaction that was used is closed. */
export class ClosedError extends EventDbError<{ readonly what: string }> {
  override readonly code = 'closed'

  constructor(what: string) {
    super(`The ${what} is closed`, { what })
  }
}

/** Why the storage below refused, as far as it said. */
export type StorageProblem =
  | 'disk-full'
  | 'read-only'
  | 'not-a-folder'
  | 'exists'
  | 'not-a-database'
  | 'locked'
  | 'permission'
  | 'io'
  | 'other'

/** The storage engine or the file system refused. Nothing of the transaction was written. */
export class StorageError extends EventDbError<{ readonly problem: StorageProblem; readonly path?: string }> {
  override readonly code = 'storage-failed'

  constructor(message: string, problem: StorageProblem, options: { path?: string; cause?: unknown } = {}) {
    super(message, options.path === undefined ? { problem } : { problem, path: options.path }, {
      cause: options.cause,
    })
  }
}

/** Stored bytes are not what was written: a checksum or a structure does not hold. */
export class CorruptionError extends EventDbError<Readonly<Record<string, unknown>>> {
  override readonly code = 'corruption'

  constructor(message: string, details: Readonly<Record<string, unknown>> = {}) {
    super(message, details)
  }
}

// ── Directories ──────────────────────────────────────────────────────────────────────────────────────────

/** No directory exists at the path. */
export class DirectoryNotFoundError extends EventDbError<{ readonly path: readonly string[] }> {
  override readonly code = 'directory-not-found'

  constructor(path: readonly string[]) {
    super(`There is no directory ${path.join('/')}`, { path })
  }
}

/** A directory exists at the path already. */
export class DirectoryExistsError extends EventDbError<{ readonly path: readonly string[] }> {
  override readonly code = 'directory-exists'

  constructor(path: readonly string[]) {
    super(`There is a directory ${path.join('/')} already`, { path })
  }
}

// ── Streams ──────────────────────────────────────────────────────────────────────────────────────────────

/** An expected version that did not hold, with what was observed instead. */
export interface StreamViolation {
  readonly kind: 'stream'
  readonly streamId: string
  /** What the caller expected: a version, or one of the words. */
  readonly expected: number | string
  /** The version of the stream's last event; 0 if it has none. */
  readonly actual: number
  /** Whether the stream was never created or written, is readable, deleted, or tombstoned. */
  readonly state: 'none' | 'live' | 'deleted' | 'tombstoned'
}

/** A query of `failIfEventsMatch` that an event matches. */
export interface QueryViolation {
  readonly kind: 'query'
  readonly query: object
  /** The position that the caller knew, if any. */
  readonly after: bigint | undefined
  /** Where the first event is that matches; `undefined` if it is just being appended, by this transaction or one that shares its commit. */
  readonly position: bigint | undefined
}

/** One condition of an append that did not hold. */
export type Violation = StreamViolation | QueryViolation

/** At least one condition of an append did not hold; all of those are listed. Nothing was written. */
export class AppendConditionError extends EventDbError<{ readonly violations: readonly Violation[] }> {
  override readonly code: string = 'append-condition-failed'

  constructor(violations: readonly Violation[]) {
    super(violations.map(describeViolation).join('; '), { violations })
  }
}

/** At least one expected version of an append did not hold, and no other condition was violated. Nothing was written. */
export class WrongExpectedVersionError extends AppendConditionError {
  override readonly code = 'wrong-expected-version'

  /** What the first violated condition expected. */
  get expected(): number | string | undefined {
    return this.#first?.expected
  }

  /** The version that the first violated condition's stream really has. */
  get actual(): number | undefined {
    return this.#first?.actual
  }

  get #first(): StreamViolation | undefined {
    return this.details.violations.find((violation) => violation.kind === 'stream')
  }
}

function describeViolation(violation: Violation): string {
  if (violation.kind === 'query') {
    const { query, after, position } = violation
    const since = after === undefined ? '' : ` after position ${after}`
    const found =
      position === undefined
        ? 'one is being appended, by this transaction or one that shares its commit'
        : `there is one at ${position}`
    return `No event${since} was expected to match ${JSON.stringify(query)}, but ${found}`
  }
  const { streamId, expected, actual, state } = violation
  if (state === 'tombstoned') return `Stream ${JSON.stringify(streamId)} is tombstoned`
  const wanted = typeof expected === 'number' ? `version ${expected}` : `"${expected}"`
  return `Stream ${JSON.stringify(streamId)} was expected to be at ${wanted}, but ${FOUND[state](actual)}`
}

const FOUND: Readonly<Record<Exclude<StreamViolation['state'], 'tombstoned'>, (actual: number) => string>> = {
  none: () => 'it does not exist',
  live: (actual) => `it is at version ${actual}`,
  deleted: (actual) => `it is deleted, at version ${actual}`,
}

/** The stream was created or written before. */
export class StreamExistsError extends EventDbError<{ readonly streamId: string; readonly version: number }> {
  override readonly code = 'stream-exists'

  constructor(streamId: string, version: number) {
    super(`Stream ${JSON.stringify(streamId)} exists already, at version ${version}`, { streamId, version })
  }
}

/** The stream was never created or written. */
export class StreamNotFoundError extends EventDbError<{ readonly streamId: string }> {
  override readonly code = 'stream-not-found'

  constructor(streamId: string) {
    super(`Stream ${JSON.stringify(streamId)} does not exist`, { streamId })
  }
}

/** The stream is tombstoned: it can never be read or written again. */
export class StreamTombstonedError extends EventDbError<{ readonly streamId: string }> {
  override readonly code = 'stream-tombstoned'

  constructor(streamId: string) {
    super(`Stream ${JSON.stringify(streamId)} is tombstoned`, { streamId })
  }
}

/** Why a stream cannot be restored. */
export type RestoreProblem = 'not-deleted' | 'scavenged'

/** The stream cannot be restored: it is not deleted (any more), or its events were scavenged. Nothing was changed. */
export class StreamNotRestorableError extends EventDbError<{
  readonly streamId: string
  readonly problem: RestoreProblem
}> {
  override readonly code = 'stream-not-restorable'

  constructor(streamId: string, problem: RestoreProblem) {
    const why = problem === 'scavenged' ? 'its events were scavenged' : 'it is not deleted'
    super(`Stream ${JSON.stringify(streamId)} cannot be restored, as ${why}`, { streamId, problem })
  }
}

/** There is no such event, or it is hidden. */
export class EventNotFoundError extends EventDbError<{
  readonly streamId: string
  readonly version: number
}> {
  override readonly code = 'event-not-found'

  constructor(streamId: string, version: number) {
    super(`Stream ${JSON.stringify(streamId)} has no version ${version} that can be read`, {
      streamId,
      version,
    })
  }
}

/** The store does not have the index that a read needs, or is still building it. */
export class IndexMissingError extends EventDbError<{
  readonly missing: readonly string[]
  readonly indexes: readonly string[]
}> {
  override readonly code = 'index-missing'

  constructor(missing: readonly string[], indexes: readonly string[], isBuilding: boolean) {
    const names = missing.join(' or ')
    super(
      isBuilding
        ? `The index by ${names} is being built; run reindex() again if it was interrupted`
        : `The store has no index by ${names}; reindex({ add: ['${missing[0]}'] }) adds one`,
      { missing, indexes },
    )
  }
}

/** Why an append that seems to be made again is another one. */
interface IdempotencyConflict {
  readonly streamId?: string
  /** The ids that are recorded already. */
  readonly recordedIds?: readonly string[]
  readonly idempotencyKey?: string
}

/**
 * Some, but not all, of an append's events are recorded already, or they are recorded differently; or its idempotency key was used
 * for another append or command. Nothing was written.
 */
export class IdempotencyConflictError extends EventDbError<IdempotencyConflict> {
  override readonly code = 'idempotency-conflict'

  constructor(conflict: IdempotencyConflict) {
    const { streamId, recordedIds = [], idempotencyKey } = conflict
    super(
      idempotencyKey === undefined
        ? `Events ${recordedIds.join(', ')} are in stream ${JSON.stringify(streamId)} already, but the append as a whole is not`
        : `The idempotency key ${JSON.stringify(idempotencyKey)} was used for another append or command`,
      conflict,
    )
  }
}

// ── Subscriptions ────────────────────────────────────────────────────────────────────────────────────────

/** The group does not exist, or was deleted while it was in use. */
export class SubscriptionNotFoundError extends EventDbError<{
  readonly group: string
  readonly source: object
}> {
  override readonly code = 'subscription-not-found'

  constructor(group: string, source: object) {
    super(`There is no subscription ${JSON.stringify(group)} to ${sourceText(source)}; create it first`, {
      group,
      source,
    })
  }
}

/** The source has a group of that name already. */
export class SubscriptionExistsError extends EventDbError<{
  readonly group: string
  readonly source: object
}> {
  override readonly code = 'subscription-exists'

  constructor(group: string, source: object) {
    super(`There is a subscription ${JSON.stringify(group)} to ${sourceText(source)} already`, {
      group,
      source,
    })
  }
}

/** A source as people name it: `stream "cart-1"`, `all events`. */
function sourceText(source: object): string {
  const { kind, ...names } = source as { readonly kind?: string }
  if (kind === 'all') return 'all events'
  return [kind, ...Object.values(names).map((name) => JSON.stringify(name))].join(' ')
}

/** The group has as many consumers as its `maxConsumers` allow. */
export class MaxConsumersError extends EventDbError<{
  readonly group: string
  readonly maxConsumers: number
}> {
  override readonly code = 'max-consumers'
  override readonly retryable = true

  constructor(group: string, maxConsumers: number) {
    super(`The subscription ${JSON.stringify(group)} has as many consumers as it takes: ${maxConsumers}`, {
      group,
      maxConsumers,
    })
  }
}

/** A consumer gave no sign of life for `messageTimeoutMs`, so that its events went to others. Subscribe again. */
export class LeaseLostError extends EventDbError<{ readonly group: string; readonly consumer: number }> {
  override readonly code = 'lease-lost'

  constructor(group: string, consumer: number) {
    super(`Consumer ${consumer} of the subscription ${JSON.stringify(group)} has lost its lease`, {
      group,
      consumer,
    })
  }
}

// ── Aggregates ───────────────────────────────────────────────────────────────────────────────────────────

/** The data of an event was written with a codec that the store was not opened with. */
export class CodecMissingError extends EventDbError<{ readonly codec: string }> {
  override readonly code = 'codec-missing'

  constructor(codec: string) {
    super(`Data was written with the codec ${JSON.stringify(codec)}, which the store was not opened with`, {
      codec,
    })
  }
}

/** The first events of an aggregate are hidden, and no snapshot stands in for them, so nobody knows its state. */
export class HistoryMissingError extends EventDbError<{
  readonly streamId: string
  readonly from: number
  readonly to: number
}> {
  override readonly code = 'history-missing'

  constructor(streamId: string, from: number, to: number) {
    const message = `The state of stream ${JSON.stringify(streamId)} is not known: its versions ${from} to ${to} are hidden, and no snapshot stands in for them`
    super(message, { streamId, from, to })
  }
}

/** An event is of a type that its aggregate must know and does not, or its data of a version that is newer than this program, or of none. */
export class UnknownEventError extends EventDbError<{
  readonly eventType: string
  readonly streamId: string
  readonly version: number
  /** Of the aggregate, if it is the type that is not known. */
  readonly category?: string
  /** Version of its data, if it is that which is not known. */
  readonly schemaVersion?: number
}> {
  override readonly code = 'unknown-event'

  constructor(
    {
      type,
      streamId,
      version,
    }: { readonly type: string; readonly streamId: string; readonly version: number },
    { category, schemaVersion }: { readonly category?: string; readonly schemaVersion?: number },
  ) {
    const where = `version ${version} of stream ${JSON.stringify(streamId)}`
    const what =
      schemaVersion === undefined
        ? `is of the type ${JSON.stringify(type)}, which the aggregate ${JSON.stringify(category)} does not know`
        : `is a ${type} whose data is of version ${schemaVersion}, ${whyUnknown(schemaVersion)}`
    super(`The event that is ${where} ${what}`, {
      eventType: type,
      streamId,
      version,
      ...(category !== undefined && { category }),
      ...(schemaVersion !== undefined && { schemaVersion }),
    })
  }
}

function whyUnknown(schemaVersion: number): string {
  return Number.isInteger(schemaVersion) && schemaVersion >= 1
    ? 'which is newer than what is known here'
    : 'but versions are whole numbers from 1'
}

/** What a schema did not like about the data of an event. */
export interface ValidationIssue {
  readonly message: string
  /** Where, as in `items[2].price`; empty if it is the whole. */
  readonly path: string
}

/** The data of an event is not what the schema of its type demands. */
export class ValidationError extends EventDbError<{
  readonly eventType: string
  readonly issues: readonly ValidationIssue[]
  /** Where it was read, if it was. */
  readonly streamId?: string
  readonly version?: number
}> {
  override readonly code = 'validation-failed'

  constructor(
    eventType: string,
    issues: readonly ValidationIssue[],
    place?: { readonly streamId: string; readonly version: number },
  ) {
    const list = issues.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; ')
    const where =
      place === undefined ? '' : ` (version ${place.version} of stream ${JSON.stringify(place.streamId)})`
    super(`The data of ${JSON.stringify(eventType)}${where} is not valid: ${list}`, {
      eventType,
      issues,
      ...(place && { streamId: place.streamId, version: place.version }),
    })
  }
}

/** Others were faster at every attempt of a command. Nothing was written. */
export class TooManyConflictsError extends EventDbError<{
  readonly streamId: string
  readonly command: string
  readonly conflicts: number
}> {
  override readonly code = 'too-many-conflicts'
  override readonly retryable = true

  constructor(streamId: string, command: string, conflicts: number) {
    super(
      `The command ${JSON.stringify(command)} on stream ${JSON.stringify(streamId)} was in conflict ${conflicts} times`,
      { streamId, command, conflicts },
    )
  }
}

// ── Projections ──────────────────────────────────────────────────────────────────────────────────────────

/** There is no projection of that name; run it with `store.project`. */
export class ProjectionNotFoundError extends EventDbError<{ readonly projection: string }> {
  override readonly code = 'projection-not-found'

  constructor(projection: string, isDeleting = false) {
    super(
      isDeleting
        ? `The projection ${JSON.stringify(projection)} is being deleted; delete it again to complete that`
        : `There is no projection ${JSON.stringify(projection)}; run it with store.project first`,
      { projection },
    )
  }
}

/** The projection was made by another definition of the same version. */
export class ProjectionChangedError extends EventDbError<{
  readonly projection: string
  readonly version: number
  /** What differs: what was stored, and what was given. */
  readonly stored: string
  readonly given: string
}> {
  override readonly code = 'projection-changed'

  constructor(projection: string, version: number, stored: string, given: string) {
    super(
      `Version ${version} of the projection ${JSON.stringify(projection)} was made by another definition (${stored}) than this (${given}); raise its version`,
      { projection, version, stored, given },
    )
  }
}

/** A newer version of the projection serves, or is being built. */
export class ProjectionSupersededError extends EventDbError<{
  readonly projection: string
  readonly version: number
  readonly newer: number
}> {
  override readonly code = 'projection-superseded'

  constructor(projection: string, version: number, newer: number) {
    super(`Version ${version} of the projection ${JSON.stringify(projection)} gave way to version ${newer}`, {
      projection,
      version,
      newer,
    })
  }
}

/** A copy of the projection is still being built: what is asked for has to wait until it serves. */
export class ProjectionBuildingError extends EventDbError<{
  readonly projection: string
  /** The version that is being built. */
  readonly version: number
  /** The version that serves meanwhile. */
  readonly serving: number
}> {
  override readonly code = 'projection-building'
  override readonly retryable = true

  constructor(projection: string, version: number, serving: number) {
    super(
      `Version ${version} of the projection ${JSON.stringify(projection)} is still being built, and version ${serving} serves`,
      { projection, version, serving },
    )
  }
}

/** The projection was switched to another copy while it was being listed. List again. */
export class ProjectionSwitchedError extends EventDbError<{ readonly projection: string }> {
  override readonly code = 'projection-switched'
  override readonly retryable = true

  constructor(projection: string) {
    super(`The projection ${JSON.stringify(projection)} was made anew while it was being listed`, {
      projection,
    })
  }
}

/** The projection stands at an event that it cannot handle, or cannot read its source. */
export class ProjectionFaultedError extends EventDbError<{
  readonly projection: string
  readonly version: number
  /** The event, if it is one. */
  readonly event?: { readonly streamId: string; readonly version: number; readonly type: string }
  /** What was thrown. */
  readonly error: { readonly name: string; readonly message: string }
}> {
  override readonly code = 'projection-faulted'

  constructor(
    projection: string,
    version: number,
    fault: {
      readonly event?: { readonly streamId: string; readonly version: number; readonly type: string }
      readonly error: { readonly name: string; readonly message: string }
    },
  ) {
    const { event, error } = fault
    const where =
      event === undefined
        ? ''
        : ` at version ${event.version} of stream ${JSON.stringify(event.streamId)} (${event.type})`
    super(
      `Version ${version} of the projection ${JSON.stringify(projection)} has stopped${where}: ${error.name}: ${error.message}`,
      { projection, version, ...(event && { event }), error },
    )
  }
}

/** The projection does not stand at a fault, or at another one. */
export class ProjectionNotFaultedError extends EventDbError<{ readonly projection: string }> {
  override readonly code = 'projection-not-faulted'

  constructor(projection: string, where: string) {
    super(`The projection ${JSON.stringify(projection)} does not stand at a fault${where}`, { projection })
  }
}

/** An inline projection is in force that this process does not carry, and an event of its source is to be appended. */
export class ProjectionNotCarriedError extends EventDbError<{
  readonly projection: string
  readonly version: number
  readonly streamId: string
}> {
  override readonly code = 'projection-not-carried'

  constructor(projection: string, version: number, streamId: string) {
    super(
      `Nothing was appended to stream ${JSON.stringify(streamId)}: version ${version} of the projection ${JSON.stringify(projection)} must handle it in the same transaction, and this process does not run that version: call store.project with it first`,
      { projection, version, streamId },
    )
  }
}

/** An inline projection refused an event, so that nothing of its transaction was written. The `cause` says why. */
export class ProjectionRefusedError extends EventDbError<{
  readonly projection: string
  readonly version: number
  /** The event, if it is the fault of one. */
  readonly event?: { readonly streamId: string; readonly version: number; readonly type: string }
}> {
  override readonly code = 'projection-refused'

  constructor(
    projection: string,
    version: number,
    event: { readonly streamId: string; readonly version: number; readonly type: string } | undefined,
    cause: unknown,
  ) {
    const what =
      event === undefined
        ? 'what was appended'
        : `version ${event.version} of stream ${JSON.stringify(event.streamId)} (${event.type})`
    const why = cause instanceof Error ? cause.message : String(cause)
    super(
      `The projection ${JSON.stringify(projection)} refused ${what}: ${why}`,
      { projection, version, ...(event && { event }) },
      { cause },
    )
  }
}

/** The checkpoint that a sink holds is none of this projection and this store, so nothing was handled. */
export class CheckpointRefusedError extends EventDbError<{
  readonly projection: string
  readonly version: number
  readonly checkpoint: unknown
}> {
  override readonly code = 'checkpoint-refused'

  constructor(projection: string, version: number, checkpoint: unknown, why: string) {
    super(
      `The checkpoint that the sink holds for version ${version} of the projection ${JSON.stringify(projection)} ${why}`,
      { projection, version, checkpoint },
    )
  }
}

/** A projection has not come to a position in time. */
export class ProjectionTimeoutError extends EventDbError<{
  readonly projection: string
  readonly wanted: bigint
  readonly position: bigint
  readonly state: string
}> {
  override readonly code = 'projection-timeout'
  override readonly retryable = true

  constructor(projection: string, wanted: bigint, position: bigint, state: string) {
    super(
      `The projection ${JSON.stringify(projection)} has not come to position ${wanted} in time: it is ${state} at ${position}`,
      { projection, wanted, position, state },
    )
  }
}

/** A command was done and is durable, but waiting for a projection of its events has failed. Do not repeat the command. */
export class NotYetProjectedError extends EventDbError<{
  readonly position: bigint | undefined
  /** What became of the command. */
  readonly result: object
}> {
  override readonly code = 'not-yet-projected'

  constructor(result: { readonly position: bigint | undefined }, cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause)
    super(
      `The command was done, at position ${result.position}, but it cannot be waited for: ${why}`,
      { position: result.position, result },
      { cause },
    )
  }
}
