import { posix } from 'node:path'
import { lineAt, type SourceFile, stripped } from './source-text.ts'

/** One place where a file reaches for another. */
export interface Import {
  /** `types` is what the compiler erases; `dynamic` is `import()`, which loads only when it is run. */
  readonly kind: 'static' | 'types' | 'dynamic'
  /** As written; `undefined` if it is computed. */
  readonly specifier: string | undefined
  /** The file, from the root of the repository, if the specifier is relative. */
  readonly target: string | undefined
  /** Where it is, as `src/kv/x.ts:12`. */
  readonly at: string
}

const FROM = String.raw`\s*from\s*(?:'([^'\n]*)'|"([^"\n]*)")`
const STATIC = [
  new RegExp(String.raw`(?<![\w$.])import\s+(type\s)?[\w$*\s{},]+?${FROM}`, 'g'),
  new RegExp(String.raw`(?<![\w$.])import\s+(type\s)?\{[^}]*\}${FROM}`, 'g'),
  new RegExp(String.raw`(?<![\w$.])export\s+(type\s*)?(?:\*(?:\s*as\s+[\w$]+)?|\{[^}]*\})${FROM}`, 'g'),
  /(?<![\w$.])import\s*()(?:'([^'\n]*)'|"([^"\n]*)")/g,
]
const DYNAMIC = /(?<![\w$.])(?:import|require)\s*\(\s*(?:(['"`])([^'"`$\n]*)\1\s*[,)])?/g

/** Finds every `import`, `export … from`, `import()` and `require()` of a file, types included. */
export function importsOf(file: SourceFile): Import[] {
  const { withoutComments, code } = stripped(file.text)
  const found = new Map<number, Import>()
  const add = (at: number, kind: Import['kind'], specifier: string | undefined): void => {
    const isInString = code[at] === ' '
    if (!isInString) found.set(at, importAt(file, at, kind, specifier))
  }
  for (const pattern of STATIC)
    for (const { index, 1: types, 2: single, 3: double } of withoutComments.matchAll(pattern))
      add(index, types ? 'types' : 'static', single ?? double)
  for (const { index, 2: specifier } of withoutComments.matchAll(DYNAMIC)) add(index, 'dynamic', specifier)
  return [...found].sort(([a], [b]) => a - b).map(([, it]) => it)
}

function importAt(file: SourceFile, at: number, kind: Import['kind'], specifier: string | undefined): Import {
  const isRelative = specifier?.startsWith('.') === true
  return {
    kind,
    specifier,
    target: isRelative ? posix.join(posix.dirname(file.path), specifier) : undefined,
    at: `${file.path}:${lineAt(file.text, at)}`,
  }
}
