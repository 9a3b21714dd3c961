import assert from 'node:assert/strict'
import type { Subspace } from '../../kv/subspace.ts'
import { DIRECTORY_DEPTH_MAX, DIRECTORY_NAME_BYTES_MAX } from '../../limits.ts'
import { bytes, contents, hex, type Laws, type Scene, text } from './laws.ts'

/** Directories: paths that stand for prefixes. */
export function directoryLaws({ law }: Laws): void {
  law('createOrOpenDirectory() twice gives the same prefix, and another path another', async ({ kv }) => {
    const first = await prefixOf(kv, ['shop', 'orders'])
    assert.equal(await prefixOf(kv, ['shop', 'orders']), first)
    assert.equal(hex((await kv.openDirectory(['shop', 'orders'])).prefix), first)
    assert.notEqual(await prefixOf(kv, ['shop', 'customers']), first)
    assert.notEqual(await prefixOf(kv, ['orders']), first)
  })

  law('no prefix begins with another, however many there are', async ({ kv }) => {
    const prefixes: string[] = []
    for (let count = 0; count < 300; count += 1) prefixes.push(await prefixOf(kv, [`d${count}`]))
    prefixes.sort()
    for (let at = 1; at < prefixes.length; at += 1) {
      assert.ok(!prefixes[at]!.startsWith(prefixes[at - 1]!), `${prefixes[at - 1]} and ${prefixes[at]}`)
    }
  })

  law('createOrOpenDirectory() at the same time gives one directory', async ({ kv }) => {
    const opened = await Promise.all(Array.from({ length: 10 }, () => prefixOf(kv, ['a', 'b'])))
    assert.equal(new Set(opened).size, 1)
    const others = await Promise.all(Array.from({ length: 10 }, (_, n) => prefixOf(kv, ['a', `c${n}`])))
    assert.equal(new Set([...others, opened[0]]).size, 11)
  })

  law(
    'openDirectory() and listDirectories() of an unknown path throw DirectoryNotFoundError',
    async ({ kv }) => {
      await kv.createOrOpenDirectory(['a'])
      await assert.rejects(kv.openDirectory(['b']), {
        code: 'directory-not-found',
        details: { path: ['b'] },
      })
      await assert.rejects(kv.openDirectory(['a', 'b']), { code: 'directory-not-found' })
      await assert.rejects(kv.listDirectories(['a', 'b']), { code: 'directory-not-found' })
      assert.deepEqual(await kv.listDirectories(), ['a'])
    },
  )

  law('listDirectories() names one level, in the order of UTF-8 bytes', async ({ kv }) => {
    const names = ['ä', 'z', 'a', 'Z', '\u{1f600}', 'a/b', 'a\0b', ' ', '\uffee']
    for (const name of names) await kv.createOrOpenDirectory([name, 'child'])
    const expected = [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    assert.deepEqual(await kv.listDirectories(), expected)
    assert.deepEqual(await kv.listDirectories([]), expected)
    assert.deepEqual(await kv.listDirectories(['ä']), ['child'])
    assert.deepEqual(await kv.listDirectories(['ä', 'child']), [])
  })

  law('a subspace packs, unpacks and ranges over its own keys only', async ({ kv }) => {
    const [a, b] = [await kv.createOrOpenDirectory(['a']), await kv.createOrOpenDirectory(['b'])]
    await kv.transact((tx) => {
      for (const [subspace, value] of [
        [a, '1'],
        [b, '2'],
      ] as const) {
        tx.set(subspace.pack(['x', 7]), bytes(value))
      }
    })
    const rows = await kv.readTransact((tx) => tx.getRange(a.range(['x'])).toArray())
    assert.deepEqual(
      rows.map(({ key, value }) => [a.unpack(key), text(value)]),
      [[['x', 7], '1']],
    )
    assert.equal((await contents(kv, b.everything())).endsWith('=2'), true)
    assert.ok(a.contains(rows[0]!.key) && !b.contains(rows[0]!.key))
    assert.throws(() => b.unpack(rows[0]!.key), { code: 'corruption' })
  })

  law('moveDirectory() keeps prefix, keys and what is below', async ({ kv }) => {
    const [moved, below] = [await prefixOf(kv, ['a', 'b']), await prefixOf(kv, ['a', 'b', 'c'])]
    await kv.createOrOpenDirectory(['x'])
    await kv.moveDirectory(['a', 'b'], ['x', 'y'])
    assert.equal(hex((await kv.openDirectory(['x', 'y'])).prefix), moved)
    assert.equal(hex((await kv.openDirectory(['x', 'y', 'c'])).prefix), below)
    await assert.rejects(kv.openDirectory(['a', 'b']), { code: 'directory-not-found' })
    assert.deepEqual(await kv.listDirectories(['a']), [])
  })

  law('moveDirectory() refuses itself and below, taken names, and what is missing', async ({ kv }) => {
    for (const path of [['a', 'b'], ['a', 'c'], ['x']]) await kv.createOrOpenDirectory(path)
    await assert.rejects(kv.moveDirectory(['a'], ['a']), { code: 'invalid-argument' })
    await assert.rejects(kv.moveDirectory(['a'], ['a', 'd']), { code: 'invalid-argument' })
    await assert.rejects(kv.moveDirectory(['a'], ['a', 'b', 'd']), { code: 'invalid-argument' })
    await assert.rejects(kv.moveDirectory(['a', 'b'], ['a', 'c']), { code: 'directory-exists' })
    await assert.rejects(kv.moveDirectory(['a', 'b', 'c'], ['a', 'b']), { code: 'directory-not-found' })
    await assert.rejects(kv.moveDirectory(['no'], ['y']), { code: 'directory-not-found' })
    await assert.rejects(kv.moveDirectory(['x'], ['no', 'y']), { code: 'directory-not-found' })
    assert.deepEqual(await kv.listDirectories(['a']), ['b', 'c'])
    await kv.moveDirectory(['a', 'b'], ['ab'])
    assert.deepEqual(await kv.listDirectories(), ['a', 'ab', 'x'])
  })

  law('removeDirectory() removes it, what is below, and all their keys', async ({ kv }) => {
    const paths = [['a'], ['a', 'b'], ['a', 'b', 'c'], ['d']]
    const opened: Subspace[] = []
    for (const path of paths) opened.push(await kv.createOrOpenDirectory(path))
    await kv.transact((tx) => {
      for (const subspace of opened) tx.set(subspace.pack([1]), bytes('1'))
    })
    assert.equal(await kv.removeDirectory(['a']), true)
    for (const [index, subspace] of opened.entries()) {
      assert.equal(await contents(kv, subspace.everything()).then((rows) => rows !== ''), index === 3)
    }
    assert.deepEqual(await kv.listDirectories(), ['d'])
    await assert.rejects(kv.openDirectory(['a', 'b']), { code: 'directory-not-found' })
  })

  law('removeDirectory() says whether there was one', async ({ kv }) => {
    await kv.createOrOpenDirectory(['a'])
    assert.equal(await kv.removeDirectory(['a', 'b']), false)
    assert.equal(await kv.removeDirectory(['a', 'b', 'c']), false)
    assert.equal(await kv.removeDirectory(['a']), true)
    assert.equal(await kv.removeDirectory(['a']), false)
  })

  law('a prefix is never used again', async ({ kv }) => {
    const used = new Set<string>()
    for (let round = 0; round < 5; round += 1) {
      used.add(await prefixOf(kv, ['a']))
      used.add(await prefixOf(kv, ['a', 'b']))
      await kv.removeDirectory(['a'])
    }
    assert.equal(used.size, 10)
  })

  law('a path with bad names is refused', async ({ kv }) => {
    const longest = 'ä'.repeat(Math.floor(DIRECTORY_NAME_BYTES_MAX / 2))
    await kv.createOrOpenDirectory([longest])
    assert.deepEqual(await kv.listDirectories(), [longest])
    for (const path of [[], [''], ['a', ''], ['lone \ud800 surrogate'], [7 as unknown as string]]) {
      await refusesEverywhere(kv, path, 'invalid-argument')
    }
    await refusesEverywhere(kv, [`${longest}ä`], 'limit-exceeded')
    assert.deepEqual(await kv.listDirectories(), [longest])
  })

  law(`a path of ${DIRECTORY_DEPTH_MAX} names works, and one more is refused`, async ({ kv }) => {
    const deepest = Array.from({ length: DIRECTORY_DEPTH_MAX }, (_, depth) => `level ${depth}`)
    await kv.createOrOpenDirectory(deepest)
    assert.deepEqual(await kv.listDirectories(deepest), [])
    await refusesEverywhere(kv, [...deepest, 'too deep'], 'limit-exceeded')
  })
}

async function prefixOf(kv: Scene['kv'], path: readonly string[]): Promise<string> {
  return hex((await kv.createOrOpenDirectory(path)).prefix)
}

async function refusesEverywhere(kv: Scene['kv'], path: readonly string[], code: string): Promise<void> {
  const message = JSON.stringify(path)
  await assert.rejects(kv.createOrOpenDirectory(path), { code }, message)
  await assert.rejects(kv.openDirectory(path), { code }, message)
  await assert.rejects(kv.removeDirectory(path), { code }, message)
  await assert.rejects(kv.moveDirectory(path, ['elsewhere']), { code }, message)
  await assert.rejects(kv.moveDirectory(['elsewhere'], path), { code }, message)
  if (path.length > 0) await assert.rejects(kv.listDirectories(path), { code }, message)
}
