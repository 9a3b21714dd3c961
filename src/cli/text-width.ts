const INVISIBLE = /^[\p{Mn}\p{Me}\p{Cf}]$/u
const WIDE =
  /^[\p{Emoji_Presentation}\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\u{3000}-\u{303e}\u{ff01}-\u{ff60}\u{ffe0}-\u{ffe6}]$/u
// Controls could move the cursor or recolour the terminal; bidirectional overrides could make text lie.
// biome-ignore lint/suspicious/noControlCharactersInRegex: finding control characters is the purpose
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]/gu

/** Makes text from elsewhere safe to show: what would control the terminal is written out, as in `\u{1b}`. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (char) => `\\u{${char.codePointAt(0)!.toString(16)}}`)
}

/** Columns that printable text takes on a terminal. */
export function displayWidth(text: string): number {
  let width = 0
  for (const char of text) width += charWidth(char)
  return width
}

/** Cuts printable text to a number of columns, ending in `…` if something is missing. */
export function truncate(text: string, columns: number): string {
  if (text.length <= columns && displayWidth(text) <= columns) return text
  let kept = ''
  let width = 0
  for (const char of text) {
    width += charWidth(char)
    if (width > columns) return `${withoutLast(kept, columns)}…`
    kept += char
  }
  return kept
}

/** Fills printable text up to a number of columns with blanks at its end. */
export function padEnd(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - displayWidth(text)))
}

/** Fills printable text up to a number of columns with blanks before it. */
export function padStart(text: string, columns: number): string {
  return ' '.repeat(Math.max(0, columns - displayWidth(text))) + text
}

function charWidth(char: string): number {
  if (char >= ' ' && char <= '~') return 1
  if (INVISIBLE.test(char)) return 0
  return WIDE.test(char) ? 2 : 1
}

/** Makes room for one more column. */
function withoutLast(text: string, columns: number): string {
  let kept = text
  while (kept !== '' && displayWidth(kept) > columns - 1) kept = [...kept].slice(0, -1).join('')
  return kept
}
