/** The commands that look at engines and talk to models, on real engines: from detection to an answer in a terminal. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { makeCli } from '../helpers/cli.ts';
import { eventually } from '../helpers/eventually.ts';
import { assertNoLeaks, takeStock } from '../helpers/leaks.ts';
import type { EngineView } from '../helpers/start-proxy.ts';
import { story, storyTokens } from '../helpers/tiny-gguf.ts';
import { assertSameBytes, jsonOf } from './answers.ts';
import {
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

const both = { skip: needsLlama.skip || needsOllama.skip };
const messages = [{ role: 'user', content: 'hi' }];

test('real engines are detected, added, tested and listed', both, async (t) => {
  const llama = await llamaServer(t, { args: ['--embeddings', '--pooling', 'mean'] });
  const other = await ollama(t);
  const ports = [llama, other].map((engine) => portOf(engine.url));
  const cli = makeCli(t, { FLM_DETECT_PORTS: ports.join(',') });

  const detected = await cli.run('engine', 'detect', '--json');
  assert.equal(detected.code, 0, detected.stderr);
  const { engines } = detected.json<{ engines: EngineView[] }>();
  assert.deepEqual(
    engines.map((e) => [e.id, e.kind, e.state, e.models.map((m) => m.id)]),
    [
      [`llamacpp-${ports[0]}`, 'llamacpp', 'running', ['tiny']],
      [`ollama-${ports[1]}`, 'ollama', 'running', ['tiny:latest']],
    ],
  );

  const added = await cli.run('engine', 'add', `${llama.url}/v1`, '--id', 'mine', '--json');
  assert.equal(added.code, 0, added.stderr);
  assert.equal(added.json<EngineView>().kind, 'llamacpp');

  const tested = await cli.run('engine', 'test', 'mine', '--embeddings', 'tiny', '--json');
  assert.equal(tested.code, 0, tested.stderr);
  assert.match(tested.stdout, /base64/);

  const models = await cli.run('model', 'list', '--json');
  assert.equal(models.code, 0, models.stderr);
  assert.deepEqual(
    models
      .json<{ models: { id: string; owner: string }[] }>()
      .models.map((m) => m.id)
      .sort(),
    ['tiny', 'tiny:latest'],
  );
});

test('an engine with a key of its own gets that key, and clients never need it', needsLlama, async (t) => {
  const engine = await llamaServer(t, { args: ['--api-key', 'sesame'] });
  const tap = await tapOf(t, engine);
  const flm = await startTestedProxy(t, [], { ENGINE_KEY: 'sesame' });
  const { cli, ask } = flm;

  const keyless = await cli.run('engine', 'add', tap.url, '--json');
  assert.equal(keyless.code, 1);
  assert.match(keyless.stderr + keyless.stdout, /--key-env/);
  const added = await cli.run(
    'engine',
    'add',
    tap.url,
    '--id',
    'locked',
    '--key-env',
    'ENGINE_KEY',
    '--json',
  );
  assert.equal(added.code, 0, added.stderr);

  const response = await eventually(
    () => ask('/v1/chat/completions', { model: 'tiny', messages }),
    (r) => r.status === 200,
  );
  const sent = tap.last('POST', '/v1/chat/completions');
  assert.equal(sent.field('authorization'), 'Bearer sesame');
  assert.doesNotMatch(sent.head, /flm_/);
  assertSameBytes(response.body, sent.response?.body);
  // The key of the engine opens nothing here.
  assert.equal((await ask('/v1/models', undefined, { key: 'sesame' })).status, 401);
});

test('a model answers in the terminal, by its alias too', needsOllama, async (t) => {
  const engine = await ollama(t);
  const { cli, ask } = await startProxyFor(t, engine.url);

  const asked = await cli.run('chat', 'tiny', '-m', 'hi');
  assert.equal(asked.code, 0, asked.stderr);
  assert.equal(asked.stdout.trim(), story);

  const aliased = await cli.run('model', 'alias', 'best', 'tiny:latest', '--json');
  assert.equal(aliased.code, 0, aliased.stderr);
  const answer = await cli.run('chat', 'best', '-m', 'hi', '--json');
  assert.equal(answer.code, 0, answer.stderr);
  const { text, usage } = answer.json<{ text: string; usage: { outputTokens: number } }>();
  assert.equal(text.trim(), story);
  assert.equal(usage.outputTokens, storyTokens);

  const native = await ask('/api/chat', { model: 'best', messages, stream: false });
  assert.equal(native.status, 200);
  // The name that the engine knows is in its answer, for no byte of that is touched.
  assert.equal(jsonOf<{ model: string }>(native).model, 'tiny:latest');
});
