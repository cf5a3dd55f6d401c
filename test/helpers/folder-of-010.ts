/** A data folder as flm 0.1.0 left it, to open and to copy. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { initialFlm } from '../../src/store/sqlite/migrations/flm/001-initial.ts';
import { engineCa } from '../../src/store/sqlite/migrations/flm/002-engine-ca.ts';
import { initialUsage } from '../../src/store/sqlite/migrations/usage/001-initial.ts';
import { sampleKey } from './store-samples.ts';

/** The two files as 0.1.0 created them, with keys and an audit as 0.1.0 wrote them. */
export function writeFolderOf010(
  home: string,
  keys: readonly string[],
  rotations: readonly (readonly [from: string, to: string])[] = [],
): void {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const flm = new DatabaseSync(join(home, 'flm.db'));
  flm.exec(`PRAGMA journal_mode = WAL; ${initialFlm} ${engineCa} PRAGMA user_version = 2`);
  const insert = flm.prepare(
    `INSERT INTO api_key (id, label, digest, prefix, scopes, models, engines, endpoints, addresses, created_at)
     VALUES (?, ?, ?, 'flm_kQ3x', '["inference"]', '[]', '[]', '[]', '[]', ?)`,
  );
  for (const name of keys) {
    const { id, label, digest, createdAtMs } = sampleKey(name);
    insert.run(id, label, digest, createdAtMs);
  }
  flm.close();
  const usage = new DatabaseSync(join(home, 'usage.db'));
  usage.exec(`PRAGMA journal_mode = WAL; ${initialUsage} PRAGMA user_version = 1`);
  const record = usage.prepare(
    "INSERT INTO audit (at, actor, action, subject, before, after) VALUES (?, 'cli:me', ?, ?, ?, ?)",
  );
  record.run(1, 'key.create', 'key_a', null, 'no JSON');
  for (const [from, to] of rotations)
    record.run(2, 'key.rotate', `key_${from}`, null, JSON.stringify({ id: `key_${to}`, label: 'x' }));
  record.run(3, 'auth.refused', '192.0.2.7', null, null);
  usage.prepare("INSERT INTO usage_day VALUES ('2025-06-15', 'key_a', 'llama3:8b', 1, 3, 4, 0)").run();
  usage.close();
}
