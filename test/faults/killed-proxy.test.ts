/** A proxy that is killed (`kill -9`, out of memory, power): what its data folder still holds when its profile starts again. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import process from 'node:process';
import { test } from 'node:test';
import { makeCli } from '../helpers/cli.ts';
import { eventually } from '../helpers/eventually.ts';
import { createKey, startProxy } from '../helpers/start-proxy.ts';
import { chat } from '../long/soak/outcomes.ts';
import { ScriptedEngine } from '../long/soak/scripted-engine.ts';

test('a killed proxy loses usage of its last moment at most, and no key, revocation or used budget', async (t) => {
  const cli = makeCli(t);
  const engine = await ScriptedEngine.start('m');
  t.after(() => engine.close());
  const [kept, gone] = [await createKey(cli, 'kept'), await createKey(cli, 'gone')];
  const spent = await createKey(cli, 'spent', '--tokens-per-day', '7');
  const flags = ['--engine', engine.url];
  const { pid, port, url } = await startProxy(cli, ...flags);
  const json = (key: string) => chat({ url }, { key, model: 'm', script: 'json' });
  const done = async (): Promise<number> =>
    (await cli.run('usage', '--key', kept.id, '--ending', 'done', '--json')).json<{
      total: { requests: number };
    }>().total.requests;

  for (let i = 0; i < 20; i++) assert.equal((await json(kept.key)).kind, 'whole');
  assert.equal((await json(spent.key)).kind, 'whole');
  assert.equal(await eventually(done, (n) => n >= 20), 20);
  assert.equal((await cli.run('key', 'revoke', 'gone')).code, 0);
  for (let i = 0; i < 5; i++) assert.equal((await json(kept.key)).kind, 'whole');
  process.kill(pid, 'SIGKILL');
  await eventually(
    () => json(kept.key),
    ({ kind }) => kind === 'unreachable',
  );
  const again = await cli.run('proxy', 'start', '--port', String(port), ...flags, '--json');

  assert.equal(again.code, 0, again.stderr);
  const stored = await done();
  assert.ok(stored >= 20 && stored <= 25, `${stored} of 25 requests`);
  assert.equal((await json(kept.key)).kind, 'whole');
  const refusals = [await json(gone.key), await json(spent.key)];
  assert.deepEqual(
    refusals.map((outcome) => (outcome.kind === 'refused' ? outcome.status : outcome)),
    [401, 429],
  );
});

test('a client of a killed proxy sees that its stream is not whole', async (t) => {
  const cli = makeCli(t);
  const engine = await ScriptedEngine.start('m');
  t.after(() => engine.close());
  const { key } = await createKey(cli, 'laptop');
  const { pid, url } = await startProxy(cli, '--engine', engine.url);
  const sent = request(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
  });
  sent.end('{"model":"m","stream":true,"user":"stream 1000 50"}');
  const [response] = await once(sent, 'response');
  await once(response, 'data');
  process.kill(pid, 'SIGKILL');
  await assert.rejects(once(response.resume(), 'end'), { code: 'ECONNRESET' });
});
