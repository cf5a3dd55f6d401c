/** `GET /flm/api/v1/me` with the built proxy: what the holder of a key sees. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OwnKeyDocument } from '../../src/core/security/own-key-document.ts';
import { makeCli } from '../helpers/cli.ts';
import { createKey, startProxy } from '../helpers/start-proxy.ts';

test('a key sees its own usage after a chat, and looking at it is no usage', async (t) => {
  const cli = makeCli(t);
  const { url } = await startProxy(cli, '--demo');
  const { id, key } = await createKey(cli, 'ana', '--tokens-per-day', '100000');
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const me = async (): Promise<OwnKeyDocument> => {
    const response = await fetch(`${url}/flm/api/v1/me`, { headers });
    assert.equal(response.status, 200);
    return (await response.json()) as OwnKeyDocument;
  };
  const before = await me();
  assert.deepEqual(
    [before.id, before.label, before.limits.tokensPerDay, before.usage],
    [id, 'ana', 100_000, []],
  );
  const [model = ''] = before.models;
  const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'hello' }] });
  const chat = await fetch(`${url}/v1/chat/completions`, { method: 'POST', headers, body });
  assert.equal(chat.status, 200);
  await chat.text();
  let now = await me();
  while (now.usage?.length !== 1) now = await me();
  assert.deepEqual([now.usage[0]?.model, now.usage[0]?.requests], [model, 1]);
  assert.ok(now.use.tokensToday > 0);
  const usage = await cli.run('usage', '--json');
  assert.doesNotMatch(usage.stdout, /"requests":\s*[2-9]/);
});
