import { CodecMissingError, type JsonValue, type RecordedEvent } from 'eventdb'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatEventLine, parseEventLine } from './event-line.ts'

const RECORDED = {
  streamId: 'order-1',
  type: 'OrderPlaced',
  data: { total: 42 },
  metadata: undefined,
  id: '01a2079a-eb66-733d-8d03-c608c26175a6',
  time: new Date('2024-05-01T08:30:00Z'),
  recordedAt: new Date('2024-05-02T00:00:00Z'),
  position: 12345678901234567890n,
  version: 3,
  tags: [],
  toJSON: () => ({}),
} satisfies RecordedEvent

describe('formatEventLine()', () => {
  test('writes every field in a fixed order, and leaves out what is not there', () => {
    expect(formatEventLine(RECORDED)).toBe(
      '{"stream":"order-1","type":"OrderPlaced","data":{"total":42},"id":"01a2079a-eb66-733d-8d03-c608c26175a6",' +
        '"time":"2024-05-01T08:30:00.000Z","recordedAt":"2024-05-02T00:00:00.000Z",' +
        '"position":"12345678901234567890","version":3}',
    )
  })

  test('writes the place of the link that led to the event', () => {
    const link = { id: RECORDED.id, streamId: 'list', version: 9, position: 7n }
    const line = formatEventLine({ ...RECORDED, link })
    expect(JSON.parse(line)).toMatchObject({
      stream: 'order-1',
      link: { stream: 'list', id: RECORDED.id, position: '7', version: 9 },
    })
    expect(parseEventLine(line)).toEqual(parseEventLine(formatEventLine(RECORDED)))
  })

  test('writes data of a codec that it does not have as it was written', () => {
    const coded = { $codec: 'msgpack', $base64: 'AP8=' }
    const event = Object.defineProperties(
      { ...RECORDED, toJSON: () => ({ data: coded }) },
      {
        data: {
          get: () => {
            throw new CodecMissingError('msgpack')
          },
        },
      },
    )
    expect(JSON.parse(formatEventLine(event))).toMatchObject({ data: coded, type: RECORDED.type })
  })

  test('writes bytes in base64', () => {
    const line = formatEventLine({ ...RECORDED, data: new Uint8Array([0, 255]), tags: ['a'] })
    expect(JSON.parse(line)).toMatchObject({ data: { $base64: 'AP8=' }, tags: ['a'] })
  })
})

describe('parseEventLine()', () => {
  test('reads what formatEventLine() wrote, whatever the data', () => {
    const data = fc.oneof(
      fc.jsonValue() as fc.Arbitrary<JsonValue>,
      fc.uint8Array(),
      fc.constantFrom<JsonValue>({ $base64: 'AP8=' }, { $json: 1 }, { $base64: 1, more: 2 }),
    )
    fc.assert(
      fc.property(data, data, (first, second) => {
        const event = { ...RECORDED, data: asJson(first), metadata: asJson(second), tags: ['x'] }
        const { streamId, event: parsed, version } = parseEventLine(formatEventLine(event))
        const { type, id, time, tags } = event
        expect({ streamId, version }).toEqual({ streamId: 'order-1', version: 3 })
        expect(parsed).toEqual({ type, data: event.data, metadata: event.metadata, id, time, tags })
      }),
    )
  })

  test('reads the least that an event needs', () => {
    expect(parseEventLine('{"stream":"s","type":"T"}')).toEqual({ streamId: 's', event: { type: 'T' } })
  })

  test('keeps null, which is data', () => {
    expect(parseEventLine('{"stream":"s","type":"T","data":null}').event).toEqual({ type: 'T', data: null })
  })

  test.each([
    ['{"stream":"s"', 'bad JSON'],
    ['[1]', 'an event is a JSON object, not an array'],
    ['7', 'an event is a JSON object, not a number'],
    ['null', 'an event is a JSON object, not null'],
    ['{"type":"T"}', '"stream" is missing'],
    ['{"stream":"s"}', '"type" is missing'],
    ['{"stream":7,"type":"T"}', '"stream" must be a string, not a number'],
    ['{"stream":"","type":"T"}', '"stream" is empty'],
    ['{"stream":"s","type":null}', '"type" must be a string, not null'],
    ['{"stream":"s","type":"T","typ":1}', 'unknown field "typ"; did you mean type?'],
    ['{"stream":"s","type":"T","payload":1}', 'unknown field "payload"'],
    ['{"stream":"s","type":"T","id":"1"}', '"id" must be a UUID, not "1"'],
    ['{"stream":"s","type":"T","time":5}', '"time" must be a string, not a number'],
    ['{"stream":"s","type":"T","time":"soon"}', '"time": "soon" is no ISO 8601 time'],
    ['{"stream":"s","type":"T","tags":"a"}', '"tags" must be an array, not a string'],
    ['{"stream":"s","type":"T","tags":["a",1]}', '"tags" must hold strings, not a number'],
    ['{"stream":"s","type":"T","tags":[null]}', '"tags" must hold strings, not null'],
    ['{"stream":"s","type":"T","data":{"$base64":"?"}}', '"$base64" holds something else than base64'],
    ['{"stream":"s","type":"T","data":{"$base64":1}}', '"$base64" holds something else than base64'],
    ['{"stream":"s","type":"T","data":{"$codec":"m","$base64":""}}', '"data" was written with a codec'],
  ])('refuses %s', (line, reason) => {
    expect(() => parseEventLine(line)).toThrow(reason)
  })
})

/** JSON does not tell -0 from 0. */
function asJson(value: JsonValue | Uint8Array): JsonValue | Uint8Array {
  return value instanceof Uint8Array ? value : JSON.parse(JSON.stringify(value))
}
