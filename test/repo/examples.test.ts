import { existsSync, readdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { openEventStore } from '../../src/opening/open-event-store.ts'
import { type ProgramRun, runProgram } from '../support/run-program.ts'
import { readRepositoryFile } from './source-text.ts'

/** Lines that each example prints, in this order, whatever the width of its columns. */
const KEY_LINES: Readonly<Record<string, readonly string[]>> = {
  'shop.ts': [
    'order-4 is on disk, at version 1',
    '3 OrderPaid {"amount":22}',
    'OrderPaid → paid, 22 € for teapot and cup',
    'Ann ships it and expects version 3: done, it is at version 4',
    'Bob cancels it and expects version 3: refused, it is at version 4',
    'voucher-7 2 VoucherUsed {"amount":35}',
    'All 11 events in 5 streams are still there, and so is the list.',
    'to pack order-2: {"item":"kettle"}',
    'check every event is as it was written',
    '2024-02 █████ 5 days',
    '2024-04 ████████████ 12 days',
  ],
  'courses.ts': [
    'algebra has two places: 2 of 4 got one',
    'the others heard: the course is full',
    'with four places: subscribed, subscribed, was subscribed already, was subscribed already',
    'ada takes botany: subscribed',
    'ada takes chemistry: too many courses',
    "ada's courses: course:algebra, course:botany",
  ],
  'mailers.ts': [
    'the report counts 4 accounts',
    'and when it is brought up to date, one more: 5',
    'after 3 attempts, account-cleo is set aside: Error: "cleo at example.com" is no address',
    'the address is corrected, and 1 event replayed',
    'everybody has a letter; events set aside: 0',
  ],
  'cart.ts': [
    'at version 3, the cart holds teapot (18 €)',
    'removing the kettle again makes 0 events',
    'checked out: teapot, cup, saucer (25 €, checked out)',
    'a spoon is too late: The cart is checked out',
    'version 0: nothing (0 €)',
    'version 2: teapot, kettle (53 €)',
    'version 6: teapot, cup, saucer (25 €, checked out)',
    'CheckedOut {"total":25}',
  ],
  'bank.ts': [
    'r-2 ada: deposit {"amount":100,"from":"another bank"} was done before',
    'Ada has 100 €, Bob has 0 €',
    'Sorry: ada has 70 €, not 80 €',
    'r-5 ada: withdraw {"amount":20,"to":"cleo"} is decided',
    'Sorry: There is no account cleo',
    'Sorry: bob may not withdraw from the account of ada',
    'Ten transfers of 10 € at once: 7 are done, 3 are refused',
    'Ada has 0 €, Bob has 100 €',
    'account-ada: Withdrawn',
    'account-bob: Deposited',
  ],
  'declarations.ts': [
    '12 events in 3 declarations',
    'This is how they stand:',
    '1 draft, 74.90 €',
    '1 approved, 182.46 €',
    '1 paid, 26.85 €',
    'And this is how they stood when 2018 began:',
    '1 not begun, 0.00 €',
    '1 rejected, 182.46 €',
    '1 approved, 26.85 €',
    'Half of those that are paid waited 9 days or less',
    'No declaration was rejected more often than 2:',
    '2018-01-08 DeclarationFinalApprovedBySupervisor: approved, approved by administration, supervisor',
  ],
  'questions.ts': [
    '15 events in 3 declarations',
    'Rejected, and submitted again within 24 hours: 1',
    'Paid, though the administration had never approved: 1',
    'The longest wait between two steps, by the month in which it ended:',
    '2017-12 █ 1.3 days declaration-1: DeclarationApprovedByAdministration → DeclarationFinalApprovedBySupervisor',
    '2018-01 ████████ 9.2 days declaration-2: DeclarationSubmittedByEmployee → DeclarationApprovedByAdministration',
    '2018-02 ██████████████████████████████ 35.0 days declaration-3: DeclarationSubmittedByEmployee → DeclarationFinalApprovedBySupervisor',
  ],
  'sales.ts': [
    '2024-05-01: sold for 53 €, cancelled for 0 €',
    '2024-05-02: sold for 22 €, cancelled for 35 €',
    '2024-05-03: sold for 9 €, cancelled for 0 €',
    'the best customer is ada, with 40 €',
    'bob has cancelled, and then bought for 30 €',
  ],
  'reports.ts': [
    'ada has bought for 40 €',
    'cleo has bought for 9 €',
    '5 events are in the database; the projection is live',
  ],
  'users.ts': [
    'ada@example.com belongs to user-1',
    'user-2 is registered with bob@example.com',
    'user-3 is refused: ada@example.com is taken',
    'user-4 is registered with cleo@example.com',
    'user-5 is refused: cleo@example.com is taken',
    'user-3 is registered with ada@example.com',
    '4 users, 5 events; the projection is inline',
  ],
  'roles.ts': [
    '8 events were linked:',
    'administration: 2 steps in 2 declarations',
    'employee: 3 steps in 2 declarations',
    'supervisor: 3 steps in 2 declarations',
    'role-supervisor 3: DeclarationFinalApprovedBySupervisor of declaration-2',
    '8 events were handled again, and 0 linked',
  ],
  'shipping.ts': [
    'ada: reserve is done',
    'ada: send is done',
    'ada: send was done before',
    'bob: reserve is done',
    'bob: cancel is done',
    'cleo: reserve is done',
    'cleo: cancel is done',
    'parcel-ada ParcelSent {"item":"teapot"}',
    'order-bob OrderCancelled {"why":"not paid"}',
    'order-cleo OrderCancelled {"why":"sold out"}',
  ],
  'founding.ts': [
    '123 has version 1: Greeted {"text":"Hello"}',
    'The directories are: foo',
    'Got event Greeted',
    'The persistent subscription has kept Greeted',
  ],
}

const programs = readdirSync(new URL('../../examples', import.meta.url)).filter((name) =>
  name.endsWith('.ts'),
)

const runs = new Map<string, Promise<ProgramRun>>()

test('every example is known to this test', () => {
  expect(programs.toSorted()).toEqual(Object.keys(KEY_LINES).toSorted())
})

test.each(programs)('examples/%s runs, and prints what it is meant to show', async (name) => {
  const { exitCode, stdout, stderr } = await runOf(name)
  expect(stderr).toBe('')
  expect(exitCode).toBe(0)
  const printed = linesOf(stdout)
  const keyLines = KEY_LINES[name] ?? []
  expect(printed.filter((line) => keyLines.includes(line))).toEqual(keyLines)
})

test('examples/shop.ts removes its files', async () => {
  const { stdout } = await runOf('shop.ts')
  expect(existsSync(folderIn(stdout))).toBe(false)
})

test('examples/shop.ts --keep leaves a store that is sound', async () => {
  const { stdout } = await runProgram('examples/shop.ts', '--keep')
  const folder = folderIn(stdout)
  try {
    await using store = await openEventStore(folder, { create: false })
    expect((await store.info()).events).toBe(11)
    expect((await store.check()).problems).toEqual([])
  } finally {
    await rm(folder, { recursive: true })
  }
})

/** The library, Node, and the sinks with the database that one of them is for. */
const IMPORTED = /^(node:|eventdb(\/|$)|\.\/sinks\/|better-sqlite3$)/

test.each(programs)('examples/%s imports the library by its public names', (name) => {
  const specifiers = [...readRepositoryFile(`examples/${name}`).matchAll(/from '([^']+)'/g)].map(
    ([, it]) => it!,
  )
  expect(specifiers.filter((it) => !IMPORTED.test(it))).toEqual([])
})

/** Runs an example, once for all tests. */
function runOf(name: string): Promise<ProgramRun> {
  const run = runs.get(name) ?? runProgram(`examples/${name}`)
  runs.set(name, run)
  return run
}

function linesOf(text: string): string[] {
  return text.split('\n').map((line) => line.trim().replace(/\s+/g, ' '))
}

function folderIn(stdout: string): string {
  return /The files were in ([^,\n]+?)(?:, and are gone now)?\.$/m.exec(stdout)![1]!
}
