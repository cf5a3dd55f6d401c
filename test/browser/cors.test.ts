/**
 * What a page in a real browser can do: one of an allowed origin everything, another one nothing, and either sees why.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { makeCli } from '../helpers/cli.ts';
import { bundleSdk, openSite, type Site, skip } from './page.ts';

let app: Site;
let other: Site;
before(async () => {
  if (skip !== false) return;
  const sdk = await bundleSdk();
  app = await openSite(sdk);
  other = await openSite(sdk);
});
after(async () => {
  await app?.close();
  await other?.close();
});

test('pages of an allowed origin speak to flm with the official SDK, others see that they may not', {
  skip,
}, async (t) => {
  const cli = makeCli(t);
  await cli.run('policy', 'set', '--allow-origin', app.origin);
  const { url } = (await cli.run('proxy', 'start', '--port', '0', '--demo', '--json')).json<{
    url: string;
  }>();
  const key = (await cli.run('key', 'create', 'page', '--json')).json<{ key: string }>().key;
  const slow = (await cli.run('key', 'create', 'slow', '--rpm', '1', '--burst', '1', '--json')).json<{
    key: string;
  }>().key;
  const client = (secret: string): string =>
    `new OpenAI({ baseURL: ${JSON.stringify(`${url}/v1`)}, apiKey: ${JSON.stringify(secret)}, dangerouslyAllowBrowser: true, maxRetries: 0 })`;
  const chat = `{ model: 'flm-demo', messages: [{ role: 'user', content: 'hi' }], stream: true }`;

  const streamed = await app.visit<{ chunks: number; text: string }>(`
    let chunks = 0, text = '';
    for await (const chunk of await ${client(key)}.chat.completions.create(${chat})) {
      chunks += 1; text += chunk.choices[0]?.delta?.content ?? '';
    }
    await report({ chunks, text });`);
  assert.ok(streamed.said.chunks > 5, JSON.stringify(streamed.said));
  assert.match(streamed.said.text, /demo engine/);

  const refused = await other.visit<{ failed: string }>(
    `await ${client(key)}.chat.completions.create(${chat});`,
  );
  assert.match(refused.said.failed, /Connection error/);
  assert.match(refused.console, /blocked by CORS policy/);

  const readable = await app.visit<readonly { name: string; status: number; id: string; retry: string }[]>(`
    const seen = [];
    const ask = async (client) => {
      try { await client.models.list(); } catch (e) {
        seen.push({ name: e.constructor.name, status: e.status, id: e.headers.get('x-request-id'), retry: e.headers.get('retry-after') });
      }
    };
    await ask(${client('wrong')});
    const slow = ${client(slow)};
    await ask(slow); await ask(slow);
    await report(seen);`);
  const [wrong, limited] = readable.said;
  assert.deepEqual([readable.said.length, wrong?.status, limited?.status], [2, 401, 429]);
  assert.match(wrong?.id ?? '', /^req_/);
  assert.ok(Number(limited?.retry) > 0);

  // Each visit is a browser of its own: two requests of one page need one preflight.
  await app.visit(
    `const client = ${client(key)}; await client.models.list(); await client.models.list(); await report(1);`,
  );
  await cli.run('proxy', 'stop');
  const lines = readFileSync(join(cli.home, 'logs', 'default.log'), 'utf8')
    .trim()
    .split('\n')
    .map(
      (line) => JSON.parse(line) as { msg: string; method?: string; path?: string; keyLabel?: string | null },
    )
    .filter((line) => line.msg === 'request' && line.path === '/v1/models');
  const last = lines.findLastIndex((line) => line.method === 'OPTIONS');
  assert.deepEqual(
    lines.slice(last).map((line) => line.method),
    ['OPTIONS', 'GET', 'GET'],
  );
});
