/**
 * Says what it is handed by one subscription to `all`: `hearing-child.ts <folder> <engine> <kind>`, where the kind is `volatile`, `catch-up`,
 * `persistent` (of the group `g`) or `volatile-group`. Reports `ready` when it has subscribed, and the data of each event.
 */
import { type EventStore, openEventStore } from 'eventdb'
import { report, told } from './told.ts'

/** How it subscribes. */
export type HearingKind = 'volatile' | 'catch-up' | 'persistent' | 'volatile-group'

/** What it says. */
export type HearingReport =
  | { readonly event: 'ready' | 'done' }
  | { readonly event: 'heard'; readonly data: unknown }

const [folder, engine, kind] = process.argv.slice(2) as [string, 'sqlite' | 'lmdb', HearingKind]
const finishing = told('finish')
const store = await openEventStore(folder, { engine })
const subscription = await subscribe(store)
say({ event: 'ready' })
await finishing
await subscription.close()
await store.close()
say({ event: 'done' })
process.exit(0)

function subscribe({ all }: EventStore): Promise<{ close(): Promise<void> }> {
  switch (kind) {
    case 'volatile':
      return all.subscribe({ type: 'volatile' }, hear)
    case 'catch-up':
      return all.subscribe({ type: 'catch-up' }, hear)
    case 'persistent':
      return all.subscribe({ type: kind, group: 'g' }, hear)
    case 'volatile-group':
      return all.subscribe({ type: 'volatile', group: 'g' }, hear)
  }
}

function hear({ data }: { readonly data?: unknown }): void {
  say({ event: 'heard', data })
}

function say(what: HearingReport): void {
  report(what)
}
