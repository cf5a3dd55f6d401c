import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MovedClock } from '../../test/helpers/moved-clock.ts';
import type { EngineStatus } from '../core/engine/directory.ts';
import type { EngineExposure } from '../core/engine/engine-discovery.ts';
import { type ExposureQuestion, exposedEngines } from './exposed-engines.ts';

const never = new AbortController().signal;

function engine(id: string, state: EngineStatus['state'] = 'running'): EngineStatus {
  const address = { tls: false, host: '127.0.0.1', port: 8000, path: '' };
  return {
    ref: { id, kind: 'vllm', url: 'http://127.0.0.1:8000', address, origin: 'saved' },
    ...{ state, inFlight: 0, models: [], breakerOpen: false },
  };
}

const open: EngineExposure = {
  isOwn: true,
  addresses: ['192.168.1.5'],
  paths: ['/metrics'],
  isAnyOrigin: false,
};

test('only engines that others can use are named, and those that are down are not asked', async () => {
  const asked: string[] = [];
  const answers: Readonly<Record<string, EngineExposure | undefined>> = {
    open,
    // Of a machine in the internet, and of one in the same network.
    far: { ...open, isOwn: false, addresses: ['8.8.8.8'] },
    near: { ...open, isOwn: false },
    page: { ...open, addresses: [], paths: [], isAnyOrigin: true },
  };
  const exposure: ExposureQuestion = (ref) => {
    asked.push(ref.id);
    return Promise.resolve(answers[ref.id]);
  };
  const engines = ['open', 'far', 'near', 'page', 'closed'].map((id) => engine(id));

  const ids = await exposedEngines(
    { engines: [...engines, engine('gone', 'down')], exposure, clock: new MovedClock(), platform: 'linux' },
    never,
  );

  assert.deepEqual(ids, ['open', 'far']);
  assert.ok(!asked.includes('gone'));
});

test('an engine that does not answer is left out after the limit, and one that fails too', async () => {
  const clock = new MovedClock();
  const exposure: ExposureQuestion = (ref) => {
    if (ref.id === 'open') return Promise.resolve(open);
    if (ref.id === 'broken') return Promise.reject(new Error('broken'));
    return new Promise(() => {});
  };
  const engines = ['silent', 'broken', 'open'].map((id) => engine(id));

  const ids = exposedEngines({ engines, exposure, clock, platform: 'linux' }, never);
  await clock.move(1_000);

  assert.deepEqual(await ids, ['open']);
  assert.equal(clock.timers, 0);
});
