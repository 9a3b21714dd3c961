import { CorruptionError, TransactionTooOldError } from '../errors.ts'
import { byteString } from '../kv/byte-string.ts'
import type { ReadTransaction } from '../kv/contract.ts'
import type { Row } from '../kv/rows.ts'
import { GROUP_CHECK_ROWS_MAX } from '../limits.ts'
import type { CheckRun, ProblemPlace } from '../store/check-run.ts'
import type { Keyspace } from '../store/keyspace.ts'
import { decodeNumber } from '../store/small-values.ts'
import { judgeGroup } from './group-check-judge.ts'
import { type GroupRowPlace, groupRowPlace } from './group-check-row.ts'
import { type Complain, GroupTally } from './group-check-tally.ts'
import { GroupKeys } from './group-keys.ts'
import { decodeGroupNumber, nameKey } from './group-names.ts'
import { type Control, GroupValues } from './group-rows.ts'

/**
 * Verifies the rows of all groups. A group changes while it is looked at, so its rows are compared with each other on one snapshot; of a
 * group with more than `comparedRowsMax` only those up to there, which leaves out parked events first, as they come last. The others are looked
 * at one by one.
 */
export async function checkGroups(
  run: CheckRun,
  comparedRowsMax: number = GROUP_CHECK_ROWS_MAX,
): Promise<void> {
  const { groupNumber } = run.keys
  await run.eachRow({ begin: groupNumber, end: Uint8Array.of(...groupNumber, 0) }, async (_, { value }) => {
    decodeNumber(value, 'The number of the last subscription')
  })
  await run.eachRow(run.keys.subscriptions.everything(), (tx, row) => checkName(run, tx, row))
  await new GroupCheck(run, comparedRowsMax).run()
}

/** A name leads to a group that says that it is its name. */
async function checkName(run: CheckRun, tx: ReadTransaction, { key, value }: Row): Promise<void> {
  const { keys } = run
  const number = decodeGroupNumber(keys, key, value)
  const controlKey = new GroupKeys(keys, number, false).control
  const row = await tx.get(controlKey)
  const control = row && readControl(keys, controlKey, row)
  // One that is damaged is noticed with its group.
  if (row !== undefined && control === undefined) return
  const named = control && (await nameKey(keys, control.kind, control.source, control.name))
  if (named !== undefined && byteString(named) === byteString(key)) return
  const other = control === undefined ? 'does not exist' : `says that it is ${titleOf(control)}`
  const message = `The name of a subscription, ${nameIn(keys, key)}, leads to number ${number}, which ${other}`
  run.problem('group-name-wrong', message)
}

function readControl(keys: Keyspace, key: Uint8Array, row: Uint8Array): Control | undefined {
  try {
    return new GroupValues(keys).decodeControl(key, row)
  } catch (error) {
    if (error instanceof CorruptionError) return undefined
    throw error
  }
}

function titleOf({ name, source }: Control): string {
  return `${JSON.stringify(name)} to ${JSON.stringify(source)}`
}

/** The name at the end of a key, for people. */
function nameIn({ subscriptions }: Keyspace, key: Uint8Array): string {
  try {
    return JSON.stringify(subscriptions.unpack(key).at(-1))
  } catch {
    return 'which is damaged'
  }
}

/** How far a group has been compared. */
interface Compared {
  readonly group: number
  /** Its last row that was; `undefined` if there was none. */
  readonly through: Uint8Array | undefined
}

/** The check of all groups, row by row: where a group begins, it is compared. */
class GroupCheck {
  readonly #run: CheckRun
  readonly #comparedRowsMax: number
  /** Groups that could not be read as long as one snapshot lasts. */
  readonly #tooLarge = new Set<number>()
  #compared: Compared | undefined
  #underWay: Compared | undefined
  /** What is known of the group whose rows are looked at one by one. */
  #alone: { readonly group: number; readonly tally: GroupTally } | undefined

  constructor(run: CheckRun, comparedRowsMax: number) {
    this.#run = run
    this.#comparedRowsMax = comparedRowsMax
  }

  async run(): Promise<void> {
    const begin = (): void => {
      this.#underWay = this.#compared
      this.#alone = undefined
    }
    const end = (): void => {
      this.#compared = this.#underWay
    }
    await this.#run.eachRow(this.#run.keys.groups.everything(), (tx, row) => this.#look(tx, row), {
      begin,
      end,
    })
  }

  async #look(tx: ReadTransaction, row: Row): Promise<void> {
    const { keys } = this.#run
    const place = groupRowPlace(keys, row.key)
    if (place === undefined) return this.#unknown(row)
    const { group } = place
    if (this.#underWay?.group !== group) this.#underWay = { group, through: await this.#compare(tx, group) }
    const { through } = this.#underWay
    if (through !== undefined && byteString(row.key) <= byteString(through)) return
    await this.#lookAlone(tx, place, row)
  }

  #unknown({ key }: Row): void {
    const hex = Array.from(this.#run.keys.relative(key), (byte) => byte.toString(16).padStart(2, '0'))
    this.#run.problem(
      'row-unknown',
      `There is a row of subscriptions that eventdb did not write: ${hex.join('')}`,
    )
  }

  /** Compares the rows of a group. Returns the last one. */
  async #compare(tx: ReadTransaction, group: number): Promise<Uint8Array | undefined> {
    if (this.#tooLarge.has(group)) return undefined
    try {
      return await this.#compareOn(tx, group)
    } catch (error) {
      // The page begins anew, and this group is left out.
      if (error instanceof TransactionTooOldError) this.#tooLarge.add(group)
      throw error
    }
  }

  async #compareOn(tx: ReadTransaction, group: number): Promise<Uint8Array | undefined> {
    const { keys } = this.#run
    const complain = this.#complaining(group, () => tally.control)
    const tally = new GroupTally(keys, complain)
    const range = new GroupKeys(keys, group, false).everything()
    let [count, through] = [0, undefined as Uint8Array | undefined]
    for await (const row of tx.getRange(range, { limit: this.#comparedRowsMax })) {
      const place = groupRowPlace(keys, row.key)
      if (place !== undefined) tally.take(place, row)
      count += 1
      through = row.key
    }
    if (count < this.#comparedRowsMax) tally.end()
    await judgeGroup(tx, keys, group, tally, complain)
    return through
  }

  /** Looks at a row without comparing it with others than the first two of its group. */
  async #lookAlone(tx: ReadTransaction, place: GroupRowPlace, row: Row): Promise<void> {
    const { keys } = this.#run
    const { group } = place
    if (this.#alone?.group !== group) {
      const tally: GroupTally = new GroupTally(
        keys,
        this.#complaining(group, () => tally.control),
      )
      const { control, ledger } = new GroupKeys(keys, group, false)
      for (const key of [control, ledger]) {
        const value = await tx.get(key)
        if (value !== undefined) tally.take(groupRowPlace(keys, key)!, { key, value })
      }
      this.#alone = { group, tally }
    }
    if (place.kind !== 'control' && place.kind !== 'ledger') this.#alone.tally.take(place, row)
  }

  #complaining(group: number, control: () => Control | undefined): Complain {
    return (kind, message, at) => {
      if (this.#run.isEnough) return
      const known = control()
      const which = known === undefined ? `number ${group}` : titleOf(known)
      const separator = kind === 'damaged' ? ': ' : ' '
      this.#run.problem(kind, `Subscription ${which}${separator}${message}`, placeOf(known, at))
    }
  }
}

/** Where a problem is, in the words of its source. */
function placeOf(control: Control | undefined, at: bigint | undefined): ProblemPlace {
  if (control === undefined || at === undefined) return {}
  const { source } = control
  return source.kind === 'stream' ? { streamId: source.streamId, version: Number(at) } : { position: at }
}
