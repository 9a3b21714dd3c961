import type { EventStore } from '../../store/contract.ts'
import type { PositionReadOptions } from '../../store/contract-reading.ts'
import { numbers, type StoreLaws } from './laws.ts'
import { below, happen, type Random, randomScan } from './random-history.ts'
import { assertScans, placeOf, scannedPlaces } from './scan.ts'
import { assertReads, expectedRead, randomOptions } from './stream-read-laws.ts'

/** Histories with a seed each. */
const HISTORIES = 4
const ROUNDS = 40

/** Whatever happens to streams, indexes lead to what looking at everything finds. */
export function scanLaws({ simulatedLaw }: StoreLaws): void {
  for (const history of numbers(1, HISTORIES)) {
    simulatedLaw(
      `indexes lead to what a scan finds, after random events, links, deletions and scavenges (${history})`,
      async ({ store, runtime, random }) => {
        await happen(store, runtime, random)
        await assertScans(
          store,
          numbers(1, 30).map(() => randomScan(random)),
        )
        await store.scavenge()
        await assertScans(
          store,
          numbers(1, 10).map(() => randomScan(random)),
        )
        await happen(store, runtime, random)
        await assertScans(
          store,
          numbers(1, 20).map(() => randomScan(random)),
        )
      },
    )

    simulatedLaw(
      `indexes read what random bounds in positions and times say: as an array would (${history})`,
      async ({ store, runtime, random }) => {
        await happen(store, runtime, random)
        const bound = await boundsOf(store, random)
        for (const _ of numbers(1, ROUNDS)) {
          const scan = randomScan(random)
          const resolveLinks = random() < 0.5
          const options: PositionReadOptions = { ...randomOptions(random, bound.pick), resolveLinks }
          const places = await scannedPlaces(store, scan, resolveLinks)
          const expected = expectedRead(places, options, bound.span)
          await assertReads(scan.source(store).read(options), expected, placeOf, [scan.name, options])
        }
      },
    )
  }
}

/** Bounds near events that can be read, and from which to which position each reaches. */
async function boundsOf(
  store: EventStore,
  random: Random,
): Promise<{ pick(): bigint | Date; span(bound: bigint | Date): readonly [bigint, bigint] }> {
  const events = await store.all.read({ system: true, resolveLinks: false }).toArray()
  const near = (): number => below(random, 3) - 1
  return {
    pick: () => {
      const { position, recordedAt } = events[below(random, events.length)]!
      return random() < 0.5 ? position + BigInt(near()) : new Date(recordedAt.getTime() + near())
    },
    span: (bound) => {
      if (typeof bound === 'bigint') return [bound, bound]
      const first = events.find(({ recordedAt }) => recordedAt >= bound)?.position ?? 2n ** 63n
      return [first, events.findLast(({ recordedAt }) => recordedAt <= bound)?.position ?? 0n]
    },
  }
}
