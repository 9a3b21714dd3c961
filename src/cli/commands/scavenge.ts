import type { EventStore, ScavengeReport } from 'eventdb'
import { positionalsUpTo } from '../arguments.ts'
import type { Command, Invocation } from '../command.ts'
import { formatBytes, formatCounted } from '../format.ts'
import { INTERRUPTED } from '../interruption.ts'
import { longWork } from '../long-work.ts'
import { withExistingStore } from '../open-store.ts'

/** `eventdb scavenge`: removes what is hidden for good. */
export const scavenge: Command = {
  name: 'scavenge',
  form: '',
  summary: 'Remove the events of deleted streams, and those that retention hides',
  details: `
What it has removed can never be restored. The store may be in use meanwhile. Files do
not become smaller: the space is used for what is written next.

Ctrl-C stops it; the same command goes on from there.`,
  options: [],
  run: (invocation) => {
    positionalsUpTo(invocation.args, 0)
    return withExistingStore(invocation, (store) => scavengeStore(store, invocation))
  },
}

async function scavengeStore(store: EventStore, { out, err, json }: Invocation): Promise<number> {
  let report: ScavengeReport = { streams: 0, events: 0, bytes: 0, others: 0 }
  const { interrupted, result = report } = await longWork(err, ({ signal, line }) =>
    store.scavenge({
      signal,
      onProgress: (done) => {
        report = done
        line.update(() => summaryOf(done))
      },
    }),
  )
  await out.line(json ? JSON.stringify({ ...result, interrupted }) : `${summaryOf(result)}.`)
  if (!interrupted) return 0
  err.note('interrupted: what was done stays done; the same command goes on from there\n')
  return INTERRUPTED
}

function summaryOf({ streams, events, bytes, others }: ScavengeReport): string {
  const besides = others === 0 ? '' : `, and ${formatCounted(others, 'other row')}`
  const removed = `${formatCounted(events, 'event')} removed (${formatBytes(bytes)})${besides}`
  return `${removed}; ${formatCounted(streams, 'stream')} looked at`
}
