import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { crc32c } from '../../src/store/crc32c.ts'

/** RFC 3720, appendix B.4, which gives the checksum's bytes in the order of their transmission: the lowest first. */
const RFC_3720: readonly (readonly [string, string, string])[] = [
  ['32 bytes of zeroes', '00'.repeat(32), 'aa36918a'],
  ['32 bytes of ones', 'ff'.repeat(32), '43aba862'],
  ['32 bytes of incrementing 00 to 1f', sequence(32, (at) => at), '4e79dd46'],
  ['32 bytes of decrementing 1f to 00', sequence(32, (at) => 31 - at), '5cdb3f11'],
  [
    'an iSCSI SCSI Read (10) command PDU',
    `01c00000 00000000 00000000 00000000 14000000 00000400
     00000014 00000018 28000000 00000000 02000000 00000000`.replace(/\s/g, ''),
    '563a96d9',
  ],
]

describe('crc32c()', () => {
  test.each(RFC_3720)('gives the checksum of RFC 3720 for %s', (_, bytes, transmitted) => {
    expect(crc32c(Buffer.from(bytes, 'hex'))).toBe(Buffer.from(transmitted, 'hex').readUInt32LE())
  })

  test('gives the check value of the catalogue of CRC algorithms', () => {
    expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283)
  })

  test('of nothing is 0', () => {
    expect(crc32c(new Uint8Array(0))).toBe(0)
  })

  test('looks at a part of an array as at an array of its own', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), fc.nat(100), (bytes, a, b) => {
        const [from, to] = [Math.min(a, b, bytes.length), Math.min(Math.max(a, b), bytes.length)]
        expect(crc32c(bytes, from, to)).toBe(crc32c(bytes.slice(from, to)))
      }),
    )
  })

  test('is the same as one computed bit by bit', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(crc32c(bytes)).toBe(bitByBit(bytes))
      }),
    )
  })
})

/** The definition: the reflected polynomial of Castagnoli, all ones before and after. */
function bitByBit(bytes: Uint8Array): number {
  let crc = 0xffff_ffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  }
  return ~crc >>> 0
}

function sequence(length: number, byteAt: (at: number) => number): string {
  return Buffer.from(Array.from({ length }, (_, at) => byteAt(at))).toString('hex')
}
