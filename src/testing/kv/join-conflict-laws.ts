import assert from 'node:assert/strict'
import type { KeyValueStore } from '../../kv/contract.ts'
import { KEY_BYTES_MAX } from '../../limits.ts'
import {
  type Body,
  bytes,
  conflicts,
  contents,
  gate,
  hole,
  type Laws,
  put,
  range,
  type Scene,
  text,
} from './laws.ts'

/** Adds a join of sets of prefixes. */
const join =
  (...sets: string[][]): Body =>
  (tx) =>
    tx.addReadConflictJoin(sets.map((prefixes) => prefixes.map(bytes)))

/** Sets a listed key below each prefix, all with one stamp; `x:2` asks for the stamp with user version 2. */
const index =
  (rows: string): Body =>
  (tx) => {
    for (const row of rows.split(' ')) {
      const [prefix = '', userVersion] = row.split(':')
      const key = bytes(prefix + text(hole(Number(userVersion ?? 0))))
      tx.setStampedKey(key, prefix.length, bytes('1'), { listed: true })
    }
  }

/** Sets stamped keys as `index` does, but not listed ones. */
const unlisted =
  (rows: string): Body =>
  (tx) => {
    for (const prefix of rows.split(' '))
      tx.setStampedKey(bytes(prefix + text(hole())), prefix.length, bytes('1'))
  }

/** Joins: a row that got keys below a prefix of each set at once conflicts, any other does not. */
export function joinConflictLaws(laws: Laws): void {
  whatConflicts(laws)
  whatDoesNot(laws)
  sinceAndGroups(laws)
  acrossOpeners(laws)
  listedKeys(laws)
  refusals(laws)
}

function whatConflicts({ law }: Laws): void {
  law('addReadConflictJoin() of one set conflicts with a listed key below its prefix', async ({ kv }) => {
    assert.ok(await conflicts(kv, join(['x']), index('x')))
    assert.ok(await conflicts(kv, join(['x']), index('w x:3 y')))
    assert.ok(!(await conflicts(kv, join(['x']), index('w y'))))
  })

  law('addReadConflictJoin() conflicts with one stamp below a prefix of each set', async ({ kv }) => {
    assert.ok(await conflicts(kv, join(['x'], ['y']), index('x y')))
    assert.ok(await conflicts(kv, join(['x'], ['y']), index('x:1 y:2 x:7 y:7')))
    assert.ok(await conflicts(kv, join(['x'], ['y'], ['z']), index('z w y x')))
    assert.ok(await conflicts(kv, join(['x'], ['x']), index('x')))
  })

  law('addReadConflictJoin() takes any prefix of a set for the set', async ({ kv }) => {
    const either = join(['w', 'x'], ['y', 'long/'])
    for (const rows of ['w y', 'w long/', 'x y', 'x long/', 'w x y', 'w:1 x:2 y:2'])
      assert.ok(await conflicts(kv, either, index(rows)), rows)
    for (const rows of ['w x', 'y long/', 'w:1 x:2 y:3', 'x z'])
      assert.ok(!(await conflicts(kv, either, index(rows))), rows)
  })

  law('addReadConflictJoin() finds one stamp among many', async ({ kv }) => {
    const many = Array.from({ length: 200 }, (_, number) => `x:${2 * number} y:${2 * number + 1}`).join(' ')
    assert.ok(!(await conflicts(kv, join(['x'], ['y']), index(many))))
    assert.ok(await conflicts(kv, join(['x'], ['y']), index(`${many} y:64`)))
  })

  law('addReadConflictJoin() may be called again: any of the joins conflicts', async ({ kv }) => {
    const both: Body = (tx) => {
      join(['x'], ['y'])(tx)
      join(['z'])(tx)
    }
    assert.ok(await conflicts(kv, both, index('x y')))
    assert.ok(await conflicts(kv, both, index('z')))
    assert.ok(!(await conflicts(kv, both, index('x w'))))
  })

  law('addReadConflictJoin() has its own copy of the prefixes', async ({ kv }) => {
    const [prefix, set] = [bytes('x'), [bytes('y')]]
    const reads: Body = (tx) => {
      tx.addReadConflictJoin([[prefix], set])
      prefix[0] = 0x77
      set.length = 0
    }
    assert.ok(await conflicts(kv, reads, index('x y')))
  })
}

function whatDoesNot({ law }: Laws): void {
  law('addReadConflictJoin() does not conflict with a stamp below only some of the sets', async ({ kv }) => {
    for (const rows of ['x', 'y', 'x z'])
      assert.ok(!(await conflicts(kv, join(['x'], ['y']), index(rows))), rows)
    assert.ok(!(await conflicts(kv, join(['x'], ['y'], ['z']), index('x y'))))
  })

  law('addReadConflictJoin() does not join different stamps of one transaction', async ({ kv }) => {
    assert.ok(!(await conflicts(kv, join(['x'], ['y']), index('x:0 y:1'))))
    assert.ok(!(await conflicts(kv, join(['x'], ['y']), index('x:0 y:256 x:2'))))
  })

  law('addReadConflictJoin() does not join stamps of different transactions', async ({ kv }) => {
    const apart: Body = () => commitTogether(kv, [index('x'), index('y'), index('x'), index('y')])
    assert.ok(!(await conflicts(kv, join(['x'], ['y']), apart)))
    const oneByOne: Body = async () => {
      await kv.transact((tx) => void index('x')(tx))
      await kv.transact((tx) => void index('y')(tx))
    }
    assert.ok(!(await conflicts(kv, join(['x'], ['y']), oneByOne)))
  })

  law('addReadConflictJoin() does not count stamped keys that are not listed', async ({ kv }) => {
    assert.ok(!(await conflicts(kv, join(['x']), unlisted('x'))))
    const half: Body = (tx) => {
      index('x')(tx)
      unlisted('y x')(tx)
    }
    assert.ok(!(await conflicts(kv, join(['x'], ['y']), half)))
    assert.ok(await conflicts(kv, join(['x']), half))
  })

  law('addReadConflictJoin() does not count other keys below a prefix, and no ranges', async ({ kv }) => {
    await put(kv, 'x1=1 x2=1')
    const others: Body = (tx) => {
      tx.set(bytes('x'), bytes('1'))
      tx.set(bytes('x1'), bytes('2'))
      tx.clear(bytes('x2'))
      tx.clearRange(range('w', 'z'))
    }
    assert.ok(!(await conflicts(kv, join(['x']), others)))
  })

  law('addReadConflictJoin() does not take a prefix for a longer one that begins with it', async ({ kv }) => {
    const longest = `a${'\xff'.repeat(12)}b`
    for (const longer of ['ab', 'a\0', 'a\xff', longest]) {
      assert.ok(!(await conflicts(kv, join(['a']), index(longer))), longer)
      assert.ok(!(await conflicts(kv, join([longer]), index('a'))), longer)
      assert.ok(!(await conflicts(kv, join(['a'], [longer]), index(longer))), longer)
      assert.ok(await conflicts(kv, join(['a'], [longer]), index(`a ${longer}`)), longer)
    }
  })

  law('addReadConflictJoin() does not conflict with own keys, nor without writes', async ({ kv }) => {
    const own: Body = (tx) => {
      join(['x'])(tx)
      index('x')(tx)
    }
    assert.ok(!(await conflicts(kv, own, index('y'))))
    await kv.transact(
      async (tx) => {
        join(['x'])(tx)
        await kv.transact((theirs) => void index('x')(theirs))
      },
      { attemptsMax: 1 },
    )
  })
}

function sinceAndGroups({ law }: Laws): void {
  law('addReadConflictJoin() conflicts with what is committed at the same time', async ({ kv }) => {
    const joinThenIndex =
      (rows: string): Body =>
      (tx) => {
        join(['x'], ['y'])(tx)
        index(rows)(tx)
      }
    assert.equal(await commitTogether(kv, [joinThenIndex('x y'), joinThenIndex('x y')]), 1)
    assert.equal(await commitTogether(kv, [joinThenIndex('x'), joinThenIndex('y'), joinThenIndex('x')]), 3)
    assert.equal(await commitTogether(kv, [joinThenIndex('x:1 y:2'), joinThenIndex('x:2 y:1')]), 2)
  })

  law('addReadConflictJoin() does not conflict with commits before the snapshot', async ({ kv }) => {
    await kv.transact((tx) => void index('x y')(tx))
    assert.ok(!(await conflicts(kv, join(['x'], ['y']), index('z'))))
  })

  law('addReadConflictJoin() with `since` conflicts with commits after that one', async ({ kv }) => {
    assert.ok(await conflictsSince(kv, index('x y'), kv))
    assert.ok(!(await conflictsSince(kv, index('x:0 y:1'), kv)))
  })

  law('addReadConflictJoin() refuses a `since` before the transaction began', async ({ kv }) => {
    const before = kv.coherence.version
    await put(kv, 'a=1')
    const reaching = kv.transact((tx) => tx.addReadConflictJoin([[bytes('x')]], { since: before }))
    await assert.rejects(reaching, { code: 'invalid-argument' })
  })
}

function acrossOpeners({ law }: Laws): void {
  const both = (name: string, check: (scene: Scene, other: KeyValueStore) => Promise<void>): void =>
    law(name, async (scene) => check(scene, await scene.second()), 'multiProcess')

  both('addReadConflictJoin() knows listed keys of the other opening, one by one', async ({ kv }, other) => {
    for (const [mine, theirs] of [
      [kv, other],
      [other, kv],
      [kv, other],
    ] as const) {
      assert.ok(await conflicts(mine, join(['x'], ['y', 'z']), index('w x z'), theirs))
      assert.ok(!(await conflicts(mine, join(['x'], ['y', 'z']), index('x:1 y:2 z:3 yy:1'), theirs)))
      assert.ok(!(await conflicts(mine, join(['x']), unlisted('x'), theirs)))
    }
  })

  both('addReadConflictJoin() notices any of many commits of the other opening', async ({ kv }, other) => {
    const many =
      (rows: string): Body =>
      async () => {
        await other.transact((tx) => void index(rows)(tx))
        for (let n = 0; n < 30; n += 1) await other.transact((tx) => void index(n % 2 ? 'x' : 'y')(tx))
      }
    assert.ok(await conflicts(kv, join(['x'], ['y']), many('x y')))
    assert.ok(!(await conflicts(kv, join(['x'], ['y']), many('x z'))))
  })

  both('addReadConflictJoin() with `since` includes commits of the other opening', async ({ kv }, other) => {
    assert.ok(await conflictsSince(kv, index('x y'), other))
    assert.ok(!(await conflictsSince(kv, index('x:0 y:1'), other)))
  })
}

function listedKeys({ law }: Laws): void {
  law('setStampedKey() with `listed` sets the key, and reads of its range conflict', async ({ kv }) => {
    const read: Body = (tx) => tx.getRange(range('x', 'y')).toArray()
    assert.ok(await conflicts(kv, read, index('x')))
    assert.ok(!(await conflicts(kv, read, index('w y'))))
    assert.match(await contents(kv, range('x', 'y')), /^x.{12}=1$/s)
  })

  law('setStampedKey() with `listed` is noticed by whoever knows the key', async ({ kv }) => {
    let [first, second] = [bytes(''), bytes('')]
    await kv.transact((tx) => {
      index('x:0 x:1')(tx)
      tx.afterCommit((commit) => {
        first = bytes(`x${text(commit.stamp(0))}`)
        second = bytes(`x${text(commit.stamp(1))}`)
      })
    })
    const keys = await kv.readTransact((tx) => tx.getRange(range('x', 'y')).toArray())
    assert.deepEqual(
      keys.map(({ key }) => text(key)),
      [text(first), text(second)],
    )
    assert.ok(!(await conflicts(kv, (tx) => tx.get(first), index('x'))))
    assert.ok(
      await conflicts(
        kv,
        (tx) => tx.get(first),
        (tx) => tx.clear(first),
      ),
    )
    assert.ok(
      !(await conflicts(
        kv,
        (tx) => tx.get(first),
        (tx) => tx.clear(second),
      )),
    )
  })
}

function refusals({ law }: Laws): void {
  law('addReadConflictJoin() refuses to join nothing, and prefixes that are no keys', async ({ kv }) => {
    const tooLong = new Uint8Array(KEY_BYTES_MAX + 1).fill(0x61)
    const refused: readonly (readonly [string, Uint8Array[][], string])[] = [
      ['no sets', [], 'invalid-argument'],
      ['a set without prefixes', [[bytes('x')], []], 'invalid-argument'],
      ['an empty prefix', [[bytes('x'), bytes('')]], 'invalid-argument'],
      ['a reserved prefix', [[bytes('x')], [bytes('\xff')]], 'invalid-argument'],
      ['a prefix that is too long', [[tooLong]], 'limit-exceeded'],
    ]
    for (const [name, sets, code] of refused) {
      const joining = kv.transact((tx) => {
        tx.set(bytes('a'), bytes('1'))
        tx.addReadConflictJoin(sets)
      })
      await assert.rejects(joining, { code }, name)
    }
    assert.equal(await contents(kv), '')
  })

  law('setStampedKey() refuses a listed key with anything behind its stamp', async ({ kv }) => {
    const stamping = kv.transact((tx) => {
      tx.setStampedKey(bytes(`x${text(hole())}!`), 1, bytes('1'), { listed: true })
    })
    await assert.rejects(stamping, { code: 'invalid-argument' })
    assert.equal(await contents(kv), '')
  })
}

/** Runs all bodies before the first of their transactions commits; returns how many did. */
async function commitTogether(kv: KeyValueStore, bodies: readonly Body[]): Promise<number> {
  const all = gate()
  let running = bodies.length
  const one = (body: Body): Promise<void> =>
    kv.transact(
      async (tx) => {
        await body(tx)
        running -= 1
        if (running === 0) all.open()
        await all.passed
      },
      { attemptsMax: 1 },
    )
  const outcomes = await Promise.allSettled(bodies.map(one))
  for (const outcome of outcomes)
    if (outcome.status === 'rejected') assert.equal(outcome.reason.code, 'conflict')
  return outcomes.filter(({ status }) => status === 'fulfilled').length
}

/** Whether a transaction conflicts that relies on what was known before `other` committed, with a later snapshot. */
async function conflictsSince(kv: KeyValueStore, meanwhile: Body, other: KeyValueStore): Promise<boolean> {
  const known = await kv.readTransact((tx) => tx.readVersion())
  const relying = kv.transact(
    async (tx) => {
      await other.transact((theirs) => void meanwhile(theirs))
      await tx.get(bytes('elsewhere'))
      tx.addReadConflictJoin([[bytes('x')], [bytes('y')]], { since: known })
      tx.set(bytes('mine'), bytes('1'))
    },
    { attemptsMax: 1 },
  )
  return relying.then(
    () => false,
    (error) => {
      assert.equal(error.code, 'conflict')
      return true
    },
  )
}
