import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { ValidationError } from '../errors.ts'
import type { EventTypes, StandardSchema } from '../store/contract-event-types.ts'
import type { EventShape, NewEvent } from '../store/event.ts'
import { defineEvents } from './define-events.ts'

const added = (data: unknown): NewEvent => ({ type: 'ItemAdded', data })
const checked = (schema: StandardSchema, data: unknown): unknown =>
  (defineEvents({ ItemAdded: schema }) as EventTypes<EventShape>).checked(added(data))

/** What data is refused with. */
async function refusal(schema: StandardSchema, data: unknown): Promise<ValidationError> {
  try {
    await checked(schema, data)
  } catch (error) {
    expect(error).toBeInstanceOf(ValidationError)
    return error as ValidationError
  }
  return expect.fail('it is not refused')
}

describe('a schema', () => {
  const item = { sku: 'a', lines: [{ price: 1 }] }
  const ofZod = z.object({ sku: z.string().min(1), lines: z.array(z.object({ price: z.number() })) })
  const ofValibot = v.object({
    sku: v.pipe(v.string(), v.minLength(1)),
    lines: v.array(v.object({ price: v.number() })),
  })

  test.each([
    ['zod', ofZod],
    ['valibot', ofValibot],
  ])('of %s accepts, and refuses with the path to each issue', async (_library, schema) => {
    expect(checked(schema, item)).toEqual(added(item))
    const wrong = { sku: '', lines: [{ price: 1 }, { price: 'x' }] }
    const error = await refusal(schema, wrong)
    const { details, message } = error
    expect(details.eventType).toBe('ItemAdded')
    expect(details.issues.map(({ path }) => path)).toEqual(['sku', 'lines[1].price'])
    for (const issue of details.issues) expect(message).toContain(`${issue.path}: ${issue.message}`)
  })

  test.each([
    ['zod', ofZod],
    ['valibot', ofValibot],
  ])('of %s refuses data that is missing, at no path', async (_library, schema) => {
    const error = await refusal(schema, undefined)
    expect(error.details.issues).toEqual([{ message: expect.any(String), path: '' }])
  })

  test.each([
    ['zod', z.object({ sku: z.string(), quantity: z.number().default(1) })],
    ['valibot', v.object({ sku: v.string(), quantity: v.optional(v.number(), 1) })],
  ])('of %s fills in defaults and leaves out what it does not know', (_library, schema) => {
    const event = { ...added({ sku: 'a', color: 'red' }), tags: ['t'], metadata: { by: 'me' } }
    const events = defineEvents({ ItemAdded: schema }) as EventTypes<EventShape>
    expect(events.checked(event)).toEqual({ ...event, data: { sku: 'a', quantity: 1 } })
    expect(event.data).toEqual({ sku: 'a', color: 'red' })
  })

  test.each([
    ['zod', z.object({ sku: z.string().refine(async (sku) => sku !== 'b', 'unknown') })],
    [
      'valibot',
      v.objectAsync({
        sku: v.pipeAsync(
          v.string(),
          v.checkAsync(async (sku) => sku !== 'b', 'unknown'),
        ),
      }),
    ],
  ])('of %s may be asynchronous', async (_library, schema) => {
    const event = checked(schema, { sku: 'a' })
    expect(event).toBeInstanceOf(Promise)
    expect(await event).toEqual(added({ sku: 'a' }))
    const error = await refusal(schema, { sku: 'b' })
    expect(error.details.issues).toEqual([{ path: 'sku', message: 'unknown' }])
  })

  test('may be a function, as those of arktype are', async () => {
    const validate = (value: unknown) =>
      typeof value === 'string' ? { value } : { issues: [{ message: 'no text', path: [{ key: 'a' }, 0] }] }
    const schema: StandardSchema<string> = Object.assign((value: unknown) => value, {
      '~standard': { version: 1 as const, vendor: 'ark', validate },
    })
    expect(checked(schema, 'x')).toEqual(added('x'))
    const error = await refusal(schema, 1)
    expect(error.details.issues).toEqual([{ message: 'no text', path: 'a[0]' }])
  })

  test('that throws is not answered for', () => {
    const schema: StandardSchema = {
      '~standard': {
        version: 1,
        vendor: 'x',
        validate: () => {
          throw new RangeError('broken')
        },
      },
    }
    expect(() => checked(schema, 1)).toThrow(new RangeError('broken'))
  })
})
