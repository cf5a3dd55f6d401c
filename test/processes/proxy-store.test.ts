/** The store as a running proxy has it, beside real other processes that change it. */
import assert from 'node:assert/strict';
import { copyFileSync, existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { systemClock } from '../../src/core/clock.ts';
import type { EnforcedKey } from '../../src/core/security/api-key.ts';
import { defaultPolicy } from '../../src/core/security/security-policy.ts';
import { openProxyStore } from '../../src/store/sqlite/proxy-store.ts';
import { type SpawnWorker, spawnStoreWorker } from '../../src/store/sqlite/spawn-worker.ts';
import type { FromThread } from '../../src/store/sqlite/thread-messages.ts';
import { patientClock } from '../helpers/probe-line.ts';
import { answered, Heard, startedProxyStore, Threads } from '../helpers/proxy-stores.ts';
import { lockFile, startProgram } from '../helpers/store-programs.ts';
import {
  enforcedPart,
  sampleDigest,
  sampleHandle,
  sampleKey,
  sampleRedemption,
  sampleShare,
  sampleUsage,
  sometimeMs,
} from '../helpers/store-samples.ts';
import { atEnd, failsAs, openedStore, temporaryHome } from '../helpers/temporary-store.ts';

test('the whole state is there when start resolves, as one piece', async (t) => {
  const home = temporaryHome(t);
  const cli = openedStore(t, home);
  await cli.security.insertKey(sampleKey('a'));
  await cli.engines.saveAlias({ name: 'gpt-4', target: 'llama3' });
  const { heard } = await startedProxyStore(t, home);
  assert.deepEqual(heard.changes, [
    {
      policy: defaultPolicy,
      engines: [],
      aliases: [{ name: 'gpt-4', target: 'llama3' }],
      keys: { replaceAll: true, removedIds: [], upserted: [enforcedPart(sampleKey('a'))] },
    },
  ]);
  assert.deepEqual(heard.problems, []);
});

test('a proxy makes the store where there is none', async (t) => {
  const { heard } = await startedProxyStore(t, join(temporaryHome(t), 'new'));
  assert.deepEqual(heard.changes[0]?.keys?.upserted, []);
});

test('a change by another process arrives by itself, and nothing but that change', async (t) => {
  const home = temporaryHome(t);
  const { heard } = await startedProxyStore(t, home);
  const other = startProgram(
    t,
    `const store = open(${JSON.stringify(home)});
     await store.security.insertKey(sampleKey('a'));
     say(Date.now());`,
  );
  let committedAtMs = 0;
  for await (const line of other.lines) {
    committedAtMs = Number(line);
    break;
  }
  await heard.until(({ changes }) => changes.length > 1);
  t.diagnostic(`delivered ${Date.now() - committedAtMs} ms after the commit`);
  assert.deepEqual(heard.changes.slice(1), [
    { keys: { replaceAll: false, removedIds: [], upserted: [enforcedPart(sampleKey('a'))] } },
  ]);
});

test('keys arrive with all their rules, however many share them', async (t) => {
  const home = temporaryHome(t);
  const cli = openedStore(t, home);
  const rules = {
    scopes: ['inference', 'admin'],
    models: ['a*', 'b "c"'],
    engines: ['box'],
    endpoints: ['models.list'],
    addresses: ['10.0.0.0/8'],
    limits: { requestsPerMinute: 1, burst: 2, tokensPerMinute: 3, tokensPerDay: 4, concurrency: 5 },
    revokedAtMs: 6,
    pausedAtMs: 7,
  } as const;
  const keys = [
    sampleKey('a'),
    sampleKey('b', rules),
    sampleKey('c', { ...rules, expiresAtMs: 8 }),
    sampleKey('d', { familyId: 'key_a', label: 'a' }),
    ...Object.keys(rules).map((name, i) =>
      sampleKey(`one${i}`, { [name]: rules[name as keyof typeof rules] }),
    ),
  ];
  for (const key of keys) await cli.security.insertKey(key);
  const { heard } = await startedProxyStore(t, home);
  assert.deepEqual(heard.changes[0]?.keys?.upserted, keys.map(enforcedPart));
});

test('after refresh all that was committed before is delivered', async (t) => {
  const home = temporaryHome(t);
  const cli = openedStore(t, home);
  const { proxy, heard } = await startedProxyStore(t, home);
  for (let i = 0; i < 20; i++) {
    await cli.security.insertKey(sampleKey(`k${i}`));
    await Promise.all([proxy.refresh(), proxy.refresh()]);
    const ids = heard.changes.flatMap((change) => change.keys?.upserted ?? []).map((key) => key.id);
    assert.equal(ids.at(-1), `key_k${i}`);
    assert.equal(new Set(ids).size, ids.length, 'each once');
  }
});

test('revocations, deletions and keys made again arrive as such', async (t) => {
  const home = temporaryHome(t);
  const cli = openedStore(t, home);
  for (const name of ['a', 'b', 'c', 'd']) await cli.security.insertKey(sampleKey(name));
  const { proxy, heard } = await startedProxyStore(t, home);
  const lock = new DatabaseSync(join(home, 'flm.db'));
  atEnd(t, () => lock.close());
  // Together, so that they are one look.
  lock.exec(`BEGIN IMMEDIATE;
    UPDATE api_key SET revoked_at = 5 WHERE id = 'key_a';
    DELETE FROM api_key WHERE id IN ('key_b', 'key_c');
    INSERT INTO api_key (id, label, digest, prefix, scopes, models, engines, endpoints, addresses, created_at)
      SELECT 'key_c', label, '${sampleDigest('again')}', prefix, scopes, models, engines, endpoints, addresses, created_at
      FROM api_key WHERE id = 'key_d';
    COMMIT;`);
  await proxy.refresh();
  const keys = heard.changes[1]?.keys;
  assert.equal(keys?.replaceAll, false);
  assert.deepEqual(keys?.removedIds, ['key_b']);
  const seen = new Map(keys?.upserted.map((key) => [key.id, key]));
  assert.deepEqual([...seen.keys()].sort(), ['key_a', 'key_c']);
  assert.equal(seen.get('key_a')?.revokedAtMs, 5);
  assert.equal(seen.get('key_c')?.digest, sampleDigest('again'));
});

test('two proxies that get one token at the same moment make one key, which is in force at once', async (t) => {
  const home = temporaryHome(t);
  const cli = openedStore(t, home);
  const stores = [await startedProxyStore(t, home), await startedProxyStore(t, home)];
  const audit = { atMs: sometimeMs, actor: 'cli:me', action: 'share.create', subject: 'sh_a' };
  await cli.shares.insertShare(sampleShare('a'), audit);
  const results = await Promise.all(
    stores.map(({ proxy }, i) => proxy.redeemShare(sampleRedemption('digest of a', `${i}`))),
  );
  assert.deepEqual(results.map(({ outcome }) => outcome).sort(), ['made', 'redeemed']);
  const winner = results.findIndex(({ outcome }) => outcome === 'made');
  const known = stores[winner]?.heard.changes.flatMap((change) => change.keys?.upserted ?? []);
  assert.deepEqual(
    known?.map(({ id }) => id),
    [`key_${winner}`],
  );
  assert.equal((await cli.security.listKeys()).length, 1);
});

test('policy, engines and aliases arrive each alone', async (t) => {
  const home = temporaryHome(t);
  const cli = openedStore(t, home);
  const { proxy, heard } = await startedProxyStore(t, home);
  const policy = { ...defaultPolicy, requestsPerMinute: 5 };
  const engine = { id: 'a', url: 'http://h', apiKey: { from: 'value', value: 's' }, createdAtMs: 1 } as const;
  await cli.security.savePolicy(policy);
  await proxy.refresh();
  await cli.engines.saveEngine(engine);
  await proxy.refresh();
  await cli.engines.saveAlias({ name: 'x', target: 'y' });
  await proxy.refresh();
  await cli.engines.deleteAlias('x');
  await proxy.refresh();
  assert.deepEqual(heard.changes.slice(1), [
    { policy },
    { engines: [engine] },
    { aliases: [{ name: 'x', target: 'y' }] },
    { aliases: [] },
  ]);
});

test('ten thousand keys come in slices, with other work in between, and are one change', async (t) => {
  const home = temporaryHome(t);
  const cli = openedStore(t, home);
  cli.close();
  const db = new DatabaseSync(join(home, 'flm.db'));
  db.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
    INSERT INTO api_key (id, label, digest, prefix, scopes, models, engines, endpoints, addresses, created_at)
    SELECT 'key_' || i, 'Label ' || i, printf('%064x', i), 'flm_', '["inference"]', '["llama*"]', '[]', '[]', '[]', i FROM n`);
  db.close();
  let turns = 0;
  let counting = true;
  const count = (): void => {
    turns++;
    if (counting) setImmediate(count);
  };
  const turnsAtSlice: number[] = [];
  const sizes: number[] = [];
  const spawn: SpawnWorker = (start) =>
    spawnStoreWorker(start).on('message', ({ answer }: FromThread) => {
      if (answer.say !== 'slice') return;
      turnsAtSlice.push(turns);
      sizes.push(answer.keys.count);
    });
  setImmediate(count);
  const { heard } = await startedProxyStore(t, home, { spawn });
  counting = false;
  assert.equal(heard.changes.length, 1);
  assert.equal(new Set(heard.changes[0]?.keys?.upserted.map((key) => key.id)).size, 10_000);
  assert.deepEqual(
    sizes,
    Array.from({ length: 5 }, () => 2_000),
  );
  assert.equal(new Set(turnsAtSlice).size, 5, 'never two slices in one turn of the loop');
});

test('keys that change while many keys are read arrive as they are in the end', async (t) => {
  const home = temporaryHome(t);
  const cli = openedStore(t, home);
  const names = Array.from({ length: 4_800 }, (_, i) => `k${i}`);
  await cli.security.insertKeys(names.map((name) => sampleKey(name)));
  const db = new DatabaseSync(join(home, 'flm.db'));
  atEnd(t, () => db.close());
  const atFirstSlice: (() => void)[] = [];
  const spawn: SpawnWorker = (start) =>
    spawnStoreWorker(start).on('message', ({ answer }: FromThread) => {
      if (answer.say === 'slice') atFirstSlice.pop()?.();
    });
  const columns = 'label, prefix, scopes, models, engines, endpoints, addresses, created_at';
  // Of keys in the first slice and of keys in later ones.
  const change = (...ids: readonly string[]): void => {
    const [revoked = '', deleted = '', again = ''] = ids;
    db.exec(`BEGIN IMMEDIATE;
      UPDATE api_key SET revoked_at = 5 WHERE id = '${revoked}';
      DELETE FROM api_key WHERE id IN ('${deleted}', '${again}');
      INSERT INTO api_key (id, digest, ${columns})
        SELECT '${again}', '${sampleDigest(`again ${again}`)}', ${columns} FROM api_key WHERE id = 'key_k9';
      COMMIT;`);
  };
  atFirstSlice.push(() => {
    change('key_k0', 'key_k1', 'key_k2');
    change('key_k4100', 'key_k4101', 'key_k4102');
  });
  const { proxy, heard } = await startedProxyStore(t, home, { spawn });
  const check = async (from: number): Promise<void> => {
    const known = new Map<string, EnforcedKey>();
    for (const { keys } of heard.changes) {
      if (keys === undefined) continue;
      if (keys.replaceAll) known.clear();
      for (const id of keys.removedIds) known.delete(id);
      for (const key of keys.upserted) known.set(key.id, key);
    }
    const stored = (await cli.security.listKeys()).map(enforcedPart);
    const byId = (a: EnforcedKey, b: EnforcedKey): number => (a.id < b.id ? -1 : 1);
    assert.deepEqual([...known.values()].sort(byId), stored.sort(byId));
    assert.equal(heard.changes.length, from, 'as one change');
  };
  await check(1);
  // The same when a proxy that knows all keys learns of many changes.
  db.exec('UPDATE api_key SET paused_at = 7');
  atFirstSlice.push(() => {
    change('key_k3', 'key_k4', 'key_k5');
    change('key_k4103', 'key_k4104', 'key_k4105');
  });
  await proxy.refresh();
  await check(2);
});

test('a proxy whose deletions are forgotten reads everything again', async (t) => {
  const home = temporaryHome(t);
  const cli = openedStore(t, home);
  await cli.security.insertKey(sampleKey('a'));
  const { proxy, heard } = await startedProxyStore(t, home);
  const db = new DatabaseSync(join(home, 'flm.db'));
  atEnd(t, () => db.close());
  db.exec("UPDATE revision SET value = value + 150000 WHERE name = 'api_key'");
  await proxy.refresh();
  assert.deepEqual(heard.changes[1], {
    keys: { replaceAll: true, removedIds: [], upserted: [enforcedPart(sampleKey('a'))] },
  });
});

test('a handle is written and deleted through the thread', async (t) => {
  const home = temporaryHome(t);
  const cli = openedStore(t, home);
  const { proxy } = await startedProxyStore(t, home);
  await proxy.saveHandle(sampleHandle('a'));
  assert.deepEqual(await cli.proxies.listHandles(), [sampleHandle('a')]);
  await proxy.deleteHandle('px_a', sampleHandle('a').nonce);
  assert.deepEqual(await cli.proxies.listHandles(), []);
});

test('usage, last use and audit are written to disk while the proxy runs', async (t) => {
  const home = temporaryHome(t);
  const cli = openedStore(t, home);
  const { proxy, threads } = await startedProxyStore(t, home);
  const atMs = Date.now();
  proxy.add(sampleUsage({ atMs }));
  proxy.add(sampleUsage({ atMs, estimated: true }));
  proxy.add(sampleUsage({ keyId: 'key_b', atMs, address: '::1', answered: false, ending: 'refused' }));
  proxy.record({ atMs, actor: 'proxy:px_a', action: 'auth.refused', subject: '192.0.2.1' });
  await answered(threads.last, 'done');
  const [row] = await cli.usage.listUsage('2025-01-01');
  assert.deepEqual([row?.requests, row?.estimatedRequests, row?.outputTokens], [2, 1, 8]);
  const refused = await cli.usage.usageSlots({
    fromMs: 0,
    toMs: atMs + 1,
    by: ['key'],
    where: { ending: ['refused'] },
  });
  assert.deepEqual(
    refused.map(({ group, requests }) => [group, requests]),
    [[{ key: 'key_b' }, 1]],
  );
  assert.deepEqual((await cli.security.lastUsed()).get('key_b'), { atMs, address: '::1' });
  assert.equal((await cli.audit.list(1))[0]?.action, 'auth.refused');
});

test('what was counted last is on disk when close resolves', async (t) => {
  const home = temporaryHome(t);
  const cli = openedStore(t, home);
  const { proxy } = await startedProxyStore(t, home);
  proxy.add(sampleUsage());
  await proxy.close();
  assert.equal((await cli.usage.listUsage('2025-01-01'))[0]?.requests, 1);
  assert.deepEqual(cli.faults(), []);
});

test('tokens of today are those of all proxies, counted once', async (t) => {
  const home = temporaryHome(t);
  const one = await startedProxyStore(t, home);
  const two = await startedProxyStore(t, home);
  const entry = sampleUsage({ atMs: Date.now(), inputTokens: 10, outputTokens: 5 });
  one.proxy.add(entry);
  assert.equal(one.proxy.today('key_a'), 15, 'its own at once');
  assert.equal(one.proxy.today('key_b'), 0);
  while (two.proxy.today('key_a') === 0) await answered(two.threads.last, 'counted');
  assert.equal(two.proxy.today('key_a'), 15);
  two.proxy.add(entry);
  assert.equal(two.proxy.today('key_a'), 30);
  while (one.proxy.today('key_a') < 30) await answered(one.threads.last, 'counted');
  await answered(two.threads.last, 'counted');
  assert.deepEqual([one.proxy.today('key_a'), two.proxy.today('key_a')], [30, 30]);
});

test('a new process counts what its predecessor stored after the new process had read the store', async (t) => {
  const home = temporaryHome(t);
  const old = await startedProxyStore(t, home);
  // Its time stands still, so that only `recount` reads again.
  const next = await startedProxyStore(t, home, { clock: patientClock });
  old.proxy.add(sampleUsage({ atMs: Date.now(), inputTokens: 10, outputTokens: 5 }));
  await old.proxy.writeUsage();
  await old.proxy.recount();
  const exported = old.proxy.exportUncounted();
  assert.equal(
    exported.some(({ tokens }) => tokens > 0),
    false,
    'the store has them, so the predecessor does not tell them',
  );
  for (const used of exported) next.proxy.countUsed(used);
  assert.equal(next.proxy.today('key_a'), 0);
  await next.proxy.recount();
  assert.equal(next.proxy.today('key_a'), 15);
});

test('tokens of today are those of a whole family, also of a key that is deleted', async (t) => {
  const home = temporaryHome(t);
  const cli = openedStore(t, home);
  const nowMs = Date.now();
  await cli.usage.addUsage([
    sampleUsage({ atMs: nowMs }),
    sampleUsage({ keyId: 'key_b', familyId: 'key_a', atMs: nowMs }),
  ]);
  const { proxy, threads } = await startedProxyStore(t, home);
  assert.equal(proxy.today('key_a'), 14);
  proxy.add(sampleUsage({ keyId: 'key_c', familyId: 'key_a', atMs: nowMs }));
  assert.equal(proxy.today('key_a'), 21);
  while ((await cli.usage.listUsage('2025-01-01')).length < 3) await answered(threads.last, 'counted');
  await answered(threads.last, 'counted');
  assert.deepEqual([proxy.today('key_a'), proxy.today('key_b'), proxy.today('key_c')], [21, 0, 0]);
});

test('a revocation that cannot be written is kept and written with its audit entry once that works', async (t) => {
  const home = temporaryHome(t);
  const cli = openedStore(t, home);
  await cli.security.insertKey(sampleKey('a'));
  const { proxy } = await startedProxyStore(t, home, { busyTimeoutMs: 50 });
  const lock = await lockFile(t, join(home, 'flm.db'));
  const audit = { atMs: 5, actor: 'cli:me', action: 'key.revoke', subject: 'key_a' };
  const { first, written } = proxy.revoke('key_a', audit);
  assert.match((await first) ?? '', /flm\.db is locked/);
  assert.deepEqual([...proxy.unwrittenRevocations.keys()], ['key_a']);
  assert.deepEqual(await proxy.writeRevocations(), ['key_a']);
  await lock.release();
  await written;
  assert.equal((await cli.security.findKey('key_a'))?.revokedAtMs, 5);
  assert.deepEqual(await cli.audit.list(9), [audit]);
  assert.equal(proxy.unwrittenRevocations.size, 0);
});

test('a revocation that could not be written before is written as the proxy ends', async (t) => {
  const home = temporaryHome(t);
  const cli = openedStore(t, home);
  await cli.security.insertKey(sampleKey('a'));
  const { proxy } = await startedProxyStore(t, home, { busyTimeoutMs: 50 });
  const lock = await lockFile(t, join(home, 'flm.db'));
  await proxy.revoke('key_a', { atMs: 5, actor: 'cli:me', action: 'key.revoke', subject: 'key_a' }).first;
  await lock.release();
  await proxy.close();
  assert.equal((await cli.security.findKey('key_a'))?.revokedAtMs, 5);
});

test('what was used today is known when start resolves', async (t) => {
  const home = temporaryHome(t);
  await openedStore(t, home).usage.addUsage([sampleUsage({ atMs: Date.now() })]);
  const { proxy } = await startedProxyStore(t, home);
  assert.equal(proxy.today('key_a'), 7);
});

test('a store that cannot be read fails the start and leaves nothing', async (t) => {
  const home = temporaryHome(t);
  writeFileSync(join(home, 'flm.db'), 'this is no database '.repeat(500), { mode: 0o600 });
  const threads = new Threads();
  const proxy = openProxyStore({ home, clock: systemClock, spawn: threads.spawn });
  await assert.rejects(proxy.start(new Heard()), failsAs('STORE_CORRUPT', /flm\.db/, /backups/, /\.recover/));
  assert.equal(threads.exited.length, threads.started.length);
  await assert.rejects(proxy.saveHandle(sampleHandle('a')), failsAs('STORE_UNUSABLE'));
});

test('a locked usage file delays no revocation, and what was counted meanwhile is written once', async (t) => {
  const home = temporaryHome(t);
  const cli = openedStore(t, home);
  await cli.security.insertKey(sampleKey('a'));
  await cli.usage.addUsage([]);
  const { proxy, heard } = await startedProxyStore(t, home);
  const lock = await lockFile(t, join(home, 'usage.db'));
  const entry = sampleUsage({ atMs: Date.now() });
  proxy.add(entry);
  await heard.until(({ problems }) => problems.length > 0);
  assert.match(heard.problems[0] ?? '', /usage\.db.* is locked/);
  proxy.add(entry);
  assert.equal(proxy.today('key_a'), 14);
  await cli.security.updateKey(sampleKey('a', { revokedAtMs: 5 }));
  await proxy.refresh();
  assert.equal(heard.changes.at(-1)?.keys?.upserted[0]?.revokedAtMs, 5);
  await lock.release();
  await heard.until(({ problems }) => problems.at(-1) === undefined);
  await proxy.close();
  assert.equal((await cli.usage.listUsage('2025-01-01'))[0]?.requests, 2);
});

test('a proxy that meets a newer schema it cannot use keeps its state, says so, and writes nothing', async (t) => {
  const home = temporaryHome(t);
  const cli = openedStore(t, home);
  const { proxy, heard } = await startedProxyStore(t, home);
  await cli.security.insertKey(sampleKey('a'));
  await proxy.refresh();
  const newer = new DatabaseSync(join(home, 'flm.db'));
  atEnd(t, () => newer.close());
  newer.exec(`UPDATE schema_reader SET oldest = 99; PRAGMA user_version = 99;
    DELETE FROM api_key WHERE id = 'key_a'`);
  await heard.until(({ problems }) => problems.length > 0);
  assert.match(heard.problems[0] ?? '', /newer flm \(schema 99, this one knows \d+\).*Update flm/);
  await assert.rejects(proxy.saveHandle(sampleHandle('a')), failsAs('STORE_NEWER'));
  assert.equal(heard.changes.length, 2);
  assert.deepEqual(newer.prepare('SELECT * FROM proxy_handle').all(), []);
});

test('a backup that is put in place of the file is read whole', async (t) => {
  const home = temporaryHome(t);
  const cli = openedStore(t, home);
  await cli.security.insertKey(sampleKey('a'));
  cli.close();
  copyFileSync(join(home, 'flm.db'), join(home, 'saved.db'));
  const again = openedStore(t, home);
  await again.security.insertKey(sampleKey('b'));
  again.close();
  const { heard, proxy } = await startedProxyStore(t, home);
  for (const part of ['flm.db-wal', 'flm.db-shm']) rmSync(join(home, part), { force: true });
  renameSync(join(home, 'saved.db'), join(home, 'flm.db'));
  await proxy.refresh();
  const { keys } = heard.changes.at(-1) ?? {};
  assert.deepEqual(keys, { replaceAll: true, removedIds: [], upserted: [enforcedPart(sampleKey('a'))] });
});

test('a file that is deleted under a proxy is reported and never created again by it', async (t) => {
  const home = temporaryHome(t);
  const { heard, proxy } = await startedProxyStore(t, home);
  for (const name of ['flm.db', 'flm.db-wal', 'flm.db-shm']) rmSync(join(home, name));
  await heard.until(({ problems }) => problems.length > 0);
  assert.match(heard.problems[0] ?? '', /flm\.db cannot be used: it is gone/);
  await assert.rejects(proxy.refresh(), failsAs('STORE_UNUSABLE'));
  assert.equal(existsSync(join(home, 'flm.db')), false);
  assert.equal(heard.changes.length, 1);
});

test('a proxy that never started has nothing to close', async (t) => {
  const threads = new Threads();
  const proxy = openProxyStore({ home: temporaryHome(t), clock: systemClock, spawn: threads.spawn });
  await proxy.close();
  await proxy.close();
  assert.equal(threads.started.length, 0);
});

test('the usage of a family of keys comes by day and model, with all its keys and no other', async (t) => {
  const home = temporaryHome(t);
  const store = openedStore(t, home);
  const { proxy } = await startedProxyStore(t, home);
  const dayMs = 86_400_000;
  const nowMs = Date.now();
  const use = (keyId: string, familyId: string, model: string, atMs: number) =>
    sampleUsage({ keyId, familyId, model, atMs, inputTokens: 3, outputTokens: 4 });
  await store.usage.addUsage([
    use('key_1', 'key_1', 'b', nowMs - dayMs),
    use('key_2', 'key_1', 'b', nowMs - dayMs),
    use('key_2', 'key_1', 'a', nowMs),
    use('key_3', 'key_3', 'secret', nowMs),
    use('key_1', 'key_1', 'old', nowMs - 31 * dayMs),
  ]);
  // A row of an flm that wrote no family.
  const db = new DatabaseSync(join(home, 'usage.db'));
  db.exec("UPDATE usage_day SET family_id = '' WHERE key_id = 'key_3'");
  db.close();
  const day = (ms: number) => new Date(ms).toISOString().slice(0, 10);
  const counts = (requests: number) => ({
    requests,
    inputTokens: 3 * requests,
    outputTokens: 4 * requests,
    estimatedRequests: 0,
  });
  assert.deepEqual(await proxy.ofFamily('key_1'), [
    { day: day(nowMs - dayMs), model: 'b', ...counts(2) },
    { day: day(nowMs), model: 'a', ...counts(1) },
  ]);
  assert.deepEqual(await proxy.ofFamily('key_3'), [{ day: day(nowMs), model: 'secret', ...counts(1) }]);
  assert.deepEqual(await proxy.ofFamily("key_1' OR 1"), []);
});

test('many questions for the usage of one family become one of the thread', async (t) => {
  const home = temporaryHome(t);
  const { proxy, threads } = await startedProxyStore(t, home);
  const asked = t.mock.method(threads.last, 'postMessage');
  await Promise.all(Array.from({ length: 1_000 }, () => proxy.ofFamily('key_1')));
  const questions = asked.mock.calls.filter(({ arguments: [message] }) => message.request.do === 'usage');
  assert.ok(questions.length <= 2, `${questions.length}`);
});
