import { type EventStore, openEventStore } from 'eventdb'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CommandError, LineError } from './errors.ts'
import { Importer } from './importer.ts'
import type { Source } from './source.ts'

let store: EventStore

beforeEach(async () => {
  store = await openEventStore(':memory:')
})

afterEach(async () => {
  expect((await store.check()).problems).toEqual([])
  await store.close()
})

/** Lines `from` to `to` of a source with a given name: the name is in every line but the first. */
function sourceLines(to: number, { from = 1, variant = 'a' } = {}): string {
  const numbers = Array.from({ length: to - from + 1 }, (_, i) => from + i)
  const line = (n: number) =>
    JSON.stringify({ stream: `s-${n % 3}`, type: 'T', data: n === 1 ? 1 : [variant, n] })
  return numbers.map((n) => `${line(n)}\n`).join('')
}

function sourceOf(text: string | Buffer, name = 'test.ndjson'): Source {
  async function* chunks(): AsyncGenerator<Uint8Array> {
    yield Buffer.from(text)
  }
  return { name, bytesTotal: undefined, bytesRead: () => 0, chunks, stop: () => {} }
}

async function importText(text: string | Buffer, options: { again?: boolean; batch?: number } = {}) {
  const { again = false, batch = 10 } = options
  const importer = new Importer(store, sourceOf(text), { batchEventsMax: batch, again })
  await importer.run()
  return importer
}

async function eventCount(): Promise<number> {
  return (await store.all.read().toArray()).length
}

async function records(): Promise<unknown[]> {
  return store.readTransact(async (tx) => {
    const values: unknown[] = []
    for await (const { value } of tx.kv.getRange(['$import'])) values.push(value)
    return values
  })
}

describe('Importer', () => {
  test('keeps the order of the source across streams and batches', async () => {
    await importText(sourceLines(35))
    const events = await store.all.read().toArray()
    expect(events.map((event) => (event.version - 1) * 3 + Number(event.streamId.slice(2)))).toHaveLength(35)
    expect(events.map((event) => event.data)).toEqual([
      1,
      ...Array.from({ length: 34 }, (_, i) => ['a', i + 2]),
    ])
  })

  test('changes nothing when the source is imported already', async () => {
    await importText(sourceLines(35))
    const second = await importText(sourceLines(35))
    expect(second).toMatchObject({ eventsAdded: 0, linesBefore: 35, eventsDone: 35 })
    expect(await eventCount()).toBe(35)
  })

  test('changes nothing for the same lines with other line ends, or without the last one', async () => {
    await importText(sourceLines(12))
    expect((await importText(sourceLines(12).trimEnd())).eventsAdded).toBe(0)
    expect((await importText(sourceLines(12).replaceAll('\n', '\r\n'))).eventsAdded).toBe(0)
    expect((await importText(`\ufeff${sourceLines(12)}\n\n`)).eventsAdded).toBe(0)
  })

  test('imports only what is new in a source that has grown, also after a last line without an end', async () => {
    await importText(sourceLines(12).trimEnd())
    expect(await importText(sourceLines(31))).toMatchObject({ eventsAdded: 19, linesBefore: 12 })
    expect(await eventCount()).toBe(31)
    expect(await records()).toHaveLength(1)
  })

  test('goes on where a failure stopped it', async () => {
    const broken = `${sourceLines(25)}oops\n${sourceLines(40, { from: 26 })}`
    const importer = new Importer(store, sourceOf(broken), { batchEventsMax: 10, again: false })
    await expect(importer.run()).rejects.toMatchObject({ line: 26 })
    expect(importer).toMatchObject({ linesDone: 20, eventsDone: 20 })
    expect(await importText(sourceLines(40))).toMatchObject({ linesBefore: 20, eventsAdded: 20 })
    expect(await eventCount()).toBe(40)
  })

  test('refuses a source that begins like an earlier one and differs later', async () => {
    await importText(sourceLines(20))
    const other = sourceLines(10) + sourceLines(30, { from: 11, variant: 'b' })
    await expect(importText(other)).rejects.toThrow(CommandError)
    await expect(importText(other)).rejects.toThrow(
      'begins like test.ndjson, of which 20 lines were imported, but its content differs',
    )
    expect(await eventCount()).toBe(20)
  })

  test('refuses a source that is shorter than what was imported', async () => {
    await importText(sourceLines(20))
    await expect(importText(sourceLines(5))).rejects.toThrow(
      'of which 20 lines were imported, but it has 5 lines only',
    )
  })

  test('--again imports a differing source beside the first, and both go on by themselves', async () => {
    await importText(sourceLines(20))
    const other = (to: number) => sourceLines(10) + sourceLines(to, { from: 11, variant: 'b' })
    expect((await importText(other(15), { again: true })).eventsAdded).toBe(15)
    expect((await importText(other(30))).eventsAdded).toBe(15)
    expect((await importText(sourceLines(21))).eventsAdded).toBe(1)
    expect((await importText(other(30))).eventsAdded).toBe(0)
    expect(await records()).toHaveLength(2)
  })

  test('--again of the same source that was interrupted is what a plain import goes on with', async () => {
    await importText(sourceLines(40))
    const broken = `${sourceLines(20)}oops\n`
    await expect(importText(broken, { again: true })).rejects.toThrow(LineError)
    expect(await eventCount()).toBe(60)
    expect(await importText(sourceLines(50))).toMatchObject({ linesBefore: 20, eventsAdded: 30 })
    expect(await records()).toHaveLength(1)
    expect((await importText(sourceLines(50))).eventsAdded).toBe(0)
  })

  test('writes nothing of the batch with the bad line', async () => {
    const text = `${sourceLines(13)}{"stream":"s"}\n${sourceLines(20, { from: 14 })}`
    await expect(importText(text)).rejects.toMatchObject({ line: 14, message: '"type" is missing' })
    expect(await eventCount()).toBe(10)
  })

  test('finds the line that the store refused among the events of one append', async () => {
    const line = (type: string) => `${JSON.stringify({ stream: 'one', type })}\n`
    const text = line('A').repeat(4) + line('T'.repeat(600)) + line('B').repeat(4)
    await expect(importText(text)).rejects.toMatchObject({ line: 5, message: expect.stringContaining('512') })
    expect(await eventCount()).toBe(0)
    await expect(importText(`\n${line('A')}{"stream":"$mine","type":"T"}\n`)).rejects.toMatchObject({
      line: 3,
    })
  })

  test('says which line is not UTF-8', async () => {
    const text = Buffer.concat([Buffer.from(sourceLines(2)), Buffer.from([0xff, 0x0a])])
    await expect(importText(text)).rejects.toMatchObject({ line: 3, message: 'not UTF-8' })
  })

  test('ignores blank lines, and counts them', async () => {
    const text = `\n  \n${sourceLines(3)}\t\n\noops\n`
    await expect(importText(text)).rejects.toMatchObject({ line: 8 })
    expect(await importText(`\n  \n${sourceLines(3)}\t\n\n`)).toMatchObject({ eventsAdded: 3 })
    expect(await importText(`\n  \n${sourceLines(3)}\t\n\n`)).toMatchObject({ eventsAdded: 0 })
    expect(await importText('')).toMatchObject({ linesDone: 0, eventsAdded: 0 })
  })

  test('skips events that their stream has already, by their ids', async () => {
    const line = (n: number, stream = 's') =>
      `${JSON.stringify({ stream, type: 'T', id: `00000000-0000-4000-8000-${String(n).padStart(12, '0')}` })}\n`
    expect(await importText(line(1) + line(2) + line(1))).toMatchObject({ eventsAdded: 2, eventsKnown: 1 })
    expect(await importText(line(2) + line(3) + line(2, 'other'))).toMatchObject({
      eventsAdded: 2,
      eventsKnown: 1,
    })
    expect(await eventCount()).toBe(4)
  })

  test('closes a batch before its bytes are too many', async () => {
    const line = `${JSON.stringify({ stream: 's', type: 'T', data: 'x'.repeat(1_500_000) })}\n`
    const importer = new Importer(store, sourceOf(`${line.repeat(3)}oops\n`), {
      batchEventsMax: 100,
      again: false,
    })
    await expect(importer.run()).rejects.toThrow(LineError)
    expect(importer.linesDone).toBe(2)
  })

  test('refuses to go on beside another import of the same source', async () => {
    const late = async function* (): AsyncGenerator<Uint8Array> {
      yield Buffer.from(sourceLines(11))
      await importText(sourceLines(40))
      yield Buffer.from(sourceLines(40, { from: 12 }))
    }
    const source = { ...sourceOf(''), chunks: late }
    const importer = new Importer(store, source, { batchEventsMax: 10, again: false })
    await expect(importer.run()).rejects.toThrow('being imported by another process')
    expect(await eventCount()).toBe(40)
  })

  test('stops after what was read when it is aborted', async () => {
    const controller = new AbortController()
    const source = {
      ...sourceOf(''),
      chunks: async function* (): AsyncGenerator<Uint8Array> {
        yield Buffer.from(sourceLines(25))
        controller.abort()
        throw new Error('the stream was destroyed')
      },
    }
    const importer = new Importer(store, source, {
      batchEventsMax: 10,
      again: false,
      signal: controller.signal,
    })
    await importer.run()
    expect(importer).toMatchObject({ linesDone: 25, eventsAdded: 25 })
    expect(await importText(sourceLines(30))).toMatchObject({ linesBefore: 25, eventsAdded: 5 })
  })
})
