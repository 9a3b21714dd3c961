import type { Writable } from 'node:stream'
import { PipeClosedError } from './errors.ts'
import { fileProblem } from './file-problem.ts'
import { COLUMNS_DEFAULT } from './limits.ts'
import { type Paint, paintWith, wantsColours } from './paint.ts'

/** What we need to know of standard output or standard error. */
export type OutputStream = Writable & { readonly isTTY?: boolean; readonly columns?: number }

/** Standard output or standard error: knows when its reader is slow, has gone, or cannot take any more. */
export class Output {
  readonly isTerminal: boolean
  readonly paint: Paint
  readonly #stream: OutputStream
  #failure: unknown

  constructor(stream: OutputStream, env: Readonly<Record<string, string | undefined>>) {
    this.#stream = stream
    this.isTerminal = stream.isTTY === true
    this.paint = paintWith(wantsColours(this.isTerminal, env))
    stream.on('error', (error: NodeJS.ErrnoException) => {
      this.#failure ??= failureOf(error)
    })
  }

  /** Width of the terminal, which may change at any time. */
  get columns(): number {
    return this.#stream.columns || COLUMNS_DEFAULT
  }

  /**
   * Writes text, and waits until the reader took it.
   *
   * @throws PipeClosedError if nobody reads any more; CommandError if it cannot be written, as on a full disk
   */
  async write(text: string | Uint8Array): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    await new Promise<void>((resolve, reject) => {
      this.#stream.write(text, (error) => (error ? reject(this.#failure ?? failureOf(error)) : resolve()))
    })
  }

  /** Writes a line. */
  line(text: string): Promise<void> {
    return this.write(`${text}\n`)
  }

  /** Writes text that may be lost: notes and progress for people, which must not stop anything. */
  note(text: string): void {
    if (this.#failure === undefined) this.#stream.write(text)
  }
}

function failureOf(error: NodeJS.ErrnoException): unknown {
  return error.code === 'EPIPE'
    ? new PipeClosedError('The reader has gone')
    : fileProblem('standard output', error)
}
