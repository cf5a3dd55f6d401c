/** The requests of several proxies as one list and one stream, over real control sockets. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { eventually } from '../../test/helpers/eventually.ts';
import { sampleLine, sampleRunning } from '../../test/helpers/request-samples.ts';
import { sampleHandle } from '../../test/helpers/store-samples.ts';
import { systemClock } from '../core/clock.ts';
import type { ProxyControl } from '../core/proxy/ports.ts';
import type { ProxyHandle } from '../core/proxy/proxy-handle.ts';
import type { RequestChanges } from '../core/proxy/request-directory.ts';
import type { RequestsUpdate } from '../core/proxy/running-request.ts';
import type { AuditEntry } from '../core/security/ports.ts';
import { controlClient } from '../process/control-client.ts';
import { serveControl } from '../process/control-server.ts';
import { requestDirectory } from './request-directory.ts';

const [a, b] = [sampleRunning({ id: 'a', startedAtMs: 2 }), sampleRunning({ id: 'b', startedAtMs: 1 })];

function fixture(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'flm-requests-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const handles: ProxyHandle[] = [];
  const audit: AuditEntry[] = [];
  const directory = requestDirectory({
    handles: async () => [...handles],
    control: (handle) => controlClient(handle),
    audit: { record: async (entry) => void audit.push(entry) },
    clock: systemClock,
  });
  const add = (name: string): ProxyHandle => {
    const handle = sampleHandle(name, { controlPath: join(folder, 'run', `${name}.sock`) });
    handles.push(handle);
    return handle;
  };
  /** A proxy of which only the operations on requests are used. */
  const serve = async (handle: ProxyHandle, parts: Partial<ProxyControl>) => {
    const server = await serveControl(parts as ProxyControl, {
      path: handle.controlPath,
      nonce: handle.nonce,
    });
    t.after(() => server.close());
    return server;
  };
  return { directory, handles, audit, add, serve };
}

test('requests of all proxies are one list, oldest first, and the last ones newest first', async (t) => {
  const { directory, add, serve } = fixture(t);
  await serve(add('one'), { requests: () => [a], recentRequests: () => [sampleLine({ atMs: 5 })] });
  await serve(add('two'), { requests: () => [b], recentRequests: () => [sampleLine({ atMs: 9 })] });
  // It does not run any more, or does not answer.
  add('gone');
  assert.deepEqual(
    (await directory.list()).map(({ id, proxy }) => [id, proxy]),
    [
      ['b', 'px_two'],
      ['a', 'px_one'],
    ],
  );
  assert.deepEqual(
    (await directory.recent()).map(({ atMs, proxy }) => [atMs, proxy]),
    [
      [9, 'px_two'],
      [5, 'px_one'],
    ],
  );
});

test('a request is cancelled in the proxy that has it, with an entry in the audit', async (t) => {
  const { directory, add, serve, audit } = fixture(t);
  await serve(add('one'), { cancelRequest: () => undefined });
  await serve(add('two'), { cancelRequest: (id) => (id === 'b' ? b : undefined) });
  assert.equal((await directory.cancel('b', 'cli:me'))?.proxy, 'px_two');
  assert.deepEqual(
    audit.map(({ actor, action, subject }) => [actor, action, subject]),
    [['cli:me', 'request.cancel', 'b']],
  );
  assert.equal(await directory.cancel('x', 'cli:me'), undefined);
  assert.equal(audit.length, 1);
});

test('a stream begins with the requests of all proxies, and follows those that come, go and come back', async (t) => {
  const { directory, handles, add, serve } = fixture(t);
  const gate = Promise.withResolvers<void>();
  async function* updates(): AsyncGenerator<RequestsUpdate> {
    yield { running: [a], gone: [], ended: [] };
    await gate.promise;
    yield { running: [], gone: ['a'], ended: [sampleLine({ id: 'a' })] };
  }
  await serve(add('one'), { watchRequests: updates });
  const left = new AbortController();
  const seen: RequestChanges[] = [];
  const over = (async () => {
    for await (const changes of directory.watch(left.signal)) seen.push(changes);
  })();
  await eventually(
    () => seen.length,
    (count) => count > 0,
  );
  assert.deepEqual(
    seen[0]?.running.map(({ id }) => id),
    ['a'],
  );
  gate.resolve();
  await eventually(
    () => seen.some(({ gone, ended }) => gone[0] === 'a' && ended[0]?.proxy === 'px_one'),
    (isGone) => isGone,
  );
  // Its handle is there before its socket.
  const second = add('two');
  await eventually(
    () => handles.length,
    (count) => count === 2,
  );
  const server = await serve(second, {
    async *watchRequests(signal) {
      yield { running: [b], gone: [], ended: [] };
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    },
  });
  const has = (find: (changes: RequestChanges) => boolean) => eventually(() => seen.some(find), Boolean);
  await has(({ running }) => running.some(({ id, proxy }) => id === 'b' && proxy === 'px_two'));
  await server.close();
  await has(({ gone }) => gone.includes('b'));
  left.abort();
  await over;
});

test('a reader that leaves at once frees everything', async (t) => {
  const { directory, add, serve } = fixture(t);
  const ended = Promise.withResolvers<void>();
  await serve(add('one'), {
    async *watchRequests(signal) {
      yield { running: [a], gone: [], ended: [] };
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      ended.resolve();
    },
  });
  for await (const { running } of directory.watch(new AbortController().signal)) {
    assert.equal(running.length, 1);
    break;
  }
  await ended.promise;
});
