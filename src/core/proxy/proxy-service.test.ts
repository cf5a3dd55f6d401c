import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { openedStore, temporaryHome } from '../../../test/helpers/temporary-store.ts';
import type { Environment } from '../environment.ts';
import { ProxyError, StoreError } from '../errors.ts';
import { environmentSettings } from './environment-settings.ts';
import type { HandOverRequest, ProxyController, StartOptions } from './ports.ts';
import { ProfileService } from './profile-service.ts';
import { configuredPort } from './proxy-config.ts';
import { type ProxyHandle, proxyUrl } from './proxy-handle.ts';
import { ProxyService } from './proxy-service.ts';

/** Proxies that are entries of a map: enough to see what the service asks for, and in which order. */
class FakeController implements ProxyController {
  readonly calls: string[] = [];
  readonly starts: StartOptions[] = [];
  readonly living = new Map<string, { handle: ProxyHandle; options: StartOptions }>();
  readonly hung = new Set<string>();
  failWith: Error | undefined;
  /** A proxy of a flm that hands nothing over. */
  isOld = false;
  onHandle: (handle: ProxyHandle) => Promise<void> = async () => {};

  async start(options: StartOptions): Promise<ProxyHandle> {
    this.calls.push('start');
    this.starts.push(options);
    if (this.failWith !== undefined) throw this.failWith;
    const n = this.starts.length;
    const handle: ProxyHandle = {
      id: `px_${n}`,
      pid: n,
      port: configuredPort(options.config) || 40_000 + n,
      mode: options.config.mode,
      addresses: ['127.0.0.1', '::1'],
      startedAtMs: n,
      profile: options.profile,
      nonce: `nonce${n}`,
      processStart: '',
      controlPath: '',
      draining: false,
    };
    this.living.set(handle.id, { handle, options });
    await this.onHandle(handle);
    return handle;
  }
  async stop(handle: ProxyHandle, graceMs: number) {
    this.calls.push(`stop ${handle.id} ${graceMs}`);
    this.living.delete(handle.id);
    return { running: 0, cut: 0, tookMs: 0 };
  }
  async handOver(handle: ProxyHandle, { options }: HandOverRequest): Promise<ProxyHandle | 'unsupported'> {
    if (this.isOld) return 'unsupported';
    this.calls.push(`hand over ${handle.id}`);
    const next = await this.start(options);
    const living = this.living.get(handle.id);
    if (living !== undefined) living.handle = { ...handle, draining: true };
    await this.onHandle({ ...handle, draining: true });
    return next;
  }
  async release(handle: ProxyHandle, graceMs: number): Promise<void> {
    this.calls.push(`release ${handle.id} ${graceMs}`);
    const living = this.living.get(handle.id);
    if (living !== undefined) living.handle = { ...handle, draining: true };
    await this.onHandle({ ...handle, draining: true });
  }
  async inspect(handle: ProxyHandle) {
    if (this.hung.has(handle.id))
      throw new ProxyError('PROXY_CONTROL_UNREACHABLE', { params: { id: handle.id, pid: 1 } });
    const living = this.living.get(handle.id);
    if (living === undefined) return 'gone' as const;
    const { config, overrides, environment } = living.options;
    return {
      handle: living.handle,
      url: proxyUrl(handle),
      version: '0',
      config,
      overrides,
      ...(environment === undefined ? {} : { environment }),
      uptimeSeconds: 0,
      inFlight: 0,
      queued: 0,
      connections: 0,
      requestsTotal: 0,
      keys: 0,
      engines: [],
      queues: [],
      models: 0,
      reach: 'this machine',
      networkUrls: [],
      warnings: [],
    };
  }
}

function setUp(t: TestContext, variables: Environment = {}) {
  const controller = new FakeController();
  const store = openedStore(t, temporaryHome(t), {
    liveness: async (handle) => controller.living.has(handle.id),
  });
  controller.onHandle = (handle) => store.proxies.saveHandle(handle);
  const holders = new Map<number, string>();
  const locked = new Set<string>();
  const problems: { readonly sentence: string; readonly undone: boolean }[] = [];
  const deps = { clock: { nowMs: () => 5 }, actor: 'cli:test' };
  const profiles = new ProfileService({ ...deps, repository: store.proxies });
  const service = new ProxyService({
    ...deps,
    profiles,
    handles: store.proxies,
    controller,
    portLook: async (_address, port) => holders.get(port),
    startLock: async (profile) => {
      if (locked.has(profile)) return undefined;
      locked.add(profile);
      return { [Symbol.dispose]: () => void locked.delete(profile) };
    },
    audit: store.audit,
    onProblem: (sentence, undone) => problems.push({ sentence, undone }),
    environmentSettings: () => environmentSettings(variables, () => undefined),
  });
  const start = (profile = 'default', overrides: object = { port: 0 }, save = false) =>
    service.start({ profile, overrides, save }, new AbortController().signal);
  return { controller, store, service, profiles, holders, start, problems };
}

const withCode =
  (code: string, words = '') =>
  (error: unknown) => {
    assert.ok(error instanceof ProxyError && error.code === code, String(error));
    assert.ok(error.message.includes(words), error.message);
    return true;
  };

test('a start lays what is given over the profile, part by part', async (t) => {
  const { profiles, controller, start } = setUp(t);
  await profiles.save('lab', { port: 9000, limits: { maxStreams: 5, maxConnections: 7 }, graceMs: 10 });
  await start('lab', { port: 0, limits: { maxStreams: 6 } });
  const config = controller.starts[0]?.config;
  assert.deepEqual(
    [config?.port, config?.graceMs, config?.limits.maxStreams, config?.limits.maxConnections],
    [0, 10, 6, 7],
  );
});

test('the environment comes after what is given and before the profile', async (t) => {
  const { profiles, controller, start } = setUp(t, {
    FLM_PROXY_PORT: '9001',
    FLM_PROXY_GRACE_MS: '20',
    FLM_PROXY_LIMITS_MAX_STREAMS: '8',
  });
  await profiles.save('lab', { graceMs: 10, hstsSeconds: 5, limits: { maxConnections: 7 } });
  await start('lab', { port: 0 }, true);
  const { config, overrides } = controller.starts[0] ?? {};
  assert.deepEqual(
    [
      config?.port,
      config?.graceMs,
      config?.hstsSeconds,
      config?.limits.maxStreams,
      config?.limits.maxConnections,
    ],
    [0, 20, 5, 8, 7],
  );
  assert.deepEqual(overrides, { port: 0 });
  const { config: saved } = await profiles.load('lab');
  assert.deepEqual(saved, { graceMs: 10, hstsSeconds: 5, limits: { maxConnections: 7 }, port: 0 });
});

test('a restart takes its own environment, and otherwise that of the start', async (t) => {
  const variables: Record<string, string> = { FLM_PROXY_GRACE_MS: '20', FLM_PROXY_HSTS_SECONDS: '1' };
  const { service, controller, start } = setUp(t, variables);
  await start('default', { port: 0, hstsSeconds: 2 });
  delete variables.FLM_PROXY_GRACE_MS;
  variables.FLM_PROXY_HSTS_SECONDS = '3';
  variables.FLM_PROXY_HEARTBEAT_MS = '1000';
  await service.restart(undefined, { overrides: {} }, new AbortController().signal);
  const { config } = controller.starts.at(-1) ?? {};
  assert.deepEqual([config?.graceMs, config?.hstsSeconds, config?.heartbeatMs], [20, 2, 1000]);
});

test('a fault of a value from the environment names its variable', async (t) => {
  const { start } = setUp(t, {
    FLM_PROXY_PORT: 'nine',
    FLM_PROXY_BIND: '127.0.0.1,10.0.0.1',
    FLM_PROXY_LIMITS_MAX_STREAMS: '-1',
    FLM_PROXY_GRACE_MS: 'x',
  });
  await assert.rejects(start('default', { graceMs: -1 }), (error: unknown) => {
    assert.ok(error instanceof ProxyError && error.code === 'PROXY_INVALID_CONFIG');
    assert.deepEqual(error.faults.map(({ field }) => field).sort(), [
      'FLM_PROXY_BIND',
      'FLM_PROXY_LIMITS_MAX_STREAMS',
      'FLM_PROXY_PORT',
      'graceMs',
    ]);
    return true;
  });
});

test('a configuration with faults starts nothing and tells all of them', async (t) => {
  const { controller, start } = setUp(t);
  await assert.rejects(start('default', { port: -1, bind: ['nowhere'], more: true }), (error: unknown) => {
    assert.ok(error instanceof ProxyError && error.code === 'PROXY_INVALID_CONFIG');
    assert.deepEqual(error.faults.map((f) => f.field).sort(), ['bind.0', 'more', 'port']);
    return true;
  });
  assert.deepEqual(controller.calls, []);
});

test('a profile that was never saved cannot be started, but the unnamed one can', async (t) => {
  const { start } = setUp(t);
  await assert.rejects(start('lab'), withCode('PROFILE_NOT_FOUND', 'lab'));
  await start('default');
});

test('a profile that runs already is not started again, and the refusal says where it runs', async (t) => {
  const { controller, start } = setUp(t);
  const handle = await start();
  await assert.rejects(start(), withCode('PROXY_ALREADY_RUNNING', proxyUrl(handle)));
  assert.deepEqual(controller.calls, ['start']);
});

test('of two starts of a profile at the same moment, the second one reports the proxy of the first', async (t) => {
  const { controller, start } = setUp(t);
  const first = start();
  await assert.rejects(start(), withCode('PROXY_ALREADY_RUNNING', 'px_1'));
  assert.equal((await first).id, 'px_1');
  assert.deepEqual(controller.calls, ['start']);
});

test('a start goes on after another one of the same moment has failed', async (t) => {
  const { controller, start } = setUp(t);
  controller.failWith = new Error('the first fails');
  const first = assert.rejects(start(), /the first fails/).then(() => {
    controller.failWith = undefined;
  });
  const second = start();
  await first;
  assert.equal((await second).id, 'px_2');
});

test('a port that another proxy or another program holds is refused with the name of the holder', async (t) => {
  const { profiles, holders, controller, start } = setUp(t);
  await profiles.save('lab', {});
  const handle = await start('default', { port: 8484 });
  await assert.rejects(start('lab', { port: 8484 }), withCode('PROXY_PORT_IN_USE', handle.id));
  holders.set(8080, ' by nginx (pid 812)');
  await assert.rejects(start('lab', { port: 8080 }), withCode('PROXY_PORT_IN_USE', 'by nginx (pid 812)'));
  assert.deepEqual(controller.calls, ['start']);
});

test('flags are kept in the profile only when asked for and only once the proxy runs', async (t) => {
  const { service, profiles, controller, start } = setUp(t);
  await start('default', { port: 0, graceMs: 1 });
  assert.deepEqual(await profiles.list(), []);
  await service.stop(undefined);
  controller.failWith = new ProxyError('PROXY_START_FAILED', { params: { reason: 'x' } });
  await assert.rejects(start('default', { port: 0, graceMs: 2 }, true));
  assert.deepEqual(await profiles.list(), []);
  controller.failWith = undefined;
  await start('default', { port: 0, graceMs: 3 }, true);
  assert.deepEqual((await profiles.load('default')).config, { port: 0, graceMs: 3 });
});

test('a stop uses the grace time that the proxy was started with, unless another is given', async (t) => {
  const { service, controller, start } = setUp(t);
  await start('default', { port: 0, graceMs: 1234 });
  await service.stop('default');
  const second = await start();
  await service.stop(second.id, 7);
  assert.deepEqual(
    controller.calls.filter((c) => c.startsWith('stop')),
    ['stop px_1 1234', 'stop px_2 7'],
  );
});

test('where several run, a stop without a name lists them and stops none', async (t) => {
  const { service, profiles, controller, start } = setUp(t);
  await profiles.save('lab', { port: 0 });
  const [a, b] = [await start('default'), await start('lab', {})];
  await assert.rejects(service.stop(undefined), (error: unknown) => {
    withCode('PROXY_AMBIGUOUS', a.id)(error);
    return withCode('PROXY_AMBIGUOUS', b.id)(error);
  });
  assert.equal(controller.living.size, 2);
  assert.equal((await service.stopAll()).length, 2);
  await assert.rejects(service.stop(undefined), withCode('PROXY_NOT_RUNNING'));
  await assert.rejects(service.stop('lab'), withCode('PROXY_NOT_RUNNING', 'lab'));
});

test('a restart gives the flags of the start again, reads the profile again and keeps a free port', async (t) => {
  const { service, profiles, controller, start } = setUp(t);
  await profiles.save('lab', { port: 0, heartbeatMs: 1000 });
  const old = await start('lab', { graceMs: 77 });
  await profiles.save('lab', { port: 0, heartbeatMs: 2000 });
  const next = await service.restart('lab', { overrides: {} }, new AbortController().signal);
  assert.deepEqual(controller.calls, ['start', `hand over ${old.id}`, 'start']);
  const options = controller.starts[1];
  assert.deepEqual([options?.config.heartbeatMs, options?.config.graceMs], [2000, 77]);
  assert.equal(next.port, old.port);
  assert.deepEqual(options?.overrides, { graceMs: 77 });
});

test('a proxy of an older flm is restarted by a release and a start, on another port the start comes first', async (t) => {
  const { service, controller, start } = setUp(t);
  controller.isOld = true;
  const old = await start('default', { graceMs: 77 });
  const never = new AbortController().signal;
  const next = await service.restart(undefined, { overrides: {} }, never);
  await service.restart(undefined, { overrides: { port: 9 } }, never);
  assert.deepEqual(controller.calls, [
    ...['start', `release ${old.id} 77`, 'start'],
    ...['start', `release ${next.id} 77`],
  ]);
});

test('during a hand-over the process that serves is meant, and after it the newer one', async (t) => {
  const { service, controller, start, store } = setUp(t);
  const old = await start();
  const next: ProxyHandle = { ...old, id: 'px_9', nonce: 'nonce9', startedAtMs: old.startedAtMs + 1 };
  const living = controller.living.get(old.id);
  assert.ok(living !== undefined);
  controller.living.set(next.id, { ...living, handle: next });
  await store.proxies.saveHandle({ ...next, starting: true });
  assert.equal((await service.find('default')).id, old.id);
  assert.equal((await service.find(undefined)).id, old.id);
  await store.proxies.saveHandle(next);
  assert.equal((await service.find('default')).id, next.id);
  assert.equal((await service.findServing(undefined)).id, next.id);
});

test('one that drains is neither already running nor what a stop means', async (t) => {
  const { service, start } = setUp(t);
  const old = await start();
  await service.restart(undefined, { overrides: {} }, new AbortController().signal);
  assert.notEqual((await service.find(undefined)).id, old.id);
  assert.equal((await service.find(old.id)).id, old.id);
  const states = (await service.status()).map((v) => v.state);
  assert.deepEqual(states, ['draining', 'running']);
});

test('status shows what lives, and one that does not answer as such', async (t) => {
  const { service, profiles, controller, start } = setUp(t);
  await profiles.save('lab', { port: 0 });
  await start();
  const hung = await start('lab', {});
  controller.hung.add(hung.id);
  assert.deepEqual(
    (await service.status()).map((v) => v.state),
    ['running', 'not-answering'],
  );
  controller.living.clear();
  assert.deepEqual(await service.status(), []);
});

test('starts and stops are in the audit', async (t) => {
  const { service, store, start } = setUp(t);
  await start();
  await service.restart(undefined, { overrides: {} }, new AbortController().signal);
  await service.stop(undefined);
  assert.deepEqual((await store.audit.list(9)).map((e) => e.action).reverse(), [
    'proxy.start',
    'proxy.restart',
    'proxy.stop',
  ]);
});

test('a proxy that was started or stopped is reported so, though nothing could be written down', async (t) => {
  const { start, service, store, problems } = setUp(t);
  const full = (): Promise<never> =>
    Promise.reject(new StoreError('STORE_FULL', { params: { file: 'flm.db' } }));
  store.audit.record = full;
  store.proxies.saveProfile = full;
  const handle = await start('default', { port: 0 }, true);
  assert.deepEqual(
    problems.splice(0).map(({ sentence, undone }) => [sentence.slice(0, 60), undone]),
    [
      ['The proxy runs, but its settings were not saved in profile d', true],
      [`The audit does not have this proxy.start of ${handle.id}: The disk t`, false],
    ],
  );
  assert.equal((await service.stop(undefined)).handle.id, handle.id);
  assert.match(problems[0]?.sentence ?? '', /does not have this proxy\.stop/);
});
