import { PROGRESS_INTERVAL_MS } from './limits.ts'
import type { Output } from './output.ts'
import { truncate } from './text-width.ts'

/** One line of a terminal that is written over and over. Silent where the output is no terminal. */
export class ProgressLine {
  readonly #output: Pick<Output, 'isTerminal' | 'columns' | 'note'>
  readonly #now: () => number
  #shownAt = Number.NEGATIVE_INFINITY
  #shown = false

  constructor(
    output: Pick<Output, 'isTerminal' | 'columns' | 'note'>,
    now: () => number = () => performance.now(),
  ) {
    this.#output = output
    this.#now = now
  }

  /** Shows what `text` returns, unless the last update was less than a tenth of a second ago. */
  update(text: () => string): void {
    if (!this.#output.isTerminal || this.#now() - this.#shownAt < PROGRESS_INTERVAL_MS) return
    this.#shownAt = this.#now()
    this.#shown = true
    this.#output.note(`\r${truncate(text(), this.#output.columns - 1)}\x1b[K`)
  }

  /** Removes the line. The next update shows it again. */
  clear(): void {
    if (this.#shown) this.#output.note('\r\x1b[K')
    this.#shown = false
    this.#shownAt = Number.NEGATIVE_INFINITY
  }
}
