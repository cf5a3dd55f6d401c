/**
 * Keys of the built proxy from one end to the other: taken over from elsewhere, rotated, revoked while they are in use,
 * and with a budget that outlives a crash.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { chatDelta, startChatEngine } from '../helpers/chat-engine.ts';
import { assertMistake, makeCli } from '../helpers/cli.ts';
import { assertNoLeaks, takeStock } from '../helpers/leaks.ts';
import { answer, type RawEngine, sseHead } from '../helpers/raw-engine.ts';
import { createKey, startProxy } from '../helpers/start-proxy.ts';

const stock = takeStock();
after(() => assertNoLeaks(stock));

const usedByEach = 10;

/** Whole answers tell what they used; streams begin and never end. */
async function startEngine(t: TestContext): Promise<RawEngine> {
  const whole = {
    id: 'c',
    object: 'chat.completion',
    choices: [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 4, completion_tokens: usedByEach - 4, total_tokens: usedByEach },
  };
  const engine = await startChatEngine(['m'], (request) =>
    request.body.includes('"stream":true')
      ? [sseHead, chatDelta({ content: 'hello' })]
      : [answer(JSON.stringify(whole))],
  );
  t.after(() => engine.close());
  return engine;
}

function ask(url: string, key: string, more: object = {}): Promise<Response> {
  return fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'hi' }], ...more }),
  });
}

async function statusOf(response: Promise<Response>): Promise<number> {
  const { status, body } = await response;
  await body?.cancel();
  return status;
}

test('a secret from elsewhere lets its clients in, and is in no file', async (t) => {
  const cli = makeCli(t);
  const { url } = await startProxy(cli, '--engine', (await startEngine(t)).url);
  const secret = `sk-${randomBytes(32).toString('base64url')}`;
  const short = 'sk-short-one';
  assert.equal(await statusOf(ask(url, secret)), 401);

  const imported = await cli.pipe(`${secret}\n`, 'key', 'import', 'old', '--json');
  assertMistake(await cli.pipe(`${short}\n`, 'key', 'import', 'short'), /secret/i);
  const again = await cli.pipe(`${secret}\n`, 'key', 'import', 'old');
  assert.equal(again.code, 0, again.stderr);
  assert.match(again.stdout, /^key_\w+ \(old\) already has this secret\.$/m);

  assert.equal(imported.code, 0, imported.stderr);
  assert.equal(await statusOf(ask(url, secret)), 200);
  assert.equal(await statusOf(ask(url, short)), 401);
  assert.equal((await cli.run('proxy', 'stop', '--all')).code, 0);
  const files = readdirSync(cli.home, { recursive: true, withFileTypes: true }).filter((f) => f.isFile());
  assert.ok(files.some((f) => f.name === 'flm.db'));
  for (const { parentPath, name } of files) {
    const bytes = readFileSync(join(parentPath, name));
    for (const known of [secret, short]) assert.ok(!bytes.includes(known), `${name} holds ${known}`);
  }
});

test('both secrets of a rotated key work while they overlap', async (t) => {
  const cli = makeCli(t);
  const { url } = await startProxy(cli, '--engine', (await startEngine(t)).url);
  const old = await createKey(cli, 'laptop');

  const fresh = (await cli.run('key', 'rotate', 'laptop', '--overlap', '1h', '--json')).json<{
    key: string;
  }>();

  assert.deepEqual([await statusOf(ask(url, old.key)), await statusOf(ask(url, fresh.key))], [200, 200]);
  assert.equal((await cli.run('key', 'revoke', old.id)).code, 0);
  assert.deepEqual([await statusOf(ask(url, old.key)), await statusOf(ask(url, fresh.key))], [401, 200]);
});

test('with the overlap a rotated key ends, and so does what runs under it', async (t) => {
  const cli = makeCli(t);
  const { url } = await startProxy(cli, '--engine', (await startEngine(t)).url);
  const { key } = await createKey(cli, 'laptop');
  const running = await ask(url, key, { stream: true });

  assert.equal((await cli.run('key', 'rotate', 'laptop', '--overlap', '1s')).code, 0);

  assert.match(await running.text(), /hello.*data: \{"error":\{[^\n]*expired/s);
  assert.equal(await statusOf(ask(url, key)), 401);
});

test('revoking a key ends its running stream, with an error that says so', async (t) => {
  const cli = makeCli(t);
  const engine = await startEngine(t);
  const { url } = await startProxy(cli, '--engine', engine.url);
  const { key } = await createKey(cli, 'laptop');
  const running = await ask(url, key, { stream: true });
  const reader = running.body?.getReader();
  assert.match(Buffer.from((await reader?.read())?.value ?? []).toString(), /hello/);

  assert.equal((await cli.run('key', 'revoke', 'laptop')).code, 0);

  let rest = '';
  for (let part = await reader?.read(); part?.done === false; part = await reader?.read())
    rest += Buffer.from(part.value).toString();
  assert.match(rest, /data: \{"error":\{[^\n]*revoked/);
  assert.equal(await statusOf(ask(url, key)), 401);
});

test('a budget of the day outlives a killed proxy, but for a second of use at most', async (t) => {
  const cli = makeCli(t);
  const engine = await startEngine(t);
  const first = await startProxy(cli, '--engine', engine.url);
  const budget = 10 * usedByEach;
  const made = await cli.run('key', 'create', 'poor', '--tokens-per-day', String(budget), '--json');
  const { key } = made.json<{ key: string }>();

  const spend = async (url: string, count: number): Promise<void> => {
    for (let i = 0; i < count; i++) assert.equal(await statusOf(ask(url, key)), 200);
  };
  await spend(first.url, 8);
  // What is older than a second is on disk.
  for (let written = 0; written < 8; ) {
    const usage = (await cli.run('usage', '--json')).json<{ total: { requests: number } }>();
    written = usage.total.requests;
  }
  process.kill(first.pid, 'SIGKILL');
  const second = await startProxy(cli, '--engine', engine.url);

  await spend(second.url, 2);
  const refused = await ask(second.url, key);
  assert.equal(refused.status, 429);
  const { error } = (await refused.json()) as { readonly error: { readonly message: string } };
  assert.match(error.message, /used its 100 tokens a day/);
  assert.ok(Number(refused.headers.get('retry-after')) > 0);
  process.kill(second.pid, 'SIGKILL');
  const third = await startProxy(cli, '--engine', engine.url);
  // Of what was spent in the last second, each of the two may be forgotten; what was spent before is not.
  let more = 0;
  while ((await statusOf(ask(third.url, key))) === 200) more += 1;
  assert.ok(more <= 2, `${more} requests were forgotten`);
});

test('a key is changed, paused and resumed while a proxy runs, and shows what is used of its limits', async (t) => {
  const cli = makeCli(t);
  const ok = async (...args: readonly string[]) => {
    const ran = await cli.run(...args);
    assert.equal(ran.code, 0, `${args.join(' ')}: ${ran.stderr}`);
    return ran;
  };
  const limits = ['--rpm', '60', '--tpm', '600', '--concurrency', '4'];
  const made = (await ok('key', 'create', 'ci', ...limits, '--json')).json<{ id: string; key: string }>();
  const before = await ok('key', 'show', 'ci');
  assert.match(before.stdout, /0 tokens today \(UTC\)\n.*No proxy runs/);
  const { url } = await startProxy(cli, '--engine', (await startEngine(t)).url);
  assert.equal(await statusOf(ask(url, made.key)), 200);

  // A rotation shares the limits of its predecessor.
  const next = (await ok('key', 'rotate', 'ci', '--overlap', '1h', '--json')).json<{
    id: string;
    key: string;
  }>();
  assert.equal(await statusOf(ask(url, next.key)), 200);
  const shown = await ok('key', 'show', 'ci');
  assert.match(shown.stdout, new RegExp(`^id +${next.id}$`, 'm'));
  assert.match(
    shown.stdout,
    /0 of 4 in progress; \d of 10 requests at once, at 60 a minute.*; \d+ of 600 tokens a minute/,
  );
  const { use } = (await ok('key', 'show', made.id, '--json')).json<{
    use: { tokensToday: number; proxies: readonly { inProgress: number }[] };
  }>();
  assert.deepEqual([use.tokensToday, use.proxies.map((p) => p.inProgress)], [2 * usedByEach, [0]]);

  assert.match((await ok('key', 'pause', 'ci')).stdout, /^Paused key_\w+ \(ci\)\. .*flm key resume/);
  assert.deepEqual([await statusOf(ask(url, made.key)), await statusOf(ask(url, next.key))], [403, 403]);
  assert.match((await ok('key', 'list')).stdout, /\bpaused\b/);
  await ok('key', 'resume', made.id);
  assert.equal(await statusOf(ask(url, next.key)), 200);

  await ok('key', 'set', 'ci', '--label', 'build', '--rpm', '1', '--clear', 'tpm');
  // The first may still be granted: its bucket filled again meanwhile.
  await statusOf(ask(url, made.key));
  assert.equal(await statusOf(ask(url, next.key)), 429);
  const { keys } = (await ok('key', 'list', '--json')).json<{
    keys: readonly { label: string; limits: object }[];
  }>();
  for (const { label, limits: l } of keys)
    assert.deepEqual(
      [label, l],
      [
        'build',
        { requestsPerMinute: 1, burst: null, tokensPerMinute: null, tokensPerDay: null, concurrency: 4 },
      ],
    );
  assertMistake(await cli.run('key', 'set', 'build'), /Give at least one setting to change/);
  assertMistake(
    await cli.run('key', 'set', 'build', '--clear', 'scope'),
    /--clear takes one of owner, note, model/,
  );
  assertMistake(
    await cli.run('key', 'set', 'build', '--rpm', '5', '--clear', 'rpm'),
    /Either give --rpm or clear it/,
  );
  assertMistake(
    await cli.run('key', 'create', 'build'),
    new RegExp(`no other active key has; ${made.id}|${next.id} has it`),
  );
});
