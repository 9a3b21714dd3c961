import { once } from 'node:events'
import { openEventStore } from 'eventdb'
import { type ConsumerJob, type ConsumerNews, consumersIn } from './subscription-consumers.ts'

/** How often another process is told how far this one is, in milliseconds. */
const NEWS_MS = 5

async function main(): Promise<void> {
  // Nobody is to be left behind if the measurement fails.
  process.once('disconnect', () => process.exit())
  const { engine, folder, indexes } = JSON.parse(process.argv[2]!) as ConsumerJob
  const store = await openEventStore(folder, { engine, indexes })
  const consumers = await consumersIn(store, 1, () => {})
  let told = 0
  const tell = (): void => {
    const count = consumers.count()
    if (count === told) return
    told = count
    void say({ count })
  }
  await say({ count: 0 })
  const timer = setInterval(tell, NEWS_MS)
  await once(process, 'message')
  clearInterval(timer)
  const positions = await consumers.close()
  await store.close()
  await say({ count: positions.length, positions })
  process.disconnect()
}

/** Resolves when it is under way. */
function say(news: ConsumerNews): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send!(news, (error: Error | null) => (error === null ? resolve() : reject(error)))
  })
}

await main()
