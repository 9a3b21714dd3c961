import { storeConformance } from 'eventdb/testing'
import { describe, test } from 'vitest'
import { storeInFolder } from '../support/store-fixtures.ts'

describe('lmdb', () => {
  storeConformance({ test, open: (options) => storeInFolder('lmdb', options) })
})
