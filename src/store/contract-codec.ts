/**
 * How the data of events becomes bytes. Its name is recorded with each event, so that what was written with it stays readable for as long as
 * the store is opened with a codec of this name.
 */
export interface DataCodec {
  /** 1 to 32 letters, digits, `.`, `_` and `-`. Never give the name of one to another. */
  readonly name: string
  /** Makes bytes of data. Should make the same of the same, so that appends with an idempotency key are recognised. */
  readonly encode: (data: unknown) => Uint8Array
  readonly decode: (bytes: Uint8Array) => unknown
}
