/**
 * Users: an address belongs to one user only, although each user is a stream of their own. An inline projection keeps that rule: it is part of every
 * transaction that appends, and refuses the second one. And whoever has appended sees what came of it at once, without waiting.
 */
import { defineEvents, defineInlineProjection, openEventStore, ProjectionRefusedError } from 'eventdb'

type UserEvent =
  | { type: 'UserRegistered'; data: { email: string } }
  | { type: 'EmailChanged'; data: { from: string; to: string } }

const userEvents = defineEvents<UserEvent>()

const addresses = defineInlineProjection(userEvents, {
  name: 'addresses',
  source: { kind: 'category', category: 'user' },
  initialState: () => ({ count: 0 }),
  on: {
    UserRegistered: async ({ count }, { streamId, data }, { kv }) => {
      if ((await kv.get([data.email])) !== undefined) throw new Error(`${data.email} is taken`)
      kv.set([data.email], streamId)
      return { count: count + 1 }
    },
    EmailChanged: async (_, { streamId, data }, { kv }) => {
      if ((await kv.get([data.to])) !== undefined) throw new Error(`${data.to} is taken`)
      kv.clear([data.from])
      kv.set([data.to], streamId)
    },
  },
})

await using store = await openEventStore(':memory:')

// ── What was there before is handled first ───────────────────────────────────────────────────────────────────────────────────────────

await store.stream('user-1').append({ type: 'UserRegistered', data: { email: 'ada@example.com' } })
await using projection = await store.project(addresses)
console.log(`ada@example.com belongs to ${await projection.kv.get(['ada@example.com'])}`)

// ── From now on it is part of every append ───────────────────────────────────────────────────────────────────────────────────────────

await register('user-2', 'bob@example.com')
await register('user-3', 'ada@example.com')
// Both at once: they share a transaction, and one of them gets it.
await Promise.all([register('user-4', 'cleo@example.com'), register('user-5', 'cleo@example.com')])
await store
  .stream('user-1')
  .append({ type: 'EmailChanged', data: { from: 'ada@example.com', to: 'ada@example.org' } })
await register('user-3', 'ada@example.com')

const { count } = await projection.state()
console.log(
  `${count} users, ${(await store.info()).events} events; the projection is ${(await projection.status()).state}`,
)

async function register(streamId: string, email: string): Promise<void> {
  try {
    await store
      .stream(streamId)
      .append({ type: 'UserRegistered', data: { email } }, { expectedVersion: 'no-stream' })
    console.log(`${streamId} is registered with ${email}`)
  } catch (error) {
    if (!(error instanceof ProjectionRefusedError)) throw error
    console.log(`${streamId} is refused: ${(error.cause as Error).message}`)
  }
}
