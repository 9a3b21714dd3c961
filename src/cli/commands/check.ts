import type { CheckProblem, CheckReport, EventStore } from 'eventdb'
import { positionalsUpTo } from '../arguments.ts'
import type { Command, Invocation } from '../command.ts'
import { formatCount, formatCounted } from '../format.ts'
import { INTERRUPTED } from '../interruption.ts'
import { longWork } from '../long-work.ts'
import { withExistingStore } from '../open-store.ts'
import { printable } from '../text-width.ts'

/** `eventdb check`: whether everything that is stored is as it should be. */
export const check: Command = {
  name: 'check',
  form: '',
  summary: 'Verify everything that is stored',
  details: `
Looks at every row: checksums, the versions of every stream, every index. Reports each
problem, and repairs nothing. The store may be in use meanwhile. Exit code 1 if there is
a problem.`,
  options: [],
  run: (invocation) => {
    positionalsUpTo(invocation.args, 0)
    return withExistingStore(invocation, (store) => checkStore(store, invocation))
  },
}

async function checkStore(store: EventStore, invocation: Invocation): Promise<number> {
  const { out, err, json } = invocation
  const started = performance.now()
  const { interrupted, result } = await longWork(err, ({ signal, line }) =>
    store.check({
      signal,
      onProgress: (rows) => line.update(() => progressOf(rows, performance.now() - started)),
    }),
  )
  if (interrupted) {
    err.note('interrupted: what is left was not looked at\n')
    return INTERRUPTED
  }
  await out.write(json ? jsonOf(result) : pretty(result, invocation))
  return result.problems.length === 0 ? 0 : 1
}

function progressOf(rows: number, elapsedMs: number): string {
  const checked = `${formatCounted(rows, 'row')} checked`
  return elapsedMs < 1 ? checked : `${checked}  ${formatCount((rows / elapsedMs) * 1_000)}/s`
}

function jsonOf(report: CheckReport): string {
  return `${JSON.stringify(report, (_, value) => (typeof value === 'bigint' ? String(value) : value))}\n`
}

function pretty({ problems, events, streams, rows }: CheckReport, { out }: Invocation): string {
  const looked = `${formatCounted(events, 'event')} in ${formatCounted(streams, 'stream')}, ${formatCounted(rows, 'row')}`
  const lines = problems.map((problem) => `${problemLine(problem, out.paint)}\n`)
  const verdict =
    problems.length === 0
      ? out.paint.ink('good', 'No problems.')
      : out.paint.ink('error', `${formatCounted(problems.length, 'problem')}.`)
  return `${lines.join('')}${verdict} Looked at ${looked}.\n`
}

function problemLine({ kind, message }: CheckProblem, paint: Invocation['out']['paint']): string {
  return `${paint.ink('error', printable(kind))}  ${printable(message)}`
}
