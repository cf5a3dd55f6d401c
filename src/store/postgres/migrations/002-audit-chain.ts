/**
 * Version 2: the audit is chained by hash; see src/core/audit/audit-chain.ts. Entries about changes are one chain, refused
 * logins another one. Entries from before are chained here; entries that an older node still writes, within an hour.
 */
import { integer } from '../../rows.ts';
import { chainOlderEntries, chainPlaces } from '../audit-chain.ts';
import type { SqlSession } from '../sql-session.ts';

/** The only row of each state is the lock under which entries are added. */
const tables = chainPlaces
  .map(
    ({ entries, state }) => `
  ALTER TABLE flm.${entries} ADD COLUMN source flm.name, ADD COLUMN seq bigint, ADD COLUMN hash flm.name;
  CREATE UNIQUE INDEX ${entries}_by_seq ON flm.${entries} (seq) WHERE seq IS NOT NULL;
  CREATE INDEX ${entries}_without_seq ON flm.${entries} (id) WHERE seq IS NULL;
  CREATE TABLE flm.${state} (
    id smallint PRIMARY KEY CHECK (id = 1),
    base_seq bigint NOT NULL,
    base_hash flm.name NOT NULL,
    head_seq bigint NOT NULL,
    head_hash flm.name NOT NULL
  );
  INSERT INTO flm.${state} VALUES (1, 0, '', 0, '');
`,
  )
  .join('');

export async function auditChain(session: SqlSession): Promise<void> {
  await session.script(tables);
  const sql = 'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now';
  const nowMs = (await session.find((row) => integer(row, 'now'), sql)) ?? 0;
  for (const place of chainPlaces) await chainOlderEntries(session, place, nowMs);
}
