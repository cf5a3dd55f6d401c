/** The store of running proxies on a real PostgreSQL: delivery of changes, usage, outages, and what is left at the end. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { StoreError } from '../../src/core/errors.ts';
import { defaultPolicy } from '../../src/core/security/security-policy.ts';
import { eventually } from '../helpers/eventually.ts';
import { type FaultLink, startFaultLink } from '../helpers/fault-link.ts';
import {
  type OpenedPostgresProxy,
  openedPostgresProxy,
  type PostgresProxyOptions,
  startedPostgresProxy,
} from '../helpers/postgres-proxy-store.ts';
import { noPostgres, postgresForFile } from '../helpers/postgres-server.ts';
import { testPostgresStore } from '../helpers/postgres-store.ts';
import type { HeardChange } from '../helpers/proxy-stores.ts';
import {
  enforcedPart,
  sampleDigest,
  sampleHandle,
  sampleKey,
  sampleRedemption,
  sampleShare,
  sampleUsage,
} from '../helpers/store-samples.ts';
import { atEnd, failsAs, openedStore, temporaryHome } from '../helpers/temporary-store.ts';

const postgres = postgresForFile();
const skip = noPostgres;

const keysIn = (changes: readonly HeardChange[]) => changes.flatMap(({ keys }) => keys?.upserted ?? []);
const revocation = { atMs: 5, actor: 'cli:me', action: 'key.revoke', subject: 'key_a' };

/** A proxy whose way to the database a test can break. */
async function linked(
  t: TestContext,
  url: string,
  options: PostgresProxyOptions = {},
): Promise<OpenedPostgresProxy & { readonly link: FaultLink }> {
  const link = await startFaultLink(postgres.port());
  atEnd(t, () => link.close());
  const through = url.replace(`:${postgres.port()}/`, `:${link.port}/`);
  return { ...(await startedPostgresProxy(t, through, options)), link };
}

const requestsIn = async (url: string): Promise<number> => {
  const [sum] = await postgres.query(url, 'SELECT coalesce(sum(requests), 0) FROM flm.usage_day');
  return Number(sum);
};

const untilRequests = (url: string, count: number): Promise<number> =>
  eventually(
    () => requestsIn(url),
    (sum) => sum === count,
  );

test('the whole state is there when start resolves, as one piece', { skip }, async (t) => {
  const url = await postgres.database(t);
  const cli = testPostgresStore(t, url);
  const engine = {
    id: 'a',
    url: 'http://h',
    apiKey: { from: 'value', value: 'secret' },
    createdAtMs: 1,
  } as const;
  await cli.security.insertKey(sampleKey('a'));
  await cli.engines.saveEngine(engine);
  await cli.engines.saveAlias({ name: 'gpt-4', target: 'llama3' });
  const { heard } = await startedPostgresProxy(t, url);
  assert.deepEqual(heard.changes, [
    {
      policy: defaultPolicy,
      engines: [engine],
      aliases: [{ name: 'gpt-4', target: 'llama3' }],
      keys: { replaceAll: true, removedIds: [], upserted: [enforcedPart(sampleKey('a'))] },
    },
  ]);
  assert.deepEqual(heard.problems, []);
});

test('a change by another machine arrives by itself on every node, and nothing but that change', {
  skip,
}, async (t) => {
  const url = await postgres.database(t);
  const cli = testPostgresStore(t, url);
  const nodes = await Promise.all([1, 2, 3].map(() => startedPostgresProxy(t, url)));
  await cli.security.insertKey(sampleKey('a'));
  const committedMs = performance.now();
  await Promise.all(nodes.map(({ heard }) => heard.until(({ changes }) => changes.length > 1)));
  t.diagnostic(`on three nodes ${Math.round(performance.now() - committedMs)} ms after the commit`);
  for (const { heard } of nodes)
    assert.deepEqual(heard.changes.slice(1), [
      { keys: { replaceAll: false, removedIds: [], upserted: [enforcedPart(sampleKey('a'))] } },
    ]);
});

test('after refresh all that was committed before is delivered, each change once', { skip }, async (t) => {
  const url = await postgres.database(t);
  const cli = testPostgresStore(t, url);
  const { proxy, heard } = await startedPostgresProxy(t, url);
  for (let i = 0; i < 20; i++) {
    await cli.security.insertKey(sampleKey(`k${i}`));
    await Promise.all([proxy.refresh(), proxy.refresh()]);
    const ids = keysIn(heard.changes).map(({ id }) => id);
    assert.equal(ids.at(-1), `key_k${i}`);
    assert.equal(new Set(ids).size, ids.length);
  }
});

test('changes that many machines make at the same moment arrive all, on every node', { skip }, async (t) => {
  const url = await postgres.database(t);
  const machines = Array.from({ length: 4 }, () => testPostgresStore(t, url));
  const nodes = [await startedPostgresProxy(t, url), await startedPostgresProxy(t, url)];
  const names = machines.flatMap((_, m) => Array.from({ length: 25 }, (__, i) => `${m}_${i}`));
  await Promise.all(
    machines.map(async (machine, m) => {
      for (const name of names.filter((each) => each.startsWith(`${m}_`))) {
        await machine.security.insertKey(sampleKey(name));
        await machine.security.updateKey(sampleKey(name, { revokedAtMs: 7 }));
      }
    }),
  );
  for (const { proxy, heard } of nodes) {
    await proxy.refresh();
    const last = new Map(keysIn(heard.changes).map((key) => [key.id, key.revokedAtMs]));
    assert.deepEqual([...last.keys()].sort(), names.map((name) => `key_${name}`).sort());
    assert.deepEqual(new Set(last.values()), new Set([7]));
  }
});

test('revocations, deletions and keys made again arrive as such', { skip }, async (t) => {
  const url = await postgres.database(t);
  const cli = testPostgresStore(t, url);
  for (const name of ['a', 'b', 'c']) await cli.security.insertKey(sampleKey(name));
  const { proxy, heard } = await startedPostgresProxy(t, url);
  await cli.security.updateKey(sampleKey('a', { revokedAtMs: 5 }));
  await cli.security.deleteKey('key_b');
  await cli.security.deleteKey('key_c');
  const again = sampleKey('c', { digest: sampleDigest('again') });
  await cli.security.insertKey(again);
  await proxy.refresh();
  const changes = heard.changes.slice(1);
  const seen = new Map(keysIn(changes).map((key) => [key.id, key]));
  assert.deepEqual([...seen.keys()].sort(), ['key_a', 'key_c']);
  assert.equal(seen.get('key_a')?.revokedAtMs, 5);
  assert.equal(seen.get('key_c')?.digest, again.digest);
  const removed = new Set(changes.flatMap(({ keys }) => keys?.removedIds ?? []));
  assert.ok(removed.has('key_b'));
  assert.equal(changes.at(-1)?.keys?.removedIds.includes('key_c'), false);
});

test('policy, engines and aliases arrive each alone, and what proxies do not read arrives not at all', {
  skip,
}, async (t) => {
  const url = await postgres.database(t);
  const cli = testPostgresStore(t, url);
  const { proxy, heard } = await startedPostgresProxy(t, url);
  const policy = { ...defaultPolicy, requestsPerMinute: 5 };
  await cli.security.savePolicy(policy);
  await proxy.refresh();
  await cli.engines.saveAlias({ name: 'x', target: 'y' });
  await proxy.refresh();
  await cli.shares.insertShare(sampleShare('a'), { ...revocation, action: 'share.create' });
  await proxy.refresh();
  await cli.engines.deleteAlias('x');
  await proxy.refresh();
  assert.deepEqual(heard.changes.slice(1), [
    { policy },
    { aliases: [{ name: 'x', target: 'y' }] },
    { aliases: [] },
  ]);
});

test('keys come in slices, all of them, also when one change made them', { skip }, async (t) => {
  const url = await postgres.database(t);
  const cli = testPostgresStore(t, url);
  await cli.security.insertKeys(Array.from({ length: 4_500 }, (_, i) => sampleKey(`k${i}`)));
  const { heard } = await startedPostgresProxy(t, url);
  assert.equal(heard.changes.length, 1);
  assert.equal(new Set(keysIn(heard.changes).map(({ id }) => id)).size, 4_500);
});

test('each key of a slice arrives as it was stored', { skip }, async (t) => {
  const url = await postgres.database(t);
  const cli = testPostgresStore(t, url);
  const keys = [
    sampleKey('plain'),
    sampleKey('rules', {
      models: ['a', 'b\n"\u0000'],
      addresses: ['10.0.0.0/8'],
      limits: { ...sampleKey('x').limits, tokensPerDay: 2 ** 40 },
      expiresAtMs: 2 ** 41,
    }),
    sampleKey('over', { revokedAtMs: 5, pausedAtMs: 6 }),
    sampleKey('rotated', { familyId: 'key_plain' }),
    ...['\u0000', '\u001a', '\u001a0', '\\u001a0', '\\\u001a"', 'ü\u2028 , \n\u0000'].map((label, i) =>
      sampleKey(`label${i}`, { label }),
    ),
  ];
  await cli.security.insertKeys(keys);
  const { heard } = await startedPostgresProxy(t, url);
  const byId = (a: { id: string }, b: { id: string }): number => (a.id < b.id ? -1 : 1);
  assert.deepEqual(keysIn(heard.changes).toSorted(byId), keys.map(enforcedPart).toSorted(byId));
});

test('without a connection that listens, changes still arrive', { skip }, async (t) => {
  const url = await postgres.database(t);
  const cli = testPostgresStore(t, url);
  const { heard } = await startedPostgresProxy(t, url);
  const listeners = "FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()";
  await eventually(
    () => postgres.query(url, `SELECT count(*) ${listeners}`),
    ([count]) => count === '1',
  );
  await postgres.query(url, `SELECT pg_terminate_backend(pid) ${listeners}`);
  await cli.security.insertKey(sampleKey('a'));
  await heard.until(({ changes }) => keysIn(changes).length > 0);
  await eventually(
    () => postgres.query(url, `SELECT count(*) ${listeners}`),
    ([count]) => count === '1',
  );
});

test('a database that lost its last changes, as after a failover, is read as a whole', {
  skip,
}, async (t) => {
  const url = await postgres.database(t);
  const cli = testPostgresStore(t, url);
  await cli.security.insertKey(sampleKey('a'));
  const { heard } = await startedPostgresProxy(t, url);
  await cli.security.updateKey(sampleKey('a', { revokedAtMs: 5 }));
  await heard.until(({ changes }) => changes.length > 1);
  // The revocation is lost, and another change has its number.
  await postgres.query(
    url,
    `UPDATE flm.api_key SET revoked_at = NULL;
     INSERT INTO flm.model_alias (name, target, revision) SELECT 'x', 'y', value FROM flm.revision`,
  );
  await postgres.stop('crash');
  await postgres.start();
  await heard.until(({ changes }) => changes.some(({ aliases }) => aliases?.length === 1));
  const last = heard.changes.at(-1);
  assert.deepEqual(last?.keys, {
    replaceAll: true,
    removedIds: [],
    upserted: [enforcedPart(sampleKey('a'))],
  });
});

test('usage, last use and refused logins are written while the proxy runs', { skip }, async (t) => {
  const url = await postgres.database(t);
  const cli = testPostgresStore(t, url);
  const { proxy } = await startedPostgresProxy(t, url);
  const atMs = Date.now();
  proxy.add(sampleUsage({ atMs }));
  proxy.add(sampleUsage({ atMs, keyId: 'key_b', address: '::1' }));
  proxy.record({ atMs, actor: 'proxy:px_a', action: 'auth.refused', subject: '192.0.2.1' });
  await untilRequests(url, 2);
  assert.deepEqual((await cli.security.lastUsed()).get('key_b'), { atMs, address: '::1' });
  assert.equal((await cli.audit.list(1))[0]?.action, 'auth.refused');
  const [row] = (await proxy.ofFamily('key_a')) ?? [];
  assert.equal(row?.outputTokens, 4);
});

test('tokens of today are those of all nodes, counted once, also of a node that starts later', {
  skip,
}, async (t) => {
  const url = await postgres.database(t);
  const [one, two] = [await startedPostgresProxy(t, url), await startedPostgresProxy(t, url)];
  const entry = sampleUsage({ atMs: Date.now(), inputTokens: 10, outputTokens: 5 });
  one.proxy.add(entry);
  assert.equal(one.proxy.today('key_a'), 15, 'its own at once');
  await eventually(
    () => two.proxy.today('key_a'),
    (tokens) => tokens === 15,
  );
  two.proxy.add(entry);
  assert.equal(two.proxy.today('key_a'), 30);
  await eventually(
    () => one.proxy.today('key_a'),
    (tokens) => tokens === 30,
  );
  await one.proxy.recount();
  assert.equal(one.proxy.today('key_a'), 30);
  await two.proxy.writeUsage();
  const three = await startedPostgresProxy(t, url);
  assert.equal(three.proxy.today('key_a'), 30);
});

test('during an outage the state stays, the problem is reported once, and usage is written once afterwards', {
  skip,
}, async (t) => {
  const url = await postgres.database(t);
  const cli = testPostgresStore(t, url);
  await cli.security.insertKey(sampleKey('a'));
  const { proxy, heard, home } = await startedPostgresProxy(t, url);
  proxy.add(sampleUsage({ atMs: Date.now() }));
  await untilRequests(url, 1);
  await postgres.stop('crash');
  for (let i = 0; i < 3; i++) proxy.add(sampleUsage({ atMs: Date.now() }));
  await heard.until(({ problems }) => problems.length > 0);
  assert.match(heard.problems[0] ?? '', /cannot be reached: .*flm db status/);
  assert.doesNotMatch(heard.problems[0] ?? '', /password/);
  assert.equal(proxy.today('key_a'), 28);
  // What cannot be written is on the disk of this machine.
  await eventually(
    () => existsSync(join(home, 'unwritten')),
    (exists) => exists,
  );
  await postgres.start();
  await heard.until(({ problems }) => problems.at(-1) === undefined);
  await untilRequests(url, 4);
  await proxy.recount();
  assert.equal(proxy.today('key_a'), 28);
  await eventually(
    () => readdirSync(join(home, 'unwritten')),
    (files) => files.length === 0,
  );
  await cli.security.insertKey(sampleKey('b'));
  await proxy.refresh();
  assert.equal(keysIn(heard.changes).at(-1)?.id, 'key_b');
});

test('a batch whose confirmation was lost is counted once', { skip }, async (t) => {
  const url = await postgres.database(t);
  const { proxy, link } = await linked(t, url);
  const atMs = Date.now();
  let added = 0;
  // A look may hold the only connection when the replies begin to be lost. Then the batch never leaves.
  for (let wasStored = false; !wasStored; ) {
    await proxy.refresh();
    proxy.add(sampleUsage({ atMs }));
    added++;
    link.dropReplies();
    await proxy.writeUsage();
    wasStored = (await requestsIn(url)) === added;
    assert.equal(proxy.today('key_a'), 7 * added);
    link.pass();
    await eventually(
      async () => {
        await proxy.writeUsage();
        return requestsIn(url);
      },
      (sum) => sum >= added,
    );
  }
  await proxy.writeUsage();
  assert.equal(await requestsIn(url), added);
  await proxy.recount();
  assert.equal(proxy.today('key_a'), 7 * added);
});

test('usage goes through a link that is reset again and again, without loss or doubling', {
  skip,
}, async (t) => {
  const url = await postgres.database(t);
  const { proxy, link } = await linked(t, url);
  let added = 0;
  for (let round = 0; round < 8; round++) {
    for (let i = 0; i < 25; i++) {
      proxy.add(sampleUsage({ atMs: Date.now(), keyId: `key_${i}` }));
      added++;
    }
    if (round % 2 === 0) link.dropReplies();
    const writing = proxy.writeUsage();
    if (round % 2 === 0)
      await eventually(
        () => link.lostConnections,
        (lost) => lost > 0,
      );
    link.reset();
    await writing;
    link.pass();
  }
  await eventually(
    async () => {
      await proxy.writeUsage();
      return requestsIn(url);
    },
    (sum) => sum >= added,
  );
  await proxy.close();
  assert.equal(await requestsIn(url), added);
});

test('a silent network delays a stop by seconds only, and what was counted is on disk', {
  skip,
}, async (t) => {
  const url = await postgres.database(t);
  const { proxy, link, home } = await linked(t, url);
  link.blackhole();
  proxy.add(sampleUsage({ atMs: Date.now() }));
  const startMs = performance.now();
  await proxy.close();
  t.diagnostic(`closed after ${Math.round(performance.now() - startMs)} ms`);
  assert.equal(readdirSync(join(home, 'unwritten')).length, 1);
});

test('a revocation during an outage is kept, and written with its audit entry when the database answers', {
  skip,
}, async (t) => {
  const url = await postgres.database(t);
  const cli = testPostgresStore(t, url);
  await cli.security.insertKey(sampleKey('a'));
  const { proxy, home } = await startedPostgresProxy(t, url);
  await postgres.stop('crash');
  const { first, written } = proxy.revoke('key_a', revocation);
  assert.match((await first) ?? '', /cannot be reached/);
  assert.equal(readdirSync(join(home, 'unwritten')).length, 1, 'it is on disk when the caller is told');
  assert.equal(proxy.keepsRevocations, true);
  assert.deepEqual(await proxy.writeRevocations(), ['key_a']);
  await postgres.start();
  await written;
  assert.equal((await cli.security.findKey('key_a'))?.revokedAtMs, 5);
  assert.deepEqual(await cli.audit.list(9), [revocation]);
  assert.equal(proxy.unwrittenRevocations.size, 0);
});

test('what a proxy could not write before it ended is written by the next one of its machine, before it serves', {
  skip,
}, async (t) => {
  const url = await postgres.database(t);
  const cli = testPostgresStore(t, url);
  await cli.security.insertKey(sampleKey('a'));
  const { proxy, home, heard } = await startedPostgresProxy(t, url);
  const atMs = Date.now();
  proxy.add(sampleUsage({ atMs }));
  await untilRequests(url, 1);
  await postgres.stop('crash');
  await heard.until(({ problems }) => problems.length > 0);
  proxy.add(sampleUsage({ atMs }));
  await proxy.revoke('key_a', revocation).first;
  proxy.add(sampleUsage({ atMs }));
  await proxy.close();
  await postgres.start();
  const next = await startedPostgresProxy(t, url, { home });
  assert.equal(keysIn(next.heard.changes)[0]?.revokedAtMs, 5);
  assert.equal(await requestsIn(url), 3);
  assert.equal(next.proxy.today('key_a'), 21);
  assert.deepEqual(readdirSync(join(home, 'unwritten')), []);
});

test('keys expire when the database was away for the longest allowed time, and are valid again with the first look', {
  skip,
}, async (t) => {
  const url = await postgres.database(t);
  const { heard, proxy } = await startedPostgresProxy(t, url, { maxSnapshotAgeMs: 1_500 });
  await postgres.stop('crash');
  await heard.until(({ expiries }) => expiries.length > 0);
  assert.ok(proxy.reading.isExpired && proxy.reading.ageMs > 1_500);
  await postgres.start();
  await heard.until(({ expiries }) => expiries.length > 1);
  assert.deepEqual(heard.expiries, [true, false]);
});

test('a start while the database is away fails soon with the reason, and leaves nothing', {
  skip,
}, async (t) => {
  const url = await postgres.database(t);
  await postgres.stop();
  const refused = openedPostgresProxy(t, url);
  await assert.rejects(
    refused.proxy.start(refused.heard),
    failsAs('STORE_UNREACHABLE', /refused/, /flm db status/),
  );
  const link = await startFaultLink(postgres.port());
  atEnd(t, () => link.close());
  link.blackhole();
  const silent = openedPostgresProxy(t, url.replace(`:${postgres.port()}/`, `:${link.port}/`));
  await assert.rejects(silent.proxy.start(silent.heard), failsAs('STORE_UNREACHABLE'));
  await assert.rejects(silent.proxy.refresh(), (error) => error instanceof StoreError);
});

test('two nodes that get one token at the same moment make one key, which is in force at once', {
  skip,
}, async (t) => {
  const url = await postgres.database(t);
  const cli = testPostgresStore(t, url);
  const stores = [await startedPostgresProxy(t, url), await startedPostgresProxy(t, url)];
  await cli.shares.insertShare(sampleShare('a'), { ...revocation, action: 'share.create' });
  const results = await Promise.all(
    stores.map(({ proxy }, i) => proxy.redeemShare(sampleRedemption('digest of a', `${i}`))),
  );
  assert.deepEqual(results.map(({ outcome }) => outcome).sort(), ['made', 'redeemed']);
  const winner = results.findIndex(({ outcome }) => outcome === 'made');
  assert.deepEqual(
    keysIn(stores[winner]?.heard.changes ?? []).map(({ id }) => id),
    [`key_${winner}`],
  );
  assert.equal((await cli.security.listKeys()).length, 1);
});

test('the handle of a process stays on its machine', { skip }, async (t) => {
  const url = await postgres.database(t);
  const { proxy, home } = await startedPostgresProxy(t, url);
  const local = openedStore(t, home);
  await postgres.stop();
  await proxy.saveHandle(sampleHandle('a'));
  assert.deepEqual(await local.proxies.listHandles(), [sampleHandle('a')]);
  await proxy.deleteHandle('px_a', sampleHandle('a').nonce);
  assert.deepEqual(await local.proxies.listHandles(), []);
});

test('a proxy shows itself to the others until it ends, and rows of silent ones are removed', {
  skip,
}, async (t) => {
  const url = await postgres.database(t);
  const cli = testPostgresStore(t, url);
  const { proxy } = await startedPostgresProxy(t, url);
  await postgres.query(
    url,
    `INSERT INTO flm.nodes VALUES ('px_old', 'n', '0', 'http://x', 1, now() - interval '11 minutes', 0, '{}'),
       ('px_late', 'n', '0', 'http://x', 1, now() - interval '9 minutes', 0, '{}')`,
  );
  let inFlight = 1;
  proxy.publish(() => ({
    id: 'px_a',
    name: 'machine-1',
    version: '1.2.3',
    url: 'https://one.example',
    startedAtMs: 4,
    report: { inFlight: inFlight++ },
  }));
  const nodes = (columns: string) => postgres.query(url, `SELECT ${columns} FROM flm.nodes ORDER BY id`);
  await eventually(
    () => nodes('id'),
    (ids) => ids.join() === 'px_a,px_late',
  );
  await cli.security.insertKey(sampleKey('a'));
  await proxy.refresh();
  await eventually(
    () => nodes("name, version, url, started_at, revision, (report->>'inFlight')::int > 1"),
    ([row]) => row === 'machine-1|1.2.3|https://one.example|4|1|t',
  );
  await proxy.close();
  assert.deepEqual(await nodes('id'), ['px_late']);
});

test('no connection is left when a proxy has closed its store', { skip }, async (t) => {
  const url = await postgres.database(t);
  const { proxy } = await startedPostgresProxy(t, url, { home: temporaryHome(t) });
  proxy.add(sampleUsage());
  await proxy.close();
  assert.equal(await requestsIn(url), 1);
  const left =
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'flm%'";
  await eventually(
    () => postgres.query(url, left),
    ([count]) => count === '0',
  );
  assert.deepEqual(await postgres.query(url, 'SELECT count(*) FROM flm.flush'), ['0']);
});
