import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A file of this repository: its path from the root, with `/`, and what is in it. */
export interface SourceFile {
  readonly path: string
  readonly text: string
}

/** A rule of the house: returns one sentence for each breach of it, none if all is well. */
export type Rule = (files: readonly SourceFile[]) => string[]

/** The same text twice, as long as the original and with the same lines, so that places in it stay what they are. */
export interface Stripped {
  /** Comments are blank. */
  readonly withoutComments: string
  /** Comments are blank, and so is what is inside string literals, templates and regular expressions. */
  readonly code: string
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** Reads every file of the repository: what git tracks, and what it would add. */
export function readRepository(): SourceFile[] {
  const listing = ['ls-files', '-z', '--cached', '--others', '--exclude-standard']
  const paths = execFileSync('git', listing, { cwd: ROOT, encoding: 'utf8' }).split('\0')
  return [...new Set(paths)].filter(isFile).map((path) => ({ path, text: readRepositoryFile(path) }))
}

/** Reads one file, by its path from the root. */
export function readRepositoryFile(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}

/** Tells whether there is such a file, by its path from the root. */
export function isFile(path: string): boolean {
  const place = join(ROOT, path)
  return path !== '' && existsSync(place) && statSync(place).isFile()
}

/** Tells whether a file holds tests, which have more freedom than what they test. */
export function isTest(path: string): boolean {
  return /\.test(-d)?\.ts$/.test(path)
}

/** The line of a place in a text, for people: the first is 1. */
export function lineAt(text: string, at: number): number {
  return text.slice(0, at).split('\n').length
}

const known = new Map<string, Stripped>()

/** Strips a TypeScript source of its comments and strings. Remembers what it did: many rules ask for the same files. */
export function stripped(text: string): Stripped {
  const before = known.get(text)
  if (before !== undefined) return before
  const pieces = piecesOf(text)
  const result = {
    withoutComments: pieces.map(({ kind, text }) => (kind === 'comment' ? blank(text) : text)).join(''),
    code: pieces.map(codeOf).join(''),
  }
  known.set(text, result)
  return result
}

interface Piece {
  readonly kind: 'code' | 'comment' | 'literal'
  readonly text: string
}

const COMMENT = /\/\/[^\n]*|\/\*[\s\S]*?\*\//y
const QUOTED = /'(?:[^'\\\n]|\\[\s\S])*'|"(?:[^"\\\n]|\\[\s\S])*"/y
/** From a backtick, or the brace that ends a substitution, to the next substitution or the end of the template. */
const TEMPLATE = /[`}](?:[^`\\$]|\\[\s\S]|\$(?!\{))*(?:`|\$\{)/y
const REGULAR_EXPRESSION = /\/(?:[^\\/[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/\w*/y
const WORD_OR_OTHER = /[\w$]+|\s+|[\s\S]/y
/** After these a slash begins a regular expression; after anything else it divides. */
const BEFORE_EXPRESSION = /^(?:[-(,=:[!&|?{};+*%<>~^]|return|typeof|case|in|of|void|throw|yield|await)?$/

function piecesOf(text: string): Piece[] {
  const pieces: Piece[] = []
  /** How many braces are open inside each `${` that is open. */
  const depths: number[] = []
  let previous = ''
  for (let at = 0; at < text.length; ) {
    const piece = pieceAt(text, at, previous, depths)
    if (piece.kind !== 'comment' && piece.text.trim() !== '') previous = piece.text
    at += piece.text.length
    pieces.push(piece)
  }
  return pieces
}

function pieceAt(text: string, at: number, previous: string, depths: number[]): Piece {
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at
    return pattern.exec(text)?.[0]
  }
  const char = text[at]
  const comment = char === '/' ? match(COMMENT) : undefined
  if (comment !== undefined) return { kind: 'comment', text: comment }
  const regular = char === '/' && BEFORE_EXPRESSION.test(previous) ? match(REGULAR_EXPRESSION) : undefined
  const template = char === '`' || (char === '}' && depths.at(-1) === 0) ? match(TEMPLATE) : undefined
  const quoted = char === '"' || char === "'" ? match(QUOTED) : undefined
  if (char === '}' && depths.length > 0 && depths[depths.length - 1]!-- === 0) depths.pop()
  if (char === '{' && depths.length > 0) depths[depths.length - 1]! += 1
  if (template?.endsWith('${')) depths.push(0)
  const literal = regular ?? template ?? quoted
  if (literal !== undefined) return { kind: 'literal', text: literal }
  return { kind: 'code', text: match(WORD_OR_OTHER)! }
}

function codeOf({ kind, text }: Piece): string {
  if (kind === 'code') return text
  if (kind === 'comment') return blank(text)
  // The ends stay, so that `f('x')` does not look like a call without arguments.
  return `${text[0]}${blank(text.slice(1, -1))}${text.at(-1)}`
}

function blank(text: string): string {
  return text.replace(/[^\n]/g, ' ')
}
