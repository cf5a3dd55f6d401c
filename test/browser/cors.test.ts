/**
 * What a page in a real browser can do: one of an allowed origin everything, another one nothing, and either sees why.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { makeCli } from '../helpers/cli.ts';
import { assertNoLeaks, type Stock, takeStock } from '../helpers/leaks.ts';
import { createKey, startProxy } from '../helpers/start-proxy.ts';
import { bundleSdk, openSite, type Site, skip } from './page.ts';

let app: Site;
let other: Site;
let stock: Stock;
before(async () => {
  if (skip !== false) return;
  const sdk = await bundleSdk();
  stock = takeStock();
  app = await openSite(sdk);
  other = await openSite(sdk);
});
after(async () => {
  if (skip !== false) return;
  await app.close();
  await other.close();
  await assertNoLeaks(stock);
});

/** A line of the access log. */
interface Line {
  readonly msg: string;
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
}

interface Fixture {
  /** What makes the SDK in a page; with a key of the proxy, or with one that was made up. */
  client(key: string): string;
  makeKey(label: string, ...flags: readonly string[]): Promise<string>;
  /** Stops the proxy: then all is written. */
  requests(): Promise<readonly Line[]>;
}

/** A proxy that allows the pages of `app`. */
async function openFixture(t: TestContext): Promise<Fixture> {
  const cli = makeCli(t);
  await cli.run('policy', 'set', '--allow-origin', app.origin);
  const { baseUrl } = await startProxy(cli, '--demo');
  return {
    client: (apiKey) =>
      `new OpenAI({ ...${JSON.stringify({ baseURL: baseUrl, apiKey })}, dangerouslyAllowBrowser: true, maxRetries: 0 })`,
    makeKey: async (label, ...flags) => (await createKey(cli, label, ...flags)).key,
    async requests() {
      await cli.run('proxy', 'stop');
      const text = readFileSync(join(cli.home, 'logs', 'default.log'), 'utf8');
      const lines = text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Line);
      return lines.filter(({ msg }) => msg === 'request');
    },
  };
}

const chat = `{ model: 'flm-demo', messages: [{ role: 'user', content: 'hi' }], stream: true }`;

test('a page of an allowed origin streams a chat with the official SDK', { skip }, async (t) => {
  const fixture = await openFixture(t);
  const key = await fixture.makeKey('page');

  const { said } = await app.visit<{ chunks: number; text: string }>(`
    let chunks = 0, text = '';
    for await (const chunk of await ${fixture.client(key)}.chat.completions.create(${chat})) {
      chunks += 1; text += chunk.choices[0]?.delta?.content ?? '';
    }
    return { chunks, text };`);

  assert.ok(said.chunks > 5, JSON.stringify(said));
  assert.match(said.text, /demo engine/);
});

test('a page of another origin gets nothing, and the console says why', { skip }, async (t) => {
  const fixture = await openFixture(t);
  const key = await fixture.makeKey('page');

  const { said, console } = await other.visit<readonly [string, string]>(`
    const failure = (work) => work.then(() => 'answered', String);
    const client = ${fixture.client(key)};
    const chatted = await failure(client.chat.completions.create(${chat}));
    // A browser asks no leave for this one.
    return [chatted, await failure(fetch(client.baseURL + '/models'))];`);

  assert.match(said[0], /Connection error/);
  assert.match(said[1], /Failed to fetch/);
  const blocked = new RegExp(
    `from origin '${other.origin}' has been blocked by CORS policy: .*No 'Access-Control-Allow-Origin' header is present`,
    'g',
  );
  assert.equal(console.match(blocked)?.length, 2, console);
  const seen = (await fixture.requests()).map(({ method, path }) => `${method} ${path}`);
  assert.deepEqual(seen, ['OPTIONS /v1/chat/completions', 'GET /v1/models'], 'the chat was never sent');
});

test('two requests of a page need one preflight', { skip }, async (t) => {
  const fixture = await openFixture(t);
  const key = await fixture.makeKey('page');

  await app.visit(
    `const client = ${fixture.client(key)}; await client.models.list(); await client.models.list(); return 1;`,
  );

  const seen = (await fixture.requests()).map(({ method, path, status }) => `${method} ${path} ${status}`);
  assert.deepEqual(seen, ['OPTIONS /v1/models 204', 'GET /v1/models 200', 'GET /v1/models 200']);
});

test('a page can read refusals: the SDK raises its own class, with the request id and the time to wait', {
  skip,
}, async (t) => {
  const fixture = await openFixture(t);
  const slow = await fixture.makeKey('slow', '--rpm', '1');

  interface Refused {
    readonly is: string;
    readonly id: string;
    readonly field: string;
    readonly retryAfter: string | null;
  }
  const { said } = await app.visit<readonly [Refused, Refused]>(`
    const refused = (work) => work.then(() => { throw new Error('it was answered'); }, (error) => ({
      is: ['AuthenticationError', 'RateLimitError'].filter((name) => error instanceof OpenAI[name]).join(),
      id: error.requestID,
      field: error.headers.get('x-request-id'),
      retryAfter: error.headers.get('retry-after'),
    }));
    const wrong = await refused(${fixture.client('flm_wrong')}.models.list());
    const client = ${fixture.client(slow)};
    await client.models.list();
    return [wrong, await refused(client.models.list())];`);

  assert.ok(Array.isArray(said), JSON.stringify(said));
  const [wrong, limited] = said;
  assert.deepEqual([wrong.is, limited.is], ['AuthenticationError', 'RateLimitError']);
  assert.equal(wrong.retryAfter, null);
  assert.ok(Number(limited.retryAfter) > 0, `${limited.retryAfter}`);
  const seen = (await fixture.requests()).filter(({ method }) => method === 'GET');
  assert.deepEqual(
    seen.map(({ status }) => status),
    [401, 200, 429],
  );
  assert.deepEqual([wrong.id, wrong.field], [seen[0]?.id, seen[0]?.id]);
  assert.deepEqual([limited.id, limited.field], [seen[2]?.id, seen[2]?.id]);
});
