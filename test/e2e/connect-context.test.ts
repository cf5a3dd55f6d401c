/**
 * `flm connect` knows how large the context of a model is, tells the client, and warns where that is too small for it.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeCli, type TestCli } from '../helpers/cli.ts';
import {
  llamacppTable,
  lmstudioTable,
  ollamaTable,
  startFakeEngine,
  vllmTable,
} from '../helpers/fake-engine.ts';
import { startProxy } from '../helpers/start-proxy.ts';

interface Settings {
  readonly client: string;
  readonly contextLength?: number;
  readonly warnings: readonly string[];
  readonly notes: readonly string[];
}

async function settings(cli: TestCli, ...args: readonly string[]): Promise<Settings> {
  const ran = await cli.run('connect', ...args, '--json');
  assert.equal(ran.code, 0, ran.stderr);
  return ran.json<Settings>();
}
const aboutContext = (sentences: readonly string[]): string =>
  sentences.filter((sentence) => sentence.includes(' context of ')).join('\n');

test('a context that is too small for a client is told, with what makes it larger on that engine', async (t) => {
  const cli = makeCli(t);
  const engines = await Promise.all(
    [ollamaTable, lmstudioTable, vllmTable, llamacppTable].map((table) => startFakeEngine(table)),
  );
  t.after(() => Promise.all(engines.map((engine) => engine.close())));
  const flags = engines.flatMap(({ url }) => ['--engine', url]);
  await startProxy(cli, ...flags);

  for (const [model, tokens, larger] of [
    ['tiny', 2048, /Start llama-server with -c 65536/],
    ['qwen3:latest', 4096, /OLLAMA_CONTEXT_LENGTH=65536.*PARAMETER num_ctx 65536/],
    ['granite-4', 8192, /lms load granite-4 --context-length 65536/],
    ['Qwen/Qwen3-8B', 40_960, /--max-model-len 65536/],
  ] as const) {
    const told = await settings(cli, 'claude', '--model', model);
    assert.equal(told.contextLength, tokens, model);
    const warning = aboutContext(told.warnings);
    assert.ok(
      warning.startsWith(`Claude Code needs a context of 65536 tokens or more; ${model} has ${tokens} on `),
      warning,
    );
    assert.match(warning, larger);
  }
  // 40,960 are enough for Codex, and curl takes any context.
  assert.equal(aboutContext((await settings(cli, 'codex', '--model', 'Qwen/Qwen3-8B')).warnings), '');
  assert.equal(aboutContext((await settings(cli, 'curl', '--model', 'tiny')).warnings), '');
  // A model goes by several names.
  assert.equal((await cli.run('model', 'alias', 'gpt-4o', 'tiny')).code, 0);
  const { models } = (await cli.run('model', 'list', '--json')).json<{
    models: { id: string; owner: string }[];
  }>();
  const owner = models.find(({ id }) => id === 'tiny')?.owner ?? '';
  for (const name of ['gpt-4o', `${owner}/tiny`, `flm://${owner}/tiny`])
    assert.equal((await settings(cli, 'codex', '--model', name)).contextLength, 2048, name);
  // Ollama says nothing of a model that is not in memory, and of a model that nobody has there is nothing to say.
  const idle = await settings(cli, 'codex', '--model', 'nomic-embed-text:v1.5');
  assert.deepEqual([idle.contextLength, aboutContext(idle.warnings)], [undefined, '']);
  assert.match(
    aboutContext(idle.notes),
    /Codex needs .* does not report the context length .* OLLAMA_CONTEXT_LENGTH=32768/,
  );
  const unknown = await settings(cli, 'codex', '--model', 'nobody-has-this');
  assert.equal(aboutContext([...unknown.warnings, ...unknown.notes]), '');
});

test('a client is found by a near name, also in several words, and what may be meant is listed', async (t) => {
  const cli = makeCli(t);
  await startProxy(cli, '--demo');

  for (const words of [['claude'], ['Claude', 'Code'], ['claude_code'], ['CLAUDE']]) {
    const { client } = await settings(cli, ...words);
    assert.equal(client, 'claude-code', words.join(' '));
  }
  const mistyped = await cli.run('connect', 'cloude');
  assert.equal(mistyped.code, 1);
  assert.match(mistyped.stderr, /no settings for cloude; similar names: claude-code/);
  assert.match(
    (await cli.run('connect', 'open')).stderr,
    /similar names: (?=.*\bopenai\b)(?=.*\bopen-webui\b)(?=.*\bopencode\b)/,
  );
});

test('a client on another device is not given a loopback address without a warning', async (t) => {
  const cli = makeCli(t);
  await startProxy(cli, '--demo');

  const warned = (told: Settings): boolean => told.warnings.some((w) => w.includes('with --host'));
  assert.equal(warned(await settings(cli, 'phone')), true);
  assert.equal(warned(await settings(cli, 'phone', '--host', '192.0.2.7')), false);
});
