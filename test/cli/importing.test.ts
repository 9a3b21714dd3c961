import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { type EventStore, openEventStore, StoreNotFoundError } from 'eventdb'
import { describe, expect } from 'vitest'
import { eventdb, parseLines, printed, shop, shopLines, spawned, start, test, toLines } from './eventdb.ts'

async function numbersIn(store: string): Promise<unknown[]> {
  const { stdout } = await eventdb(['export', '--store', store])
  return parseLines<{ data: { number: number } }>(stdout).map((event) => event.data.number)
}

function upTo(last: number): number[] {
  return Array.from({ length: last }, (_, i) => i + 1)
}

async function soundEvents(store: string): Promise<number> {
  const { code, stdout } = await eventdb(['check', '--store', store])
  expect(code).toBe(0)
  return parseLines<{ events: number }>(stdout)[0]!.events
}

/** Waits until another process has committed so many events to the store. */
async function untilWritten(path: string, events: number): Promise<void> {
  await using store = await untilThere(path)
  while ((await store.info()).events < events) await pause()
}

async function untilThere(path: string): Promise<EventStore> {
  for (;;) {
    try {
      return await openEventStore(path, { create: false })
    } catch (error) {
      if (!(error instanceof StoreNotFoundError)) throw error
      await pause()
    }
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5))
}

describe('eventdb import', () => {
  test('reads files and standard input, plain and gzipped', async ({ folder }) => {
    const plain = toLines(shopLines(2_500))
    const file = join(folder, 'shop.ndjson')
    // Its name does not say that it is compressed.
    const packed = join(folder, 'shop.data')
    await Promise.all([writeFile(file, plain), writeFile(packed, gzipSync(plain))])
    const imports = [
      await spawned(['import', file, '--store', join(folder, 'a')]),
      await eventdb(['import', packed, '--store', join(folder, 'b')]),
      await eventdb(['import', '-', '--store', join(folder, 'c')], { input: plain }),
      await spawned(['import', '-', '--store', join(folder, 'd')], { input: gzipSync(plain) }),
    ]
    for (const { code, stdout, stderr } of imports) {
      expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
      expect(stderr).toMatch(/^[^\n]*: 2,500 events imported \([^\n]*\)\n$/)
    }
    for (const name of ['a', 'b', 'c', 'd']) expect(await numbersIn(join(folder, name))).toEqual(upTo(2_500))
  })

  test('imports nothing twice, and only what is new in a file that has grown', async ({ folder }) => {
    const [file, store] = [join(folder, 'shop.ndjson'), join(folder, 'store')]
    const importFile = () => eventdb(['import', file, '--store', store, '--batch', '7'])
    await writeFile(file, toLines(shopLines(100)))
    await importFile()
    const second = await importFile()
    expect(second.code).toBe(0)
    expect(second.stderr).toBe(`${file}: nothing is new (lines 1 to 100 were imported before)\n`)
    await writeFile(file, toLines(shopLines(130)))
    expect((await importFile()).stderr).toContain(': 30 events imported (')
    expect(await numbersIn(store)).toEqual(upTo(130))
  })

  test('refuses a file that differs from the one before, and takes it with --again', async ({ folder }) => {
    const [file, store] = [join(folder, 'shop.ndjson'), join(folder, 'store')]
    const importFile = (...more: string[]) => eventdb(['import', file, '--store', store, ...more])
    await writeFile(file, toLines(shopLines(10)))
    await importFile()
    await writeFile(file, toLines([...shopLines(5), ...shopLines(20, 7)]))
    const refused = await importFile()
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain(
      `begins like ${file}, of which 10 lines were imported, but its content differs`,
    )
    expect(refused.stderr).toContain('--again imports it from its first line on')
    expect(await numbersIn(store)).toEqual(upTo(10))
    expect((await importFile('--again')).code).toBe(0)
    expect(await numbersIn(store)).toHaveLength(29)
    expect((await importFile()).stderr).toContain('nothing is new')
  })

  test('names file, line and reason of a bad line, and writes nothing of its batch', async ({ folder }) => {
    const [file, store] = [join(folder, 'shop.ndjson'), join(folder, 'store')]
    const lines = toLines(shopLines(100)).split('\n')
    await writeFile(file, lines.with(56, '{"stream":"order-1","tpye":"T"}').join('\n'))
    const args = ['import', file, '--store', store, '--batch', '10']
    const failed = await spawned(args)
    expect(failed.code).toBe(1)
    expect(failed.stderr).toBe(
      `eventdb: ${file}:57: unknown field "tpye"; did you mean type?\n` +
        'hint: 50 events, up to line 50, are imported; the same command goes on from there\n',
    )
    expect(await numbersIn(store)).toEqual(upTo(50))
    await writeFile(file, lines.join('\n'))
    expect((await spawned(args)).code).toBe(0)
    expect(await numbersIn(store)).toEqual(upTo(100))
  })

  test('reports a file that is missing, a folder, and gzip that ends early', async ({ folder }) => {
    const store = join(folder, 'store')
    const missing = await eventdb(['import', join(folder, 'none'), '--store', store])
    expect(missing).toMatchObject({
      code: 1,
      stderr: `eventdb: ${join(folder, 'none')}: no such file or folder\n`,
    })
    expect(await readdir(folder)).toEqual([])
    const aFolder = await eventdb(['import', folder, '--store', store])
    expect(aFolder).toMatchObject({ code: 1, stderr: `eventdb: ${folder}: is a folder, not a file\n` })
    const packed = gzipSync(toLines(shopLines(5_000)))
    const cut = await eventdb(['import', '-', '--store', store], {
      input: packed.subarray(0, packed.length / 2),
    })
    expect(cut.code).toBe(1)
    expect(cut.stderr).toContain('<stdin>: the gzip data is damaged or ends early')
  })

  test('goes on where it was killed, again and again, without losing or doubling an event', async ({
    folder,
  }) => {
    const [file, store] = [join(folder, 'shop.ndjson'), join(folder, 'store')]
    const lines = toLines(shopLines(3_000))
    for (const events of [1, 500, 1_500]) {
      // Its input does not end, so it cannot be done before it is killed.
      const running = start(['import', '-', '--store', store, '--batch', '10'], { input: null })
      running.process.stdin?.write(lines)
      await untilWritten(store, events)
      running.process.kill('SIGKILL')
      expect((await running.finished).code).toBe('SIGKILL')
      const written = await soundEvents(store)
      expect(written % 10).toBe(0)
      expect(await numbersIn(store)).toEqual(upTo(written))
    }
    await writeFile(file, lines)
    expect((await eventdb(['import', file, '--store', store])).code).toBe(0)
    expect(await numbersIn(store)).toEqual(upTo(3_000))
    expect((await eventdb(['import', file, '--store', store])).stderr).toContain('nothing is new')
  })

  test('finishes what it has read on Ctrl-C, and says how to go on', async ({ folder }) => {
    const running = start(['import', '-', '--store', folder, '--batch', '20'], { input: null })
    running.process.stdin?.write(toLines(shopLines(50)))
    await untilWritten(folder, 40)
    running.process.kill('SIGINT')
    const { code, stderr } = await running.finished
    expect(code).toBe(130)
    expect(stderr).toContain(
      'interrupted: 50 events, up to line 50, are imported; the same command goes on from',
    )
    expect(await numbersIn(folder)).toEqual(upTo(50))
    await eventdb(['import', '-', '--store', folder], { input: toLines(shopLines(90)) })
    expect(await numbersIn(folder)).toEqual(upTo(90))
  })

  test('--tag-field makes tags of fields, once', async ({ folder }) => {
    const id = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`
    const lines = toLines([
      {
        stream: 's',
        type: 'T',
        id: id(1),
        metadata: { role: 'CLERK' },
        data: { parts: ['a', 7] },
        tags: ['own'],
      },
      { stream: 's', type: 'T', id: id(2), metadata: { role: null } },
      { stream: 's', type: 'T', id: id(3) },
    ])
    const fields = ['--tag-field', 'metadata.role', '--tag-field', 'data.parts']
    const importLines = (...more: string[]) =>
      eventdb(['import', '-', '--store', folder, ...fields, ...more], { input: lines })
    expect((await importLines()).code).toBe(0)
    const tags = async () => (await printed(['read', 's', '--store', folder])).map((event) => event.tags)
    expect(await tags()).toEqual([['own', 'parts:7', 'parts:a', 'role:CLERK'], undefined, undefined])
    expect((await importLines()).stderr).toContain('nothing is new (lines 1 to 3 were imported before)')
    expect((await importLines('--again')).stderr).toContain(
      'nothing is new (3 events were in their streams already)',
    )
    expect(await tags()).toHaveLength(3)
    expect(
      await printed(['query', '--tag', 'role:CLERK', '--tag', 'parts:7', '--store', folder]),
    ).toHaveLength(1)
  })

  test('--tag-field names the line of what cannot be a tag', async ({ folder }) => {
    const input = toLines([...shopLines(2), { stream: 's', type: 'T', data: { number: { n: 3 } } }])
    const { code, stderr } = await eventdb(['import', '-', '--tag-field', 'data.number', '--store', folder], {
      input,
    })
    expect(code).toBe(1)
    expect(stderr).toContain('eventdb: <stdin>:3: data.number holds an object, which cannot be a tag\n')
    expect(await numbersIn(folder)).toEqual([])
  })

  test('--json sums up for programs', async ({ folder }) => {
    const { stdout } = await eventdb(['import', '-', '--store', folder, '--json'], {
      input: toLines(shopLines(3)),
    })
    expect(parseLines(stdout)).toEqual([
      { linesDone: 3, linesBefore: 0, eventsDone: 3, eventsAdded: 3, eventsKnown: 0, interrupted: false },
    ])
  })
})

describe('eventdb export', () => {
  const odd = [
    { stream: 'ünï códe', type: 'T', data: { text: 'a\nb\u0000' }, metadata: [1, null], tags: ['z', 'a'] },
    { stream: 'bytes', type: 'T', data: { $base64: 'AP8=' }, metadata: { $base64: '' } },
    { stream: 'bytes', type: 'T', data: { $json: { $base64: 'AP8=' } }, time: '-000044-03-15T12:00:00.000Z' },
    { stream: 'bytes', type: 'T' },
    { stream: 'bytes', type: 'T', data: null, metadata: 0 },
  ]

  function withoutPlaces(ndjson: string): unknown[] {
    return parseLines(ndjson).map(({ position, recordedAt, ...rest }) => {
      expect(position).toMatch(/^\d+$/)
      expect(recordedAt).toMatch(/Z$/)
      return rest
    })
  }

  test('gives what import takes: another store has an equal export', async ({ folder }) => {
    const [a, b] = [join(folder, 'a'), join(folder, 'b')]
    await eventdb(['import', '-', '--store', a], { input: toLines([...odd, ...shopLines(2_000)]) })
    const first = await spawned(['export', '--store', a])
    expect(first).toMatchObject({ code: 0, stderr: '' })
    expect((await eventdb(['import', '-', '--store', b], { input: first.stdout })).code).toBe(0)
    const second = await eventdb(['export', '--all', '--store', b])
    expect(withoutPlaces(second.stdout)).toEqual(withoutPlaces(first.stdout))
    expect(withoutPlaces(second.stdout)[1]).toMatchObject({ data: { $base64: 'AP8=' } })
    await using store = await openEventStore(b)
    expect(await store.stream('bytes').event(1)).toMatchObject({ data: new Uint8Array([0, 255]) })
    expect(await store.stream('bytes').event(2)).toMatchObject({ data: { $base64: 'AP8=' } })
  })

  test('imported into the same store changes nothing', async ({ folder }) => {
    await eventdb(['import', '-', '--store', folder], { input: toLines(shopLines(50)) })
    const before = await eventdb(['export', '--store', folder])
    const again = await eventdb(['import', '-', '--store', folder], { input: before.stdout })
    expect(again.stderr).toBe('<stdin>: nothing is new (50 events were in their streams already)\n')
    expect(await eventdb(['export', '--store', folder])).toEqual(before)
  })

  test('--out writes one stream or all to a file, gzipped by its name, and leaves nothing else', async ({
    folder,
  }) => {
    const [store, out] = [join(folder, 'store'), join(folder, 'out')]
    await eventdb(['import', '-', '--store', store], { input: toLines(shopLines(50)) })
    const one = await eventdb(['export', 'order-3', '--store', store, '--out', `${out}.ndjson`])
    expect(one).toEqual({ code: 0, stdout: '', stderr: `${out}.ndjson: 7 events exported\n` })
    const [{ stdout: stream }, { stdout: all }] = [
      await eventdb(['read', 'order-3', '--store', store]),
      await eventdb(['export', '--store', store]),
    ]
    expect(await readFile(`${out}.ndjson`, 'utf8')).toBe(stream)
    await eventdb(['export', '--all', '--store', store, '--out', `${out}.ndjson.gz`])
    expect(gunzipSync(await readFile(`${out}.ndjson.gz`)).toString()).toBe(all)
    expect((await readdir(folder)).toSorted()).toEqual(['out.ndjson', 'out.ndjson.gz', 'store'])
  })

  test('leaves links out, and says so', async ({ folder }) => {
    const store = await shop(folder, 3)
    await using open = await openEventStore(store)
    for (const streamId of ['order-2', 'order-1']) await open.stream('list').linkTo({ streamId, version: 1 })
    const all = await eventdb(['export', '--store', store])
    expect(parseLines(all.stdout).map(({ stream }) => stream)).toEqual(['order-1', 'order-2', 'order-3'])
    expect(all.stderr).toBe('2 links left out\n')
    const out = join(folder, 'out.ndjson')
    expect((await eventdb(['export', '--out', out, '--store', store])).stderr).toBe(
      `${out}: 3 events exported; 2 links left out\n`,
    )
    expect((await eventdb(['import', out, '--store', store])).stderr).toContain('nothing is new')
  })

  test('does not have deleted streams, and refuses one by its name', async ({ folder }) => {
    const store = await shop(folder, 3)
    await eventdb(['delete', 'order-2', '--store', store])
    expect(await numbersIn(store)).toEqual([1, 3])
    expect(await eventdb(['export', 'order-2', '--store', store])).toEqual({
      code: 1,
      stdout: '',
      stderr:
        'eventdb: Stream "order-2" is deleted\nhint: eventdb restore brings it back, unless it was scavenged\n',
    })
  })

  test('--out to a place that cannot be written fails and says where', async ({ folder }) => {
    const store = join(folder, 'store')
    await eventdb(['import', '-', '--store', store], { input: toLines(shopLines(1)) })
    const out = join(folder, 'none', 'out.ndjson')
    const { code, stderr } = await eventdb(['export', '--store', store, '--out', out])
    expect({ code, stderr }).toEqual({ code: 1, stderr: `eventdb: ${out}: no such file or folder\n` })
  })

  test('of a stream that does not exist fails', async ({ folder }) => {
    await eventdb(['import', '-', '--store', folder], { input: toLines(shopLines(1)) })
    expect(await eventdb(['export', 'nope', '--store', folder])).toMatchObject({
      code: 1,
      stderr: 'eventdb: Stream "nope" does not exist\n',
    })
  })
})
