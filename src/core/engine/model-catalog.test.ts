import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countSteps } from '../../../test/helpers/count-steps.ts';
import { sampleKey, sampleRef } from '../../../test/helpers/engine-samples.ts';
import type { KeyView } from '../security/api-key.ts';
import { Breaker } from './breaker.ts';
import type { ConversationIdentity } from './conversation-homes.ts';
import type { Resolution } from './directory.ts';
import type { EngineState, ModelAlias } from './engine.ts';
import { isSameToHazards } from './engine-kind.ts';
import { EngineRank } from './engine-rank.ts';
import type { EngineKindName } from './kinds.ts';
import { engineKind } from './kinds.ts';
import { type CatalogEngine, ModelCatalog } from './model-catalog.ts';
import type { EngineLoad } from './model-plan.ts';
import type { EngineModel } from './probe.ts';

const chat = 'chat.completions';
const anyone = sampleKey();

function engine(
  id: string,
  models: readonly (string | EngineModel)[],
  more: { readonly kind?: EngineKindName; readonly state?: EngineState } = {},
): CatalogEngine & { readonly load: EngineLoad } {
  const ref = sampleRef(id, more.kind);
  return {
    engine: { ref, kind: engineKind(ref.kind), probe: () => Promise.reject(new Error('nobody asks')) },
    state: more.state ?? 'running',
    models: models.map((m) => (typeof m === 'string' ? { id: m } : m)),
    load: { inFlight: 0, breaker: new Breaker(() => 0), rank: new EngineRank(() => 0), nextProbeAtMs: 0 },
  };
}

function catalog(engines: readonly CatalogEngine[], aliases: readonly ModelAlias[] = []): ModelCatalog {
  return new ModelCatalog(engines, aliases, () => 0);
}

/** Engines in order, and the name that they get; or what else came. */
function found(
  c: ModelCatalog,
  name: string | undefined,
  key = anyone,
  route: Parameters<ModelCatalog['resolve']>[1] = chat,
): string {
  const resolution = c.resolve(name, route, key);
  if (resolution.kind !== 'found') return resolution.kind;
  return `${resolution.candidates.all.map((r) => r.engine.ref.id).join(',')} ${resolution.upstreamName} (${resolution.name})`;
}

test('names resolve as flm://engine/model, alias, id, engine/model, in this order', () => {
  const c = catalog(
    [engine('a', ['m', 'a/m', 'b/x']), engine('b', ['m', 'x', 'org/long'])],
    [
      { name: 'x', target: 'm' },
      { name: 'fast', target: 'b/org/long' },
      { name: 'direct', target: 'flm://b/m' },
      { name: 'lost', target: 'nothing' },
    ],
  );
  const table: readonly (readonly [string, string])[] = [
    ['m', 'a,b m (m)'],
    ['flm://b/m', 'b m (m)'],
    ['flm://a/a/m', 'a a/m (a/m)'],
    ['x', 'a,b m (x)'],
    ['flm://b/x', 'b x (x)'],
    // An id that looks like engine/model is an id first.
    ['a/m', 'a a/m (a/m)'],
    ['b/x', 'a b/x (b/x)'],
    ['b/m', 'b m (m)'],
    ['b/org/long', 'b org/long (org/long)'],
    ['org/long', 'b org/long (org/long)'],
    ['fast', 'b org/long (fast)'],
    ['direct', 'b m (direct)'],
    ['lost', 'unknown'],
    ['flm://b/fast', 'unknown'],
    ['flm://', 'unknown'],
    ['/m', 'unknown'],
    ['M', 'unknown'],
    ['__proto__', 'unknown'],
  ];
  for (const [name, expected] of table) {
    assert.equal(found(c, name), expected, name);
    assert.equal(found(c, name), expected, `${name}, asked again`);
  }
});

test("an Ollama's model is found under every spelling that Ollama takes, and Ollama is told its id", () => {
  const c = catalog(
    [
      engine('ol', ['qwen3:latest', 'Ns/Model:7B'], { kind: 'ollama' }),
      engine('two', ['Qwen3:latest'], { kind: 'ollama' }),
      engine('v', ['QWEN3', 'Org/X'], { kind: 'vllm' }),
    ],
    [
      { name: 'Fast', target: 'LIBRARY/QWEN3' },
      { name: 'qwen3:LATEST', target: 'Org/X' },
    ],
  );
  const table: readonly (readonly [string, string])[] = [
    ['qwen3', 'ol qwen3 (qwen3:latest)'],
    ['qwen3:latest', 'ol qwen3:latest (qwen3:latest)'],
    ['Qwen3', 'two Qwen3 (Qwen3:latest)'],
    // An id of another engine comes first, and so does an alias.
    ['QWEN3', 'v QWEN3 (QWEN3)'],
    ['qwen3:LATEST', 'v Org/X (qwen3:LATEST)'],
    ['Fast', 'ol qwen3:latest (Fast)'],
    ['library/qwen3', 'ol qwen3:latest (qwen3:latest)'],
    ['https://registry.ollama.ai/library/QWEN3:Latest', 'ol qwen3:latest (qwen3:latest)'],
    ['ol/QWEN3', 'ol qwen3:latest (qwen3:latest)'],
    ['flm://ol/Library/Qwen3', 'ol qwen3:latest (qwen3:latest)'],
    ['flm://two/qwen3', 'two Qwen3:latest (Qwen3:latest)'],
    ['ns/model:7b', 'ol Ns/Model:7B (Ns/Model:7B)'],
    ['OL/ns/model:7b', 'unknown'],
    ['ns/model', 'unknown'],
    ['fast', 'unknown'],
    ['org/x', 'unknown'],
    ['v/qwen3', 'unknown'],
    ['flm://registry.ollama.ai/library/qwen3', 'unknown'],
    ['qwen3:latest:latest', 'unknown'],
    ['qwen3@sha256:0', 'unknown'],
    ['/qwen3', 'unknown'],
  ];
  for (const [name, expected] of table) assert.equal(found(c, name), expected, name);
});

test('a model that differs from a remote one in case alone counts as remote', () => {
  const models = [{ id: 'Big:latest', remote: true }, { id: 'big:latest' }, { id: 'small:latest' }];
  const c = catalog([engine('ol', models, { kind: 'ollama' })]);
  const remote = (name: string): boolean | undefined => {
    const resolution = c.resolve(name, chat, anyone);
    return resolution.kind === 'found' ? resolution.candidates.best.model?.remote : undefined;
  };
  assert.equal(remote('big'), true);
  assert.equal(remote('BIG'), true);
  assert.equal(remote('small'), undefined);
  const own = c.modelOn('ol', 'big', anyone);
  assert.equal(own.kind === 'found' && own.model.remote, true);
});

/**
 * The rule of 0.1.0: a key was held against the id, the alias, or the short form of `name:latest`, where these are no
 * id of another model; on an engine's own API against the word of the client.
 */
test('a key of a data folder of 0.1.0 gets the models that it got, by every name that it could use then', () => {
  const ids = ['qwen3:latest', 'llama3:8b', 'ns/model:latest', 'mybig:latest', 'both:latest'];
  const c = catalog(
    [engine('ol', ids, { kind: 'ollama' }), engine('v', ['both', 'Qwen/Q'], { kind: 'vllm' })],
    [
      { name: 'fast', target: 'qwen3' },
      { name: 'llama3:8b', target: 'Qwen/Q' },
    ],
  );
  const name = (id: string): string => (id.endsWith(':latest') ? id.slice(0, -7) : id);
  // Glob by glob, what 0.1.0 resolved: checked against its release.
  const table: readonly (readonly [glob: string, names: readonly string[]])[] = [
    ['qwen3', ['qwen3', 'qwen3:latest', 'ol/qwen3', 'flm://ol/qwen3:latest', 'fast']],
    ['qwen3:latest', ['qwen3', 'qwen3:latest', 'fast']],
    ['qwen3:*', ['qwen3', 'qwen3:latest', 'fast']],
    ['fast', ['fast']],
    ['llama3:8b', ['ol/llama3:8b']],
    ['Qwen/*', ['Qwen/Q', 'llama3:8b', 'v/Qwen/Q']],
    ['ns/*', ['ns/model', 'ns/model:latest']],
    ['both', ['both', 'v/both']],
    ['both:latest', ['both:latest', 'ol/both']],
    ['MyBig', []],
    ['library/*', []],
    ['registry.ollama.ai/*', []],
    [
      '*',
      ['qwen3', 'fast', 'llama3:8b', 'ol/llama3:8b', 'Qwen/Q', 'ns/model', 'mybig', 'both', 'both:latest'],
    ],
  ];
  const all = [...new Set(table.flatMap(([, names]) => names))];
  for (const [glob, names] of table) {
    const key = sampleKey({ models: [glob] });
    const resolves = (asked: string): boolean => c.resolve(asked, chat, key).kind === 'found';
    for (const asked of names) assert.ok(resolves(asked), `${glob} takes ${asked}`);
    if (glob === '*') continue;
    // No name gives a model beyond those: neither one of the table nor a spelling of it.
    const models = new Set(names.map((n) => found(c, n, anyone)));
    const idsOf = new Set([...models].map((text) => text.split(' ')[1]).map((n) => name(n as string)));
    for (const asked of all.flatMap((n) => [
      n,
      n.toUpperCase(),
      `library/${n}`,
      `x://registry.ollama.ai/library/${n}`,
    ])) {
      if (!resolves(asked)) continue;
      const got = name(found(c, asked, key).split(' ')[1] as string);
      assert.ok(idsOf.has(got), `${glob} must not take ${asked} for ${got}`);
    }
  }
});

test('on an engine of its own a name is read as that engine reads it, and nothing else is', () => {
  const c = catalog(
    [
      engine('ol', ['qwen3:latest', 'llama3:8b'], { kind: 'ollama' }),
      engine('ll', ['tiny.gguf'], { kind: 'llamacpp' }),
    ],
    [{ name: 'fast', target: 'qwen3' }],
  );
  const on = (id: string, name: string, key = anyone): string => {
    const got = c.modelOn(id, name, key);
    return got.kind === 'found' ? `${got.model.id} as ${got.upstreamName}` : got.kind;
  };
  assert.equal(on('ol', 'qwen3'), 'qwen3:latest as qwen3');
  assert.equal(on('ol', 'QWEN3'), 'qwen3:latest as qwen3:latest');
  assert.equal(on('ol', 'x://registry.ollama.ai/library/qwen3'), 'qwen3:latest as qwen3:latest');
  for (const name of ['fast', 'ol/qwen3', 'tiny.gguf', 'qwen3@sha256:0'])
    assert.equal(on('ol', name), 'unknown');
  assert.equal(on('ll', 'tiny.gguf'), 'tiny.gguf as tiny.gguf');
  for (const name of ['Tiny.gguf', 'gpt-4o', 'tiny.gguf:latest']) assert.equal(on('ll', name), 'unknown');
  const limited = sampleKey({ models: ['qwen3', 'gpt-4o', 'x:*', 'library/*'] });
  assert.equal(on('ol', 'Library/QWEN3', limited), 'qwen3:latest as qwen3:latest');
  assert.equal(on('ol', 'x://registry.ollama.ai/library/llama3:8b', limited), 'denied');
  assert.equal(on('ol', 'library/llama3:8b', limited), 'denied');
  assert.equal(on('ll', 'gpt-4o', limited), 'denied');
});

test('the entry of a name is there for every name that resolves, and for no other', () => {
  const c = catalog(
    [engine('ol', ['ns/model:latest', { id: 'far:latest', remote: true }], { kind: 'ollama' })],
    [{ name: 'fast', target: 'ns/model' }],
  );
  const entry = (name: string, key = anyone): string | undefined => c.entry(name, key)?.id;
  for (const name of ['ns/model:latest', 'ns/model', 'ol/ns/model', 'flm://ol/ns/model:latest', 'NS/Model'])
    assert.equal(entry(name), 'ns/model:latest', name);
  assert.equal(entry('fast'), 'fast');
  assert.equal(entry('other'), undefined);
  assert.equal(entry('far'), undefined);
  assert.equal(entry('far', sampleKey({ scopes: ['inference', 'engine:admin'] })), 'far:latest');
  assert.equal(entry('NS/Model', sampleKey({ models: ['x'] })), undefined);
});

test('an alias does not lead through another alias', () => {
  const c = catalog(
    [engine('a', ['m'])],
    [
      { name: 'one', target: 'm' },
      { name: 'two', target: 'one' },
    ],
  );
  assert.equal(found(c, 'two'), 'unknown');
});

test('on an Ollama a name without a tag is its latest; a model of exactly that name comes first', () => {
  const ollama = engine('ollama', ['qwen3:latest', 'llama3:8b', 'hf.co/o/m:latest'], { kind: 'ollama' });
  const alone = catalog([ollama]);
  assert.equal(found(alone, 'qwen3'), 'ollama qwen3 (qwen3:latest)');
  assert.equal(found(alone, 'hf.co/o/m'), 'ollama hf.co/o/m (hf.co/o/m:latest)');
  assert.equal(found(alone, 'ollama/qwen3'), 'ollama qwen3 (qwen3:latest)');
  assert.equal(found(alone, 'llama3'), 'unknown');
  const beside = catalog([ollama, engine('vllm', ['qwen3'], { kind: 'vllm' })]);
  assert.equal(found(beside, 'qwen3'), 'vllm qwen3 (qwen3)');
  assert.equal(found(catalog([engine('x', ['qwen3:latest'])]), 'qwen3'), 'unknown');
});

test('the one with fewest in flight comes first, then one that has it loaded, then the first listed', () => {
  const a = engine('a', [{ id: 'm', loaded: false }]);
  const b = engine('b', [{ id: 'm', loaded: true }]);
  const c = engine('c', [{ id: 'm', loaded: true }]);
  const all = catalog([a, b, c]);
  assert.equal(found(all, 'm'), 'b,c,a m (m)');
  b.load.inFlight = 2;
  c.load.inFlight = 1;
  assert.equal(found(all, 'm'), 'a,c,b m (m)');
  assert.equal(found(catalog([engine('slow', ['m'], { state: 'degraded' }), a]), 'm'), 'a,slow m (m)');
});

test('however loads, breakers and ranks change, requests of any key try engines in the order that a full sort gives', () => {
  const engines = Array.from({ length: 12 }, (_, i) =>
    engine(`e${i}`, [{ id: 'm', loaded: i % 3 === 0 }], { state: i % 5 === 4 ? 'degraded' : 'running' }),
  );
  const all = catalog(engines);
  const keys = ['key_a', 'key_b'].map((familyId) => sampleKey({ id: familyId }));
  let seed = 1;
  const next = (): number => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed;
  };
  for (let request = 0; request < 2_000; request++) {
    for (let change = 0; change < request % 4; change++) {
      const { load } = engines[next() % engines.length] as (typeof engines)[number];
      load.inFlight = seed % 7;
      const family = keys[next() % 2]?.familyId as string;
      const answer = { family, model: 'm', what: 'status 500' } as const;
      // In between, engines come back and breakers close, one after another.
      if (request % 1_000 > 500) load.rank.record({ ...answer, verdict: seed % 3 === 0 ? 'failed' : 'good' });
      else load.rank.cameBack();
      if (request % 500 > 400) for (let i = 0; i < 5; i++) load.breaker.record('refused-connection');
      else load.breaker.reset();
    }
    const key = keys[next() % 2] as KeyView;
    const wanted = engines
      .filter((e) => e.load.breaker.allows())
      .sort(
        (a, b) =>
          Number(a.load.rank.ranksLastFor(key.familyId)) - Number(b.load.rank.ranksLastFor(key.familyId)) ||
          Number(a.state === 'degraded') - Number(b.state === 'degraded') ||
          a.load.inFlight - b.load.inFlight ||
          Number(b.models[0]?.loaded === true) - Number(a.models[0]?.loaded === true),
      )
      .map((e) => e.engine.ref.id);
    assert.equal(found(all, 'm', key), wanted.length === 0 ? 'down' : `${wanted.join()} m (m)`);
  }
});

test('for hazards there is a sample like each candidate, also where the breaker of the sample is open', () => {
  const models: readonly EngineModel[] = [
    { id: 'm', remote: true },
    { id: 'm' },
    { id: 'm', contextLength: 8192 },
  ];
  const engines = [...models, ...models].map((model, i) => engine(`e${i}`, [model]));
  const all = catalog([...engines, engine('other', ['m'], { kind: 'ollama' })]);
  for (const broken of engines) {
    for (let i = 0; i < 5; i++) broken.load.breaker.record('refused-connection');
    const resolution = all.resolve('m', chat, anyone);
    assert.ok(resolution.kind === 'found');
    const { candidates, samples } = resolution;
    assert.equal(samples.length, 4);
    for (const candidate of candidates.all)
      assert.ok(samples.some((sample) => isSameToHazards(sample, candidate)));
    broken.load.breaker.reset();
  }
});

test('an engine that is down or whose breaker is open is left out; where none is left it is down', () => {
  const a = engine('a', ['m']);
  const b = engine('b', ['m'], { state: 'down' });
  const c = catalog([a, b]);
  b.load.nextProbeAtMs = 7000;
  assert.equal(found(c, 'm'), 'a m (m)');
  for (let i = 0; i < 5; i++) a.load.breaker.record('refused-connection');
  assert.deepEqual(c.resolve('m', chat, anyone), { kind: 'down', retryAfterSeconds: 1 });
  a.load.breaker.reset();
  assert.equal(found(c, 'm'), 'a m (m)');
  assert.deepEqual(catalog([b]).resolve('m', chat, anyone), { kind: 'down', retryAfterSeconds: 7 });
});

test('a model whose engine does not speak the route is unsupported, and those that do are named', () => {
  const c = catalog([
    engine('lmstudio', ['m'], { kind: 'lmstudio' }),
    engine('vllm', ['n'], { kind: 'vllm' }),
    engine('off', ['o'], { kind: 'vllm', state: 'down' }),
  ]);
  assert.deepEqual(c.resolve('m', 'rerank', anyone), { kind: 'unsupported', speakers: ['vllm'] });
  assert.deepEqual(c.resolve('m', 'rerank', sampleKey({ engines: ['lmstudio'] })), {
    kind: 'unsupported',
    speakers: [],
  });
  assert.equal(found(c, 'n', anyone, 'rerank'), 'vllm n (n)');
});

test('without a name the only visible model is meant, whatever aliases it has', () => {
  const one = [engine('a', ['m']), engine('b', ['m'])];
  assert.equal(found(catalog(one), undefined), 'a,b m (m)');
  assert.equal(found(catalog(one, [{ name: 'z', target: 'm' }]), undefined), 'a,b m (m)');
  assert.deepEqual(catalog([engine('a', ['m', 'n'])]).resolve(undefined, chat, anyone), {
    kind: 'unnamed',
    visible: ['m', 'n'],
  });
  const two = catalog([engine('a', ['m', 'n'])]);
  assert.equal(found(two, undefined, sampleKey({ models: ['n'] })), 'a n (n)');
});

test('nothing is none, a restricted key without a model is denied, a typing error is unknown with what is near', () => {
  assert.equal(found(catalog([]), 'm'), 'none');
  assert.equal(found(catalog([]), undefined), 'none');
  const c = catalog([engine('a', ['mistral', 'llama3'])]);
  assert.equal(found(c, 'mistral', sampleKey({ models: ['gpt-*'] })), 'denied');
  assert.equal(found(c, undefined, sampleKey({ models: ['gpt-*'] })), 'denied');
  assert.equal(found(c, 'mistral', sampleKey({ engines: ['b'] })), 'denied');
  assert.deepEqual(c.resolve('mistrl', chat, anyone), { kind: 'unknown', near: ['mistral'] });
  assert.deepEqual(c.resolve('mistrl', chat, sampleKey({ models: ['llama*'] })), {
    kind: 'unknown',
    near: [],
  });
});

test('while no engine is up, an unknown name is reported as down, not as unknown', () => {
  assert.equal(found(catalog([engine('a', [], { state: 'down' })]), 'm'), 'down');
  assert.equal(found(catalog([engine('a', ['n'], { state: 'down' })]), 'm'), 'down');
});

test('no spelling gets around the models of a key', () => {
  const c = catalog(
    [
      engine('ollama', ['qwen3:latest', 'secret'], { kind: 'ollama' }),
      engine('vllm', ['secret', 'open'], { kind: 'vllm' }),
    ],
    [
      { name: 'open-alias', target: 'secret' },
      { name: 'open', target: 'secret' },
    ],
  );
  const restricted = sampleKey({ models: ['open'] });
  for (const name of [
    'secret',
    'ollama/secret',
    'vllm/secret',
    'flm://vllm/secret',
    'open-alias',
    'qwen3',
    'qwen3:latest',
  ]) {
    assert.equal(found(c, name, restricted), 'unknown', name);
  }
  // The alias shadows an id that the key may use; that id alone was meant.
  assert.equal(found(c, 'open', restricted), 'unknown');
  assert.equal(found(c, 'vllm/open', restricted), 'vllm open (open)');
});

test('an alias that a key names may be used by it, its target by its own name may not', () => {
  const c = catalog([engine('a', ['secret', 'other'])], [{ name: 'helper', target: 'secret' }]);
  const key = sampleKey({ models: ['helper'] });
  assert.equal(found(c, 'helper', key), 'a secret (helper)');
  assert.equal(found(c, 'secret', key), 'unknown');
  assert.equal(found(c, undefined, key), 'a secret (helper)');
  assert.equal(found(c, 'helper', sampleKey({ models: ['secret'] })), 'a secret (helper)');
});

test('a rule for a name without its tag holds for the latest of an Ollama, unless another model has that name', () => {
  const ollama = engine('ollama', ['qwen3:latest'], { kind: 'ollama' });
  const key = sampleKey({ models: ['qwen3'] });
  assert.equal(found(catalog([ollama]), 'qwen3', key), 'ollama qwen3 (qwen3:latest)');
  assert.equal(found(catalog([ollama]), 'qwen3:latest', key), 'ollama qwen3:latest (qwen3:latest)');
  const beside = catalog([ollama, engine('vllm', ['qwen3'], { kind: 'vllm' })]);
  assert.equal(found(beside, 'qwen3:latest', key), 'unknown');
});

test('a key with engine rules reaches only those engines', () => {
  const c = catalog([engine('a', ['m']), engine('b', ['m', 'n'])]);
  const key = sampleKey({ engines: ['b'] });
  assert.equal(found(c, 'm', key), 'b m (m)');
  assert.equal(found(c, 'a/m', key), 'unknown');
  assert.deepEqual(
    c.visible(key).map((e) => e.id),
    ['m', 'n'],
  );
});

test('a list shows what the key may use now: sorted, aliases included, nothing that is down or leaves the machine', () => {
  const c = catalog(
    [
      engine(
        'ollama',
        [
          { id: 'b', contextLength: 4096, created: 20 },
          { id: 'big:cloud', remote: true },
        ],
        { kind: 'ollama' },
      ),
      engine('vllm', [{ id: 'b', contextLength: 2048, created: 10 }], { kind: 'vllm' }),
      engine('off', ['c'], { state: 'down' }),
    ],
    [
      { name: 'a', target: 'b' },
      { name: 'gone', target: 'c' },
    ],
  );
  assert.deepEqual(
    c
      .visible(anyone)
      .map(({ engines, ...rest }) => ({ ...rest, engines: engines.map((e) => e.engine.ref.id) })),
    [
      {
        id: 'a',
        owner: 'ollama',
        created: 10,
        contextLength: 2048,
        aliasOf: 'b',
        engines: ['ollama', 'vllm'],
      },
      { id: 'b', owner: 'ollama', created: 10, contextLength: 2048, engines: ['ollama', 'vllm'] },
    ],
  );
  assert.deepEqual(
    c.visible(sampleKey({ scopes: ['inference', 'engine:admin'] })).map((e) => e.id),
    ['a', 'b', 'big:cloud'],
  );
  assert.equal(c.visible(anyone), c.visible(anyone));
});

test('one engine for a name is one answer, made once', () => {
  const c = catalog([engine('a', ['m'])]);
  assert.equal(c.resolve('m', chat, anyone), c.resolve('m', chat, anyone));
});

test('an unknown name costs the same in a catalogue of any size, also for a key with rules', () => {
  const keys = [
    anyone,
    sampleKey({ models: ['model-*'] }),
    sampleKey({ models: Array.from({ length: 100 }, (_, i) => `*a*b*${i}`) }),
  ];
  for (const key of keys)
    for (const name of ['model-00001x', 'unknown', 'x'.repeat(96)]) {
      const steps = [2_000, 20_000].map((count) => {
        const ids = Array.from({ length: count }, (_, i) => `model-${String(i).padStart(5, '0')}`);
        const c = catalog([engine('a', ids)]);
        // What is made once for all requests of a key.
        c.resolve('other', chat, key);
        return countSteps(() => c.resolve(name, chat, key));
      });
      const [small = 0, large = 0] = steps;
      assert.ok(large < small + 10_000, `${name}: ${steps}`);
    }
});

test('a conversation comes back to the engine on which it ran last, and each key and model has its own', () => {
  const c = catalog([engine('a', ['m', 'n']), engine('b', ['m', 'n']), engine('c', ['m', 'n'])]);
  const other = sampleKey({ id: 'key_other' });
  const ask = (
    conversation: ConversationIdentity,
    name = 'm',
    key = anyone,
  ): Extract<Resolution, { kind: 'found' }> => {
    const resolution = c.resolve(name, chat, key, () => conversation);
    assert(resolution.kind === 'found');
    return resolution;
  };
  const engineFor = (...asked: Parameters<typeof ask>): string => ask(...asked).candidates.best.engine.ref.id;

  ask({ id: 1 }).home?.moveTo('c');
  assert.equal(engineFor({ id: 1 }), 'c');
  assert.deepEqual(
    ask({ id: 1 }).candidates.all.map((candidate) => candidate.engine.ref.id),
    ['c', 'a', 'b'],
  );
  assert.equal(engineFor({ id: 2 }), 'a');
  assert.equal(engineFor({ id: 1 }, 'n'), 'a');
  assert.equal(engineFor({ id: 1 }, 'm', other), 'a');
  // It has got a second message, and then a third.
  ask({ id: 12, firstId: 1 }).home?.moveTo('c');
  ask({ id: 1 }).home?.moveTo('b');
  assert.equal(engineFor({ id: 12, firstId: 1 }), 'c');
  assert.equal(engineFor({ id: 13, firstId: 1 }), 'b');
});

test('one engine, or a request that is no conversation, has no home', () => {
  const unread = (): never => assert.fail('nobody needs the conversation');
  const alone = catalog([engine('a', ['m']), engine('b', ['n'])]).resolve('m', chat, anyone, unread);
  assert(alone.kind === 'found' && alone.home === undefined);
  const several = catalog([engine('a', ['m']), engine('b', ['m'])]).resolve(
    'm',
    chat,
    anyone,
    () => undefined,
  );
  assert(several.kind === 'found' && several.home === undefined);
});
