import { COMMON_OPTIONS, type OptionSpec } from './arguments.ts'
import type { Command } from './command.ts'

/** The help of the whole command line. */
export function overview(commands: readonly Command[]): string {
  const rows = commands.map((command) => [command.name, command.summary] as const)
  return [
    'eventdb: an event store in a folder',
    '',
    'Usage: eventdb COMMAND [options]',
    '',
    'Commands:',
    ...columns(rows),
    '',
    'Options of every command:',
    ...optionLines(COMMON_OPTIONS),
    '',
    'eventdb COMMAND --help explains a command; eventdb --version prints the version.',
    'On a terminal the output is for people; elsewhere it is NDJSON, one JSON value a line.',
    'Exit codes: 0, 1 for a failure, 2 for wrong usage, 130 for what Ctrl-C stopped.',
    '',
  ].join('\n')
}

/** The help of one command. */
export function commandHelp(command: Command): string {
  return [
    usageLine(command),
    '',
    `${command.summary}.`,
    '',
    ...(command.details === '' ? [] : [command.details.trim(), '']),
    ...actionLines(command),
    command.actions === undefined ? 'Options:' : 'Options of all actions:',
    ...optionLines([...command.options, ...COMMON_OPTIONS]),
    '',
  ].join('\n')
}

/** How a command is called, in one line. */
export function usageLine(command: Command): string {
  return `Usage: eventdb ${`${command.name} ${command.form}`.trim()}`
}

/** Each action has a help of its own. */
function actionLines({ name, actions }: Command): readonly string[] {
  if (actions === undefined) return []
  const rows = actions.map((action) => [action.name.slice(name.length + 1), action.summary] as const)
  return [
    'Actions:',
    ...columns(rows),
    '',
    `eventdb ${name} ACTION --help explains one, and its options.`,
    '',
  ]
}

function optionLines(options: readonly OptionSpec[]): readonly string[] {
  return columns(
    options.map(({ name, alias, value, about }) => [
      `--${name}${value === undefined ? '' : ` ${value}`}`,
      alias === undefined ? about : `${about}; also --${alias}`,
    ]),
  )
}

function columns(rows: readonly (readonly [string, string])[]): readonly string[] {
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`)
}
