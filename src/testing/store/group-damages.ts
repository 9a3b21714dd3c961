import type { Transaction } from '../../kv/contract.ts'
import { encodeNumber } from '../../store/small-values.ts'
import { encodeGroupNumber, nameKey } from '../../subscription/group-names.ts'
import { pinOf } from '../../subscription/group-pin.ts'
import type { Item, KeyRow, Ledger } from '../../subscription/group-rows.ts'
import { type GroupPlace, slotOf } from '../../subscription/group-rows-in.ts'
import type { Damage } from './damages.ts'

/** The groups that are damaged: see `writeGroups`. */
export interface DamagedGroups {
  /** Not pinned: one event is in the hand of consumer 2, one is a suspect, one waits for a retry, one is parked. */
  readonly audit: GroupPlace
  /** Pinned by streams, `order-1` to `order-5`, of which each is in another state. */
  readonly billing: GroupPlace
  /** Nobody has consumed it yet. */
  readonly mailer: GroupPlace
}

/** Breaks something in groups. */
type GroupDamage = (
  tx: Transaction,
  groups: DamagedGroups,
  ...more: [Parameters<Damage>[1], Parameters<Damage>[2]]
) => Promise<void> | void

/** Ways to break groups, and the kinds of problems that must be found then. */
export const GROUP_DAMAGES: Readonly<Record<string, readonly [readonly string[], GroupDamage]>> = {
  'a deleted name of a group': [
    ['group-nameless'],
    async (tx, _, keys) => tx.clear(await nameKey(keys, 'persistent', { kind: 'all' }, 'audit')),
  ],
  'a name of no group': [
    ['group-name-wrong'],
    async (tx, _, keys) => {
      const key = await nameKey(keys, 'persistent', { kind: 'all' }, 'nobody')
      tx.set(key, encodeGroupNumber(keys, key, 4_711))
    },
  ],
  'a name of another group': [
    ['group-name-wrong'],
    async (tx, { mailer }, keys) => {
      const key = await nameKey(keys, 'persistent', { kind: 'all' }, 'other')
      tx.set(key, encodeGroupNumber(keys, key, mailer.keys.number))
    },
  ],
  'a name of a group without a checksum': [
    ['damaged'],
    async (tx, _, keys) =>
      tx.set(await nameKey(keys, 'persistent', { kind: 'all' }, 'audit'), Uint8Array.of(1)),
  ],
  'a counter of groups that has gone back': [
    ['group-number-wrong'],
    (tx, { mailer }, keys) => tx.set(keys.groupNumber, encodeNumber(mailer.keys.number - 1)),
  ],
  'no counter of groups': [['group-number-wrong'], (tx, _, keys) => tx.clear(keys.groupNumber)],
  'a counter of groups that is no number': [
    ['damaged'],
    (tx, _, keys) => tx.set(keys.groupNumber, Uint8Array.of(1)),
  ],
  'a group that does not say what it is': [
    ['group-name-wrong', 'group-wrong'],
    (tx, { audit }) => tx.clear(audit.keys.control),
  ],
  'a group without a ledger': [['group-wrong'], (tx, { audit }) => tx.clear(audit.keys.ledger)],
  'a damaged description of a group': [
    ['damaged'],
    async (tx, { audit }) => tx.set(audit.keys.control, (await tx.get(audit.keys.control))!.subarray(1)),
  ],
  'the ledger of another group': [
    ['damaged'],
    async (tx, { audit, billing }) => tx.set(audit.keys.ledger, (await tx.get(billing.keys.ledger))!),
  ],
  'a cursor behind the end of the log': [
    ['group-place-wrong'],
    (tx, { audit }) =>
      changeLedger(tx, audit, (ledger) => {
        ledger.cursor = 2n ** 62n
        ledger.reach = 2n ** 62n
      }),
  ],
  'a cursor behind the furthest that it ever was': [
    ['group-place-wrong'],
    (tx, { audit }) =>
      changeLedger(tx, audit, (ledger) => {
        ledger.reach = 0n
      }),
  ],
  'a cursor behind the end of a stream': [
    ['group-place-wrong'],
    (tx, { mailer }) =>
      changeLedger(tx, mailer, (ledger) => {
        ledger.cursor = 4_711
        ledger.reach = 4_711
      }),
  ],
  ...countDamages(),
  ...consumerDamages(),
  ...eventDamages(),
  ...keyDamages(),
  'a row of no group': [
    ['row-unknown'],
    (tx, _, keys) => tx.set(keys.groups.pack(['audit', 1]), Uint8Array.of()),
  ],
  'a row of a kind that no group has': [
    ['row-unknown'],
    (tx, { audit }, keys) => tx.set(keys.groups.pack([audit.keys.number, 77]), Uint8Array.of()),
  ],
  'a row of a group that has one number too many': [
    ['row-unknown'],
    (tx, { audit }, keys) => tx.set(keys.groups.pack([audit.keys.number, 3, 1, 1]), Uint8Array.of()),
  ],
  'a bell with a value': [['group-row-wrong'], (tx, { audit }) => tx.set(audit.keys.bell, Uint8Array.of(1))],
}

function countDamages(): typeof GROUP_DAMAGES {
  const counts = ['waiting', 'parked', 'suspects', 'keys'] as const
  const slots = ['inHand', 'held', 'retrying', 'draining'] as const
  return Object.fromEntries([
    ...counts.map((name) => [
      `a ledger with a wrong number of ${name}`,
      [
        ['group-count-wrong'],
        (tx: Transaction, { billing }: DamagedGroups) =>
          changeLedger(tx, billing, (ledger) => {
            ledger[name] += 1
          }),
      ],
    ]),
    ...slots.map((name) => [
      `a ledger with a wrong number of events that are "${name}" in a slot`,
      [
        ['group-count-wrong'],
        (tx: Transaction, { billing }: DamagedGroups) =>
          changeLedger(tx, billing, ({ slots }) => {
            slots.get(slotOf(pinOf('order-1')))![name] += 1
          }),
      ],
    ]),
  ])
}

function consumerDamages(): typeof GROUP_DAMAGES {
  return {
    'a consumer without a lease': [
      ['group-hand-orphaned'],
      (tx, { audit }) => tx.clear(audit.keys.consumer(2)),
    ],
    'an owner of slots without a lease': [
      ['group-hand-orphaned', 'group-row-wrong'],
      (tx, { billing }) => tx.clear(billing.keys.consumer(1)),
    ],
    'a consumer whose number was never given out': [
      ['group-count-wrong'],
      (tx, { billing }) =>
        changeLedger(tx, billing, (ledger) => {
          ledger.lastConsumer = 0
        }),
    ],
    'the hand of another consumer': [
      ['damaged'],
      async (tx, { audit, billing }) =>
        tx.set(audit.keys.hand(2), (await tx.get(billing.keys.hand(1))) ?? Uint8Array.of()),
    ],
    'a hand of a pinned group that was lost': [
      ['group-count-wrong'],
      (tx, { billing }) => tx.clear(billing.keys.hand(1)),
    ],
    'a lease that is damaged': [
      ['damaged'],
      (tx, { audit }) => tx.set(audit.keys.consumer(2), Uint8Array.of(1)),
    ],
  }
}

function eventDamages(): typeof GROUP_DAMAGES {
  return {
    'an event that is parked and in a hand': [
      ['group-count-wrong', 'group-event-twice'],
      async (tx, { audit }) => {
        const [item] = await handOf(tx, audit, 2)
        setParked(tx, audit, item!)
      },
    ],
    'an event that is in one hand twice': [
      ['group-event-twice'],
      async (tx, { audit }) => {
        const items = await handOf(tx, audit, 2)
        const key = audit.keys.hand(2)
        tx.set(key, audit.values.encodeHand(key, [...items, ...items]))
      },
    ],
    'an event that was never given out': [
      ['group-count-wrong', 'group-place-wrong'],
      (tx, { audit }) => setParked(tx, audit, { place: 2n ** 62n, key: 0n }),
    ],
    ...Object.fromEntries(
      (['suspects', 'retries', 'allParked'] as const).map((rows) => [
        `an event of a group that was lost: ${rows}`,
        [
          ['group-count-wrong'],
          (tx: Transaction, { audit }: DamagedGroups) => tx.clearRange(audit.keys[rows]()),
        ],
      ]),
    ),
    'an event in a wrong slot': [
      ['group-row-wrong'],
      async (tx, { billing: { keys, values } }, _, rows) => {
        const [held] = await rows(keys.allHeld())
        const key = keys.held(255 - slotOf(pinOf('order-2')), keys.placeAtEnd(held!.key))
        tx.clear(held!.key)
        tx.set(key, values.encodeWaiting(key, values.decodeWaiting(held!.key, held!.value)))
      },
    ],
    'events of a group that is volatile': [
      ['group-nameless', 'group-name-wrong', 'group-row-wrong'],
      async (tx, { audit: { keys, values } }) => {
        const control = values.decodeControl(keys.control, (await tx.get(keys.control))!)
        tx.set(keys.control, values.encodeControl(keys.control, { ...control, kind: 'volatile' }))
      },
    ],
  }
}

function keyDamages(): typeof GROUP_DAMAGES {
  return {
    'a key in trouble that was lost': [
      ['group-count-wrong', 'group-key-wrong'],
      (tx, { billing }) => tx.clear(billing.keys.key(pinOf('order-5'))),
    ],
    'a key whose head is done, but not marked': [
      ['group-count-wrong', 'group-key-wrong'],
      (tx, { billing }) => tx.clearRange(billing.keys.drains()),
    ],
    'a key whose head is somewhere else': [
      ['group-key-wrong'],
      (tx, { billing }) => changeKey(tx, billing, 'order-4', (row) => ({ ...row, head: 1n })),
    ],
    'a key whose head is said to be parked, but is not': [
      ['group-count-wrong', 'group-key-wrong'],
      (tx, { billing }) => changeKey(tx, billing, 'order-4', (row) => ({ ...row, state: 'parked' })),
    ],
    'a key whose head is said to be done, but is not': [
      ['group-key-wrong'],
      (tx, { billing }) => changeKey(tx, billing, 'order-4', (row) => ({ ...row, state: 'done' })),
    ],
    'a key with a wrong number of events behind its head': [
      ['group-key-wrong'],
      (tx, { billing }) => changeKey(tx, billing, 'order-5', (row) => ({ ...row, behind: row.behind + 1 })),
    ],
    'an event behind the head of another key': [
      ['group-count-wrong', 'group-key-wrong', 'group-row-wrong'],
      async (tx, { billing: { keys, values } }, _, rows) => {
        const [row] = await rows(keys.allBehind(pinOf('order-5')))
        const key = keys.behind(pinOf('order-4'), keys.placeAtEnd(row!.key))
        tx.clear(row!.key)
        tx.set(key, values.encodeWaiting(key, values.decodeWaiting(row!.key, row!.value)))
      },
    ],
    'keys of a group that is not pinned': [
      ['group-count-wrong', 'group-row-wrong'],
      (tx, { audit: { keys, values } }) => {
        const key = keys.held(0, 1n)
        tx.set(key, values.encodeWaiting(key, { key: 0n, retries: 0 }))
      },
    ],
  }
}

async function changeLedger(
  tx: Transaction,
  { keys, values, isStream }: GroupPlace,
  change: (ledger: Ledger) => void,
): Promise<void> {
  const ledger = values.decodeLedger(keys.ledger, (await tx.get(keys.ledger))!, isStream)
  change(ledger)
  tx.set(keys.ledger, values.encodeLedger(keys.ledger, ledger))
}

async function changeKey(
  tx: Transaction,
  { keys, values, isStream }: GroupPlace,
  text: string,
  change: (row: KeyRow) => KeyRow,
): Promise<void> {
  const key = keys.key(pinOf(text))
  tx.set(key, values.encodeKey(key, change(values.decodeKey(key, (await tx.get(key))!, isStream))))
}

async function handOf(
  tx: Transaction,
  { keys, values, isStream }: GroupPlace,
  consumer: number,
): Promise<Item[]> {
  const key = keys.hand(consumer)
  return values.decodeHand(key, (await tx.get(key))!, isStream)
}

function setParked(
  tx: Transaction,
  { keys, values }: GroupPlace,
  { place, key: pinnedBy }: Pick<Item, 'place' | 'key'>,
): void {
  const key = keys.parked(place)
  const parked = { reason: '', atMs: 0, retries: 0, key: pinnedBy, keyText: undefined }
  tx.set(key, values.encodeParked(key, parked))
}
