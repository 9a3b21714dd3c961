import { builtinModules } from 'node:module'
import { importsOf } from './imports.ts'
import { isTest, lineAt, type Rule, type SourceFile, stripped } from './source-text.ts'

/** Most lines of a file in `src`. */
const FILE_LINES_MAX = 400
/** Files that are one concept however long they get: all errors are in one, as they are on one page of the docs. */
const LONG_FILES: readonly string[] = ['src/errors.ts']

const sources = (files: readonly SourceFile[]): readonly SourceFile[] =>
  files.filter(({ path }) => path.startsWith('src/') && path.endsWith('.ts'))
const untested = (files: readonly SourceFile[]): readonly SourceFile[] =>
  sources(files).filter(({ path }) => !isTest(path))
const isIndex = (path: string): boolean => path.endsWith('/index.ts')

interface Found {
  /** As `src/kv/x.ts:12`. */
  readonly at: string
  readonly match: RegExpMatchArray
}

/** Every place where the code, without comments and strings, matches. */
function findInCode(file: SourceFile, pattern: RegExp): Found[] {
  const matches = [...stripped(file.text).code.matchAll(pattern)]
  return matches.map((match) => ({ at: `${file.path}:${lineAt(file.text, match.index!)}`, match }))
}

/** What a module offers has a name, and that name is written down where it is offered. */
export const namedExports: Rule = (files) =>
  sources(files).flatMap((file) => [
    ...findInCode(file, /(?<![\w$.])export\s+(?:type\s+)?\*/g).map(
      ({ at }) => `${at} exports *: name what it exports`,
    ),
    ...findInCode(file, /(?<![\w$.])export\s+default\b|\bas\s+default\b/g).map(
      ({ at }) => `${at} has a default export: export it by its name`,
    ),
  ])

const MAY_USE_NODE = /^src\/(drivers|testing|cli)\//

/** The core speaks `Uint8Array` and runs anywhere: what belongs to Node stays at the edges. */
export const nodeAtTheEdges: Rule = (files) =>
  untested(files)
    .filter(({ path }) => !MAY_USE_NODE.test(path))
    .flatMap((file) => [
      ...importsOf(file)
        .filter(({ specifier = '' }) => specifier.startsWith('node:') || builtinModules.includes(specifier))
        .map(
          ({ at, specifier }) =>
            `${at} imports ${specifier}: only drivers, testing and cli may know Node, let the caller hand it in`,
        ),
      ...findInCode(file, /(?<![\w$.])(?:globalThis\s*\.\s*)?Buffer\b/g).map(
        ({ at }) => `${at} uses Buffer, which only drivers, testing and cli may: use Uint8Array`,
      ),
    ])

const MAY_USE_TIME_AND_CHANCE = /^src\/(runtime\.ts$|cli\/)/
const TIME_AND_CHANCE = new RegExp(
  [
    String.raw`(?<![\w$.])(?:globalThis\s*\.\s*)?(?:`,
    [
      String.raw`Date\s*\.\s*now\b`,
      String.raw`new\s+Date\b(?!\s*\(\s*[^\s)])`,
      String.raw`Date\s*\(\s*\)`,
      String.raw`Math\s*\.\s*random\b`,
      String.raw`(?:crypto\s*\.\s*)?(?:randomUUID|getRandomValues)\b`,
      String.raw`performance\s*\.\s*now\b`,
      String.raw`process\s*\.\s*hrtime\b`,
      String.raw`AbortSignal\s*\.\s*timeout\b`,
      String.raw`set(?:Timeout|Interval|Immediate)\b`,
      String.raw`console\b`,
    ].join('|'),
    ')',
  ].join(''),
  'g',
)

/** Time, chance and output come from a `Runtime`, so that tests can run on simulated ones. */
export const timeAndChance: Rule = (files) =>
  untested(files)
    .filter(({ path }) => !MAY_USE_TIME_AND_CHANCE.test(path))
    .flatMap((file) => findInCode(file, TIME_AND_CHANCE))
    .map(
      ({ at, match }) =>
        `${at} uses ${match[0].replace(/\s+/g, ' ')}: src/runtime.ts is the only door to time, chance and output, take a Runtime`,
    )

/** A file is one concept, and can be read in one sitting. */
export const fileSizes: Rule = (files) =>
  sources(files)
    .map(({ path, text }) => ({ path, lines: text.replace(/\n$/, '').split('\n').length }))
    .filter(({ path, lines }) => lines > FILE_LINES_MAX && !LONG_FILES.includes(path))
    .map(
      ({ path, lines }) =>
        `${path} has ${lines} lines, and the limit is ${FILE_LINES_MAX}: find the second concept in it and give it a file`,
    )

const KEBAB_CASE = /^[a-z0-9]+(-[a-z0-9]+)*(\.test|\.test-d)?(\.ts)?$/
const EMPTY_FILE_NAME = /(^|-)(utils?|helpers?|misc|common)\./

/** Files are in kebab-case and named after what they export. */
export const fileNames: Rule = (files) =>
  files
    .filter(({ path }) => path.startsWith('src/'))
    .flatMap(({ path }) => [
      ...(path.split('/').every((part) => KEBAB_CASE.test(part))
        ? []
        : [`${path} is not in kebab-case: rename it, after what it exports`]),
      ...(EMPTY_FILE_NAME.test(path.split('/').at(-1)!)
        ? [`${path} has a name that says nothing: name it after what it exports`]
        : []),
    ])

/** The folders whose `index.ts` says what the layer knows; the cli is a program and has none. */
const HAS_INDEX = /^src\/(?:drivers\/[^/]+|(?!drivers\/|cli\/)[^/]+)(?=\/)/

/** The `index.ts` of each layer opens with what this layer knows and what it must not know. */
export const layerIntroductions: Rule = (files) => {
  const folders = new Set(untested(files).flatMap(({ path }) => HAS_INDEX.exec(path)?.[0] ?? []))
  return ['src', ...folders].flatMap((folder) => {
    const index = files.find(({ path }) => path === `${folder}/index.ts`)
    const task = 'open it with a /** paragraph */ on what the layer knows and what it must not know'
    if (index === undefined) return [`${folder} has no index.ts: write it, and ${task}`]
    const [, paragraph = ''] = /^\/\*\*([\s\S]*?)\*\//.exec(index.text) ?? []
    return /\w[^.]{30,}\./.test(paragraph) ? [] : [`${index.path} does not say what it is: ${task}`]
  })
}

const DECLARATION =
  /(?<=^|\n)export\s+(?:declare\s+)?(?:abstract\s+)?(?:async\s+)?(const|let|var|function\b\s*\*?|class|interface|type|enum|namespace)\s*((?<!(?:type|interface)\s*)[{[]|[\w$]+)/g

/** Everything that is exported says what it is, directly above. */
export const docstrings: Rule = (files) =>
  untested(files)
    .filter(({ path }) => !isIndex(path))
    .flatMap((file) => [
      ...findInCode(file, DECLARATION)
        .filter(({ match }) => !isDocumented(file.text, match.index!) && !isOverload(file.text, match))
        .map(
          ({ at, match }) =>
            `${at} exports ${match[2]} without a docstring: say in a /** sentence */ directly above what it is or does`,
        ),
      ...findInCode(file, /(?<=^|\n)export\s+(?:type\s+)?\{[^}]*\}(?!\s*from\b)/g).map(
        ({ at }) => `${at} exports a list: export each thing where it is declared and documented`,
      ),
    ])

function isDocumented(text: string, at: number): boolean {
  const above = text.slice(0, at).replace(/(?:\n[ \t]*\/\/[^\n]*)+\n$/, '\n')
  const comment = above.slice(Math.max(0, above.lastIndexOf('/*')))
  return /^\/\*\*(?=[^/]*\w)[\s\S]*\*\/\n$/.test(comment)
}

/** Whether it is a further signature, or the body, of a function that is documented at its first signature. */
function isOverload(text: string, { index, 1: kind, 2: name }: RegExpMatchArray): boolean {
  if (!kind!.startsWith('function')) return false
  const first = text.search(
    new RegExp(String.raw`^export (?:async )?function ${name!.replace('$', '\\$')}\b`, 'm'),
  )
  return first !== -1 && first < index! && isDocumented(text, first)
}

const BAD_NAMES: readonly (readonly [RegExp, string])[] = [
  [/^Base(?=[A-Z]|$)/, 'begins with Base'],
  [/Impl$/, 'ends with Impl'],
  [/Managers?$/, 'ends with Manager'],
  [/Helpers?$/, 'ends with Helper'],
  [/Utils?$/, 'ends with Utils'],
]

/** Exported names say what a thing is, not what part it has in a pattern. */
export const exportedNames: Rule = (files) =>
  untested(files).flatMap((file) =>
    findInCode(file, DECLARATION).flatMap(({ at, match: [, kind, name] }) => {
      const faults = BAD_NAMES.filter(([pattern]) => pattern.test(name!)).map(([, fault]) => fault)
      if (/^(interface|type)$/.test(kind!) && /^I[A-Z]/.test(name!)) faults.push('begins with I')
      return faults.map((fault) => `${at} exports ${name}, which ${fault}: name it after what it is`)
    }),
  )
