import type { Paint } from './paint.ts'
import { displayWidth, padEnd, padStart, truncate } from './text-width.ts'

/** A column of a table; the last one takes what is left of the terminal's width. */
export interface TextColumn {
  readonly title: string
  readonly right?: boolean
}

/** Aligns rows for a terminal, page by page. Columns grow with what is in them; they never shrink. */
export class TextTable {
  readonly #columns: readonly TextColumn[]
  readonly #terminal: { readonly columns: number; readonly paint: Paint }
  readonly #widths: number[]
  #isBegun = false

  constructor(columns: readonly TextColumn[], terminal: { readonly columns: number; readonly paint: Paint }) {
    this.#columns = columns
    this.#terminal = terminal
    this.#widths = columns.map(({ title }) => title.length)
  }

  /** The lines of some rows of printable text, each ending in a newline; the titles before the first of them. */
  page(rows: readonly (readonly string[])[]): string {
    for (const row of rows) {
      for (const [i, cell] of row.entries()) this.#widths[i] = Math.max(this.#widths[i]!, displayWidth(cell))
    }
    const titles = this.#isBegun
      ? ''
      : this.#terminal.paint.ink('dim', this.#line(this.#columns.map((it) => it.title)))
    this.#isBegun = true
    const lines = rows.map((row) => this.#line(row))
    return [...(titles === '' ? [] : [titles]), ...lines].map((line) => `${line}\n`).join('')
  }

  #line(cells: readonly string[]): string {
    const padded = cells.map((cell, i) => {
      if (this.#columns[i]!.right) return padStart(cell, this.#widths[i]!)
      return i === cells.length - 1 ? cell : padEnd(cell, this.#widths[i]!)
    })
    return truncate(padded.join('  '), this.#terminal.columns)
  }
}
