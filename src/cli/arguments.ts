import { parseArgs } from 'node:util'
import { parseDuration } from './duration.ts'
import { UsageError } from './errors.ts'
import { didYouMean } from './suggest.ts'

/** An option that a command knows. */
export interface OptionSpec {
  readonly name: string
  /** Another name for it, shorter to type. */
  readonly alias?: string
  /** What its value is called in the help; an option without one is a flag. */
  readonly value?: string
  /** Whether it may be given several times; otherwise the last one counts. */
  readonly repeats?: boolean
  /** One line of help. */
  readonly about: string
}

/** What the user typed after the command's name, with every option known. */
export interface Arguments {
  readonly positionals: readonly string[]
  readonly flags: ReadonlySet<string>
  readonly values: ReadonlyMap<string, readonly string[]>
  /** Flags and values once more, in the order in which they were given. */
  readonly given: readonly GivenOption[]
}

/** An option at its place; a flag has no value. */
export interface GivenOption {
  readonly name: string
  readonly value: string | undefined
}

/** Options that every command has. */
export const COMMON_OPTIONS: readonly OptionSpec[] = [
  {
    name: 'store',
    value: 'DIR',
    about: 'Folder of the event store; without it, EVENTDB_STORE names the folder',
  },
  { name: 'json', about: 'Print NDJSON, as when the output is not a terminal' },
  { name: 'verbose', about: 'Show where an error comes from; EVENTDB_DEBUG=1 does the same' },
  { name: 'help', about: 'Show this help' },
]

/**
 * Sorts what was typed into options and the rest.
 *
 * @throws UsageError for an unknown option, a missing or an unexpected value
 */
export function parseArguments(args: readonly string[], specs: readonly OptionSpec[]): Arguments {
  const tokens = tokensOf(args, specs)
  const positionals = tokens.flatMap((token) => (token.kind === 'positional' ? [token.value] : []))
  const given = tokens.flatMap((token) => (token.kind === 'option' ? [givenOption(token, specs)] : []))
  const flags = new Set<string>()
  const values = new Map<string, string[]>()
  for (const { name, value } of given) {
    if (value === undefined) flags.add(name)
    else values.set(name, [...(values.get(name) ?? []), value])
  }
  return { positionals, flags, values, given }
}

/** Finds the command's name, which is the first word that is neither an option nor an option's value. */
export function splitCommand(
  args: readonly string[],
  specs: readonly OptionSpec[] = COMMON_OPTIONS,
): { readonly name: string; readonly rest: readonly string[] } | undefined {
  const first = tokensOf(args, specs).find((token) => token.kind === 'positional')
  if (first === undefined) return undefined
  return { name: first.value, rest: args.toSpliced(first.index, 1) }
}

/** The value of an option, or `undefined` if it was not given. */
export function textOption(args: Arguments, name: string): string | undefined {
  return args.values.get(name)?.at(-1)
}

/** Every value of an option that may be repeated. */
export function textOptions(args: Arguments, name: string): readonly string[] {
  return args.values.get(name) ?? []
}

/** The value of an option that is a whole number. @throws UsageError if it is none, or out of bounds */
export function integerOption(
  args: Arguments,
  name: string,
  bounds: { readonly min: number; readonly max?: number },
): number | undefined {
  const text = textOption(args, name)
  if (text === undefined) return undefined
  const max = bounds.max ?? Number.MAX_SAFE_INTEGER
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (value >= bounds.min && value <= max) return value
  const range = bounds.max === undefined ? `from ${bounds.min} on` : `from ${bounds.min} to ${max}`
  throw new UsageError(`--${name} takes a whole number ${range}, not ${JSON.stringify(text)}`)
}

/** The value of an option that is one of a few words. @throws UsageError if it is another one */
export function choiceOption<T extends string>(
  args: Arguments,
  name: string,
  choices: readonly T[],
): T | undefined {
  const text = textOption(args, name)
  if (text === undefined) return undefined
  const choice = choices.find((candidate) => candidate === text)
  if (choice !== undefined) return choice
  throw new UsageError(
    `--${name} takes ${choices.join(', ')}, not ${JSON.stringify(text)}${didYouMean(text, choices)}`,
  )
}

/** The value of an option that is a duration, in milliseconds. @throws UsageError if it is none */
export function durationOption(args: Arguments, name: string): number | undefined {
  const text = textOption(args, name)
  try {
    return text === undefined ? undefined : parseDuration(text)
  } catch (error) {
    throw new UsageError(`--${name}: ${(error as RangeError).message}`)
  }
}

/** The only positional argument. @throws UsageError if there is none, or more than one */
export function onePositional(args: Arguments, what: string): string {
  const [value] = positionalsUpTo(args, 1)
  if (value === undefined) throw new UsageError(`${what} is missing`)
  return value
}

/** The positional arguments. @throws UsageError if there are more than `countMax` */
export function positionalsUpTo(args: Arguments, countMax: number): readonly string[] {
  const extra = args.positionals[countMax]
  if (extra !== undefined) throw new UsageError(`Unexpected argument ${JSON.stringify(extra)}`)
  return args.positionals
}

type Token = ReturnType<typeof tokensOf>[number]
type OptionToken = Extract<Token, { kind: 'option' }>

function tokensOf(args: readonly string[], specs: readonly OptionSpec[]) {
  const options = specs.flatMap(({ name, alias = name, value }) =>
    [name, alias].map((word) => [word, { type: value === undefined ? 'boolean' : 'string' }]),
  )
  return parseArgs({
    args: [...args],
    options: { ...Object.fromEntries(options), help: { type: 'boolean', short: 'h' } },
    strict: false,
    allowPositionals: true,
    tokens: true,
  }).tokens
}

function givenOption(token: OptionToken, specs: readonly OptionSpec[]): GivenOption {
  const spec = knownOption(token.name, token.rawName, specs)
  if (spec.value !== undefined) return { name: spec.name, value: valueOfOption(spec, token) }
  if (token.value !== undefined) throw new UsageError(`--${spec.name} takes no value`)
  return { name: spec.name, value: undefined }
}

function knownOption(name: string, rawName: string, specs: readonly OptionSpec[]): OptionSpec {
  const spec = specs.find((candidate) => candidate.name === name || candidate.alias === name)
  if (spec !== undefined) return spec
  const names = specs.map((candidate) => `--${candidate.name}`)
  throw new UsageError(`Unknown option ${rawName}${didYouMean(rawName, names)}`)
}

/** An option's name where a value should be is a forgotten value; `--data=--x` says that it is meant. */
function valueOfOption(spec: OptionSpec, token: OptionToken): string {
  const { value, inlineValue } = token
  if (value === undefined || (!inlineValue && value.startsWith('--'))) {
    throw new UsageError(`--${spec.name} needs a value: --${spec.name} ${spec.value}`)
  }
  return value
}
