import { createRequire } from 'node:module'
import { inspect } from 'node:util'
import { COMMON_OPTIONS, parseArguments, splitCommand } from './arguments.ts'
import type { Command, Surroundings } from './command.ts'
import { COMMANDS } from './commands.ts'
import { describeError } from './describe-error.ts'
import { PipeClosedError, UsageError } from './errors.ts'
import { commandHelp, overview, usageLine } from './help.ts'
import { didYouMean } from './suggest.ts'
import { printable } from './text-width.ts'

/** Runs what was typed after `eventdb`. Returns the exit code, and never throws. */
export async function run(argv: readonly string[], around: Surroundings): Promise<number> {
  const split = splitCommand(argv)
  const { command, rest } = commandOf(split)
  try {
    if (split === undefined) return await runWithoutCommand(argv, around)
    if (split.name === 'help') return await help(split.rest, around)
    if (command === undefined) throw unknownCommand(split.name)
    return await runCommand(command, rest, around)
  } catch (error) {
    return report(error, command, isVerbose(argv, around), around)
  }
}

/** The command that was named, or its action. */
function commandOf(split: ReturnType<typeof splitCommand>): {
  readonly command: Command | undefined
  readonly rest: readonly string[]
} {
  const { name, rest = [] } = split ?? {}
  const command = COMMANDS.find((candidate) => candidate.name === name)
  if (command?.actions === undefined) return { command, rest }
  const word = splitCommand(rest, [...command.options, ...COMMON_OPTIONS])
  const action = command.actions.find((candidate) => candidate.name === `${command.name} ${word?.name}`)
  return action === undefined ? { command, rest } : { command: action, rest: word!.rest }
}

async function runCommand(command: Command, rest: readonly string[], around: Surroundings): Promise<number> {
  const args = parseArguments(rest, [...command.options, ...COMMON_OPTIONS])
  if (args.flags.has('help')) {
    await around.out.write(commandHelp(command))
    return 0
  }
  const json = args.flags.has('json') || !around.out.isTerminal
  return command.run({ ...around, args, json })
}

async function runWithoutCommand(argv: readonly string[], around: Surroundings): Promise<number> {
  const version = { name: 'version', about: 'Print the version' }
  const args = parseArguments(argv, [...COMMON_OPTIONS, version])
  if (args.flags.has('version')) {
    await around.out.line(packageVersion())
    return 0
  }
  if (!args.flags.has('help')) throw new UsageError('Which command?')
  await around.out.write(overview(COMMANDS))
  return 0
}

async function help(rest: readonly string[], { out }: Surroundings): Promise<number> {
  const { positionals } = parseArguments(rest, COMMON_OPTIONS)
  const [name] = positionals
  const { command } = commandOf(splitCommand(positionals))
  if (name !== undefined && command === undefined) throw unknownCommand(name)
  await out.write(command === undefined ? overview(COMMANDS) : commandHelp(command))
  return 0
}

function unknownCommand(name: string): UsageError {
  const names = COMMANDS.map((command) => command.name)
  return new UsageError(`Unknown command ${JSON.stringify(name)}${didYouMean(name, names)}`)
}

function report(
  error: unknown,
  command: Command | undefined,
  verbose: boolean,
  { err }: Surroundings,
): number {
  if (error instanceof PipeClosedError) return 0
  const { message, hint } = error instanceof UsageError ? usageProblem(error, command) : describeError(error)
  err.note(`${err.paint.ink('error', 'eventdb:')} ${printable(message)}\n`)
  if (hint !== undefined) err.note(`${err.paint.ink('dim', `hint: ${hint}`)}\n`)
  if (error instanceof UsageError) {
    err.note(command === undefined ? `\n${overview(COMMANDS)}` : `${usageLine(command)}\n`)
    return 2
  }
  if (verbose) err.note(`${inspect(error)}\n`)
  return 1
}

function usageProblem(error: UsageError, command: Command | undefined): { message: string; hint?: string } {
  const { message } = error
  return command === undefined ? { message } : { message, hint: `eventdb ${command.name} --help explains it` }
}

function isVerbose(argv: readonly string[], { env }: Surroundings): boolean {
  return argv.includes('--verbose') || Boolean(env.EVENTDB_DEBUG)
}

function packageVersion(): string {
  return createRequire(import.meta.url)('eventdb/package.json').version
}
