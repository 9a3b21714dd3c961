/** Read models in PostgreSQL, by `pg`. Copy this file; it needs nothing else but a table, which your migrations make. */
import type { ProjectionSink } from 'eventdb'
import type { Pool, PoolClient } from 'pg'

/** What has to be run once. */
export const CHECKPOINTS_TABLE =
  'create table if not exists projection_checkpoints (id text primary key, checkpoint text)'

/** Makes a sink of a pool. Each transaction takes a client of it. */
export function pgSink(pool: Pool): ProjectionSink<PoolClient> {
  return {
    async checkpoint(id) {
      const { rows } = await pool.query('select checkpoint from projection_checkpoints where id = $1', [id])
      return rows[0]?.checkpoint ?? undefined
    },
    async commit(id, expected, write) {
      const client = await pool.connect()
      // A client without a listener ends the process when it loses its connection. Its queries fail, which is enough.
      const ignore = (): void => {}
      client.on('error', ignore)
      let isBroken = false
      try {
        await client.query('begin')
        // There must be a row to be locked. Whoever comes second waits here.
        await client.query('insert into projection_checkpoints (id) values ($1) on conflict do nothing', [id])
        const locked = 'select checkpoint from projection_checkpoints where id = $1 for update'
        const { rows } = await client.query(locked, [id])
        const isExpected = (rows[0].checkpoint ?? undefined) === expected
        if (isExpected) {
          const next = await write(client)
          await client.query('update projection_checkpoints set checkpoint = $2 where id = $1', [id, next])
        }
        await client.query('commit')
        return isExpected
      } catch (error) {
        // If this fails as well, the connection is lost, which says more than what came of it.
        await client.query('rollback').catch((lost: unknown) => {
          isBroken = true
          throw lost
        })
        throw error
      } finally {
        client.off('error', ignore)
        client.release(isBroken)
      }
    },
  }
}
