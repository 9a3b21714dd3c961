import assert from 'node:assert/strict'
import type { EventStore } from '../../store/contract.ts'
import { courseLaws } from './boundary-course-laws.ts'
import { deciding, outcomesOf, STYLES } from './deciding.ts'
import { dataOf, numbers, type StoreLaws } from './laws.ts'

/** The examples of dcb.events, as programs would write them, under concurrency. */
export function boundaryExampleLaws(laws: StoreLaws): void {
  courseLaws(laws)
  usernameLaws(laws)
  invoiceLaws(laws)
  tokenLaws(laws)
  duplicationLaws(laws)
}

// ── Globally unique usernames, which can be used again after their accounts are closed ───────────────────

interface Username {
  readonly username: string
}

/** Whether a name is taken, from what happened to it. */
function isClaimed(
  events: readonly { readonly type: string; readonly data?: unknown }[],
  name: string,
): boolean {
  let claimed = false
  for (const { type, data } of events) {
    if (type === 'AccountRegistered') claimed = true
    if (type === 'AccountClosed') claimed = false
    if (type === 'UsernameChanged') claimed = (data as Username).username === name
  }
  return claimed
}

function usernameLaws({ law }: StoreLaws): void {
  for (const style of STYLES) {
    const decide = deciding(style)
    const tagOf = (name: string): string => `username:${name}`
    const claiming = (name: string): Parameters<typeof decide>[1] => ({ items: [{ tags: [tagOf(name)] }] })
    const refuseClaimed = (events: Parameters<typeof isClaimed>[0], name: string): void => {
      if (isClaimed(events, name)) throw new Error(`Username ${name} is claimed`)
    }
    const register = (store: EventStore, username: string, account: string): Promise<void> =>
      decide(store, claiming(username), (events) => {
        refuseClaimed(events, username)
        const tags = [tagOf(username), `account:${account}`]
        return { streamId: `account-${account}`, type: 'AccountRegistered', data: { username }, tags }
      })
    const close = (store: EventStore, username: string, account: string): Promise<void> =>
      decide(store, claiming(username), () => {
        const tags = [tagOf(username), `account:${account}`]
        return { streamId: `account-${account}`, type: 'AccountClosed', data: { username }, tags }
      })
    const rename = (store: EventStore, from: string, to: string, account: string): Promise<void> =>
      decide(store, claiming(to), (events) => {
        refuseClaimed(events, to)
        const tags = [tagOf(from), tagOf(to), `account:${account}`]
        return { streamId: `account-${account}`, type: 'UsernameChanged', data: { username: to }, tags }
      })

    law(`a username is claimed once, and again when it was released, by ${style}`, async ({ store }) => {
      const claims = (): Promise<Error[]> =>
        outcomesOf(numbers(1, 20).map((n) => register(store, n % 2 === 0 ? 'ada' : 'bob', `${n}`)))
      const refusals = await claims()
      const messages = new Set(refusals.map(({ message }) => message))
      assert.deepEqual(messages, new Set(['Username ada is claimed', 'Username bob is claimed']))
      assert.equal(refusals.length, 18)

      await rename(store, 'ada', 'eve', '2')
      assert.equal((await outcomesOf([register(store, 'eve', '30'), register(store, 'ada', '31')])).length, 1)
      await close(store, 'bob', '1')
      assert.equal((await claims()).length, 19)
      const registrations = await store.eventType('AccountRegistered').read().toArray()
      const names = registrations.map(({ data }) => (data as Username).username)
      assert.deepEqual(names.toSorted(), ['ada', 'ada', 'bob', 'bob'])
    })
  }
}

// ── Invoice numbers without gaps ─────────────────────────────────────────────────────────────────────────

function invoiceLaws({ law }: StoreLaws): void {
  for (const style of STYLES) {
    const decide = deciding(style)
    const create = (store: EventStore, customer: number): Promise<void> =>
      decide(store, { items: [{ types: ['InvoiceCreated'] }] }, (events) => {
        const number = ((events.at(-1)?.data as { number: number } | undefined)?.number ?? 0) + 1
        return { streamId: `invoices-of-${customer}`, type: 'InvoiceCreated', data: { number } }
      })

    law(`invoices are numbered without gaps, by ${style}`, async ({ store }) => {
      const failures = await outcomesOf(numbers(1, 20).map((customer) => create(store, customer % 3)))
      assert.deepEqual(failures, [])
      const invoices = await dataOf(store.eventType('InvoiceCreated').read())
      assert.deepEqual(
        invoices,
        numbers(1, 20).map((number) => ({ number })),
      )
    })
  }
}

// ── Opt-in tokens, which confirm once ────────────────────────────────────────────────────────────────────

function tokenLaws({ law }: StoreLaws): void {
  for (const style of STYLES) {
    const decide = deciding(style)
    const confirm = (store: EventStore, email: string, otp: string): Promise<void> =>
      decide(store, { items: [{ tags: [`email:${email}`, `otp:${otp}`] }] }, (events) => {
        if (events.length === 0) throw new Error('No pending sign-up for this one-time password')
        if (events.some(({ type }) => type === 'SignUpConfirmed')) throw new Error('It was used before')
        const tags = [`email:${email}`, `otp:${otp}`]
        return { streamId: `sign-up-${email}`, type: 'SignUpConfirmed', tags }
      })

    law(`an opt-in token confirms a sign-up once, by ${style}`, async ({ store }) => {
      for (const [email, otp] of [
        ['ada', '111'],
        ['bob', '222'],
      ] as const) {
        const tags = [`email:${email}`, `otp:${otp}`]
        await store.stream(`sign-up-${email}`).append({ type: 'SignUpInitiated', tags })
      }
      const tries = numbers(1, 12).map((n) => confirm(store, n % 2 === 0 ? 'ada' : 'bob', '111'))
      const messages = (await outcomesOf(tries)).map(({ message }) => message)
      assert.equal(messages.filter((message) => message.startsWith('No pending')).length, 6)
      assert.equal(messages.filter((message) => message === 'It was used before').length, 5)
      assert.equal((await store.eventType('SignUpConfirmed').read().toArray()).length, 1)
    })
  }
}

// ── No record twice, by a token that the client made up ──────────────────────────────────────────────────

function duplicationLaws({ law }: StoreLaws): void {
  law('an order is placed once, however often it is sent with one token', async ({ store }) => {
    const place = (token: number): Promise<unknown> => {
      const tag = `idempotency:${token}`
      return store.stream(`order-${token}`).append(
        { type: 'OrderPlaced', data: { token }, tags: [tag] },
        {
          failIfEventsMatch: { query: { items: [{ types: ['OrderPlaced'], tags: [tag] }] } },
        },
      )
    }
    const refusals = await outcomesOf(numbers(0, 29).map((n) => place(n % 5)))
    assert.deepEqual(new Set(refusals.map(({ name }) => name)), new Set(['AppendConditionError']))
    const tokens = (await dataOf(store.all.read())) as { readonly token: number }[]
    assert.deepEqual(tokens.map(({ token }) => token).toSorted(), numbers(0, 4))
  })
}
