import type { CheckProblem, CheckReport } from 'eventdb'
import { positionalsUpTo } from '../arguments.ts'
import type { Command, Invocation } from '../command.ts'
import { formatCounted } from '../format.ts'
import { withExistingStore } from '../open-store.ts'
import { ProgressLine } from '../progress-line.ts'
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
  run: async (invocation) => {
    positionalsUpTo(invocation.args, 0)
    const report = await withExistingStore(invocation, async (store) => {
      const line = new ProgressLine(invocation.err)
      try {
        return await store.check({
          onProgress: (rows) => line.update(() => `${formatCounted(rows, 'row')} checked`),
        })
      } finally {
        line.clear()
      }
    })
    await invocation.out.write(invocation.json ? jsonOf(report) : pretty(report, invocation))
    return report.problems.length === 0 ? 0 : 1
  },
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
