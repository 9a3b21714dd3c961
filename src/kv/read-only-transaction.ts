import type { RangeOptions, RangeRead, ReadTransaction, Watch, WatchOptions } from './contract.ts'
import { checkKey, checkRange, watchTarget } from './keys.ts'
import { rangeRead } from './range-read.ts'
import type { KeyRange } from './rows.ts'
import { stampOf } from './stamp.ts'
import { type TransactionHost, TransactionLife } from './transaction-life.ts'

/** A transaction that reads one snapshot. It keeps no record of what it reads, as nothing will be validated. */
export class ReadOnlyTransaction implements ReadTransaction {
  readonly life: TransactionLife

  constructor(host: TransactionHost) {
    this.life = new TransactionLife(host)
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    checkKey(key)
    return this.life.pin().view.get(key)
  }

  async getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    const { view } = this.life.pin()
    return keys.map((key) => {
      checkKey(key)
      return view.get(key)
    })
  }

  getRange(range: KeyRange, options?: RangeOptions): RangeRead {
    checkRange(range)
    return rangeRead(
      { fetch: (begin, end, limit, reverse) => this.life.pin().view.range(begin, end, limit, reverse) },
      range,
      options,
    )
  }

  async readHorizon(): Promise<Uint8Array> {
    return stampOf(this.life.pin().state.lastPosition)
  }

  async readVersion(): Promise<number> {
    return this.life.pin().state.number
  }

  watch(target: Uint8Array | KeyRange, options?: WatchOptions): Watch {
    return this.life.watch(watchTarget(target), options)
  }
}
