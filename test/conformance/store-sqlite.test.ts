import { storeConformance } from 'eventdb/testing'
import { describe, test } from 'vitest'
import { storeInFolder } from '../support/store-fixtures.ts'

describe('sqlite', () => {
  storeConformance({ test, open: (options) => storeInFolder('sqlite', options) })
})
