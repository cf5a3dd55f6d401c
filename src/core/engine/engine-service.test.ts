import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import {
  refused,
  running,
  SampleEngines,
  sampleKey,
  sampleRef,
} from '../../../test/helpers/engine-samples.ts';
import { MovedClock } from '../../../test/helpers/moved-clock.ts';
import type { EngineRef } from './engine.ts';
import type { EngineAnswer } from './engine-rank.ts';
import { EngineService, type EngineServiceDeps } from './engine-service.ts';
import type { EngineSource } from './engine-watch.ts';
import type { EngineKindName } from './kinds.ts';
import type { ProbeResult } from './probe.ts';

const chat = 'chat.completions';
const anyone = sampleKey();

interface World {
  readonly clock: MovedClock;
  readonly engines: SampleEngines;
  readonly service: EngineService;
}

const worlds: World[] = [];
afterEach(() => {
  for (const { service, clock } of worlds.splice(0)) {
    service.stop();
    assert.equal(clock.timers, 0, 'a stopped service leaves no timer');
  }
});

function world(more: Partial<EngineServiceDeps> = {}): World {
  const clock = new MovedClock();
  const engines = new SampleEngines();
  const service = new EngineService({
    clock,
    makeEngine: (ref) => engines.make(ref),
    recognise: () => Promise.reject(new Error('nobody asks')),
    ...more,
  });
  const made = { clock, engines, service };
  worlds.push(made);
  return made;
}

function source(id: string, more: Partial<EngineRef> = {}): EngineSource {
  return { ref: sampleRef(id, more.kind, 1, more), kindKnown: true };
}

async function start({ service, clock }: World): Promise<void> {
  const started = service.start(new AbortController().signal);
  await clock.move(0);
  await started;
}

const timeout: ProbeResult = { state: 'down', reason: 'timeout', detail: 'gave no answer within 4000 ms' };

test('a start resolves when every engine was asked, and its models are there', async () => {
  const w = world();
  w.engines.set('a', running('m'));
  w.service.configure({ sources: [source('a'), source('b')] });
  await start(w);
  assert.equal(w.service.resolve('m', chat, anyone).kind, 'found');
  assert.deepEqual(
    w.service.engines().map((e) => [e.ref.id, e.state, e.note]),
    [
      ['a', 'running', undefined],
      ['b', 'down', 'refuses connections'],
    ],
  );
});

test('a start waits 1.5 s for an engine on this machine that does not answer, and 0.3 s for one on another', async () => {
  const elsewhere = { tls: false, host: 'gpu-box', port: 1, path: '' };
  for (const [more, waitMs] of [
    [{}, 1_500],
    [{ address: elsewhere }, 300],
  ] as const) {
    const w = world({
      makeEngine: (ref) => ({ ...new SampleEngines().make(ref), probe: () => new Promise(() => {}) }),
    });
    w.service.configure({ sources: [source('a', more)] });
    let isOver = false;
    const started = w.service.start(new AbortController().signal).then(() => {
      isOver = true;
    });
    await w.clock.move(waitMs - 1);
    assert.equal(isOver, false);
    await w.clock.move(1);
    await started;
    w.service.stop();
  }
});

test('a request that arrives before the start asks the engine, and the start goes on with this question', async () => {
  const w = world();
  w.engines.set('a', running('m'));
  w.service.configure({ sources: [source('a')] });
  assert.equal(w.service.resolve('m', chat, anyone).kind, 'down');
  await start(w);
  assert.equal(w.engines.probes.length, 1);
  assert.equal(w.service.resolve('m', chat, anyone).kind, 'found');
});

test('each engine is asked each 5 s, and less and less often while it is down', async () => {
  const w = world();
  w.engines.set('a', running('m'));
  w.service.configure({ sources: [source('a')] });
  await start(w);
  await w.clock.move(20_000);
  assert.equal(w.engines.probes.length, 5);
  w.engines.set('a', refused);
  w.engines.probes.length = 0;
  // After 5, then 5, 10, 20, 30, 30 more.
  await w.clock.move(100_000);
  assert.equal(w.engines.probes.length, 6);
});

test('a busy engine that leaves a question open keeps its slots and the context of its models', async () => {
  const w = world();
  const whole: ProbeResult = {
    state: 'running',
    latencyMs: 1,
    version: '1',
    slots: 2,
    models: [{ id: 'm', contextLength: 2048 }],
  };
  w.engines.set('a', whole);
  w.service.configure({ sources: [source('a')] });
  await start(w);
  const seen = () => [w.service.engine('a')?.slots, w.service.entry('m', anyone)?.contextLength];
  assert.deepEqual(seen(), [2, 2048]);
  w.engines.set('a', { state: 'running', latencyMs: 1, models: [{ id: 'm' }], partial: true });
  await w.clock.move(6_000);
  assert.deepEqual(seen(), [2, 2048]);
  // An engine that answers every question and names no slots has none.
  w.engines.set('a', { state: 'running', latencyMs: 1, models: [{ id: 'm' }] });
  await w.clock.move(6_000);
  assert.deepEqual(seen(), [undefined, undefined]);
});

test('one probe at a time: the next is counted from the end of the last', async () => {
  let asked = 0;
  const w = world({
    makeEngine: (ref) => ({
      ...new SampleEngines().make(ref),
      probe: () => {
        asked += 1;
        return new Promise((resolve) => w.clock.after(4000, () => resolve(running('m'))));
      },
    }),
  });
  w.service.configure({ sources: [source('a')] });
  void w.service.start(new AbortController().signal);
  await w.clock.move(17_000);
  assert.equal(asked, 2);
});

test('a refused connection takes an engine down, one success brings it back, a time-out leaves it degraded', async () => {
  const w = world();
  w.engines.set('a', running('m'));
  w.service.configure({ sources: [source('a')] });
  await start(w);
  const seen: string[] = [];
  for (const result of [timeout, timeout, running('m'), refused, running('m')]) {
    w.engines.set('a', result);
    await w.clock.move(5000);
    seen.push(`${w.service.engines()[0]?.state} ${w.service.resolve('m', chat, anyone).kind}`);
  }
  assert.deepEqual(seen, ['degraded found', 'degraded found', 'running found', 'down down', 'running found']);
});

test('a request for an engine that is down makes it be asked at once, but not more than once a second', async () => {
  const w = world();
  w.engines.set('a', running('m'));
  w.service.configure({ sources: [source('a')] });
  await start(w);
  w.engines.set('a', refused);
  await w.clock.move(5000);
  w.engines.probes.length = 0;
  w.engines.set('a', running('m'));
  assert.deepEqual(w.service.resolve('m', chat, anyone), { kind: 'down', retryAfterSeconds: 5 });
  assert.equal(w.engines.probes.length, 0);
  await w.clock.move(1000);
  for (let i = 0; i < 10; i++) w.service.resolve('m', chat, anyone);
  await w.clock.move(1);
  assert.equal(w.engines.probes.length, 1);
  assert.equal(w.service.resolve('m', chat, anyone).kind, 'found');
});

test('a refused attempt asks the engine at once and does not decide itself', async () => {
  const w = world();
  w.engines.set('a', running('m'));
  w.service.configure({ sources: [source('a')] });
  await start(w);
  await w.clock.move(2000);
  const { ref } = source('a');
  w.engines.set('a', refused);
  w.service.begin(ref);
  w.service.report(ref, 'refused-connection');
  assert.equal(w.service.engines()[0]?.state, 'running');
  await w.clock.move(0);
  assert.equal(w.service.engines()[0]?.state, 'down');
});

test('five failed connections open the breaker, and an engine that comes back starts afresh', async () => {
  const w = world();
  w.engines.set('a', running('m'));
  w.service.configure({ sources: [source('a')] });
  await start(w);
  const { ref } = source('a');
  for (let i = 0; i < 5; i++) {
    w.service.begin(ref);
    w.service.report(ref, 'refused-connection');
  }
  assert.equal(w.service.engines()[0]?.breakerOpen, true);
  assert.deepEqual(w.service.resolve('m', chat, anyone), { kind: 'down', retryAfterSeconds: 1 });
  w.engines.set('a', refused);
  await w.clock.move(5000);
  w.engines.set('a', running('m'));
  await w.clock.move(5000);
  assert.equal(w.service.engines()[0]?.breakerOpen, false);
  assert.equal(w.service.resolve('m', chat, anyone).kind, 'found');
});

/** An attempt that ends as if for a request of this key. */
function ended(w: World, id: string, family: string, verdict: EngineAnswer['verdict'], more = {}): void {
  const ref = { ...sampleRef(id), ...more };
  w.service.begin(ref);
  w.service.report(ref, 'done', { verdict, family, model: 'm', what: 'status 500' });
}

async function twins(): Promise<World> {
  const w = world();
  for (const id of ['a', 'b']) w.engines.set(id, running('m'));
  w.service.configure({ sources: [source('a'), source('b')] });
  await start(w);
  await w.clock.move(1_000);
  w.engines.probes.length = 0;
  return w;
}

function order(w: World, key = anyone): string {
  const resolution = w.service.resolve('m', chat, key);
  return resolution.kind === 'found'
    ? resolution.candidates.all.map((c) => c.engine.ref.id).join(',')
    : resolution.kind;
}

test('an engine ranks last for the key whose request failed, whatever its load, and for no other key', async () => {
  const w = await twins();
  const other = sampleKey({ id: 'other', familyId: 'other' });
  ended(w, 'a', anyone.familyId, 'failed');
  w.service.begin(sampleRef('b'));
  assert.equal(order(w), 'b,a');
  assert.equal(order(w, other), 'a,b');
  assert.equal(w.service.ranksLast('a'), false);
  assert.deepEqual(w.engines.probes, [], 'one key does not make flm probe');
});

test('an engine that falls in rank is probed at once, and listeners hear of it', async () => {
  const w = await twins();
  let changes = 0;
  w.service.onChange(() => {
    changes += 1;
  });
  ended(w, 'a', 'x', 'failed');
  assert.equal(changes, 0);
  ended(w, 'a', 'y', 'failed');
  assert.equal(changes, 1);
  assert.deepEqual(w.engines.probes, ['a']);
  assert.equal(w.service.ranksLast('a'), true);
  assert.equal(order(w), 'b,a');
  const [status] = w.service.engines();
  assert.equal(status?.rank?.state, 'last');
});

test('an engine whose probe confirms the fall is down', async () => {
  const w = await twins();
  w.engines.set('a', refused);
  ended(w, 'a', 'x', 'key-refused');
  await w.clock.move(0);
  assert.equal(w.service.engines()[0]?.state, 'down');
});

test('a good answer of the twin to the same key makes an engine rank last', async () => {
  const w = await twins();
  ended(w, 'a', 'x', 'failed');
  ended(w, 'b', 'y', 'good');
  assert.equal(w.service.ranksLast('a'), false);
  ended(w, 'b', 'x', 'good');
  assert.equal(w.service.ranksLast('a'), true);
  assert.equal(w.service.ranksLast('b'), false);
});

test('an engine that recovers returns after the pause with one request at a time, then ranks like the others', async () => {
  const w = await twins();
  ended(w, 'a', 'x', 'key-refused');
  await w.clock.move(9_000);
  assert.equal(order(w), 'b,a');
  await w.clock.move(6_000);
  assert.equal(order(w), 'a,b');
  w.service.begin(sampleRef('a'));
  w.service.begin(sampleRef('b'));
  w.service.begin(sampleRef('b'));
  assert.equal(order(w), 'b,a', 'a trial is under way, though the other one is busier');
  w.service.report(sampleRef('a'), 'done', { verdict: 'good', family: 'x', model: 'm', what: '' });
  for (let i = 0; i < 2; i++) ended(w, 'a', 'y', 'good');
  assert.equal(w.service.engines()[0]?.rank, undefined);
  w.service.report(sampleRef('b'), 'done');
  w.service.report(sampleRef('b'), 'done');
});

test('a late answer to a key of the engine that was replaced does not count against the new one', async () => {
  const w = await twins();
  ended(w, 'a', 'x', 'key-refused', { apiKey: 'the old one' });
  assert.equal(w.service.ranksLast('a'), false);
});

test('what an engine told stays while it is down or loading, and the list hides it only while it is down', async () => {
  const w = world();
  w.engines.set('a', running('m'));
  w.service.configure({ sources: [source('a')] });
  await start(w);
  w.engines.set('a', { state: 'degraded', models: [], latencyMs: 1, note: 'is loading its model' });
  await w.clock.move(5000);
  assert.equal(w.service.resolve('m', chat, anyone).kind, 'found');
  assert.equal(w.service.visible(anyone).length, 1);
  w.engines.set('a', refused);
  await w.clock.move(5000);
  assert.equal(w.service.resolve('m', chat, anyone).kind, 'down');
  assert.equal(w.service.visible(anyone).length, 0);
});

test('a probe that finds nothing new changes nothing and notifies no listener', async () => {
  const w = world();
  w.engines.set('a', running('m'));
  w.service.configure({ sources: [source('a')] });
  await start(w);
  const before = w.service.resolve('m', chat, anyone);
  let told = 0;
  const off = w.service.onChange(() => {
    told += 1;
  });
  await w.clock.move(60_000);
  assert.equal(told, 0);
  assert.equal(w.service.resolve('m', chat, anyone), before);
  w.engines.set('a', running('m', 'n'));
  await w.clock.move(5000);
  assert.equal(told, 1);
  off();
  w.engines.set('a', running('m'));
  await w.clock.move(5000);
  assert.equal(told, 1);
});

test('a model without a reported age keeps the time at which it was first seen', async () => {
  const w = world();
  w.engines.set('a', running('m'));
  w.service.configure({ sources: [source('a')] });
  await start(w);
  const created = w.service.visible(anyone)[0]?.created;
  assert.equal(created, Date.UTC(2026, 10, 24) / 1000);
  w.engines.set('a', running('m', 'n'));
  await w.clock.move(5000);
  assert.equal(w.service.visible(anyone)[0]?.created, created);
  assert.equal(w.service.visible(anyone)[1]?.created, Number(created) + 5);
});

test('an engine that lists one name many times has it once', async () => {
  const w = world();
  // As many as a probe reads. If each cost as much as the ones before it, the proxy would stand still for half a minute.
  w.engines.set('a', running(...Array.from({ length: 90_000 }, () => 'm')));
  w.service.configure({ sources: [source('a')] });
  await start(w);
  assert.deepEqual(
    w.service.engines()[0]?.models.map((m) => m.id),
    ['m'],
  );
  const found = w.service.resolve('m', chat, anyone);
  assert.equal(found.kind === 'found' && found.candidates.all.length, 1);
});

test('of an engine that lists without end the first ten thousand models are taken', async () => {
  const w = world();
  w.engines.set('a', running(...Array.from({ length: 10_001 }, (_, i) => `m${i}`)));
  w.service.configure({ sources: [source('a')] });
  await start(w);
  assert.equal(w.service.resolve('m9999', chat, anyone).kind, 'found');
  assert.equal(w.service.resolve('m10000', chat, anyone).kind, 'unknown');
  // New names each time: what was seen before is not kept for ever, and what is there keeps its time.
  const created = w.service.visible(anyone)[0]?.created;
  w.engines.set('a', running(...Array.from({ length: 10_000 }, (_, i) => `m${i === 0 ? 0 : i + 10_000}`)));
  await w.clock.move(5000);
  assert.equal(w.service.visible(anyone)[0]?.created, created);
});

test('changes are live: engines come, go and keep their health where they stay', async () => {
  const w = world();
  w.engines.set('a', running('m'));
  w.engines.set('b', running('n'));
  w.service.configure({ sources: [source('a')] });
  await start(w);
  w.service.configure({ sources: [source('b'), source('a')], aliases: [{ name: 'x', target: 'n' }] });
  assert.equal(w.service.resolve('m', chat, anyone).kind, 'found');
  await w.clock.move(0);
  assert.equal(w.service.resolve('x', chat, anyone).kind, 'found');
  w.service.configure({ sources: [source('b')] });
  assert.equal(w.service.resolve('m', chat, anyone).kind, 'unknown');
  assert.equal(w.service.resolve('x', chat, anyone).kind, 'found');
  w.service.configure({ aliases: [] });
  assert.equal(w.service.resolve('x', chat, anyone).kind, 'unknown');
  w.engines.probes.length = 0;
  await w.clock.move(5000);
  assert.deepEqual(w.engines.probes, ['b']);
});

test('requests in flight are counted through the replacement and the removal of their engine', async () => {
  const w = world();
  w.engines.set('a', running('m'));
  w.service.configure({ sources: [source('a')] });
  await start(w);
  const { ref } = source('a');
  w.service.begin(ref);
  w.service.begin(ref);
  w.service.configure({ sources: [source('a', { url: 'http://127.0.0.1:2' })] });
  assert.equal(w.service.engines()[0]?.inFlight, 2);
  w.service.report(ref, 'done');
  w.service.configure({ sources: [] });
  w.service.configure({ sources: [source('a')] });
  assert.equal(w.service.engines()[0]?.inFlight, 1);
  w.service.configure({ sources: [] });
  w.service.report(ref, 'done');
  w.service.configure({ sources: [source('a')] });
  assert.equal(w.service.engines()[0]?.inFlight, 0);
});

test('an attempt that ends without having begun is a mistake and is loud', () => {
  const w = world();
  w.service.configure({ sources: [source('a')] });
  assert.throws(() => w.service.report(source('a').ref, 'done'), /has begun/);
});

test('detected engines join the named ones, none is listed twice, and look is asked each 30 s', async () => {
  const looks: (readonly string[])[] = [];
  let here: readonly EngineRef[] = [sampleRef('ollama', 'ollama', 11_434, { origin: 'detected' })];
  const w = world({
    detect: (watched) => {
      looks.push(watched.map((r) => r.id));
      return Promise.resolve(here);
    },
  });
  w.engines.set('mine', running('m'));
  w.engines.set('ollama', running('q:latest'));
  w.engines.set('vllm', running('v'));
  w.service.configure({ sources: [source('mine')] });
  await start(w);
  assert.deepEqual(
    w.service.engines().map((e) => e.ref.id),
    ['mine', 'ollama'],
  );
  here = [
    sampleRef('vllm', 'vllm', 8000, { origin: 'detected' }),
    sampleRef('again', 'vllm', 1, { origin: 'detected' }),
  ];
  await w.clock.move(30_000);
  assert.deepEqual(
    w.service.engines().map((e) => e.ref.id),
    ['mine', 'ollama', 'vllm'],
  );
  assert.deepEqual(looks, [['mine'], ['mine', 'ollama']]);
  // Saved under another name, it is no longer a detected one.
  w.service.configure({
    sources: [source('mine'), { ref: sampleRef('box', 'ollama', 11_434), kindKnown: true }],
  });
  assert.deepEqual(
    w.service.engines().map((e) => e.ref.id),
    ['mine', 'box', 'vllm'],
  );
});

test('a detected engine that stays silent is forgotten after a quarter of an hour', async () => {
  let here: readonly EngineRef[] = [sampleRef('ollama', 'ollama', 11_434, { origin: 'detected' })];
  const w = world({ detect: () => Promise.resolve(here) });
  w.engines.set('ollama', running('m'));
  await start(w);
  here = [];
  w.engines.set('ollama', refused);
  await w.clock.move(14 * 60_000);
  assert.equal(w.service.resolve('m', chat, anyone).kind, 'down');
  await w.clock.move(2 * 60_000);
  assert.equal(w.service.resolve('m', chat, anyone).kind, 'none');
});

test('another server at the place of a detected one takes its place', async () => {
  let here: readonly EngineRef[] = [sampleRef('ollama', 'ollama', 8080, { origin: 'detected' })];
  const w = world({ detect: () => Promise.resolve(here) });
  w.engines.set('ollama', running('m'));
  w.engines.set('llamacpp', running('n'));
  await start(w);
  w.engines.set('ollama', { state: 'down', reason: 'wrong', detail: 'answers, but not like Ollama' });
  here = [sampleRef('llamacpp', 'llamacpp', 8080, { origin: 'detected' })];
  await w.clock.move(30_000);
  assert.deepEqual(
    w.service.engines().map((e) => `${e.ref.id} ${e.state}`),
    ['llamacpp running'],
  );
});

test('the demo engine is there until another engine was up, and does not come back for an engine that goes down', async () => {
  const w = world();
  w.engines.set('demo', running('flm-demo'));
  w.service.configure({ sources: [source('a')] });
  w.service.setDemo(sampleRef('demo', 'demo', 0, { origin: 'demo' }));
  await start(w);
  assert.equal(w.service.resolve(undefined, chat, anyone).kind, 'found');
  assert.deepEqual(
    w.service.visible(anyone).map((e) => e.id),
    ['flm-demo'],
  );
  w.engines.set('a', running('m'));
  await w.clock.move(5000);
  assert.deepEqual(
    w.service.visible(anyone).map((e) => e.id),
    ['m'],
  );
  assert.equal(w.service.resolve('flm-demo', chat, anyone).kind, 'unknown');
  w.engines.set('a', refused);
  await w.clock.move(5000);
  assert.equal(w.service.resolve(undefined, chat, anyone).kind, 'down');
  w.service.configure({ sources: [] });
  assert.equal(w.service.resolve(undefined, chat, anyone).kind, 'found');
  w.service.setDemo(undefined);
  assert.equal(w.service.resolve(undefined, chat, anyone).kind, 'none');
});

test('an engine of unknown kind is asked what it is, and again when it is something else', async () => {
  let answers: EngineKindName | ProbeResult = refused;
  let asked = 0;
  const w = world({
    recognise: () => {
      asked += 1;
      return Promise.resolve(answers as EngineKindName);
    },
  });
  w.engines.set('a', running('m'));
  w.service.configure({ sources: [{ ...source('a'), kindKnown: false }] });
  await start(w);
  assert.equal(w.service.engines()[0]?.state, 'down');
  assert.deepEqual(w.engines.probes, []);
  answers = 'ollama';
  await w.clock.move(5000);
  assert.equal(w.service.engines()[0]?.ref.kind, 'ollama');
  assert.equal(w.service.engine('a')?.engine.kind.title, 'Ollama');
  await w.clock.move(10_000);
  assert.equal(asked, 2);
  w.engines.set('a', { state: 'down', reason: 'wrong', detail: 'answers, but not like Ollama' });
  await w.clock.move(5000);
  answers = 'lmstudio';
  w.engines.set('a', running('m'));
  await w.clock.move(5000);
  assert.equal(w.service.engines()[0]?.ref.kind, 'lmstudio');
});

test('an engine that also answers on the network is reported once it is up', async () => {
  const w = world({ exposure: (ref) => Promise.resolve(ref.id === 'a' ? '192.168.1.5' : undefined) });
  w.engines.set('a', running('m'));
  w.engines.set('b', running('m'));
  w.service.configure({ sources: [source('a'), source('b')] });
  await start(w);
  await w.clock.move(0);
  assert.deepEqual(
    w.service.engines().map((e) => e.exposedOn),
    ['192.168.1.5', undefined],
  );
});

test('an engine on the network is reported by a later check if the first one was missed', async () => {
  const answers = [undefined, undefined, '192.168.1.5', undefined];
  let checks = 0;
  const w = world({ exposure: () => Promise.resolve(answers[checks++]) });
  w.engines.set('a', running('m'));
  w.service.configure({ sources: [source('a')] });
  await start(w);
  await w.clock.move(0);
  assert.equal(w.service.engines()[0]?.exposedOn, undefined);
  await w.clock.move(5_000);
  assert.equal(checks, 2);
  await w.clock.move(10_000);
  await w.clock.move(600_000);
  assert.equal(w.service.engines()[0]?.exposedOn, '192.168.1.5');
  assert.equal(checks, 3);
});

test('after a stop nothing is asked, and what was under way is aborted and changes nothing', async () => {
  let aborted = false;
  const w = world({
    makeEngine: (ref) => ({
      ...new SampleEngines().make(ref),
      probe: (signal) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            aborted = true;
            resolve(running('m'));
          });
        }),
    }),
  });
  const aborter = new AbortController();
  w.service.configure({ sources: [source('a')] });
  const started = w.service.start(aborter.signal);
  await w.clock.move(0);
  aborter.abort();
  await w.clock.move(0);
  await started;
  assert.equal(aborted, true);
  assert.equal(w.service.engines()[0]?.state, 'down');
  assert.equal(w.clock.timers, 0);
});
