import { readFileSync } from 'node:fs'

/** A row of a table in a page, with the heading that it stands under. */
export interface TableRow {
  readonly section: string
  /** As written, without the space around. */
  readonly cells: readonly string[]
}

/** Reads a file of the repository, by its path from the root. */
export function readPage(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
}

/** The headings of the second level, in their order. */
export function sectionsOf(page: string): string[] {
  return [...page.matchAll(/^## (.+)$/gm)].map(([, title]) => title!.trim())
}

/** The rows of all tables of a page, without their heads. */
export function tableRows(page: string): TableRow[] {
  const rows: TableRow[] = []
  let section = ''
  let isInBody = false
  for (const line of page.split('\n')) {
    section = /^## (.+)$/.exec(line)?.[1]?.trim() ?? section
    const isRule = /^\|[\s:|-]+\|$/.test(line)
    if (isInBody && line.startsWith('|')) rows.push({ section, cells: cellsOf(line) })
    isInBody = line.startsWith('|') && (isInBody || isRule)
  }
  return rows
}

/** What stands in a cell between backticks, if it is nothing else. */
export function codeIn(cell: string | undefined): string {
  return /^`([^`]*)`$/.exec(cell ?? '')?.[1] ?? ''
}

function cellsOf(line: string): string[] {
  const inside = line.trim().replace(/^\||\|$/g, '')
  return inside.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll('\\|', '|'))
}
