/**
 * Tests that every proxy controller must pass: the one inside the process and the one that launches processes. The proxy
 * listens on a real socket. It answers `POST /slow` with `first `, and with `last` when the request's body ends.
 * The test file of a controller calls them; `open` returns a fresh controller and ends it with the test.
 */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { connect, createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { FlmError } from '../../src/core/errors.ts';
import type { ProxyController, StartOptions } from '../../src/core/proxy/ports.ts';
import { parseProxyConfig } from '../../src/core/proxy/proxy-config.ts';
import type { ProxyHandle } from '../../src/core/proxy/proxy-handle.ts';
import { eventually } from '../helpers/eventually.ts';
import { freePort } from '../helpers/free-ports.ts';

export interface ControllerHarness {
  readonly controller: ProxyController;
  handles(): Promise<readonly ProxyHandle[]>;
  /** Names of control sockets in the file system. */
  sockets(): readonly string[];
  /** Processes that were started and live. */
  processes(): readonly string[];
  /** Resolves when the start of that profile is in its middle: its port is bound and nothing else done. */
  midway(profile: string): Promise<void>;
}

export const never: AbortSignal = new AbortController().signal;

export function startOptions(
  parts: { readonly port?: number; readonly profile?: string } = {},
): StartOptions {
  const { port = 0, profile = 'default' } = parts;
  const overrides = { port, bind: ['127.0.0.1'] };
  return { config: parseProxyConfig(overrides), profile, overrides };
}

export const failsWith =
  (code: string) =>
  (error: unknown): boolean =>
    error instanceof FlmError && error.code === code;

export function controllerContract(
  adapter: string,
  open: (t: TestContext) => Promise<ControllerHarness>,
): void {
  const story = (name: string, tell: (harness: ControllerHarness) => Promise<void>): void => {
    test(`${adapter}: ${name}`, async (t) => tell(await open(t)));
  };

  story('a started proxy answers on its listener and tells its status', async (harness) => {
    const { controller } = harness;
    const options = startOptions({ profile: 'work' });
    const handle = await controller.start(options, never);
    assert.equal(await bodyOf(handle, '/'), 'ok');
    assert.deepEqual(await harness.handles(), [handle]);
    const status = await controller.inspect(handle);
    assert(status !== 'gone');
    assert.deepEqual(status.handle, handle);
    assert.deepEqual(status.config, JSON.parse(JSON.stringify(options.config)));
    assert.deepEqual(status.overrides, options.overrides);
    assert.equal(handle.profile, 'work');
    await controller.stop(handle, 0);
  });

  story('a start on a port that is taken says so and leaves nothing', async (harness) => {
    const holder = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => holder.once('listening', resolve));
    const address = holder.address();
    assert(address !== null && typeof address === 'object');
    const { port } = address;
    await assert.rejects(
      harness.controller.start(startOptions({ port }), never),
      failsWith('PROXY_PORT_IN_USE'),
    );
    await assertNothingLeft(harness);
    await new Promise((resolve) => holder.close(resolve));
  });

  story('a start that is aborted in its middle leaves nothing', async (harness) => {
    const leaving = new AbortController();
    const port = await freePort();
    const start = harness.controller.start(startOptions({ port, profile: 'stuck' }), leaving.signal);
    await harness.midway('stuck');
    const reason = new Error('changed my mind');
    leaving.abort(reason);
    await assert.rejects(start, reason);
    await assertNothingLeft(harness);
    await assertFree(port);
  });

  story('a start that was aborted before it began does not begin', async (harness) => {
    const reason = new Error('changed my mind');
    await assert.rejects(harness.controller.start(startOptions(), AbortSignal.abort(reason)), reason);
    await assertNothingLeft(harness);
  });

  story('a stop lets a running answer finish, and the port can be bound at once', async (harness) => {
    const handle = await harness.controller.start(startOptions(), never);
    const answer = await slowAnswer(handle);
    const stop = harness.controller.stop(handle, 60_000);
    await until(async () => !(await isOpen(handle.port)));
    answer.finish();
    assert.equal(await answer.body, 'first last');
    const { running, cut } = await stop;
    assert.deepEqual({ running, cut }, { running: 1, cut: 0 });
    await assertFree(handle.port);
    await assertNothingLeft(harness);
    assert.equal(await harness.controller.inspect(handle), 'gone');
  });

  story('a stop cuts at the end of the grace time', async (harness) => {
    const handle = await harness.controller.start(startOptions(), never);
    const answer = await slowAnswer(handle);
    const cutOff = assert.rejects(answer.body);
    const { running, cut } = await harness.controller.stop(handle, 20);
    assert.deepEqual({ running, cut }, { running: 1, cut: 1 });
    await cutOff;
    await assertFree(handle.port);
    await assertNothingLeft(harness);
  });

  story('a release frees the port while answers go on', async (harness) => {
    const handle = await harness.controller.start(startOptions(), never);
    const answer = await slowAnswer(handle);
    await harness.controller.release(handle, 60_000);
    await assertFree(handle.port);
    assert.notEqual(await harness.controller.inspect(handle), 'gone');
    answer.finish();
    assert.equal(await answer.body, 'first last');
    await until(async () => (await harness.controller.inspect(handle)) === 'gone');
    await assertNothingLeft(harness);
  });

  story('a successor takes the port while the old proxy drains', async (harness) => {
    const { controller } = harness;
    const old = await controller.start(startOptions(), never);
    const answer = await slowAnswer(old);
    await controller.release(old, 60_000);
    const successor = await controller.start(startOptions({ port: old.port }), never);
    assert.equal(await bodyOf(successor, '/'), 'ok');
    answer.finish();
    assert.equal(await answer.body, 'first last');
    await until(async () => (await controller.inspect(old)) === 'gone');
    assert.notEqual(await controller.inspect(successor), 'gone');
    await controller.stop(successor, 0);
    await assertNothingLeft(harness);
  });

  story('a stop of what is gone reports that nothing ran', async (harness) => {
    const handle = await harness.controller.start(startOptions(), never);
    await harness.controller.stop(handle, 0);
    const { running, cut } = await harness.controller.stop(handle, 0);
    assert.deepEqual({ running, cut }, { running: 0, cut: 0 });
  });

  story('two stops at once both see it end', async (harness) => {
    const { controller } = harness;
    const handle = await controller.start(startOptions(), never);
    await Promise.all([controller.stop(handle, 0), controller.stop(handle, 0)]);
    await assertNothingLeft(harness);
  });

  story('of two starts at once on one port exactly one wins', async (harness) => {
    const port = await freePort();
    const outcomes = await Promise.allSettled([
      harness.controller.start(startOptions({ port }), never),
      harness.controller.start(startOptions({ port }), never),
    ]);
    const won = outcomes.filter((outcome) => outcome.status === 'fulfilled');
    const lost = outcomes.filter((outcome) => outcome.status === 'rejected');
    assert.equal(won.length, 1);
    assert(failsWith('PROXY_PORT_IN_USE')(lost[0]?.reason), String(lost[0]?.reason));
    const handle = won[0]?.value;
    assert(handle !== undefined);
    assert.deepEqual(await harness.handles(), [handle]);
    assert.equal(harness.sockets().length, 1);
    assert.equal(await bodyOf(handle, '/'), 'ok');
    await harness.controller.stop(handle, 0);
  });

  story('two proxies live side by side, and a stop ends the one it means', async (harness) => {
    const { controller } = harness;
    const [one, two] = await Promise.all([
      controller.start(startOptions({ profile: 'one' }), never),
      controller.start(startOptions({ profile: 'two' }), never),
    ]);
    await controller.stop(one, 0);
    assert.equal(await controller.inspect(one), 'gone');
    assert.equal(await bodyOf(two, '/'), 'ok');
    assert.deepEqual(await harness.handles(), [two]);
    await controller.stop(two, 0);
  });
}

export async function assertNothingLeft(harness: ControllerHarness): Promise<void> {
  assert.deepEqual(
    { handles: await harness.handles(), sockets: harness.sockets(), processes: harness.processes() },
    { handles: [], sockets: [], processes: [] },
  );
}

/** Waits for what another process does. */
export async function until(isSo: () => Promise<boolean> | boolean): Promise<void> {
  await eventually(isSo, (so) => so, 2);
}

export function bodyOf(handle: ProxyHandle, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port: handle.port, path, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      response.on('end', () => resolve(body));
      response.on('error', reject);
    });
    sent.on('error', reject).end();
  });
}

interface SlowAnswer {
  finish(): void;
  readonly body: Promise<string>;
}

/** Resolves when the first half of the answer is here. */
export function slowAnswer(handle: ProxyHandle): Promise<SlowAnswer> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: handle.port, path: '/slow', method: 'POST', agent: false };
    const sent = request(options, (response) => {
      const whole = Promise.withResolvers<string>();
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
        resolve({ finish: () => sent.end(), body: whole.promise });
      });
      response.on('end', () => whole.resolve(body));
      response.on('error', whole.reject);
    });
    sent.on('error', reject);
    sent.flushHeaders();
  });
}

export function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

/** Fails where it cannot be bound at this very moment. */
export async function assertFree(port: number): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host: '127.0.0.1', exclusive: true }, resolve);
  });
  await new Promise((resolve) => server.close(resolve));
}
