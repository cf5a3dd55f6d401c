/** A database of keys that another program has locked: proxies serve, and changes fail with a code or are made. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { makeCli } from '../helpers/cli.ts';
import { eventually } from '../helpers/eventually.ts';
import { createKey, startProxy } from '../helpers/start-proxy.ts';
import { listModels } from '../long/soak/outcomes.ts';
import { ScriptedEngine } from '../long/soak/scripted-engine.ts';

interface StoredKey {
  readonly label: string;
  readonly revokedAt: string | null;
}

test('while another program has locked flm.db a proxy serves, a new key is refused and a revocation holds', async (t) => {
  const cli = makeCli(t);
  const engine = await ScriptedEngine.start('m');
  t.after(() => engine.close());
  const [kept, gone] = [await createKey(cli, 'kept'), await createKey(cli, 'gone')];
  const { url } = await startProxy(cli, '--engine', engine.url);
  const statusOf = async ({ key }: { key: string }) => {
    const outcome = await listModels({ url }, key);
    return outcome.kind === 'refused' ? outcome.status : outcome.kind;
  };
  const stored = async () => (await cli.run('key', 'list', '--json')).json<{ keys: StoredKey[] }>().keys;
  const lock = new DatabaseSync(join(cli.home, 'flm.db'));
  t.after(() => lock.isOpen && lock.close());
  lock.exec('BEGIN EXCLUSIVE');

  const created = await cli.run('key', 'create', 'new', '--json');
  const revoked = await cli.run('key', 'revoke', 'gone');
  assert.deepEqual(
    [created.code, created.stdout, JSON.parse(created.stderr).error.code],
    [2, '', 'STORE_BUSY'],
  );
  assert.match(revoked.stdout, /^Revoked key_/);
  assert.deepEqual([await statusOf(kept), await statusOf(gone)], ['whole', 401]);

  lock.close();
  const keys = await eventually(stored, (all) =>
    all.some(({ label, revokedAt }) => label === 'gone' && revokedAt !== null),
  );
  assert.deepEqual(keys.map(({ label }) => label).sort(), ['gone', 'kept']);
  assert.deepEqual([await statusOf(kept), await statusOf(gone)], ['whole', 401]);
});
