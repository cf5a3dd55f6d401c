/** Running requests of the built proxy: listed, watched and cancelled over the admin API and the command line. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import {
  type EndedRequestDocument,
  endedRequestSchema,
  type RequestChangesDocument,
  runningRequestSchema,
} from '../../src/core/proxy/request-document.ts';
import { readingCaller, startedAdmin } from '../helpers/admin-fixture.ts';
import { chatAnswer, chatDelta, startChatEngine } from '../helpers/chat-engine.ts';
import { eventually } from '../helpers/eventually.ts';
import { hold, sseHead } from '../helpers/raw-engine.ts';
import { createKey, startProxy } from '../helpers/start-proxy.ts';

/** A proxy before an engine that streams two tokens and then writes no more, except to requests that are short. */
async function started(t: TestContext, ...flags: readonly string[]) {
  const admin = await startedAdmin(t);
  const engine = await startChatEngine(['m'], ({ body }) =>
    body.includes('short')
      ? chatAnswer('done')
      : [sseHead, chatDelta({ content: 'one' }), chatDelta({ content: 'two' }), hold(new Promise(() => {}))],
  );
  t.after(() => engine.close());
  const proxy = await startProxy(admin.cli, '--engine', engine.url, ...flags);
  const { id, key } = await createKey(admin.cli, 'laptop');
  const ask = (prompt: string): Promise<Response> =>
    fetch(`${proxy.baseUrl}/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'm', stream: true, messages: [{ role: 'user', content: prompt }] }),
    });
  return { ...admin, engine, proxy, ask, keyId: id };
}

/** Follows the events of the API: the requests that run, as a page would have them, and those that ended. */
function follow(parts: AsyncIterable<string>) {
  const running = new Map<string, RequestChangesDocument['running'][number]>();
  const ended: EndedRequestDocument[] = [];
  const over = (async () => {
    for await (const part of parts) {
      const data = /^event: changes\ndata: (.*)\n\n$/.exec(part)?.[1];
      if (data === undefined) continue;
      const changes = JSON.parse(data) as RequestChangesDocument;
      for (const request of changes.running) running.set(request.id, request);
      for (const id of changes.gone) running.delete(id);
      ended.push(...changes.ended);
    }
  })();
  return { running, ended, over };
}

test('a running request is watched, cancelled by an administrator, and remembered with who did it', async (t) => {
  const { call, watch, flm, proxy, engine, ask, keyId } = await started(t);
  const left = new AbortController();
  const page = follow(await watch('/requests/events', left.signal, readingCaller));
  const response = await ask('tell a long story');
  const id = response.headers.get('x-request-id') ?? '';
  const seen = await eventually(
    () => page.running.get(id),
    (request) => request?.outputTokens === 2,
  );
  assert.deepEqual(
    [seen?.proxy, seen?.state, seen?.model, seen?.key, seen?.route, seen?.queuePosition],
    [proxy.id, 'streaming', 'm', { id: keyId, label: 'laptop' }, '/v1/chat/completions', null],
  );
  assert.deepEqual(
    (await call('GET', '/requests', { caller: readingCaller })).document.items.map(
      (request: { id: string }) => request.id,
    ),
    [id],
  );
  // Who may only read gets the same answer as for a path that does not exist.
  assert.equal((await call('POST', `/requests/${id}/cancel`, { caller: readingCaller })).status, 404);
  const cancelled = await call('POST', `/requests/${id}/cancel`);
  assert.equal(cancelled.status, 200, cancelled.body);
  assert.equal(cancelled.document.id, id);
  assert.match(await response.text(), /"code":"request_cancelled","param":null\}\}\n\n$/);
  await engine.deserted();
  await eventually(
    () => page.ended.find((line) => line.id === id),
    (line) => line !== undefined,
  );
  const line = page.ended.find((ended) => ended.id === id);
  assert.deepEqual(
    [line?.ending, line?.code, line?.rule, line?.outputTokens, line?.tokensEstimated],
    ['cancelled', 'REQUEST_CANCELLED', 'cancelled by the administrator', 2, true],
  );
  assert.equal(page.running.size, 0);
  const [recent] = (await call('GET', `/requests/recent?key=${keyId}`)).document.items;
  assert.deepEqual(recent, line);
  const again = await call('POST', `/requests/${id}/cancel`);
  assert.deepEqual([again.status, again.document.error.code], [404, 'REQUEST_NOT_RUNNING']);
  const [audited] = (await flm.audit.list(50)).filter(({ action }) => action === 'request.cancel');
  assert.deepEqual([audited?.actor, audited?.subject], ['ui:test', id]);
  assert.match(audited?.before ?? '', new RegExp(`"key":"${keyId}"`));
  const counted = await eventually(
    async () => (await call('GET', '/usage?by=ending&step=total')).document.series,
    (series: readonly { group: { ending: string } }[]) =>
      series.some(({ group }) => group.ending === 'cancelled'),
  );
  assert.ok(counted);
  left.abort();
  await page.over;
});

test('the command line lists running requests, cancels one by its id, and shows the last ones', async (t) => {
  const { cli, ask, engine } = await started(t);
  assert.match((await cli.run('requests')).stdout, /^No request runs now/);
  const response = await ask('tell a long story');
  const id = response.headers.get('x-request-id') ?? '';
  const listed = await eventually(
    () => cli.run('requests'),
    ({ stdout }) => stdout.includes('streaming'),
  );
  assert.match(listed.stdout, new RegExp(`^ID .*KEY .*STATE[^]*\\n${id} +laptop +m +\\S+ +streaming .* ~2 `));
  const { requests } = (await cli.run('requests', '--json')).json<{ requests: unknown[] }>();
  assert.equal(runningRequestSchema.parse(requests[0]).id, id);
  const unknown = await cli.run('requests', 'cancel', 'req_none');
  assert.equal(unknown.code, 1);
  assert.match(unknown.stderr, /No request with the id req_none runs\./);
  const cancelled = await cli.run('requests', 'cancel', id);
  assert.match(cancelled.stdout, new RegExp(`^Cancelled ${id} of laptop \\(m\\)\\.`));
  assert.match(await response.text(), /"code":"request_cancelled"/);
  await engine.deserted();
  const recent = await cli.run('requests', 'recent', '--key', 'laptop');
  assert.match(recent.stdout, /laptop .* cancelled REQUEST_CANCELLED/);
  const ended = (await cli.run('requests', 'recent', '--json')).json<{ requests: unknown[] }>();
  assert.equal(endedRequestSchema.parse(ended.requests[0]).ending, 'cancelled');
  assert.equal((await cli.run('proxy', 'stop')).code, 0);
  const alone = await cli.run('requests');
  assert.equal(alone.code, 1);
});

test('a request that a replaced proxy still serves is listed and cancelled as before', async (t) => {
  const { cli, ask, proxy } = await started(t);
  const response = await ask('tell a long story');
  const id = response.headers.get('x-request-id') ?? '';
  assert.equal((await cli.run('proxy', 'restart')).code, 0);
  const { requests } = (await cli.run('requests', '--json')).json<{
    requests: { id: string; proxy: string }[];
  }>();
  assert.deepEqual(
    requests.map((request) => [request.id, request.proxy]),
    [[id, proxy.id]],
  );
  assert.equal((await cli.run('requests', 'cancel', id)).code, 0);
  assert.match(await response.text(), /"code":"request_cancelled"/);
});

test('a page on a listener with --admin watches requests, and its own calls are not among them', async (t) => {
  const { cli, proxy } = await started(t, '--admin');
  const { key } = await createKey(cli, 'boss', '--scope', 'admin', '--scope', 'inference');
  const headers = { authorization: `Bearer ${key}` };
  const api = `${proxy.url}/flm/api/v1/requests`;
  const left = new AbortController();
  const stream = await fetch(`${api}/events`, { headers, signal: left.signal });
  assert.equal(stream.headers.get('content-type'), 'text/event-stream');
  const page = follow(partsOf(stream));
  const response = await fetch(`${proxy.baseUrl}/chat/completions`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: '{"model":"m","stream":true,"messages":[]}',
  });
  const id = response.headers.get('x-request-id') ?? '';
  await eventually(
    () => [...page.running.keys()].join(),
    (ids) => ids === id,
  );
  const idsAt = async (path: string): Promise<readonly string[]> => {
    const listed = (await (await fetch(`${api}${path}`, { headers })).json()) as { items: { id: string }[] };
    return listed.items.map((item) => item.id);
  };
  assert.deepEqual(await idsAt(''), [id]);
  assert.equal((await fetch(`${api}/${id}/cancel`, { method: 'POST', headers })).status, 200);
  await response.text();
  await eventually(
    () => page.ended.map((line) => line.id).join(),
    (ids) => ids === id,
  );
  assert.deepEqual(await idsAt('/recent'), [id]);
  left.abort();
  await page.over.catch(() => {});
});

/** The events of a response, each whole. */
async function* partsOf(response: Response): AsyncGenerator<string> {
  let text = '';
  const decoder = new TextDecoder();
  assert(response.body !== null);
  for await (const bytes of response.body) {
    text += decoder.decode(bytes, { stream: true });
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      yield text.slice(0, end + 2);
      text = text.slice(end + 2);
    }
  }
}

test('a watcher follows proxies that start and end, and sees requests that were too short to be listed', async (t) => {
  const { watch, cli, engine, ask, proxy } = await started(t);
  const left = new AbortController();
  const page = follow(await watch('/requests/events', left.signal));
  const response = await ask('tell a long story');
  const id = response.headers.get('x-request-id') ?? '';
  await eventually(
    () => page.running.has(id),
    (isListed) => isListed,
  );
  const short = await ask('short');
  await short.text();
  await eventually(
    () => page.ended.some((line) => line.id === short.headers.get('x-request-id') && line.ending === 'done'),
    (isEnded) => isEnded,
  );
  assert.equal((await cli.run('profile', 'save', 'other')).code, 0);
  const second = await startProxy(cli, 'other', '--engine', engine.url);
  const { key } = await createKey(cli, 'phone');
  const other = await fetch(`${second.baseUrl}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: '{"model":"m","stream":true,"messages":[]}',
  });
  const otherId = other.headers.get('x-request-id') ?? '';
  await eventually(
    () => page.running.get(otherId)?.proxy,
    (found) => found === second.id,
  );
  assert.equal((await cli.run('proxy', 'stop', second.id, '--grace', '0')).code, 0);
  await eventually(
    () => [...page.running.keys()],
    (ids) => ids.length === 1 && ids[0] === id,
  );
  assert.equal(page.running.get(id)?.proxy, proxy.id);
  left.abort();
  await page.over;
  await response.body?.cancel();
});
