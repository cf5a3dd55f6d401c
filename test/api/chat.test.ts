/** The admin API: a chat through a real proxy, from the question to usage. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { startedAdmin } from '../helpers/admin-fixture.ts';
import { chatAnswer, chatDelta, chatEvent, startChatEngine } from '../helpers/chat-engine.ts';
import { type RawRequest, type Steps, sseHead } from '../helpers/raw-engine.ts';
import { startProxy } from '../helpers/start-proxy.ts';

async function fixture(t: TestContext, chat: (request: RawRequest) => Steps) {
  const engine = await startChatEngine(['m'], chat);
  t.after(() => engine.close());
  const admin = await startedAdmin(t);
  const { id } = await startProxy(admin.cli, '--engine', engine.url);
  return { ...admin, engine, id };
}

const question = (content: string) => ({ model: 'm', messages: [{ role: 'user', content }] });

interface Told {
  readonly event: string;
  // biome-ignore lint/suspicious/noExplicitAny: documents of JSON
  readonly data: any;
}

async function eventsOf(stream: AsyncIterable<string>): Promise<readonly Told[]> {
  let text = '';
  for await (const part of stream) text += part;
  return [...text.matchAll(/^event: (.+)\ndata: (.+)$/gm)].map(([, event = '', data = '']) => ({
    event,
    data: JSON.parse(data),
  }));
}

const never = new AbortController().signal;

test('an answer is streamed with its figures, through the proxy, and counts as usage of flm chat', async (t) => {
  const usage = { prompt_tokens: 2, completion_tokens: 4, total_tokens: 6 };
  const { ask, call, engine } = await fixture(t, () => [
    sseHead,
    chatDelta({ reasoning: 'Hm.' }),
    chatDelta({ content: 'Yes' }),
    chatDelta({ content: '!' }, 'stop'),
    chatEvent({ choices: [], usage }),
    chatEvent('[DONE]'),
    '0\r\n\r\n',
  ]);
  const messages = [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'hello' },
  ];
  const events = await eventsOf(await ask('/chat', { model: 'm', messages }, never));
  const said = (kind: string) =>
    events
      .flatMap(({ event, data }) => (event === 'piece' && data.kind === kind ? [data.text] : []))
      .join('');
  assert.deepEqual([said('reasoning'), said('text')], ['Hm.', 'Yes!']);
  const done = events.at(-1);
  assert.equal(done?.event, 'done');
  assert.deepEqual(
    [done?.data.usage, done?.data.finishReason],
    [{ inputTokens: 2, outputTokens: 4 }, 'stop'],
  );
  assert.ok(done?.data.timings.firstTokenMs <= done?.data.timings.totalMs);
  const asked = engine.requests.find(({ target }) => target === '/v1/chat/completions');
  assert.deepEqual(JSON.parse(String(asked?.body)).messages, messages);
  const [recent] = (await call('GET', '/requests/recent')).document.items;
  assert.deepEqual([recent.path, recent.model, recent.status], ['/v1/chat/completions', 'm', 200]);
  assert.doesNotMatch(JSON.stringify(events), /flm_\w{20}/);
});

test('a refusal is told with the text of the error table, before and in the middle of an answer', async (t) => {
  const { ask, call } = await fixture(t, () => [
    sseHead,
    chatDelta({ content: 'Ye' }),
    chatEvent({ error: { message: 'The GPU is gone' } }),
    '0\r\n\r\n',
  ]);
  const broken = await eventsOf(await ask('/chat', question('x'), never));
  assert.deepEqual(
    broken.map(({ event }) => event),
    ['piece', 'error'],
  );
  assert.match(broken.at(-1)?.data.error.message, /The GPU is gone/);
  const [unknown] = await eventsOf(await ask('/chat', { ...question('x'), model: 'none' }, never));
  assert.deepEqual([unknown?.event, unknown?.data.error.code], ['error', 'CHAT_REFUSED']);
  assert.match(unknown?.data.error.message, /There is no model none/);
  assert.match(unknown?.data.error.hint, /flm explain req_/);
  const [absent] = await eventsOf(await ask('/chat', { ...question('x'), proxy: 'px_none' }, never));
  assert.equal(absent?.data.error.code, 'PROXY_NOT_RUNNING');
  assert.equal((await call('POST', '/chat', { body: { model: 'm', messages: [] } })).status, 422);
});

test('a reader that leaves ends the request at the engine', async (t) => {
  const { ask, engine } = await fixture(t, () => [sseHead, chatDelta({ content: 'On and on' })]);
  const left = new AbortController();
  for await (const part of await ask('/chat', question('x'), left.signal)) {
    if (part.includes('On and on')) left.abort();
  }
  await engine.deserted();
});

test('one question is answered while another one runs', async (t) => {
  const { ask } = await fixture(t, (request) =>
    String(request.body).includes('slow') ? [sseHead, chatDelta({ content: 'slow' })] : chatAnswer('fast'),
  );
  const left = new AbortController();
  for await (const part of await ask('/chat', question('slow'), left.signal)) {
    if (!part.includes('slow')) continue;
    const events = await eventsOf(await ask('/chat', question('x'), never));
    assert.equal(events.at(-1)?.event, 'done');
    left.abort();
  }
});
