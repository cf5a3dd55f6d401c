import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { assertMistake, makeCli } from '../helpers/cli.ts';

interface Up {
  readonly id: string;
  readonly baseUrl: string;
  readonly modelNames: readonly string[];
  readonly key: { readonly key: string } | null;
}

test('one command ends in an endpoint, a key and a model that work, and a second one shows them', async (t) => {
  const cli = makeCli(t);

  const up = await cli.run('up', '--detach', '--port', '0', '--json');
  const again = await cli.run('up', '--json');

  assert.equal(up.code, 0, up.stderr);
  const { id, baseUrl, modelNames, key } = up.json<Up>();
  const answer = await fetch(`${baseUrl}/models`, { headers: { authorization: `Bearer ${key?.key ?? ''}` } });
  const { data } = (await answer.json()) as { data: { id: string }[] };
  assert.deepEqual(data.map((m) => m.id).sort(), [...modelNames].sort());
  assert.deepEqual([again.json<Up>().id, again.json<Up>().key], [id, null]);
});

test('flags that differ from the running proxy are reported with the command that applies them', async (t) => {
  const cli = makeCli(t);
  await cli.run('up', '--detach', '--port', '0');

  const same = await cli.run('up', '--port', '0');
  assert.ok(!same.stderr.includes('other settings'), same.stderr);
  const other = await cli.run('up', '--public-host', 'a.example.org', '--heartbeat', '15');
  assert.match(
    other.stderr,
    /other settings than these flags \(publicHosts \[\], heartbeatMs 0\).*flm proxy restart default --public-host a\.example\.org --heartbeat 15/,
  );
  assert.equal(other.code, 0);

  const [, ...command] = /flm proxy restart.*$/m.exec(other.stderr)?.[0].split(' ') ?? [];
  assert.equal((await cli.run(...command)).code, 0);
  const applied = await cli.run('up', '--public-host', 'a.example.org', '--heartbeat', '15');
  assert.ok(!applied.stderr.includes('other settings'), applied.stderr);
});

test('a restart onto a port that is taken leaves the proxy serving', async (t) => {
  const cli = makeCli(t);
  const { baseUrl } = (await cli.run('up', '--detach', '--port', '0', '--json')).json<Up>();
  const holder = createServer().listen(0, '127.0.0.1');
  t.after(() => holder.close());
  await once(holder, 'listening');
  const { port } = holder.address() as AddressInfo;

  assertMistake(await cli.run('proxy', 'restart', '--port', String(port)), /is already in use/);
  assert.equal((await fetch(new URL('/health', baseUrl))).status, 200);
});

test('while keys can cross a network in plain text, status and log warn, and HTTPS is offered first', async (t) => {
  const cli = makeCli(t);

  const refused = await cli.run('proxy', 'start', '--bind', '0.0.0.0', '--port', '0');
  assertMistake(refused, /--mode dev-selfsigned.*--allow-insecure-bind/);
  await cli.run('proxy', 'start', '--bind', '0.0.0.0', '--port', '0', '--allow-insecure-bind', '--demo');
  const clear = /Keys cross the network in plain text \(0\.0\.0\.0, port \d+\).*--mode dev-selfsigned/;
  assert.match((await cli.run('proxy', 'status')).stdout, clear);
  assert.match((await cli.run('up')).stdout, clear);
  assert.match(readFileSync(join(cli.home, 'logs/default.log'), 'utf8'), clear);
});

test('what flm chat uses stands in the usage', async (t) => {
  const cli = makeCli(t);
  await cli.run('up', '--detach', '--port', '0');
  await cli.run('chat', '-m', 'hello');
  await cli.run('proxy', 'stop');

  const { usage } = (await cli.run('usage', '--json')).json<{
    usage: { key: { id: string; label: string }; requests: number; outputTokens: number }[];
  }>();
  assert.deepEqual(
    usage.map((u) => [u.key, u.requests > 0, u.outputTokens > 0]),
    [[{ id: 'flm-chat', label: 'flm chat' }, true, true]],
  );
  assert.match((await cli.run('usage')).stdout, /^flm chat \(flm-chat\) +\d+ /m);
});
