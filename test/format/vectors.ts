import { byteString } from '../../src/kv/byte-string.ts'
import type { Row } from '../../src/kv/rows.ts'

/**
 * Rows as text: `key` and `value`, each followed by bytes in hexadecimal, in groups and lines of any length. `7a*100` is a hundred
 * bytes 7A, and `#` begins a comment.
 *
 *   key    15 01  14          # the store, the format row
 *   value  7b 7d
 */
export function parseRows(text: string): Row[] {
  const rows: { key: number[]; value: number[] }[] = []
  let target: number[] | undefined
  for (const word of text.replace(/#.*$/gm, '').split(/\s+/)) {
    if (word === 'key') {
      target = []
      rows.push({ key: target, value: [] })
    } else if (word === 'value') target = rows.at(-1)!.value
    else if (word !== '') for (const byte of bytesOf(word)) target!.push(byte)
  }
  return rows.map(({ key, value }) => ({ key: Uint8Array.from(key), value: Uint8Array.from(value) }))
}

/** Writes rows in the form that `parseRows` reads. Long runs of one byte are written with their number. */
export function formatRows(rows: readonly Row[]): string {
  return rows.map(({ key, value }) => `key    ${hex(key)}\nvalue  ${hex(value)}\n`).join('')
}

/** The fenced blocks of a page with this language, each with the heading that it stands under. */
export function blocksOf(
  page: string,
  language: string,
): { readonly section: string; readonly text: string }[] {
  return [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map((match) => ({
    section: [...page.slice(0, match.index).matchAll(/^#+ (.+)$/gm)].at(-1)?.[1] ?? '',
    text: match[1]!,
  }))
}

/** Rows in the order of their keys. */
export function sorted(rows: readonly Row[]): Row[] {
  return rows.toSorted((a, b) => (byteString(a.key) < byteString(b.key) ? -1 : 1))
}

function bytesOf(word: string): number[] {
  const [, digits, times = '1'] = /^((?:[0-9a-f]{2})+)(?:\*(\d+))?$/.exec(word) ?? []
  if (digits === undefined) throw new Error(`These are no bytes in hexadecimal: ${word}`)
  const bytes = digits.match(/../g)!.map((pair) => Number.parseInt(pair, 16))
  return Array.from({ length: Number(times) }, () => bytes).flat()
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('hex')
    .replace(/(..)\1{31,}/g, (run, byte) => ` ${byte}*${run.length / 2} `)
    .trim()
}
