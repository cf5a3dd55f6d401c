/**
 * Two saved engines with one model, one of which refuses flm's key: requests go to the other one, and `status` and
 * `engine list` say why.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startChatEngine } from '../helpers/chat-engine.ts';
import { makeCli } from '../helpers/cli.ts';
import { assertNoLeaks, takeStock } from '../helpers/leaks.ts';
import { answer } from '../helpers/raw-engine.ts';
import { createKey, startProxy } from '../helpers/start-proxy.ts';

const stock = takeStock();
after(() => assertNoLeaks(stock));

interface Engines {
  readonly engines: readonly {
    readonly id: string;
    readonly rank?: { readonly state: string; readonly reason: string; readonly keyCount: number };
  }[];
}

test('status and engine list say why an engine ranks last, as text and as JSON', async (t) => {
  const bad = await startChatEngine(['m'], () => [answer('{}', 'application/json', '401 Unauthorized')]);
  t.after(() => bad.close());
  const good = await startChatEngine(['m'], () => [answer('{"good":true}')]);
  t.after(() => good.close());
  const cli = makeCli(t);
  for (const [id, url] of [
    ['bad', bad.url],
    ['good', good.url],
  ] as const) {
    const added = await cli.run('engine', 'add', url, '--id', id);
    assert.equal(added.code, 0, added.stderr);
  }
  const { baseUrl } = await startProxy(cli);
  const { key } = await createKey(cli, 'k');

  const statuses: number[] = [];
  for (let i = 0; i < 10; i++) {
    const response = await fetch(`${baseUrl}/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', connection: 'close' },
      body: '{"model":"m","messages":[]}',
    });
    await response.arrayBuffer();
    statuses.push(response.status);
  }
  assert.deepEqual(statuses, [401, ...Array(9).fill(200)]);

  const reason = /ranks last: the engine refuses the key that flm has for it \(status 401\)/;
  for (const command of [
    ['proxy', 'status'],
    ['engine', 'list'],
  ]) {
    assert.match((await cli.run(...command)).stdout, reason);
    const document = (await cli.run(...command, '--json')).json<Engines & { proxies?: readonly Engines[] }>();
    const engines = document.proxies?.[0]?.engines ?? document.engines;
    const ranks = Object.fromEntries(engines.map((e) => [e.id, e.rank?.state]));
    assert.deepEqual(ranks, { bad: 'last', good: undefined });
  }
});
