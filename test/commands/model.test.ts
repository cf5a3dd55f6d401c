import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { assertMistake, makeCli, type TestCli } from '../helpers/cli.ts';
import { ollamaTable, startFakeEngine, vllmTable } from '../helpers/fake-engine.ts';

interface Model {
  readonly id: string;
  readonly owner: string | null;
  readonly contextLength: number | null;
  readonly loaded: boolean | null;
  readonly aliasOf: string | null;
  readonly remote: boolean;
  readonly available: boolean;
}

async function twoEngines(t: TestContext): Promise<TestCli> {
  const cli = makeCli(t);
  for (const [id, table] of [
    ['ollama', ollamaTable],
    ['box', vllmTable],
  ] as const) {
    const engine = await startFakeEngine(table);
    t.after(() => engine.close());
    const added = await cli.run('engine', 'add', engine.url, '--id', id);
    assert.equal(added.code, 0, added.stderr);
  }
  return cli;
}

async function models(cli: TestCli, ...flags: readonly string[]): Promise<readonly Model[]> {
  const ran = await cli.run('model', 'list', '--json', ...flags);
  assert.equal(ran.code, 0, ran.stderr);
  return ran.json<{ models: Model[] }>().models;
}

test('the catalogue is the same with a running proxy and without one', async (t) => {
  const cli = await twoEngines(t);
  await cli.run('model', 'alias', 'fast', 'Qwen/Qwen3-8B');

  const without = await models(cli);
  await cli.run('proxy', 'start', '--port', '0');
  const withProxy = await models(cli);

  assert.deepEqual(without, withProxy);
  const one = (id: string) => without.find((m) => m.id === id);
  assert.deepEqual(one('qwen3:latest'), {
    id: 'qwen3:latest',
    owner: 'ollama',
    engines: ['ollama'],
    contextLength: 4096,
    loaded: true,
    aliasOf: null,
    remote: false,
    available: true,
  });
  assert.deepEqual([one('fast')?.owner, one('fast')?.aliasOf], ['box', 'Qwen/Qwen3-8B']);
  assert.equal(one('gpt-oss:120b-cloud')?.remote, true);
  const text = await cli.run('model', 'list');
  assert.match(text.stdout, /^MODEL +ENGINE +CONTEXT +LOADED +NOTES\n/);
  assert.match(text.stdout, /^fast +box +40960 +yes +alias of Qwen\/Qwen3-8B$/m);
  assert.match(text.stdout, /^gpt-oss:120b-cloud .*leaves this machine/m);
});

test('an alias is made, waits for its model where no engine has it, and is taken away', async (t) => {
  const cli = await twoEngines(t);

  const good = await cli.run('model', 'alias', 'fast', 'ollama/qwen3', '--json');
  const waiting = await cli.run('model', 'alias', 'later', 'nowhere-7b');

  assert.deepEqual(good.json(), {
    name: 'fast',
    target: 'ollama/qwen3',
    available: true,
    replaced: null,
    hidesModel: false,
  });
  assert.equal(waiting.stdout, 'later now means nowhere-7b.\n');
  assert.match(waiting.stderr, /No engine has nowhere-7b now/);
  const later = (await models(cli)).find((m) => m.id === 'later');
  assert.deepEqual([later?.available, later?.aliasOf, later?.owner], [false, 'nowhere-7b', null]);
  assert.deepEqual((await cli.run('model', 'unalias', 'later', '--json')).json(), {
    name: 'later',
    removed: true,
  });
  assertMistake(await cli.run('model', 'unalias', 'later'), /There is no alias later/);
});

test('an alias that replaces another says so, and a target that is nearly right is answered with names', async (t) => {
  const list = {
    object: 'list',
    data: ['qwen3-8b', '/models/llama-3.2-1b.gguf'].map((id) => ({ id, object: 'model' })),
  };
  const engine = await startFakeEngine({ '/v1/models': { body: list } });
  t.after(() => engine.close());
  const cli = makeCli(t);
  await cli.run('engine', 'add', engine.url, '--id', 'box');
  await cli.run('model', 'alias', 'fast', 'qwen3-8b');

  const replaced = await cli.run('model', 'alias', 'fast', 'qwen3-8');
  assert.match(replaced.stdout, /^fast now means qwen3-8, no longer qwen3-8b\.$/m);
  assert.match(replaced.stderr, /No engine has qwen3-8 now; similar names: qwen3-8b\./);

  const hiding = await cli.run('model', 'alias', 'qwen3-8b', '/models/llama-3.2-1b.gguf');
  assert.match(hiding.stderr, /has a model of the name qwen3-8b; clients get .*`flm model unalias qwen3-8b`/);
  await cli.run('model', 'unalias', 'qwen3-8b');

  const path = /flm model alias (llama-3\.2-1b) (\/models\/llama-3\.2-1b\.gguf)/;
  const [, name = '', target = ''] = path.exec((await cli.run('model', 'list')).stdout) ?? [];
  assert.equal((await cli.run('model', 'alias', name, target, '--json')).json<Model>().available, true);
  assert.doesNotMatch((await cli.run('model', 'list')).stdout, /a file path/);
});

test('an alias that makes no sense is refused', async (t) => {
  const cli = makeCli(t);
  await cli.run('model', 'alias', 'fast', 'x');

  assertMistake(await cli.run('model', 'alias', 'faster', 'fast'), /the name of a model, not of an alias/);
  assertMistake(await cli.run('model', 'alias', 'a://b', 'x'), /name is "a:\/\/b"/);
  assertMistake(
    await cli.run('model', 'list', '--proxy', 'nobody'),
    /No proxy is running with the id or profile nobody/,
  );
});

test('without an engine the list says what to do', async (t) => {
  const ran = await makeCli(t).run('model', 'list');

  assert.match(ran.stdout, /^No model: no engine answers\. See `flm engine detect`/);
});
