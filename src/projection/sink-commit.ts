import { InvalidArgumentError } from '../errors.ts'
import type { AnyPlace } from '../store/broker.ts'
import type { ProjectionSink, SinkProjection } from '../store/contract-sinks.ts'
import type { EventShape } from '../store/event.ts'
import type { StoreHost } from '../store/host.ts'
import type { Reading } from '../store/reading.ts'
import { describe } from '../store/text.ts'
import {
  beginning,
  decodeCheckpoint,
  encodeCheckpoint,
  otherLog,
  type SinkCheckpoint,
} from './sink-checkpoint.ts'

/** What reading and writing the checkpoints of a sink takes. */
export interface SinkScene<Tx> {
  readonly host: StoreHost
  readonly reading: Reading
  readonly sink: ProjectionSink<Tx>
  readonly projection: SinkProjection<EventShape, Tx>
  /** What the checkpoint is called. */
  readonly id: string
  /** Whether places are versions. */
  readonly isStream: boolean
  /** Before the first event. */
  readonly origin: AnyPlace
  /** Told of each text that may become the checkpoint. */
  onWritten?(text: string): void
}

/** A checkpoint, with the text that stands for it in the sink. */
export interface KnownCheckpoint extends SinkCheckpoint {
  readonly text: string | undefined
}

/**
 * What a commit came to: it is done; another process has moved the checkpoint, which is `text` now; what was to be written has failed; or it was
 * written, and yet not committed, although the database answers.
 */
export type SinkOutcome =
  | { readonly kind: 'done'; readonly known: KnownCheckpoint }
  | { readonly kind: 'lost'; readonly text: string | undefined }
  | { readonly kind: 'failed' | 'unwritten'; readonly error: unknown }

/** What a sink holds, or does, that no trying again will mend. The `cause` says what. */
export class SinkRefusal extends Error {
  constructor(cause: unknown) {
    super('A sink was refused', { cause })
  }
}

/** Reads the checkpoint of a sink. @throws SinkRefusal; what the sink throws */
export async function readText<Tx>({ sink, id }: SinkScene<Tx>): Promise<string | undefined> {
  const text: unknown = await sink.checkpoint(id)
  // What is not there is null to most databases.
  if (text === undefined || text === null) return undefined
  if (typeof text === 'string') return text
  const message = `The sink must give a checkpoint as the text that it was given, not ${describe(text)}`
  throw new SinkRefusal(new InvalidArgumentError(message, { checkpoint: text }))
}

/** Finds out what a checkpoint says. @throws SinkRefusal; what reading the store throws */
export async function knownFrom<Tx>(
  { projection, reading, isStream, origin }: SinkScene<Tx>,
  text: string | undefined,
): Promise<KnownCheckpoint> {
  if (text === undefined) return { ...beginning(origin), text }
  const checkpoint = refusing(() => decodeCheckpoint(projection, isStream, text))
  const refusal = await reading.onSnapshot((view) => otherLog(projection, view, text, checkpoint))
  if (refusal !== undefined) throw new SinkRefusal(refusal)
  return { ...checkpoint, text }
}

function refusing<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw new SinkRefusal(error)
  }
}

/** What was done in a transaction of the sink. */
interface Attempt {
  /** The last call of `write`. */
  run?: Promise<string>
  written?: KnownCheckpoint
  error?: unknown
}

/**
 * Moves the checkpoint of a sink, with what `body` writes. See "A batch" in `docs/sinks.md`.
 * @throws SinkRefusal; what the sink throws if it cannot be reached, or it is unknown what became of it
 */
export async function commitInto<Tx>(
  scene: SinkScene<Tx>,
  known: KnownCheckpoint,
  body: (tx: Tx) => Promise<SinkCheckpoint>,
): Promise<SinkOutcome> {
  const { sink, id, projection } = scene
  const attempt: Attempt = {}
  const perform = async (tx: Tx): Promise<string> => {
    delete attempt.written
    try {
      const next = await body(tx)
      const text = encodeCheckpoint(projection, next)
      attempt.written = { ...next, text }
      scene.onWritten?.(text)
      return text
    } catch (error) {
      attempt.error = error
      throw error
    }
  }
  const write = (tx: Tx): Promise<string> => {
    attempt.run = perform(tx)
    return attempt.run
  }
  let answer: unknown
  try {
    answer = await sink.commit(id, known.text, write)
  } catch (error) {
    return judge(scene, known, attempt, error)
  }
  return answer === false ? whoHasMoved(scene, known, attempt) : believed(answer, attempt)
}

/** Finds out what became of a commit that has failed. */
async function judge<Tx>(
  scene: SinkScene<Tx>,
  known: KnownCheckpoint,
  attempt: Attempt,
  error: unknown,
): Promise<SinkOutcome> {
  if (attempt.run === undefined) throw error
  await settled(attempt)
  // If this fails as well, it is the database that does not answer.
  const text = await readText(scene)
  const { written } = attempt
  if (written !== undefined && text === written.text) return { kind: 'done', known: written }
  if (text !== known.text) return { kind: 'lost', text }
  if (written !== undefined) return { kind: 'unwritten', error }
  // A sink that rejects with something else has lost its transaction, and with it what was to be written.
  if (!stemsFrom(error, attempt.error)) throw error
  return { kind: 'failed', error: attempt.error }
}

function stemsFrom(error: unknown, cause: unknown): boolean {
  return error === cause || (error instanceof Error && error.cause === cause && cause !== undefined)
}

async function whoHasMoved<Tx>(
  scene: SinkScene<Tx>,
  known: KnownCheckpoint,
  attempt: Attempt,
): Promise<SinkOutcome> {
  await settled(attempt)
  const text = await readText(scene)
  if (text !== known.text) return { kind: 'lost', text }
  throw new InvalidArgumentError(
    'The sink says that its checkpoint is not what was expected, and yet gives just that',
    { expected: known.text },
  )
}

/** A sink that says that it has committed must have written everything. @throws SinkRefusal */
function believed(answer: unknown, { written }: Attempt): SinkOutcome {
  if (answer === true && written !== undefined) return { kind: 'done', known: written }
  const message =
    answer === true
      ? 'The sink says that it has committed, although what was to be written has not succeeded'
      : `The "commit" of a sink must resolve with true or false, not ${describe(answer)}`
  throw new SinkRefusal(new InvalidArgumentError(message))
}

/** A transaction may be lost while its handlers do not know. They must be over before others begin. */
async function settled({ run }: Attempt): Promise<void> {
  await run?.catch(() => {})
}
