import { existsSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { type EventRead, openEventStore } from 'eventdb'
import { describe, expect } from 'vitest'
import { parseLines, spawned, test } from '../cli/eventdb.ts'
import { DECLARATIONS } from './declarations.ts'

/** A line of the file. */
interface Declared {
  readonly stream: string
  readonly type: string
  readonly time: string
  readonly metadata: { readonly role: string }
}

/** What tells events apart for the comparison. */
type Told = readonly [stream: string, type: string, time: string, role: string]

describe.skipIf(!existsSync(DECLARATIONS))('queries over the expense declarations', () => {
  test('agree with a scan of the file', async ({ folder }) => {
    const place = join(folder, 'store')
    const lines = gunzipSync(readFileSync(DECLARATIONS)).toString().split('\n')
    const [former, latter] = [join(folder, 'former.ndjson'), join(folder, 'latter.ndjson')]
    const half = 30_000
    await writeFile(former, lines.slice(0, half).join('\n'))
    await writeFile(latter, lines.slice(half).join('\n'))
    for (const file of [former, latter]) {
      const imported = await spawned(['import', file, '--tag-field', 'metadata.role', '--store', place])
      expect(imported.code, imported.stderr).toBe(0)
    }
    const declared = parseLines(lines.join('\n')) as unknown as readonly Declared[]
    await using store = await openEventStore(place)

    const rejected = declared.filter(({ type }) => type === 'DeclarationRejectedBySupervisor').map(toldOf)
    expect(rejected.length).toBeGreaterThan(100)
    expect(await toldBy(store.eventType('DeclarationRejectedBySupervisor').read())).toEqual(rejected)

    const supervised = declared.filter(({ metadata }) => metadata.role === 'SUPERVISOR').map(toldOf)
    expect(supervised.length).toBeGreaterThan(1_000)
    const bySupervisors = store.query({ items: [{ tags: ['role:SUPERVISOR'] }] })
    expect(await toldBy(bySupervisors.read())).toEqual(supervised)
    expect(await toldBy(bySupervisors.read({ direction: 'backwards', limit: 1_000 }))).toEqual(
      supervised.toReversed().slice(0, 1_000),
    )

    const items = [{ types: ['DeclarationRejectedBySupervisor'] }, { tags: ['role:EMPLOYEE'] }]
    const either = declared.filter(
      ({ type, metadata }) => type === 'DeclarationRejectedBySupervisor' || metadata.role === 'EMPLOYEE',
    )
    expect(await toldBy(store.query({ items }).read())).toEqual(either.map(toldOf))
    const both = [{ types: ['DeclarationSubmittedByEmployee'], tags: ['role:SUPERVISOR'] }]
    expect(await toldBy(store.query({ items: both }).read())).toEqual([])

    let counted = 0
    for await (const batch of store.category('declaration').read().batches()) counted += batch.length
    expect(counted).toBe(declared.filter(({ stream }) => stream.startsWith('declaration-')).length)
    expect(counted).toBe(declared.length)

    // The second import was another process, so all of it was recorded later, in another millisecond.
    const lastOfFormer = (await store.all.read({ limit: half }).last())!.recordedAt
    const rejectedLater = declared
      .slice(half)
      .filter(({ type }) => type === 'DeclarationRejectedBySupervisor')
      .map(toldOf)
    const later = store.eventType('DeclarationRejectedBySupervisor').read({ after: lastOfFormer })
    expect(rejectedLater.length).toBeGreaterThan(10)
    expect(await toldBy(later)).toEqual(rejectedLater)
    expect(await toldBy(store.all.read({ to: lastOfFormer }))).toEqual(declared.slice(0, half).map(toldOf))
    expect((await store.check()).problems).toEqual([])
  })
})

function toldOf({ stream, type, time, metadata }: Declared): Told {
  return [stream, type, new Date(time).toISOString(), metadata.role]
}

async function toldBy(
  read: EventRead<{ streamId: string; type: string; time: Date; metadata?: unknown }>,
): Promise<Told[]> {
  const told: Told[] = []
  for await (const { streamId, type, time, metadata } of read) {
    told.push([streamId, type, time.toISOString(), (metadata as { role: string }).role])
  }
  return told
}
