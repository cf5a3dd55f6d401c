/**
 * Engines that go away and come back, are found, share load, or stand open to the network; and a proxy that is stopped,
 * or a key that is revoked, while a real engine answers.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { eventually } from '../helpers/eventually.ts';
import { assertNoLeaks, takeStock } from '../helpers/leaks.ts';
import { noOwnAddress } from '../helpers/own-address.ts';
import type { ProxyView } from '../helpers/start-proxy.ts';
import { loopTrigger } from '../helpers/tiny-gguf.ts';
import { assertSameBytes, jsonOf } from './answers.ts';
import {
  askDirectly,
  llamaServer,
  needsLlama,
  needsOllama,
  ollama,
  portOf,
  startProxyFor,
  startTestedProxy,
  tapOf,
} from './tested-proxy.ts';

const before = takeStock();
after(() => assertNoLeaks(before));

const chat = { model: 'tiny', messages: [{ role: 'user', content: 'hi' }] };
const endless = { model: 'tiny', messages: [{ role: 'user', content: loopTrigger }], stream: true };

test('an engine that is killed and comes back is served again', needsLlama, async (t) => {
  const first = await llamaServer(t);
  const port = portOf(first.url);
  const flm = await startProxyFor(t, first.url);

  const running = await flm.begin('/v1/chat/completions', endless);
  await running.until((bytes) => bytes.includes('and...'));
  first.kill();

  await t.test(
    'what it was saying ends in an error that clients see, and not as if it were whole',
    async () => {
      const cut = await running.response();
      assert.equal(cut.status, 200);
      assert.equal(cut.whole, true);
      const events = cut.body.toString().trimEnd().split('\n\n');
      assert.match(events.at(-1) ?? '', /^data: \{"error":\{"message":/);
      assert.doesNotMatch(cut.body.toString(), /\[DONE\]/);
      for (const event of events) JSON.parse(event.slice('data: '.length));
      assert.match(events.at(-2) ?? '', /"delta"/);
    },
  );

  await t.test('meanwhile requests are refused with a word on it, and the list is empty', async () => {
    await first.stop();
    const refused = await flm.ask('/v1/chat/completions', chat);
    assert.ok(refused.status === 502 || refused.status === 503, String(refused.status));
    const down = await eventually(
      () => flm.status(),
      (view) => view.engines[0]?.state === 'down',
    );
    assert.match(down.warnings.join('\n'), /./);
    const answered = await flm.ask('/v1/chat/completions', chat);
    assert.equal(answered.status, 503);
    assert.match(answered.field('retry-after') ?? '', /^\d+$/);
  });

  await t.test('and it is found again by itself', async () => {
    await llamaServer(t, { port });
    const answered = await eventually(
      () => flm.ask('/v1/chat/completions', chat),
      (response) => response.status === 200,
    );
    assert.match(answered.body.toString(), /Hello/);
    assert.equal((await flm.status()).engines[0]?.state, 'running');
  });
});

test('an Ollama that is restarted is served again', needsOllama, async (t) => {
  const first = await ollama(t);
  const port = portOf(first.url);
  const flm = await startProxyFor(t, first.url);
  const native = { model: 'tiny', messages: chat.messages, stream: false };
  assert.equal((await flm.ask('/api/chat', native)).status, 200);
  const running = await flm.begin('/api/chat', endless);
  await running.until((bytes) => bytes.includes('and...'));
  first.kill();
  const cut = await running.response();
  const last = cut.body.toString().trimEnd().split('\n').at(-1) ?? '';
  assert.equal(typeof (JSON.parse(last) as { error?: unknown }).error, 'string');
  await first.stop();
  const refused = await flm.ask('/api/chat', native);
  assert.ok(refused.status === 502 || refused.status === 503);
  assert.equal(typeof jsonOf<{ error: unknown }>(refused).error, 'string');

  await ollama(t, { port });
  await eventually(
    () => flm.ask('/api/chat', native),
    (response) => response.status === 200,
  );
});

test('engines are found at the ports where one looks, also those that start later', {
  skip: needsLlama.skip || needsOllama.skip,
}, async (t) => {
  const llama = await llamaServer(t, { alias: 'first' });
  // Its port is known before it runs.
  const later = await ollama(t);
  await later.stop();
  const ports = [llama, later].map((engine) => portOf(engine.url));
  const flm = await startTestedProxy(t, [], { FLM_DETECT_PORTS: ports.join(',') });
  const found = (view: ProxyView): readonly string[] =>
    view.engines
      .filter((e) => e.state === 'running')
      .map((e) => `${e.id} ${e.kind}`)
      .sort();
  const seen = (count: number): Promise<ProxyView> =>
    eventually(
      () => flm.status(),
      (view) => found(view).length === count,
    );
  assert.deepEqual(found(await seen(1)), [`llamacpp-${ports[0]} llamacpp`]);

  await ollama(t, { port: ports[1] as number });
  const both = await seen(2);
  assert.deepEqual(found(both), [`llamacpp-${ports[0]} llamacpp`, `ollama-${ports[1]} ollama`]);
  const list = jsonOf<{ data: { id: string }[] }>(await flm.ask('/v1/models'));
  assert.deepEqual(list.data.map((m) => m.id).sort(), ['first', 'tiny:latest']);
  for (const model of [
    'first',
    'tiny',
    'tiny:latest',
    `ollama-${ports[1]}/tiny`,
    `flm://llamacpp-${ports[0]}/first`,
  ])
    assert.equal((await flm.ask('/v1/chat/completions', { ...chat, model })).status, 200, model);

  // Neither API is made of the other: who serves it is named.
  for (const [path, model, speaker] of [
    ['/v1/messages/count_tokens', 'tiny:latest', `llamacpp-${ports[0]}`],
    ['/v1/rerank', 'tiny:latest', `llamacpp-${ports[0]}`],
    ['/api/chat', 'first', `ollama-${ports[1]}`],
  ] as const) {
    const refused = await flm.ask(path, { ...chat, model });
    assert.equal(refused.status, 404, path);
    assert.ok(refused.body.includes(speaker), refused.body.toString());
  }
  assert.match((await flm.ask('/v1/score', { ...chat, model: 'first' })).body.toString(), /no engine/);
});

test('an engine that answers on all addresses is warned about, with what closes it', {
  skip: needsLlama.skip || noOwnAddress,
}, async (t) => {
  const engine = await llamaServer(t, { args: ['--host', '0.0.0.0'] });
  const flm = await startProxyFor(t, engine.url);
  const view = await eventually(
    () => flm.status(),
    (v) => v.engines[0]?.exposedOn !== undefined,
  );
  assert.equal(
    view.warnings.filter((w) => w.includes('--host 127.0.0.1')).length,
    1,
    view.warnings.join('\n'),
  );
  const text = await flm.cli.run('proxy', 'status');
  assert.match(text.stdout, /clients can bypass flm/);
});

test('two engines with the same model share the load', needsLlama, async (t) => {
  const engines = [await llamaServer(t), await llamaServer(t)];
  const flm = await startProxyFor(t, ...engines.map((e) => e.url));
  const wires = [];
  for (let i = 0; i < 4; i++) {
    const wire = await flm.begin('/v1/chat/completions', endless);
    await wire.until((bytes) => bytes.includes('and...'));
    wires.push(wire);
  }
  for (const engine of engines) {
    const slots = jsonOf<{ is_processing: boolean }[]>(await askDirectly(engine.url, '/slots'));
    assert.deepEqual(
      slots.map((s) => s.is_processing),
      [true, true],
    );
  }
  const view = await flm.status();
  assert.deepEqual(
    view.engines.map((e) => e.inFlight),
    [2, 2],
  );
  const list = jsonOf<{ data: { id: string }[] }>(await flm.ask('/v1/models'));
  assert.equal(list.data.filter((m) => m.id === 'tiny').length, 1);
  for (const wire of wires) wire.close();

  // With one of them gone, the other answers all.
  await engines[0]?.stop();
  for (let i = 0; i < 4; i++) assert.equal((await flm.ask('/v1/chat/completions', chat)).status, 200);
});

test(
  'the next request of a conversation finds the prompt cache of the engine that it began on',
  needsLlama,
  async (t) => {
    const engines = [await llamaServer(t), await llamaServer(t)];
    const flm = await startProxyFor(t, ...engines.map((e) => e.url));
    const begun = [
      { role: 'system', content: 'You answer in one word. '.repeat(8) },
      { role: 'user', content: 'hello' },
    ];
    const ask = async (
      messages: readonly object[],
    ): Promise<{ readonly cached: number; readonly said: string }> => {
      const answer = await flm.ask('/v1/chat/completions', { model: 'tiny', messages, max_tokens: 4 });
      assert.equal(answer.status, 200, answer.body.toString());
      const { timings, choices } = jsonOf<{
        timings: { cache_n: number };
        choices: { message: { content: string } }[];
      }>(answer);
      return { cached: timings.cache_n, said: choices[0]?.message.content ?? '' };
    };

    // The first engine of the list is busy while the conversation begins, so it begins on the second one.
    const busy = await flm.begin('/v1/chat/completions', endless);
    await busy.until((bytes) => bytes.includes('and...'));
    const first = await ask(begun);
    busy.close();
    await eventually(
      () => flm.status(),
      (view) => view.engines.every((e) => e.inFlight === 0),
    );

    const more = [
      { role: 'assistant', content: first.said },
      { role: 'user', content: 'again' },
    ];
    const second = await ask([...begun, ...more]);
    assert(second.cached > 20, `${second.cached} tokens came from the cache`);
    // Another conversation begins on the first engine, which knows nothing of this one.
    const other = await ask([
      { role: 'system', content: 'Something else. '.repeat(8) },
      ...begun.slice(1),
      ...more,
    ]);
    assert(other.cached < second.cached, `${other.cached} tokens came from the cache`);
  },
);

test('a stop while a real engine speaks lets it finish', needsLlama, async (t) => {
  const engine = await llamaServer(t);
  const tap = await tapOf(t, engine);
  const flm = await startProxyFor(t, tap.url);
  tap.holdAfter('and...');
  const wire = await flm.begin('/v1/chat/completions', { ...endless, max_tokens: 500 });
  await wire.until((bytes) => bytes.includes('and...'));
  const stopping = flm.cli.start('proxy', 'stop', '--json');
  await eventually(
    () =>
      flm.ask('/health').then(
        () => 'open',
        () => 'closed',
      ),
    (proxy) => proxy === 'closed',
  );
  tap.letGo();
  const response = await wire.response();
  assert.equal(response.whole, true);
  assert.match(response.body.toString('utf8', response.body.length - 100), /data: \[DONE\]\n\n$/);
  assertSameBytes(response.body, tap.last('POST', '/v1/chat/completions').response?.body);
  const stopped = await stopping.ended;
  assert.equal(stopped.code, 0, stopped.stderr);
  const [report] = stopped.json<{ stopped: { running: number; cut: number }[] }>().stopped;
  assert.equal(report?.running, 1);
  assert.equal(report?.cut, 0);
});

test('a stop without grace ends a stream with an error, and frees the engine', needsLlama, async (t) => {
  const engine = await llamaServer(t);
  const flm = await startProxyFor(t, engine.url);
  const wire = await flm.begin('/v1/chat/completions', endless);
  await wire.until((bytes) => bytes.includes('and...'));
  const stopped = await flm.cli.run('proxy', 'stop', '--grace', '0', '--json');
  assert.equal(stopped.code, 0, stopped.stderr);
  const response = await wire.response();
  assert.equal(response.whole, true);
  assert.match(response.body.toString('utf8', response.body.length - 400), /data: \{"error":\{.*\}\n\n$/);
  assert.doesNotMatch(response.body.toString(), /\[DONE\]/);
  await eventually(
    async () => jsonOf<{ is_processing: boolean }[]>(await askDirectly(engine.url, '/slots')),
    (slots) => slots.every((s) => !s.is_processing),
  );
});

test('a key that is revoked ends what runs under it, and nothing else', needsLlama, async (t) => {
  const engine = await llamaServer(t);
  const flm = await startProxyFor(t, engine.url);
  const key = await flm.newKey('guest');
  const guests = await flm.begin('/v1/chat/completions', endless, { key });
  const own = await flm.begin('/v1/chat/completions', endless);
  for (const wire of [guests, own]) await wire.until((bytes) => bytes.includes('and...'));

  const revoked = await flm.cli.run('key', 'revoke', 'guest', '--json');
  const toldMs = performance.now();
  assert.equal(revoked.code, 0, revoked.stderr);
  const response = await guests.response();
  t.diagnostic(`ended ${(performance.now() - toldMs).toFixed(0)} ms after the command`);
  assert.match(response.body.toString('utf8', response.body.length - 400), /data: \{"error":\{.*\}\n\n$/);
  assert.equal((await flm.ask('/v1/chat/completions', chat, { key })).status, 401);
  const had = own.received.length;
  await own.until((bytes) => bytes.length > had);
  assert.equal(own.ended, false);
});
