import type { SubscriptionGroup } from 'eventdb'
import type { Invocation } from './command.ts'
import { formatGroup, groupJson } from './group-fields.ts'

/** Prints what is known of a group. */
export async function printGroup(
  group: Pick<SubscriptionGroup, 'info'>,
  { out, json }: Pick<Invocation, 'out' | 'json'>,
): Promise<number> {
  const info = await group.info()
  await out.write(json ? `${groupJson(info)}\n` : formatGroup(info, out.paint))
  return 0
}
