import { openEventStore } from 'eventdb'

/**
 * Opens and closes new stores, each at a moment that was agreed upon, so that several processes do it at once. `argv`: the folder above them,
 * the engine, when to begin in milliseconds, and how many.
 */
const [, , root, engine, from, rounds] = process.argv
for (let round = 0; round < Number(rounds); round += 1) {
  // Timers are too coarse to be there at the same moment as others.
  for (const at = Number(from) + round * 100; Date.now() < at; );
  const store = await openEventStore(`${root}/${round}`, { engine: engine as 'sqlite' | 'lmdb' })
  await store.stream('s').append({ type: 'Opened' })
  await store.close()
}
