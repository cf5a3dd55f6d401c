import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import {
  type FakeEngine,
  type FakeTable,
  flmTable,
  janTable,
  llamacppTable,
  lmstudioTable,
  ollamaTable,
  startFakeEngine,
  startFakePair,
  vllmTable,
  webTable,
} from '../../test/helpers/fake-engine.ts';
import { openLine } from '../../test/helpers/probe-line.ts';
import { systemClock } from '../core/clock.ts';
import type { Look } from '../core/engine/engine-discovery.ts';
import { engineKind, engineKinds, usualPorts, usualPrefixes } from '../core/engine/kinds.ts';
import { Detector, type DetectorDeps, type LookOptions } from './detect.ts';
import { findExposure, machineAddresses } from './exposure.ts';
import { findProgram } from './find-program.ts';

const never = new AbortController().signal;
const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function start(table: FakeTable, host?: string, port?: number): Promise<FakeEngine> {
  const fake = await startFakeEngine(table, host, port);
  closers.push(fake.close);
  return fake;
}

async function startPair(a: FakeTable, b: FakeTable, host: string): Promise<FakeEngine> {
  const pair = await startFakePair(a, b, host);
  for (const fake of pair) closers.push(fake.close);
  return pair[0];
}

/** 127.0.0.2 stands for the address of a network card; macOS has only 127.0.0.1. */
const wholeLoopback = { skip: process.platform === 'linux' ? false : 'needs all of 127.0.0.0/8' };

function detector(ports: readonly number[], more: Partial<DetectorDeps> = {}): Detector {
  const line = openLine();
  closers.push(() => line.upstream.close());
  return new Detector({
    line,
    environment: {},
    machineAddresses: () => [],
    findProgram: () => Promise.resolve(undefined),
    ports,
    ...more,
  });
}

function look(d: Detector, options: Partial<LookOptions> = {}): Promise<Look> {
  return d.look({ known: [], exclude: new Set(), ...options }, never);
}

const ids = (found: Look) => found.engines.map((e) => `${e.ref.id} ${e.ref.url} ${e.version ?? '-'}`);

test('everything that runs is found at once, and named by kind and port', async () => {
  const [ollama, lmstudio, vllm, llamacpp] = await Promise.all(
    [ollamaTable, lmstudioTable, vllmTable, llamacppTable].map((t) => start(t)),
  );
  const found = await look(detector([ollama, lmstudio, vllm, llamacpp].map((f) => f?.port ?? 0)));
  assert.deepEqual(ids(found), [
    `ollama-${ollama?.port} ${ollama?.url} 0.12.6`,
    `lmstudio-${lmstudio?.port} ${lmstudio?.url} -`,
    `vllm-${vllm?.port} ${vllm?.url} 0.11.2`,
    `llamacpp-${llamacpp?.port} ${llamacpp?.url} b7100-abc`,
  ]);
  assert.equal(found.engines[0]?.ref.origin, 'detected');
});

test('the usual ports are those of the engines, and none that web servers under development have', () => {
  for (const port of [11_434, 1234, 8000, 8080, 9931, 30_000, 1337, 5000, 5001])
    assert.ok(usualPorts().includes(port));
  // Docker Model Runner, Lemonade, FastFlowLM.
  for (const port of [12_434, 13_305, 52_625]) assert.ok(usualPorts().includes(port));
  assert.equal(usualPrefixes().get(12_434), '/engines');
  assert.equal(usualPorts().includes(3000), false);
});

test('a server whose API is below a prefix is found there, and once where its root answers as well', async () => {
  const list = { body: { object: 'list', data: [{ id: 'ai/smollm2', object: 'model' }] } };
  const below = await start({ '/engines/v1/models': list });
  const both = await start({ '/engines/v1/models': list, '/v1/models': list });
  const prefixes = new Map([below, both].map(({ port }) => [port, '/engines']));
  assert.deepEqual(ids(await look(detector([below.port, both.port], { prefixes }))), [
    `openai-${below.port} ${below.url}/engines -`,
    `openai-${both.port} ${both.url} -`,
  ]);
});

test('one server on both loopback addresses is listed once, two servers twice', async () => {
  const first = await startPair(ollamaTable, ollamaTable, '::1');
  assert.deepEqual(ids(await look(detector([first.port]))), [`ollama-${first.port} ${first.url} 0.12.6`]);
  const other = await startPair(ollamaTable, vllmTable, '::1');
  assert.deepEqual(ids(await look(detector([other.port]))), [
    `ollama-${other.port} ${other.url} 0.12.6`,
    `vllm-${other.port} http://[::1]:${other.port} 0.11.2`,
  ]);
});

test('a server that only listens on ::1 is found there', async () => {
  const fake = await start(ollamaTable, '::1');
  assert.deepEqual(ids(await look(detector([fake.port]))), [`ollama-${fake.port} ${fake.url} 0.12.6`]);
});

test('what a variable names is found, and listed once where a port finds it too', async () => {
  const fake = await start(ollamaTable);
  const environment = { OLLAMA_HOST: `0.0.0.0:${fake.port}` };
  const expected = [`ollama-${fake.port} ${fake.url} 0.12.6`];
  assert.deepEqual(ids(await look(detector([], { environment }))), expected);
  assert.deepEqual(ids(await look(detector([fake.port], { environment }))), expected);
});

test(
  "a variable that names another of this machine's addresses adds no second engine",
  wholeLoopback,
  async () => {
    const fake = await startPair(ollamaTable, ollamaTable, '127.0.0.2');
    const environment = { OLLAMA_HOST: `127.0.0.2:${fake.port}` };
    const d = detector([fake.port], { environment, machineAddresses: () => ['127.0.0.2'] });
    assert.deepEqual(ids(await look(d)), [`ollama-${fake.port} ${fake.url} 0.12.6`]);
  },
);

test('a proxy of flm is never listed, and one whose address is known is not even asked', async () => {
  const flm = await start(flmTable);
  assert.deepEqual(await look(detector([flm.port])), { engines: [], locked: [] });
  const asked = flm.asked.length;
  await look(detector([flm.port]), { exclude: new Set([`127.0.0.1:${flm.port}`]) });
  assert.equal(flm.asked.length, asked);
});

test('an engine that is known is neither asked nor listed, and its id is taken', async () => {
  const fake = await start(ollamaTable);
  const d = detector([fake.port]);
  const known = (await look(d)).engines.map((e) => e.ref);
  const asked = fake.asked.length;
  assert.deepEqual(ids(await look(d, { known })), []);
  assert.equal(fake.asked.length, asked);
  const elsewhere = known.map((ref) => ({ ...ref, address: { ...ref.address, host: '10.0.0.1' } }));
  assert.deepEqual(ids(await look(d, { known: elsewhere })), [`ollama-${fake.port}-2 ${fake.url} 0.12.6`]);
});

test('what answers and is no engine is left in peace for two minutes', async () => {
  const web = await start(webTable);
  let nowMs = 0;
  const line = openLine();
  closers.push(() => line.upstream.close());
  const clock = { ...systemClock, monotonicMs: () => nowMs };
  const d = detector([web.port], { line: { upstream: line.upstream, clock } });
  await look(d);
  const asked = web.asked.length;
  assert.ok(asked > 0);
  nowMs = 119_000;
  await look(d);
  assert.equal(web.asked.length, asked);
  nowMs = 121_000;
  web.set(ollamaTable);
  assert.equal((await look(d)).engines.length, 1);
});

test('an engine that asks for a key is reported, so that a user can add it', async () => {
  const jan = await start(janTable);
  const found = await look(detector([jan.port]));
  assert.deepEqual(found, { engines: [], locked: [{ url: jan.url, detail: 'asks for an API key' }] });
});

test('a port that hangs does not hold up the look, and the rest is found', async () => {
  const slow = await start({ '*': { hangs: true } });
  const fake = await start(ollamaTable);
  const timers: (() => void)[] = [];
  const line = openLine();
  closers.push(() => line.upstream.close());
  const clock = { ...systemClock, after: (_ms: number, f: () => void) => collect(timers, f) };
  const looking = look(detector([slow.port, fake.port], { line: { upstream: line.upstream, clock } }));
  const paths = new Set(engineKinds.flatMap((kind) => kind.detection?.asks.map(({ path }) => path) ?? []));
  while (fake.asked.length < paths.size + 2) await new Promise(setImmediate);
  while (line.upstream.stats().flights > 1) await new Promise(setImmediate);
  timers[0]?.();
  assert.equal((await looking).engines.length, 1);
  assert.equal(line.upstream.stats().flights, 0);
});

test('a look that is called off ends at once', async () => {
  const slow = await start({ '*': { hangs: true } });
  const aborter = new AbortController();
  const looking = detector([slow.port]).look({ known: [], exclude: new Set() }, aborter.signal);
  aborter.abort();
  assert.deepEqual(await looking, { engines: [], locked: [] });
});

test('installed programs that do not run are listed with the command that starts them', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'flm-programs-'));
  closers.push(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'ollama'), '#!/bin/sh\n', { mode: 0o755 });
  await writeFile(join(folder, 'vllm'), 'no program', { mode: 0o644 });
  const d = detector([], { findProgram: (name) => findProgram(name, `relative:${folder}`, '/nonexistent') });
  assert.deepEqual(await d.installed(new Set()), [
    { kind: 'ollama', title: 'Ollama', startWith: 'ollama serve', program: join(folder, 'ollama') },
  ]);
  assert.deepEqual(await d.installed(new Set(['ollama'])), []);
});

test(
  'an engine that answers at another address of this machine is exposed there',
  wholeLoopback,
  async () => {
    const fake = await startPair(ollamaTable, ollamaTable, '127.0.0.2');
    const d = detector([fake.port]);
    const ref = (await look(d)).engines[0]?.ref;
    assert.ok(ref !== undefined);
    const line = openLine();
    closers.push(() => line.upstream.close());
    assert.equal(await findExposure(line, ref, ['127.0.0.3', '127.0.0.2'], never), '127.0.0.2');
    assert.equal(await findExposure(line, ref, ['127.0.0.3', '127.0.0.4'], never), undefined);
    assert.equal(await findExposure(line, ref, [], never), undefined);
    const asVllm = { ...ref, kind: 'vllm' as const };
    assert.equal(await findExposure(line, asVllm, ['127.0.0.2'], never), undefined);
    assert.match(engineKind('ollama').advice.exposure, /OLLAMA_HOST=127\.0\.0\.1/);
  },
);

test('addresses of this machine are those that others could dial', () => {
  const interfaces = {
    lo: [
      { address: '127.0.0.1', internal: true },
      { address: '::1', internal: true },
    ],
    eth0: [
      { address: '192.168.1.5', internal: false },
      { address: 'fe80::1', internal: false },
      { address: '2001:db8::1', internal: false },
    ],
    gone: undefined,
  };
  assert.deepEqual(machineAddresses(interfaces), ['192.168.1.5', '2001:db8::1']);
});

/** A timer that only the test runs. */
function collect(timers: (() => void)[], f: () => void): () => void {
  timers.push(f);
  return () => {};
}
