/**
 * A restore drill: many keys and a year of usage, encrypted, on a fresh machine. `FLM_TEST_RUNS=50` makes it 10,000 keys.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type CopiedTable, type CopiedValue, copiedTables } from '../../src/store/store-copy.ts';
import { makeCli, type TestCli } from '../helpers/cli.ts';
import { moreRuns } from '../helpers/more-runs.ts';
import { createKey, startProxy } from '../helpers/start-proxy.ts';
import { sampleDigest } from '../helpers/store-samples.ts';
import { openedStore } from '../helpers/temporary-store.ts';

const keys = 200 * moreRuns;
const days = 365;

async function ok(cli: TestCli, ...args: readonly string[]) {
  const ran = await cli.run(...args);
  assert.equal(ran.code, 0, `flm ${args.join(' ')}: ${ran.stderr}`);
  return ran;
}

/** A row whose columns have these values, or else those of `row`. */
function changed(
  table: CopiedTable,
  row: readonly CopiedValue[],
  values: Readonly<Record<string, CopiedValue>>,
): readonly CopiedValue[] {
  const columns: readonly string[] = copiedTables[table];
  return row.map((value, i) => values[columns[i] ?? ''] ?? value);
}

test('many keys and a year of usage come back on a fresh machine, and a revoked key stays revoked', async (t) => {
  const old = makeCli(t);
  const { id, key } = await createKey(old, 'anna');
  const store = openedStore(t, old.home);
  const content = await store.copied.read();
  const [row] = content.rows.api_key;
  assert.ok(row !== undefined);
  const counted: readonly string[] = copiedTables.usage_rollup;
  const zeros = counted.map((): CopiedValue => 0);
  const dayOf = (n: number): string => new Date(Date.UTC(2025, 0, 1 + n)).toISOString().slice(0, 10);
  const names = Array.from({ length: keys - 1 }, (_, i) => `key_made${String(i).padStart(8, '0')}`);
  await store.copied.replace({
    ...content,
    rows: {
      ...content.rows,
      api_key: [
        row,
        ...names.map((name) =>
          changed('api_key', row, { id: name, family_id: name, label: name, digest: sampleDigest(name) }),
        ),
      ],
      // Each key is used on 36 days of the year.
      usage_rollup: names.flatMap((name, i) =>
        Array.from({ length: Math.floor(days / 10) }, (_, n) =>
          changed('usage_rollup', zeros, {
            ...{ day: dayOf(n * 10 + (i % 10)), key_id: name, family_id: name },
            ...{ model: 'llama3', engine: 'box', ending: 'ok', requests: 1 + n, input_tokens: 100 + i },
          }),
        ),
      ),
    },
  });
  const before = await store.copied.counts();
  store.close();
  const secrets = mkdtempSync(join(tmpdir(), 'flm-identity-'));
  t.after(() => rmSync(secrets, { recursive: true }));
  const identity = join(secrets, 'identity');
  const { recipient } = (await ok(old, 'backup', 'key', 'create', identity, '--json')).json<{
    recipient: string;
  }>();

  const begunMs = performance.now();
  const made = await ok(old, 'backup', 'create', '--recipient', recipient, '--json');
  const { file } = made.json<{ file: string }>();
  const createdMs = performance.now();
  const fresh = makeCli(t);
  await ok(fresh, 'backup', 'restore', file, '--identity', identity, '--yes');
  const restoredMs = performance.now();

  const { audit: _, ...rest } = await openedStore(t, fresh.home).copied.counts();
  const { audit: __, ...expected } = before;
  assert.deepEqual(rest, expected);
  assert.equal(rest.api_key, keys);
  t.diagnostic(
    `${keys} keys, ${rest.usage_rollup} rows of usage: ${(statSync(file).size / 1e6).toFixed(1)} MB, ` +
      `created in ${Math.round(createdMs - begunMs)} ms, restored in ${Math.round(restoredMs - createdMs)} ms`,
  );
  const { baseUrl, id: proxy } = await startProxy(fresh, '--demo');
  const ask = (): Promise<number> =>
    fetch(`${baseUrl}/models`, { headers: { authorization: `Bearer ${key}` } }).then(({ status }) => status);
  assert.equal(await ask(), 200);
  await ok(fresh, 'key', 'revoke', id);
  await ok(fresh, 'proxy', 'stop', proxy);

  await ok(fresh, 'backup', 'restore', file, '--identity', identity, '--yes');

  const again = await startProxy(fresh, '--demo');
  const headers = { authorization: `Bearer ${key}` };
  assert.equal((await fetch(`${again.baseUrl}/models`, { headers })).status, 401);
});
