/** The thread that serves the admin API of a proxy: real threads and a real store. */
import assert from 'node:assert/strict';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { AdminThread, type AdminThreadOptions } from '../../src/app/admin/admin-thread.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { AdminCall, AdminReply } from '../../src/core/proxy/admin-port.ts';
import { MovedClock } from '../helpers/moved-clock.ts';
import { lockFile } from '../helpers/store-programs.ts';
import { sampleKey } from '../helpers/store-samples.ts';
import { openedStore, temporaryHome } from '../helpers/temporary-store.ts';

const call = (method: string, target: string, body = ''): AdminCall => ({
  method,
  target: `/flm/api/v1${target}`,
  headers: { 'content-type': 'application/json' },
  body: Buffer.from(body),
  caller: { actor: 'key:key_1', scopes: ['admin'], address: '127.0.0.1' },
});

const always = new AbortController().signal;

function opened(t: TestContext, options: Partial<AdminThreadOptions> = {}) {
  const home = temporaryHome(t);
  const problems: string[] = [];
  const thread = new AdminThread({
    start: { environment: { FLM_HOME: home, FLM_DETECT_PORTS: '' }, entry: '' },
    clock: systemClock,
    onProblem: (error) => problems.push(error),
    ...options,
  });
  t.after(async () => {
    await thread.close();
    assert.equal(thread.threads, 0);
  });
  return { home, thread, problems };
}

function documentOf({ body }: AdminReply): Record<string, unknown> {
  assert(typeof body === 'string');
  return JSON.parse(body);
}

/** A thread of the test's own code, which has `port` and `say`. */
const spawnCode = (code: string) => () =>
  new Worker(
    `const { parentPort: port } = require('node:worker_threads');
     const say = (message) => port.postMessage(message);
     ${code}`,
    { eval: true },
  );

/** Streams numbers, each after the proxy asked for it, and says what it was told. */
const counting = `let i = 0;
  port.on('message', (message) => {
    if (message.do === 'call') say({ say: 'reply', n: message.n, status: 200, headers: {} });
    if (message.do === 'more') say({ say: 'text', n: message.n, text: String(i++) });
    if (message.do === 'cancel') say({ say: 'problem', error: 'cancelled' });
    if (message.do === 'close') port.close();
  });`;

test('nothing runs before the first call, and calls use the store that commands use', async (t) => {
  const { home, thread, problems } = opened(t);
  assert.equal(thread.threads, 0);
  const made = await thread.call(call('POST', '/keys', '{"label":"é"}'), always);
  assert.equal(made.status, 201, String(made.body));
  assert.deepEqual(
    (await openedStore(t, home).security.listKeys()).map(({ label }) => label),
    ['é'],
  );
  const audit = documentOf(await thread.call(call('GET', '/audit'), always)) as {
    items: { actor: string }[];
  };
  assert.equal(audit.items[0]?.actor, 'key:key_1');
  assert.equal(thread.threads, 1);
  assert.deepEqual(problems, []);
});

test('calls run at once and each gets its own response', async (t) => {
  const { thread } = opened(t);
  const replies = await Promise.all(
    Array.from({ length: 20 }, (_, i) => thread.call(call('POST', '/keys', `{"label":"k${i}"}`), always)),
  );
  assert.deepEqual(
    replies.map((reply) => documentOf(reply).label),
    Array.from({ length: 20 }, (_, i) => `k${i}`),
  );
});

test('an idle thread ends, and the next call starts it again', async (t) => {
  const clock = new MovedClock();
  const { thread } = opened(t, { clock, idleMs: 1_000 });
  assert.equal((await thread.call(call('GET', '/keys'), always)).status, 200);
  await clock.move(999);
  assert.equal(thread.threads, 1);
  await clock.move(1);
  while (thread.threads > 0) await new Promise(setImmediate);
  assert.equal((await thread.call(call('GET', '/keys'), always)).status, 200);
});

test('a data folder that cannot be used is an error of the call, and works again once it is repaired', async (t) => {
  const { home, thread } = opened(t);
  const file = join(home, 'flm.db');
  writeFileSync(file, 'this is no database, but a long enough text'.repeat(100), { mode: 0o600 });
  const reply = await thread.call(call('GET', '/keys'), always);
  assert.equal(reply.status, 500);
  assert.match(String(reply.body), /"STORE_CORRUPT"/);
  writeFileSync(file, '', { mode: 0o600 });
  assert.equal((await thread.call(call('GET', '/keys'), always)).status, 200);
});

test('a data folder that is restored while the thread runs is read again', async (t) => {
  const { home, thread } = opened(t);
  await thread.call(call('POST', '/keys', '{"label":"before"}'), always);
  const other = temporaryHome(t);
  const backup = openedStore(t, other);
  await backup.security.insertKey(sampleKey('restored'));
  backup.close();
  for (const part of ['flm.db-wal', 'flm.db-shm']) rmSync(join(home, part), { force: true });
  renameSync(join(other, 'flm.db'), join(home, 'flm.db'));
  const { items } = documentOf(await thread.call(call('GET', '/keys'), always)) as {
    items: { id: string }[];
  };
  assert.deepEqual(
    items.map(({ id }) => id),
    [sampleKey('restored').id],
  );
});

test('a stream that begins after its client left is ended in the thread', async (t) => {
  const { thread, problems } = opened(t, { spawn: spawnCode(counting) });
  const left = new AbortController();
  const reply = thread.call(call('GET', '/stream'), left.signal);
  left.abort();
  assert.equal((await reply).status, 503);
  while (problems.length < 2) await new Promise(setImmediate);
  assert.deepEqual(problems, ['cancelled', 'cancelled']);
});

test('a locked database makes a call wait in its thread and nothing in this one', async (t) => {
  const { home, thread } = opened(t);
  await thread.call(call('GET', '/keys'), always);
  const lock = await lockFile(t, join(home, 'flm.db'));
  let answered = false;
  const waiting = thread.call(call('POST', '/keys', '{"label":"late"}'), always).finally(() => {
    answered = true;
  });
  let turns = 0;
  for (; turns < 1_000; turns++) await new Promise(setImmediate);
  assert.equal(answered, false);
  await lock.release();
  assert.equal((await waiting).status, 201);
});

test('a thread that crashes fails its calls, and the next call starts another', async (t) => {
  const { thread, problems } = opened(t, {
    spawn: spawnCode(`port.on('message', ({ n, call }) => {
      if (call.target.endsWith('/crash')) throw new Error('on purpose');
      if (call.target.endsWith('/keys')) say({ say: 'reply', n, status: 200, headers: {}, body: '{}' });
    });`),
  });
  const replies = await Promise.all([
    thread.call(call('GET', '/hang'), always),
    thread.call(call('GET', '/crash'), always),
  ]);
  assert.deepEqual(
    replies.map(({ status }) => status),
    [500, 500],
  );
  assert.doesNotMatch(String(replies[0]?.body), /on purpose/);
  assert.match(problems.join(), /on purpose/);
  assert.equal((await thread.call(call('GET', '/keys'), always)).status, 200);
});

test('a stream makes a text only when the reader wants it, and ends with its reader', async (t) => {
  const { thread, problems } = opened(t, { spawn: spawnCode(counting) });
  const left = new AbortController();
  const { body } = await thread.call(call('GET', '/stream'), left.signal);
  assert(typeof body !== 'string');
  const texts = body[Symbol.asyncIterator]();
  assert.deepEqual(
    [await texts.next(), await texts.next()].map(({ value }) => value),
    ['0', '1'],
  );
  left.abort();
  assert.equal((await texts.next()).done, true);
  while (problems.length === 0) await new Promise(setImmediate);
  assert.deepEqual(problems, ['cancelled']);
});

test('one caller takes a bounded number of streams and calls, and others are served', async (t) => {
  const code = counting.replace(
    "if (message.do === 'call')",
    "if (message.call?.target.endsWith('/stream'))",
  );
  const { thread } = opened(t, { spawn: spawnCode(code) });
  const of = (actor: string, target: string): AdminCall => ({
    ...call('GET', target),
    caller: { actor, scopes: ['admin:read'], address: '127.0.0.1' },
  });
  const left = new AbortController();
  const open = (actor: string) => thread.call(of(actor, '/stream'), left.signal);
  const replies = await Promise.all(Array.from({ length: 12 }, () => open('key:greedy')));
  assert.deepEqual(
    replies.map(({ status }) => status),
    [...Array<number>(8).fill(200), ...Array<number>(4).fill(503)],
  );
  const waiting = Array.from({ length: 60 }, () => thread.call(of('key:greedy', '/hang'), left.signal));
  assert.equal((await open('key:greedy')).status, 503);
  assert.equal((await open('key:modest')).status, 200);
  left.abort();
  await Promise.all(waiting);
  assert.equal((await thread.call(of('key:greedy', '/stream'), always)).status, 200);
});

test('when the proxy retires, streams end and the thread with its last call', async (t) => {
  const { thread } = opened(t, { spawn: spawnCode(counting) });
  const { body } = await thread.call(call('GET', '/stream'), always);
  assert(typeof body !== 'string');
  const texts = body[Symbol.asyncIterator]();
  await texts.next();
  thread.retire();
  assert.equal((await texts.next()).done, true);
  while (thread.threads > 0) await new Promise(setImmediate);
});

test('after the end of the proxy a call is refused, and one that runs is answered', async (t) => {
  const { thread } = opened(t, { spawn: spawnCode(`port.on('message', () => {});`) });
  const running = thread.call(call('GET', '/keys'), always);
  await thread.close();
  assert.equal((await running).status, 503);
  assert.equal((await thread.call(call('GET', '/keys'), always)).status, 503);
});
