import type { Reader, Transaction } from '../kv/contract.ts'
import type { Keyspace } from '../store/keyspace.ts'
import { decodeNumber, encodeNumber } from '../store/small-values.ts'
import { CopyKeys } from './copy-keys.ts'
import type { ControlRow, LeaseRow, NameRow } from './projection-rows.ts'
import { ProjectionRows } from './projection-rows.ts'

/** A projection of which nothing is known. */
export const UNKNOWN: NameRow = {
  generation: 0,
  serving: undefined,
  building: undefined,
  isPaused: false,
  isDeleting: false,
  mark: undefined,
  gone: [],
}

/** A copy, and what its control row says. */
export interface Copy {
  readonly keys: CopyKeys
  readonly control: ControlRow
}

/** Reads and writes the rows that say what projections are. */
export class NameRows {
  readonly keyspace: Keyspace
  readonly #rows: ProjectionRows

  constructor(keyspace: Keyspace) {
    this.keyspace = keyspace
    this.#rows = new ProjectionRows(keyspace)
  }

  /** The key of what is known by a name. */
  keyOf(name: string): Uint8Array {
    return this.keyspace.projections.pack([name])
  }

  copy(number: number): CopyKeys {
    return new CopyKeys(this.keyspace, number)
  }

  /** @throws CorruptionError */
  async read(tx: Pick<Reader, 'get'>, name: string): Promise<NameRow | undefined> {
    const key = this.keyOf(name)
    const value = await tx.get(key)
    return value && this.decode(key, value)
  }

  /** @throws CorruptionError */
  decode(key: Uint8Array, value: Uint8Array): NameRow {
    return this.#rows.decodeName(key, value)
  }

  write(tx: Pick<Transaction, 'set'>, name: string, row: NameRow): void {
    const key = this.keyOf(name)
    tx.set(key, this.#rows.encode(key, row))
  }

  /** What a copy is; `undefined` if it is gone. @throws CorruptionError */
  async control(tx: Pick<Reader, 'get'>, { control }: CopyKeys): Promise<ControlRow | undefined> {
    const value = await tx.get(control)
    return value && this.#rows.decodeControl(control, value)
  }

  writeControl(tx: Pick<Transaction, 'set'>, { control }: CopyKeys, row: ControlRow): void {
    tx.set(control, this.#rows.encode(control, row))
  }

  /** The copy with a number, if there is one. @throws CorruptionError */
  async copyAt(tx: Pick<Reader, 'get'>, number: number | undefined): Promise<Copy | undefined> {
    if (number === undefined) return undefined
    const keys = this.copy(number)
    const control = await this.control(tx, keys)
    return control && { keys, control }
  }

  /** Who leads a copy; `undefined` if nobody ever has. @throws CorruptionError */
  async lease(tx: Pick<Reader, 'get'>, { lease }: CopyKeys): Promise<LeaseRow | undefined> {
    const value = await tx.get(lease)
    return value && this.#rows.decodeLease(lease, value)
  }

  writeLease(tx: Pick<Transaction, 'set'>, { lease }: CopyKeys, row: LeaseRow): void {
    tx.set(lease, this.#rows.encode(lease, row))
  }

  /** Makes a copy. Returns its number. @throws CorruptionError */
  async addCopy(tx: Transaction, control: ControlRow): Promise<number> {
    const { copyNumber } = this.keyspace
    const last = await tx.get(copyNumber)
    const number =
      last === undefined ? 1 : decodeNumber(last, 'The number of the last copy of a projection') + 1
    tx.set(copyNumber, encodeNumber(number))
    this.writeControl(tx, this.copy(number), control)
    return number
  }
}
