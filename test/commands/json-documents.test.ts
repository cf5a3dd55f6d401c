/**
 * The JSON documents that docs/cli.md describes, held against what the built program prints: no field that is not
 * described, and none described that is not there.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, type TestContext, test } from 'node:test';
import { makeCli, type TestCli } from '../helpers/cli.ts';
import { llamacppTable, startFakeEngine } from '../helpers/fake-engine.ts';

/** By heading, the fields of its table; `?` marks stand where they stand in the page. */
const described = new Map<string, readonly string[]>();

before(() => {
  const page =
    readFileSync(join(import.meta.dirname, '../../docs/cli.md'), 'utf8').split('## Commands')[0] ?? '';
  for (const section of page.split('\n### ').slice(1)) {
    const [heading = ''] = section.split('\n');
    described.set(
      heading,
      [...section.matchAll(/^\| `([^`]+)` \|/gm)].map(([, field = '']) => field),
    );
  }
});

function matches(heading: string, document: unknown): void {
  const fields = described.get(heading);
  assert.ok(fields !== undefined, `docs/cli.md has a section ${heading}`);
  const real = [...new Set(pathsOf(document, ''))];
  const names = fields.map((field) => field.replaceAll('?', ''));
  for (const path of real) {
    assert.ok(
      names.some((name) => path === name || isBelow(path, name) || isBelow(name, path)),
      `${heading}: ${path} is described`,
    );
  }
  for (const field of fields.filter((f) => !f.includes('?'))) {
    assert.ok(
      real.some(
        (path) => path === field || isBelow(path, field) || (path.endsWith('[]') && isBelow(field, path)),
      ),
      `${heading}: ${field} is there`,
    );
  }
}

/** `a.b` and `a[]` are below `a`. */
function isBelow(path: string, name: string): boolean {
  return path.startsWith(`${name}.`) || path.startsWith(`${name}[`);
}

/** Of every leaf; an empty list or mapping is one. */
function* pathsOf(value: unknown, path: string): Generator<string> {
  if (Array.isArray(value)) {
    if (value.length === 0) yield `${path}[]`;
    for (const entry of value) yield* pathsOf(entry, `${path}[]`);
  } else if (typeof value === 'object' && value !== null && Object.keys(value).length > 0) {
    for (const [key, part] of Object.entries(value))
      yield* pathsOf(part, path === '' ? key : `${path}.${key}`);
  } else yield path;
}

async function json(cli: TestCli, ...args: readonly string[]): Promise<Record<string, unknown>> {
  const ran = await cli.run(...args, '--json');
  assert.equal(ran.code, 0, `${args.join(' ')}: ${ran.stderr}`);
  assert.equal(ran.stdout.trimEnd().split('\n').length, 1, `${args.join(' ')} prints one line`);
  return ran.json();
}

const first = (list: unknown): unknown => (list as readonly unknown[])[0];

async function engineUrl(t: TestContext): Promise<string> {
  const engine = await startFakeEngine({
    ...llamacppTable,
    '/v1/embeddings': { body: { data: [{ embedding: [1] }] } },
  });
  t.after(() => engine.close());
  return engine.url;
}

test('documents of proxies, keys and refusals are as described', async (t) => {
  const cli = makeCli(t);
  const started = await json(cli, 'proxy', 'start', '--port', '0', '--engine', await engineUrl(t));
  matches('proxy start', started);
  matches('proxy start', first((await json(cli, 'proxy', 'status')).proxies));
  const key = await json(cli, 'key', 'create', 'laptop');
  matches('key create', key);
  const rotated = await json(cli, 'key', 'rotate', 'laptop');
  matches('key create', rotated);
  matches('key create', { ...(await json(cli, 'key', 'show', String(key.id))), key: '' });
  const keys = (await json(cli, 'key', 'list')).keys as readonly object[];
  matches('key create', { ...keys[0], key: '' });

  const refused = await fetch(`${String(started.url)}/v1/models`);
  const share = await json(cli, 'share', 'anna', '--no-wait');
  matches('share', share);
  const [listed] = (await json(cli, 'share', 'list')).shares as object[];
  matches('share', { ...listed, link: '', otherLinks: [] });
  matches('share', { ...(await json(cli, 'share', 'revoke', 'anna')), link: '', otherLinks: [] });
  const authorization = `Bearer ${String(rotated.key)}`;
  assert.equal((await fetch(`${String(started.url)}/v1/models`, { headers: { authorization } })).status, 200);
  matches('requests', await json(cli, 'requests'));
  matches('requests recent', await json(cli, 'requests', 'recent'));
  matches('explain REQUEST-ID', await json(cli, 'explain', refused.headers.get('x-request-id') ?? ''));
  matches('explain CODE', await json(cli, 'explain', 'USAGE'));
  matches('connect CLIENT', await json(cli, 'connect', 'codex'));
  matches('connect CLIENT', await json(cli, 'connect', 'codex', '--new-key', 'more', '--write', '--yes'));
  matches('proxy stop', await json(cli, 'proxy', 'stop'));
});

test('documents of profiles, policy and usage are as described', async (t) => {
  const cli = makeCli(t);
  const saved = await json(cli, 'profile', 'save', 'lab', '--port', '1');
  matches('profile show', await json(cli, 'profile', 'show', 'lab'));
  matches('profile show', { ...saved, effective: {} });
  matches('profile show', {
    ...(first((await json(cli, 'profile', 'list')).profiles) as object),
    effective: {},
  });
  matches('policy show', await json(cli, 'policy', 'show'));
  matches('policy check', await json(cli, 'policy', 'check', '--ip', '10.0.0.1'));
  const change = await json(cli, 'policy', 'set', '--rpm', '1');
  matches('policy show', change.before);
  matches('policy show', change.after);
  writeFileSync(
    join(cli.folder, 'flm.yaml'),
    `aliases: { a: b }\nkeys:\n  - { label: old, digest: sha256:${'0'.repeat(64)} }\n`,
  );
  matches('apply', {
    ...(await json(cli, 'apply', '-f', 'flm.yaml')),
    warnings: [{ reason: 'revoked', label: 'old' }],
  });
  matches('usage', await json(cli, 'usage'));
  matches('retention', await json(cli, 'retention'));
  matches('audit', {
    entries: ((await json(cli, 'audit')).entries as object[]).map((entry) => ({
      ...entry,
      before: '',
      after: '',
    })),
  });
  matches('audit verify', await json(cli, 'audit', 'verify'));
});

test('documents of engines and models are as described', async (t) => {
  const url = await engineUrl(t);
  const cli = makeCli(t, { FLM_DETECT_PORTS: new URL(url).port });
  // A look takes 0.6 s and no longer, which a busy machine may miss.
  let detected = await json(cli, 'engine', 'detect');
  while (first(detected.engines) === undefined) detected = await json(cli, 'engine', 'detect');
  matches('engine detect', detected);
  matches('engine test', first(detected.engines));
  matches('engine test', await json(cli, 'engine', 'add', url));
  matches('engine test', await json(cli, 'engine', 'test', url, '--embeddings', 'tiny'));
  await json(cli, 'model', 'alias', 'fast', 'tiny');
  matches('engine list', await json(cli, 'engine', 'list'));
  matches('model list', await json(cli, 'model', 'list'));
});
