import { existsSync } from 'node:fs'
import { seededRandom } from 'eventdb/testing'
import { describe, expect, test } from 'vitest'
import { DECLARATIONS } from '../real-input/declarations.ts'
import type { Crew } from '../support/crew.ts'
import { importDeclarations } from '../support/declared-store.ts'
import { eventually } from '../support/eventually.ts'
import { groupScene } from '../support/group-scene.ts'
import { disorderIn } from '../support/handed.ts'
import { ENGINES } from './history.ts'

/** Consumers at a time. */
const CONSUMERS = 4
/** How often one of them is killed. */
const KILLS = 5
const BUFFER = 100
/** Short, so that what the dead had in their hands does not have to be waited for. */
const TIMEOUT_MS = 2_000
const seed = Number(process.env.EVENTDB_SEED ?? 20_260_301)

const CASES = ENGINES.flatMap((engine) =>
  (['round-robin', 'pinned'] as const).map((strategy) => ({ engine, strategy })),
)

describe.skipIf(!existsSync(DECLARATIONS))('four processes that consume the expense declarations', () => {
  test.each(CASES)(
    'lose nothing on $engine, $strategy, when some are killed',
    async ({ engine, strategy }) => {
      let events = 0
      const settings = { strategy, bufferSize: BUFFER, messageTimeoutMs: TIMEOUT_MS }
      await using scene = await groupScene(engine, settings, async (folder) => {
        events = await importDeclarations(folder, engine, DECLARATIONS)
      })
      const { store, group, crew } = scene
      // All four begin at once.
      await group.pause()
      const first = await crew.hireNew(CONSUMERS, 'handle')
      await group.resume()
      await killSome(crew, events)
      await eventually(
        'everything is acknowledged',
        () => crew.look(group),
        ({ lag }) => lag === 0,
      )
      const { parked, checkpoint, head } = await group.info()
      expect({ parked, checkpoint }).toEqual({ parked: 0, checkpoint: head })
      await crew.dismiss()
      crew.assertWell()

      const handed = await crew.handed()
      const lives = KILLS + crew.lostLeases
      const shares = first.map(({ file }) => handed.filter((one) => one.file === file).length)
      const again = handed.length - events
      console.log(
        `${engine}, ${strategy}, seed ${seed}: ${again} redeliveries after ${KILLS} kills and ${crew.lostLeases} lost leases; the first four were handed ${shares}`,
      )
      expect(new Set(handed.map(({ position }) => position)).size).toBe(events)
      expect(again).toBeLessThanOrEqual(lives * BUFFER)
      if (strategy === 'pinned') expect(disorderIn(handed)).toEqual([])
      expect(Math.min(...shares)).toBeGreaterThan(0)
      expect((await store.check()).problems).toEqual([])
    },
  )
})

/** Kills one after the other while they work through the events, and has others take their places. */
async function killSome(crew: Crew, events: number): Promise<void> {
  const random = seededRandom(seed)
  for (let kill = 1; kill <= KILLS; kill += 1) {
    const next = crew.train('handle')
    const enough = (kill * events) / (KILLS + 1)
    await eventually(
      'enough is handed over',
      () => crew.reportedHanded,
      (handed) => handed >= enough,
    )
    await new Promise((resolve) => setTimeout(resolve, 50 * random()))
    await crew.kill(crew.present[Math.floor(random() * CONSUMERS)]!)
    await crew.hire(next)
  }
}
