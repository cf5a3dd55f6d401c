import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { assertMistake, makeCli, type Ran } from '../helpers/cli.ts';
import {
  type FakeEngine,
  type FakeTable,
  janTable,
  llamacppTable,
  ollamaTable,
  startFakeEngine,
  webTable,
} from '../helpers/fake-engine.ts';
import { startProxy } from '../helpers/start-proxy.ts';

async function engine(t: TestContext, table: FakeTable): Promise<FakeEngine> {
  const started = await startFakeEngine(table);
  t.after(() => started.close());
  return started;
}

/** A port that nobody listens on: the system gave it a moment ago. */
async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  assert.ok(address !== null && typeof address === 'object');
  return address.port;
}

interface Engine {
  readonly id: string;
  readonly kind: string;
  readonly product: string;
  readonly state: string;
  readonly version?: string;
  readonly url: string;
  readonly origin: string;
  readonly note?: string;
  readonly proxy: string | null;
  readonly serves: readonly string[];
  readonly models: readonly {
    readonly id: string;
    readonly contextLength?: number;
    readonly loaded?: boolean;
  }[];
  readonly embeddings?: { readonly format: string; readonly dimensions?: number; readonly detail?: string };
}

test('detection names what runs, what is installed, and what asks for a key', async (t) => {
  const [ollama, jan, web] = [
    await engine(t, ollamaTable),
    await engine(t, janTable),
    await engine(t, webTable),
  ];
  const cli = makeCli(t, { FLM_DETECT_PORTS: [ollama, jan, web].map((e) => e.port).join(',') });
  const program = join(cli.programs, 'llama-server');
  writeFileSync(program, '#!/bin/sh\n');
  chmodSync(program, 0o755);

  // A look takes 0.6 s and no longer, which a busy machine may miss; each look is a whole command.
  const looked = async (enough: RegExp, ...flags: readonly string[]): Promise<Ran> => {
    for (;;) {
      const ran = await cli.run('engine', 'detect', ...flags);
      assert.equal(ran.code, 0, ran.stderr);
      if (enough.test(ran.stdout)) return ran;
    }
  };
  const json = await looked(/"id":"ollama-.*"locked":\[\{/, '--json');
  const text = await looked(/^ollama-.*asks for an API key/ms);

  const found = json.json<{
    engines: Engine[];
    installed: { program: string }[];
    locked: { url: string }[];
  }>();
  assert.deepEqual(
    found.engines.map((e) => [e.id, e.kind, e.product, e.version, e.state, e.origin, e.url]),
    [[`ollama-${ollama.port}`, 'ollama', 'Ollama', '0.12.6', 'running', 'detected', ollama.url]],
  );
  assert.ok(
    found.engines[0]?.models.some((m) => m.id === 'qwen3:latest' && m.contextLength === 4096 && m.loaded),
  );
  assert.deepEqual(
    found.installed.map((i) => i.program),
    [program],
  );
  assert.deepEqual(
    found.locked.map((l) => l.url),
    [jan.url],
  );
  assert.match(
    text.stdout,
    new RegExp(`^ollama-${ollama.port} +running +Ollama 0\\.12\\.6 +${ollama.url} `, 'm'),
  );
  assert.match(text.stdout, /^llama\.cpp +\S+llama-server +llama-server -m MODEL\.gguf$/m);
  assert.match(text.stdout, new RegExp(`${jan.url} asks for an API key; add it with .flm engine add`));
});

test('where nothing is found detection says so', async (t) => {
  const ran = await makeCli(t).run('engine', 'detect');

  assert.deepEqual([ran.code, ran.stdout], [0, 'No engine runs on this machine.\n']);
});

test('an engine is saved as what it says that it is, listed, tested and removed', async (t) => {
  const cli = makeCli(t);
  const { url, port } = await engine(t, llamacppTable);

  const added = await cli.run('engine', 'add', `${url}/v1`, '--json');
  const listed = await cli.run('engine', 'list', '--json');
  const text = await cli.run('engine', 'list');
  const tested = await cli.run('engine', 'test', `llamacpp-${port}`);
  const removed = await cli.run('engine', 'remove', `llamacpp-${port}`, '--json');

  assert.equal(added.code, 0, added.stderr);
  assert.deepEqual([added.json<Engine>().id, added.json<Engine>().kind], [`llamacpp-${port}`, 'llamacpp']);
  assert.deepEqual(
    listed.json<{ engines: Engine[] }>().engines.map((e) => [e.id, e.state, e.kind, e.origin, e.proxy]),
    [[`llamacpp-${port}`, 'running', 'llamacpp', 'saved', null]],
  );
  assert.match(
    text.stdout,
    /^ID +STATE +KIND +ADDRESS +LATENCY +BUSY +FROM +MODELS\nllamacpp-\d+ +running +llamacpp b7100-abc +/,
  );
  assert.match(tested.stdout, /^models +tiny {2}\(2048 tokens\)|^models +tiny /m);
  assert.match(tested.stdout, /^serves +.*chat\.completions/m);
  assert.deepEqual(removed.json(), { id: `llamacpp-${port}`, removed: true });
  assertMistake(await cli.run('engine', 'remove', `llamacpp-${port}`), /There is no engine llamacpp/);
});

test('an address is understood as people paste it, and the command says how', async (t) => {
  const cli = makeCli(t);
  const { url, port } = await engine(t, ollamaTable);

  for (const [text, printed] of [
    [`127.0.0.1:${port}`, url],
    [`${url}/api`, url],
    [`${url}/api/chat`, url],
    [`${url}/v1/chat/completions`, url],
    [`localhost:${port}/v1/`, `http://localhost:${port}`],
    [`:${port}`, url],
    // Ollama has no /api/v1, so that only its root answers.
    [`127.0.0.1:${port}/api/v1`, url],
  ] as const) {
    const added = await cli.run('engine', 'add', text, '--id', 'box', '--json');
    assert.equal(added.code, 0, added.stderr);
    assert.deepEqual([added.json<Engine>().url, added.json<Engine>().kind], [printed, 'ollama'], text);
    assert.ok(added.stderr.includes(`Understood ${text} as ${printed}.`), added.stderr);
    await cli.run('engine', 'remove', 'box');
  }
  const plain = await cli.run('engine', 'add', `${url}/`, '--id', 'box');
  assert.doesNotMatch(plain.stderr, /Understood/);
  assertMistake(await cli.run('engine', 'add', `127.0.0.1:${port}/api/chat`), /box has it/);
  assertMistake(await cli.run('engine', 'add', 'gpu-box'), /url is "gpu-box"; allowed: HOST:PORT/);
  const tested = await cli.run('engine', 'test', `127.0.0.1:${port}/v1`, '--json');
  assert.equal(tested.json<Engine>().kind, 'ollama');
});

test('the engines of flags and of profiles are understood in the same way', async (t) => {
  const cli = makeCli(t);
  const { url, port } = await engine(t, ollamaTable);
  const flag = ['--engine', `localhost:${port}/api/chat`];
  const saved = await cli.run('profile', 'save', 'lab', '--engine', `127.0.0.1:${port}/v1/chat/completions`);
  assert.equal(saved.code, 0, saved.stderr);
  for (const [args, printed] of [
    [flag, `http://localhost:${port}`],
    [['lab'], url],
  ] as const) {
    const started = await cli.run('proxy', 'start', ...args, '--port', '0', '--json');
    assert.equal(started.code, 0, started.stderr);
    const listed = (await cli.run('engine', 'list', '--json')).json<{ engines: Engine[] }>();
    assert.deepEqual(
      listed.engines.map((e) => [e.url, e.kind, e.state]),
      [[printed, 'ollama', 'running']],
    );
    assert.equal((await cli.run('proxy', 'stop', '--all')).code, 0);
  }
});

test('an engine that is off is saved all the same, and is said to be off', async (t) => {
  const cli = makeCli(t);
  const url = `http://127.0.0.1:${await closedPort()}`;

  const added = await cli.run('engine', 'add', url, '--id', 'off');

  assert.equal(added.code, 0, added.stderr);
  assert.match(
    added.stderr,
    /It refuses connections\. The engine is saved, and flm uses it as soon as it answers/,
  );
  const list = (await cli.run('engine', 'list', '--json')).json<{ engines: Engine[] }>();
  assert.deepEqual(
    list.engines.map((e) => [e.id, e.state, e.note]),
    [['off', 'down', 'refuses connections']],
  );
  const tested = await cli.run('engine', 'test', 'off', '--json');
  assert.deepEqual([tested.code, tested.json<Engine>().state], [1, 'down']);
});

test('an engine without a name gets one from its address', async (t) => {
  const cli = makeCli(t);
  const port = await closedPort();

  const here = await cli.run('engine', 'add', `http://localhost:${port}`);

  assert.match(
    here.stdout,
    new RegExp(`^engine-${port} +down \\(refuses connections\\)\nkind +not known yet\n`, 'm'),
  );
});

test('what answers but is no engine is not saved, unless its kind is given', async (t) => {
  const cli = makeCli(t);
  const { url } = await engine(t, webTable);

  assertMistake(await cli.run('engine', 'add', url), /does not answer like an LLM engine/);
  assert.deepEqual((await cli.run('engine', 'list', '--json')).json(), { engines: [] });
  const added = await cli.run('engine', 'add', url, '--kind', 'openai-compatible', '--id', 'odd', '--json');
  assert.deepEqual([added.code, added.json<Engine>().kind], [0, 'openai-compatible']);
});

test('a saved engine is changed, and nothing is where a change is not valid', async (t) => {
  const [first, second] = [await engine(t, llamacppTable), await engine(t, llamacppTable)];
  const cli = makeCli(t);
  assert.equal((await cli.run('engine', 'add', first.url, '--id', 'box', '--slots', '2')).code, 0);
  assert.equal((await cli.run('engine', 'add', second.url, '--id', 'other')).code, 0);
  const at = async () =>
    (await cli.run('engine', 'list', '--json'))
      .json<{ engines: readonly (Engine & { slots?: number })[] }>()
      .engines.find(({ id }) => id === 'box');

  const file = join(cli.folder, 'key');
  writeFileSync(file, 'k3y\n', { mode: 0o600 });
  const changed = await cli.run('engine', 'set', 'box', '--slots', '4', '--key-file', file);
  assert.equal(changed.code, 0, changed.stderr);
  assert.match(changed.stdout, /^Changed\.\n/);
  assert.equal((await cli.run('engine', 'set', 'box', '--clear', 'key', '--clear', 'slots')).code, 0);
  assertMistake(await cli.run('engine', 'set', 'box', '--url', second.url), /other has it/);
  assertMistake(await cli.run('engine', 'set', 'box', '--slots', '0'), /slots/);
  assertMistake(await cli.run('engine', 'set', 'box'), /Give at least one setting to change/);
  assertMistake(await cli.run('engine', 'set', 'box', '--clear', 'url'), /--clear takes one of slots/);
  assertMistake(await cli.run('engine', 'set', 'bax', '--slots', '1'), /box/);
  assert.equal((await at())?.url, first.url);
  assert.equal((await cli.run('engine', 'remove', 'other')).code, 0);
  const moved = await cli.run('engine', 'set', 'box', '--url', second.url, '--json');
  assert.equal(moved.json<Engine>().url, second.url, moved.stderr);
  assert.equal((await at())?.url, second.url);
});

test('all faults of an engine are reported at once and nothing is saved', async (t) => {
  const cli = makeCli(t);
  const { url } = await engine(t, ollamaTable);
  await cli.run('engine', 'add', url, '--id', 'box');

  const faults = await cli.run(
    'engine',
    'add',
    'ftp://me:pass-word@x',
    '--id',
    'B!',
    '--kind',
    'gpt',
    '--slots',
    'x',
  );

  assertMistake(faults, /url is "ftp:/);
  for (const field of ['id', 'kind', 'slots']) assert.match(faults.stderr, new RegExp(`\\b${field} is `));
  assert.ok(!faults.stderr.includes('pass-word'));
  assertMistake(await cli.run('engine', 'add', url, '--id', 'other'), /not saved yet; box has it/);
  assertMistake(
    await cli.run('engine', 'add', `${url}/x`, '--id', 'box'),
    /id is box; allowed: an id that no other/,
  );
  assertMistake(await cli.run('engine', 'test', 'nobody'), /There is no engine nobody/);
  assertMistake(await cli.run('engine', 'add', url, '--key-env', 'A', '--key-stdin'), /Give one of/);
  assert.equal((await cli.run('engine', 'list', '--json')).json<{ engines: [] }>().engines.length, 1);
});

test("an engine's key is used and never shown, wherever it is kept", async (t) => {
  const cli = makeCli(t, { ENGINE_KEY: 'sk-engine-secret' });
  const locked = await engine(t, janTable);
  const file = join(cli.folder, 'key');
  writeFileSync(file, 'sk-engine-secret\n');

  assertMistake(
    await cli.run('engine', 'add', locked.url),
    /key is missing; allowed: the key that the engine asks for/,
  );
  locked.set({ '/v1/models': { body: { object: 'list', data: [{ id: 'jan-1', object: 'model' }] } } });
  const runs = [
    await cli.run('engine', 'add', locked.url, '--id', 'a', '--key-env', 'ENGINE_KEY'),
    await cli.run('engine', 'add', `${locked.url}/b`, '--id', 'b', '--kind', 'vllm', '--key-file', 'key'),
    await cli.pipe(
      'sk-engine-secret\n',
      'engine',
      'add',
      `${locked.url}/c`,
      '--id',
      'c',
      '--kind',
      'vllm',
      '--key-stdin',
    ),
    await cli.run('engine', 'list'),
    await cli.run('engine', 'list', '--json'),
    await cli.run('engine', 'test', 'a', '--json'),
  ];

  for (const { code, stdout, stderr } of runs) {
    assert.equal(code, 0, stderr);
    assert.ok(!(stdout + stderr).includes('sk-engine-secret'));
  }
  assert.match(runs[0]?.stderr ?? '', /A proxy reads ENGINE_KEY from its own environment/);
  // A proxy in the background has another working folder.
  const proxy = await startProxy(cli);
  assert.ok(!proxy.warnings.some((w) => w.includes('key from')), proxy.warnings.join('\n'));
  const sent = new Set(locked.asked.map((a) => a.headers.authorization));
  assert.deepEqual([...sent].sort(), ['Bearer sk-engine-secret', undefined]);
  assertMistake(await cli.pipe('', 'engine', 'add', `${locked.url}/d`, '--key-stdin'), /No key came/);
  assertMistake(
    await cli.run('engine', 'add', `${locked.url}/e`, '--key-env', 'NOT_SET'),
    /NOT_SET is missing/,
  );
});

test('a test tells whether embeddings come in base64 as clients ask for them', async (t) => {
  const cli = makeCli(t);
  const models = { '/v1/models': { body: { object: 'list', data: [{ id: 'e', object: 'model' }] } } };
  const answer = (embedding: unknown): FakeTable => ({
    ...models,
    '/v1/embeddings': { body: { object: 'list', data: [{ object: 'embedding', index: 0, embedding }] } },
  });
  const server = await engine(t, answer([0.5, 0.25, 1]));

  const floats = await cli.run('engine', 'test', server.url, '--embeddings', 'e');
  server.set(answer(Buffer.from(new Float32Array([0.5, 0.25]).buffer).toString('base64')));
  const base64 = await cli.run('engine', 'test', server.url, '--embeddings', 'e', '--json');
  server.set({ ...models, '*': { status: 400, body: { error: { message: 'no embeddings here' } } } });
  const none = await cli.run('engine', 'test', server.url, '--embeddings', 'e');
  const asked = server.asked.length;
  const silent = await cli.run('engine', 'test', server.url);

  assert.match(
    floats.stdout,
    /^embeddings +e: floats, though base64 was asked for, 3 dimensions; .*encoding_format/m,
  );
  assert.deepEqual(base64.json<Engine>().embeddings, { model: 'e', format: 'base64', dimensions: 2 });
  assert.match(none.stdout, /answers with status 400: no embeddings here/);
  assert.deepEqual([floats.code, base64.code, none.code, silent.code], [0, 0, 1, 0]);
  assert.ok(server.asked.slice(asked).every((a) => a.path !== '/v1/embeddings'));
});

test('engines that a running proxy watches are listed as it sees them, and can be tested', async (t) => {
  const cli = makeCli(t);
  const { url } = await engine(t, ollamaTable);
  const { id } = await startProxy(cli, '--engine', url);

  const { engines } = (await cli.run('engine', 'list', '--json')).json<{ engines: Engine[] }>();

  const tested = await cli.run('engine', 'test', engines[0]?.id ?? '', '--json');
  assert.deepEqual([tested.code, tested.json<Engine>().product], [0, 'Ollama']);
  assert.deepEqual(
    engines.map((e) => [e.kind, e.state, e.origin, e.proxy]),
    [['ollama', 'running', 'flag', id]],
  );
});
