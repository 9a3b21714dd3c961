import { InvalidArgumentError } from '../errors.ts'
import type {
  Delivery,
  PersistentSubscription,
  SubscriptionEnd,
  VolatileSubscription,
} from '../store/contract-subscribing.ts'
import type { RecordedEvent } from '../store/event.ts'
import type { GroupMember } from './group-member.ts'
import { endOfLoop } from './outlet.ts'

/** A consumer of a group, as its owner sees it. */
export function persistentSubscription(
  member: GroupMember,
  isHandled: boolean,
): PersistentSubscription<RecordedEvent> {
  const face = faceOf(member)
  return {
    ...face,
    get ended() {
      return member.life.ended
    },
    consumer: member.consumer,
    [Symbol.asyncIterator]: iterateOnce(member, isHandled, () =>
      loop<Delivery<RecordedEvent>>(member, async () => member.ask()),
    ),
  }
}

/** A member of a volatile group, as its owner sees it. */
export function volatileSubscription(
  member: GroupMember,
  isHandled: boolean,
): VolatileSubscription<RecordedEvent> {
  const face = faceOf(member)
  const next = async (): Promise<RecordedEvent | undefined> => {
    const delivery = await member.ask()
    void delivery?.ack()
    return delivery?.event
  }
  return {
    ...face,
    get ended() {
      return member.life.ended
    },
    get lagged() {
      return member.lagged
    },
    [Symbol.asyncIterator]: iterateOnce(member, isHandled, () => loop(member, next)),
  }
}

interface Face extends AsyncDisposable {
  close(): Promise<void>
}

function faceOf({ life }: GroupMember): Face {
  const close = async (): Promise<void> => {
    life.end('closed')
    await life.over
  }
  return { close, [Symbol.asyncDispose]: close }
}

function iterateOnce<T>(
  { life }: GroupMember,
  isHandled: boolean,
  open: () => AsyncIterator<T>,
): () => AsyncIterator<T> {
  let isIterated = false
  return () => {
    if (isHandled) throw new InvalidArgumentError('A subscription with a handler cannot be iterated')
    if (isIterated) throw new InvalidArgumentError('A subscription can be iterated once')
    isIterated = true
    // A loop throws what ends it.
    life.isHeard = true
    return open()
  }
}

function loop<T>({ life }: GroupMember, take: () => Promise<T | undefined>): AsyncIterator<T> {
  const end = (): SubscriptionEnd | undefined => life.ending
  return {
    next: async (): Promise<IteratorResult<T>> => {
      const value = await take()
      if (value !== undefined) return { value, done: false }
      return endOfLoop(end())
    },
    return: async () => {
      life.end('closed')
      await life.over
      return { value: undefined, done: true }
    },
  }
}
