import { readFileSync } from 'node:fs'
import { describe, expect } from 'vitest'
import { COMMANDS } from '../../src/cli/commands.ts'
import { eventdb, spawned, test } from './eventdb.ts'

describe('eventdb', () => {
  test('--help lists every command', async () => {
    const { code, stdout, stderr } = await spawned(['--help'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const width = Math.max(...COMMANDS.map(({ name }) => name.length))
    for (const { name, summary } of COMMANDS)
      expect(stdout).toContain(`  ${name.padEnd(width)}  ${summary}\n`)
  })

  test('--version prints the version of the package', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
    expect(await spawned(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
  })

  for (const { name, form, options } of COMMANDS) {
    test(`${name} --help shows its form and its options, without a store`, async () => {
      const { code, stdout, stderr } = await eventdb([name, '--help'])
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      expect(stdout).toContain(`Usage: eventdb ${name} ${form}`.trim())
      for (const option of options) expect(stdout).toContain(`--${option.name}`)
    })
  }

  test('help COMMAND is COMMAND --help', async () => {
    const [first, second] = await Promise.all([eventdb(['help', 'import']), eventdb(['import', '--help'])])
    expect(first).toEqual(second)
  })

  const wrong: readonly (readonly [readonly string[], string])[] = [
    [[], 'eventdb: Which command?'],
    [['imprt', 'x'], 'eventdb: Unknown command "imprt"; did you mean import?'],
    [['read', 'x', '--bakwards'], 'eventdb: Unknown option --bakwards; did you mean --backwards?'],
    [['read', 'x'], 'eventdb: Which store? Name its folder with --store DIR, or set EVENTDB_STORE'],
    [['info', '--store', ':memory:'], 'eventdb: A store in memory would be gone at once; name a folder'],
    [['read', '--store', '/tmp'], 'eventdb: Give either a STREAM or --all'],
    [['read', 'x', '--all', '--store', '/tmp'], 'eventdb: Give either a STREAM or --all'],
    [['read', 'x', '--from', 'y', '--store', '/tmp'], 'eventdb: --from takes a version, not "y"'],
    [['read', '--all', '--from', 'y', '--store', '/tmp'], 'eventdb: --from takes a position or a time: '],
    [['read', 'x', '--limit', '-1', '--store', '/tmp'], 'eventdb: --limit takes a whole number'],
    [['append', '--type', 'T', '--store', '/tmp'], 'eventdb: STREAM is missing'],
    [['append', 's', '--store', '/tmp'], 'eventdb: --type is missing'],
    [['append', 's', '--type', 'T', '--data', '{', '--store', '/tmp'], 'eventdb: --data: '],
    [['append', 's', '--type', 'T', '--id', 'x', '--store', '/tmp'], 'eventdb: --id must be a UUID, not "x"'],
    [['append', 's', '--type', 'T', '--time', 'x', '--store', '/tmp'], 'eventdb: --time: "x" is no ISO 8601'],
    [
      ['append', 's', '--type', 'T', '--expected-version', 'x', '--store', '/tmp'],
      'eventdb: --expected-version',
    ],
    [['streams', 'x', '--store', '/tmp'], 'eventdb: Unexpected argument "x"'],
    [['import', '--store', '/tmp'], 'eventdb: FILE (or - for standard input) is missing'],
    [
      ['import', 'x', '--batch', '0', '--store', '/tmp'],
      'eventdb: --batch takes a whole number from 1 to 5000',
    ],
    [['export', 'x', '--all', '--store', '/tmp'], 'eventdb: Give either a STREAM or --all'],
    [
      ['import', 'x', '--tag-field', 'dta.x', '--store', '/tmp'],
      'eventdb: --tag-field dta.x: a record has no field',
    ],
    [
      ['import', 'x', '--indexes', 'tags', '--store', '/tmp'],
      'eventdb: --indexes takes category, type, tag, not',
    ],
    [['query', '--store', '/tmp'], 'eventdb: Which events? Give --type, --tag or --category'],
    [['query', 'x', '--type', 'T', '--store', '/tmp'], 'eventdb: Unexpected argument "x"'],
    [['query', '--type', 'T', '--or', '--store', '/tmp'], 'eventdb: --or stands between two alternatives'],
    [
      ['query', '--category', 'c', '--tag', 'x', '--store', '/tmp'],
      'eventdb: Give either --category, or --type',
    ],
    [
      ['query', '--type', 'T', '--after', 'y', '--store', '/tmp'],
      'eventdb: --after takes a position or a time: ',
    ],
    [['delete', '--store', '/tmp'], 'eventdb: STREAM is missing'],
    [
      ['delete', 's', '--expect', 'x', '--store', '/tmp'],
      'eventdb: --expected-version takes a version, any, ',
    ],
    [['restore', 's', 't', '--store', '/tmp'], 'eventdb: Unexpected argument "t"'],
    [['tombstone', 's', '--store', '/tmp'], 'eventdb: This is for ever: "s" can then never be restored'],
    [['metadata', '--store', '/tmp'], 'eventdb: STREAM is missing'],
    [['metadata', 's', 'owner', '--store', '/tmp'], 'eventdb: "owner" is no key=value'],
    [['metadata', 's', '--max-age', '7', '--store', '/tmp'], 'eventdb: --max-age: "7" is no duration'],
    [['scavenge', 'x', '--store', '/tmp'], 'eventdb: Unexpected argument "x"'],
    [
      ['reindex', '--add', 'tags', '--store', '/tmp'],
      'eventdb: --add takes category, type, tag, not "tags"; did you',
    ],
    [['backup', '--store', '/tmp'], 'eventdb: FOLDER is missing'],
  ]
  for (const [args, message] of wrong) {
    test(`${args.join(' ')} is wrong usage`, async () => {
      const { code, stdout, stderr } = await eventdb(args)
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
      expect(stderr.startsWith(message), stderr).toBe(true)
      expect(stderr).toContain('Usage: eventdb')
    })
  }

  test('ends a process with exit code 2 for wrong usage', async () => {
    const { code, stdout, stderr } = await spawned(['raed'])
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(
      /^eventdb: Unknown command "raed"; did you mean read\?\n\n.*\n\nUsage: eventdb COMMAND/,
    )
  })
})
