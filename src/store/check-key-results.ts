import { byteString } from '../kv/byte-string.ts'
import type { ReadTransaction } from '../kv/contract.ts'
import { positionOf, STAMP_BYTES } from '../kv/stamp.ts'
import type { CheckRun } from './check-run.ts'
import { decodeKeyResult, isPlaceOfResult, type KeyResult } from './key-results.ts'
import { readLife } from './life-rows.ts'
import { numberOf } from './stream-rows.ts'

/** The results of idempotency keys are whole and tell of what was appended, and each has its place in the order of expiry. */
export async function checkKeyResults(run: CheckRun): Promise<void> {
  const unplaced = await checkResults(run)
  await checkExpiries(run, unplaced)
  for (const [idempotencyKey, position] of unplaced) {
    if (!run.isEnough) await checkUnplaced(run, idempotencyKey, position)
  }
}

/** Returns the positions of the results, by their keys. */
async function checkResults(run: CheckRun): Promise<Map<string, bigint>> {
  const { keyResults } = run.keys
  const found = new Map<string, bigint>()
  let last: string | undefined
  await run.eachRow(keyResults.all(), async (tx, { key, value }) => {
    const { idempotencyKey, part } = keyResults.placeOfPart(key)
    const isFirstSeen = last !== idempotencyKey
    last = idempotencyKey
    const result = decodeKeyResult(run.keys, key, value)
    if (part === 0) {
      found.set(idempotencyKey, positionOf(value))
      await checkParts(run, tx, idempotencyKey, result)
    } else if (isFirstSeen && (await tx.get(keyResults.part(idempotencyKey, 0))) === undefined) {
      refuse(run, idempotencyKey, 'lacks its first part')
    }
    await checkPart(run, tx, idempotencyKey, result, value)
  })
  return found
}

async function checkParts(
  run: CheckRun,
  tx: ReadTransaction,
  idempotencyKey: string,
  { parts }: KeyResult,
): Promise<void> {
  const { keys } = run
  const rows = await tx.getRange(keys.keyResults.parts(idempotencyKey)).toArray()
  const areDense = rows.every(({ key }, at) => keys.keyResults.placeOfPart(key).part === at)
  if (parts !== rows.length || !areDense) refuse(run, idempotencyKey, 'lacks parts')
}

/** A part leads to the last event that was appended, as long as that is there. */
async function checkPart(
  run: CheckRun,
  tx: ReadTransaction,
  idempotencyKey: string,
  { streamId, lastVersion, position }: KeyResult,
  value: Uint8Array,
): Promise<void> {
  if (streamId === undefined || lastVersion === undefined || position === undefined) return
  const { keys } = run
  const number = await numberOf(tx, keys, streamId)
  if (number !== undefined && ((await readLife(tx, keys, number)).scavengedTo ?? 0) >= lastVersion) return
  const row = number === undefined ? undefined : await tx.get(keys.streamKey(number, lastVersion))
  const isThere =
    row !== undefined &&
    (position === 'here'
      ? byteString(row) === byteString(value.subarray(0, STAMP_BYTES))
      : positionOf(row) === BigInt(position))
  if (isThere) return
  refuse(run, idempotencyKey, `does not lead to version ${lastVersion} of stream ${streamId}`)
}

/** Crosses out the results whose places are there. */
async function checkExpiries(run: CheckRun, unplaced: Map<string, bigint>): Promise<void> {
  const { keyResults } = run.keys
  await run.eachRow(keyResults.expiries(), async (tx, { key }) => {
    const { idempotencyKey, stamp } = keyResults.placeOfExpiry(key)
    const [result] = await tx.getRange(keyResults.parts(idempotencyKey), { limit: 1 }).toArray()
    if (result !== undefined && isPlaceOfResult(stamp, result.value)) unplaced.delete(idempotencyKey)
    else if (result === undefined || positionOf(stamp) > positionOf(result.value)) {
      const message = `Idempotency key ${JSON.stringify(idempotencyKey)} is to expire, but the result is not there that it had then`
      run.problem('key-result-missing', message, { position: positionOf(stamp) })
    }
  })
}

/** A result without a place has either expired while we looked, or been replaced; or it never will. */
async function checkUnplaced(run: CheckRun, idempotencyKey: string, position: bigint): Promise<void> {
  const begin = run.keys.keyResults.part(idempotencyKey, 0)
  await run.eachRow({ begin, end: Uint8Array.of(...begin, 0) }, async (_, { value }) => {
    if (positionOf(value) !== position) return
    run.problem('key-expiry-missing', `Idempotency key ${JSON.stringify(idempotencyKey)} would never expire`)
  })
}

function refuse(run: CheckRun, idempotencyKey: string, what: string): void {
  run.problem('key-result-wrong', `The result of idempotency key ${JSON.stringify(idempotencyKey)} ${what}`)
}
