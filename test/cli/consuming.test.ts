import { writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { openEventStore, type SubscriptionInfo } from 'eventdb'
import { describe, expect } from 'vitest'
import {
  COMMAND_LINE,
  eventdb,
  type Finished,
  parseLines,
  printed,
  type RunHereOptions,
  shop,
  start,
  startProgram,
  test,
} from './eventdb.ts'
import { printedBy } from './printed-by.ts'

const PATH = process.env.PATH ?? ''

/** A store with events and a group `g` of all of them. Returns its folder. */
async function withGroup(folder: string, events: number, ...args: readonly string[]): Promise<string> {
  const store = await shop(folder, events)
  await printed(['subscriptions', 'create', '--all', '--group', 'g', '--store', store, ...args])
  return store
}

/** Runs `eventdb consume` in this process. */
function consume(store: string, args: readonly string[], options?: RunHereOptions): Promise<Finished> {
  return eventdb(['consume', '--group', 'g', ...args, '--store', store], { env: { PATH }, ...options })
}

async function infoOf(store: string): Promise<SubscriptionInfo> {
  const [info] = await printed<SubscriptionInfo>(['subscriptions', 'info', '--group', 'g', '--store', store])
  return info!
}

const SOON = ['--retry-backoff', '1ms', '--retry-backoff-max', '1ms']

describe('eventdb consume', () => {
  test('gives each event to a command of its own, as read --json prints it, and acknowledges it', async ({
    folder,
  }) => {
    const store = await withGroup(folder, 5)
    const { code, stdout, stderr } = await consume(store, ['--exec', 'echo one; cat', '--limit', '5'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const events = await printed(['read', '--all', '--store', store])
    expect(stdout).toBe(events.map((event) => `one\n${JSON.stringify(event)}\n`).join(''))
    expect(await infoOf(store)).toMatchObject({
      lag: 0,
      inFlight: 0,
      consumers: [],
      checkpoint: events[4]!.position,
    })
  })

  test('tells the command about the event in its environment', async ({ folder }) => {
    const store = await withGroup(folder, 1)
    const { stdout } = await consume(store, ['--exec', 'env | grep ^EVENTDB_ | sort', '--limit', '1'])
    const [event] = await printed(['read', '--all', '--store', store])
    const { id, position } = event!
    const known = { ATTEMPT: 1, GROUP: 'g', ID: id, POSITION: position, STORE: resolve(store) }
    const lines = Object.entries({ ...known, STREAM: 'order-1', TYPE: 'OrderChanged', VERSION: 1 })
    expect(stdout).toBe(lines.map(([name, value]) => `EVENTDB_${name}=${value}\n`).join(''))
  })

  test('takes part in groups of every kind of source', async ({ folder }) => {
    const store = await shop(folder, 14)
    const numbersOf = async (limit: number, ...source: string[]) => {
      const args = [...source, '--create', '--exec', 'cat', '--limit', `${limit}`]
      const { stdout, stderr } = await consume(store, args)
      expect(stderr).toBe('')
      return parseLines<{ data: { number: number } }>(stdout).map(({ data }) => data.number)
    }
    expect(await numbersOf(2, 'order-3')).toEqual([3, 10])
    expect(await numbersOf(2, '--category', 'order')).toEqual([1, 2])
    expect(await numbersOf(2, '--category', 'order')).toEqual([3, 4])
    expect(await numbersOf(1, '--type', 'OrderChanged', '--start-from', 'start')).toEqual([1])
    expect(await numbersOf(1, '--query', '{"items":[{"types":["OrderChanged"]}]}')).toEqual([1])
    const { code, stderr } = await consume(store, ['order-4', '--exec', 'cat'])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^eventdb: There is no subscription "g" to .*order-4.*\nhint: /)
  })

  test('retries what fails, with the end of its standard error as the reason, and parks it in the end', async ({
    folder,
  }) => {
    const store = await withGroup(folder, 1, '--max-retry-count', '2', ...SOON)
    const command =
      'cat >/dev/null; head -c 5000 /dev/zero | tr "\\0" x >&2; echo " $EVENTDB_ATTEMPT" >&2; exit 3'
    const { code, stderr } = await consume(store, ['--exec', command, '--limit', '3'])
    expect(code).toBe(0)
    const told = stderr.split('\n').filter((line) => line.startsWith('order-1 1 OrderChanged'))
    expect(told).toEqual(
      [1, 2, 3].map(
        (attempt) =>
          `order-1 1 OrderChanged, attempt ${attempt}: exit code 3: to be retried, or parked if that was the last time`,
      ),
    )
    const [parked] = await printed(['subscriptions', 'parked', '--group', 'g', '--store', store])
    expect(parked).toMatchObject({
      attempts: 3,
      reason: expect.stringMatching(/^exit code 3: x{700,800} 3$/),
    })
  })

  test('a command that is killed has failed', async ({ folder }) => {
    const store = await withGroup(folder, 1, '--max-retry-count', '0')
    const { stderr } = await consume(store, ['--exec', 'kill -KILL $$', '--limit', '1'])
    expect(stderr).toMatch(/^order-1 1 OrderChanged, attempt 1: killed by SIGKILL: /)
    const [parked] = await printed(['subscriptions', 'parked', '--group', 'g', '--store', store])
    expect(parked).toMatchObject({ reason: 'killed by SIGKILL' })
  })

  test('exit codes park, skip and stop', async ({ folder }) => {
    const store = await withGroup(folder, 3)
    const park = await consume(store, ['--exec', 'echo bad data >&2; exit 113', '--limit', '1'])
    expect(park.stderr).toBe('bad data\norder-1 1 OrderChanged, attempt 1: exit code 113: parked\n')
    expect(await infoOf(store)).toMatchObject({ parked: 1, lag: 2 })
    const skip = await consume(store, ['--exec', 'exit 114', '--limit', '1'])
    expect(skip.stderr).toBe('order-2 1 OrderChanged, attempt 1: exit code 114: skipped\n')
    expect(await infoOf(store)).toMatchObject({ parked: 1, lag: 1 })
    const stop = await consume(store, ['--exec', 'echo enough >&2; exit 115', '--limit', '1'])
    expect(stop.stderr).toMatch(
      /^enough\norder-3 1 .*: exit code 115: the group is stopped; eventdb subscriptions /,
    )
    expect(await infoOf(store)).toMatchObject({
      state: 'stopped',
      lag: 1,
      stopped: { reason: 'exit code 115: enough' },
    })
  })

  test('ends at once if the shell cannot run the command, and gives the event back', async ({ folder }) => {
    const store = await withGroup(folder, 3)
    const { code, stderr } = await consume(store, ['--exec', 'no-such-command'])
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /\neventdb: The command "no-such-command" cannot be run: exit code 127: .*not found\nhint: /,
    )
    expect(await infoOf(store)).toMatchObject({ lag: 3, parked: 0, inFlight: 0 })
    const { stdout } = await consume(store, [
      '--exec',
      'echo "$EVENTDB_STREAM $EVENTDB_ATTEMPT"',
      '--limit',
      '3',
    ])
    expect(stdout).toBe('order-1 1\norder-2 1\norder-3 1\n')
  })

  test('runs as many commands at a time as --concurrency says, without mixing their lines', async ({
    folder,
  }) => {
    const store = await withGroup(folder, 3)
    const together = `touch ${folder}/$EVENTDB_ID.begun; printf 'begun '
      while [ $(ls ${folder}/*.begun | wc -l) -lt 3 ]; do sleep 0.01; done; echo finished`
    const { code, stdout } = await consume(store, ['--exec', together, '--concurrency', '3', '--limit', '3'])
    expect(code).toBe(0)
    expect(stdout).toBe('begun finished\n'.repeat(3))
  })

  test('ends a command that takes longer than the message timeout, and its event comes again', async ({
    folder,
  }) => {
    const store = await withGroup(folder, 1, '--message-timeout', '300ms', ...SOON)
    const command = 'if [ $EVENTDB_ATTEMPT -gt 1 ]; then echo again; else sleep 1000; fi'
    const consumer = start(['consume', '--group', 'g', '--exec', command, '--store', store])
    await printedBy(consumer, 'again\n')
    consumer.process.kill('SIGINT')
    const { code, stderr } = await consumer.finished
    expect(code).toBe(130)
    expect(stderr).toMatch(
      /^order-1 1 OrderChanged, attempt 1: killed by SIGTERM: it has lost the event, which may/,
    )
  })

  test('Ctrl-C, which all processes of the terminal get, waits for the command in flight', async ({
    folder,
  }) => {
    const store = await withGroup(folder, 3)
    const command = `echo begun; while [ ! -e ${folder}/go ]; do sleep 0.01; done; echo finished`
    const consuming = ['consume', '--group', 'g', '--exec', command, '--store', store]
    const consumer = startProgram(['setsid', ...COMMAND_LINE, ...consuming], {})
    await printedBy(consumer, 'begun\n')
    process.kill(-consumer.process.pid!, 'SIGINT')
    await writeFile(join(folder, 'go'), '')
    const { code, stdout, stderr } = await consumer.finished
    expect(stderr).toBe('')
    // It may have taken another event before it heard of Ctrl-C.
    expect(stdout).toMatch(/^(begun\nfinished\n){1,3}$/)
    expect(code).toBe(130)
    const finished = stdout.match(/finished/g)!.length
    expect(await infoOf(store)).toMatchObject({ lag: 3 - finished, inFlight: 0, consumers: [] })
  })

  test('the second signal ends the command in flight, and its event goes back', async ({ folder }) => {
    const store = await withGroup(folder, 1)
    const command = 'echo begun; while :; do sleep 0.01; done'
    const consumer = start(['consume', '--group', 'g', '--exec', command, '--store', store])
    await printedBy(consumer, 'begun\n')
    consumer.process.kill('SIGTERM')
    consumer.process.kill('SIGINT')
    const { code, stderr } = await consumer.finished
    expect(stderr).toBe('')
    expect([130, 143]).toContain(code)
    expect(await infoOf(store)).toMatchObject({ lag: 1, inFlight: 0, consumers: [] })
    const { stdout } = await consume(store, ['--exec', 'echo $EVENTDB_STREAM', '--limit', '1'])
    expect(stdout).toBe('order-1\n')
  })

  test('ends when the group is deleted', async ({ folder }) => {
    const store = await withGroup(folder, 1)
    const deleting = [...COMMAND_LINE, 'subscriptions', 'delete', '--group', 'g']
      .map((word) => `'${word}'`)
      .join(' ')
    const command = `setsid ${deleting} >/dev/null; while :; do sleep 0.01; done`
    const { code, stdout, stderr } = await consume(store, ['--exec', command])
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/eventdb: Subscription "g" was deleted\n$/)
  })

  test('ends quietly when the reader of what the commands print has gone', async ({ folder }) => {
    const store = await withGroup(folder, 50)
    const args = [...COMMAND_LINE, 'consume', '--group', 'g', '--exec', 'cat', '--store', store]
    const line = args.map((word) => `'${word}'`).join(' ')
    const script = `${line} | head -1; echo "codes: \${PIPESTATUS[@]}"`
    const { stdout, stderr } = await startProgram(['bash', '-c', script], {}).finished
    expect(stderr).toBe('')
    expect(stdout.split('\n')).toMatchObject([expect.stringContaining('"number":1}'), 'codes: 0 0', ''])
    expect(await infoOf(store)).toMatchObject({ inFlight: 0, consumers: [] })
  })

  test('--create goes with where to begin, and with a stream that is not there yet', async ({ folder }) => {
    const store = await shop(folder, 3)
    const args = [
      'order-9',
      '--create',
      '--missing-ok',
      '--start-from',
      'end',
      '--exec',
      'cat',
      '--limit',
      '1',
    ]
    const onNote = (text: string): void => {
      if (text.startsWith('consuming ')) void append()
    }
    const append = async (): Promise<void> => {
      await using other = await openEventStore(store)
      await other.stream('order-9').append({ type: 'OrderChanged', data: { number: 9 } })
    }
    const env = { PATH, NO_COLOR: '1' }
    const { code, stdout, stderr } = await consume(store, args, { columns: 80, env, onNote })
    expect(code).toBe(0)
    expect(parseLines(stdout)).toMatchObject([{ stream: 'order-9', data: { number: 9 } }])
    expect(stderr.split('\n')[0]).toBe('consuming g of stream order-9; Ctrl-C ends it')
    expect(stderr).toMatch(/1 event done\n$/)
  })

  test('no more consumers join than the group may have', async ({ folder }) => {
    const path = await withGroup(folder, 3, '--max-consumers', '1')
    await using store = await openEventStore(path)
    await store.all.subscribe({ type: 'persistent', group: 'g' })
    const { code, stderr } = await consume(path, ['--exec', 'cat'])
    expect(code).toBe(1)
    expect(stderr).toBe('eventdb: The subscription "g" has as many consumers as it takes: 1\n')
  })

  const wrong: readonly (readonly [readonly string[], string])[] = [
    [['s', '--exec', 'x'], '--group is missing'],
    [['s', '--group', 'g'], '--exec is missing'],
    [['s', '--group', 'g', '--exec', ' '], '--exec is missing'],
    [['s', 't', '--group', 'g', '--exec', 'x'], 'Unexpected argument "t"'],
    [['--group', 'g', '--exec', 'x', '--create'], 'Which events? Give one of STREAM|--all'],
    [['s', '--group', 'g', '--exec', 'x', '--start-from', 'end'], '--start-from goes with --create'],
    [['s', '--group', 'g', '--exec', 'x', '--missing-ok'], '--missing-ok goes with --create'],
    [
      ['s', '--group', 'g', '--exec', 'x', '--concurrency', '0'],
      '--concurrency takes a whole number from 1 to',
    ],
    [['s', '--group', 'g', '--exec', 'x', '--limit', '0'], '--limit takes a whole number from 1 on'],
  ]
  for (const [args, message] of wrong) {
    test(`${args.join(' ')} is wrong usage`, async () => {
      const { code, stdout, stderr } = await eventdb(['consume', ...args, '--store', '/tmp'])
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
      expect(stderr.startsWith(`eventdb: ${message}`), stderr).toBe(true)
      expect(stderr).toContain('Usage: eventdb consume')
    })
  }
})
