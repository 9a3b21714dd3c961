import { openEventStore } from 'eventdb'
import { type AppenderJob, appendWithPauses } from './subscription-latency.ts'

async function main(): Promise<void> {
  const { engine, folder, events, pauseMs } = JSON.parse(process.argv[2]!) as AppenderJob
  const store = await openEventStore(folder, { engine, indexes: [] })
  const acknowledged = await appendWithPauses((id, event) => store.stream(id).append(event), events, pauseMs)
  await store.close()
  console.log(JSON.stringify(acknowledged))
}

await main()
