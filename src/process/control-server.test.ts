/** The control socket: plain HTTP for each user that may open it, one proxy behind it, no state kept for clients that leave. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { failsWith, until } from '../../test/contracts/controller-contract.ts';
import { assertNoLeaks, type Stock, takeStock } from '../../test/helpers/leaks.ts';
import { MovedClock } from '../../test/helpers/moved-clock.ts';
import { ProxyError, StoreError } from '../core/errors.ts';
import type { ProxyControl, RecordedRefusal } from '../core/proxy/ports.ts';
import { parseProxyConfig } from '../core/proxy/proxy-config.ts';
import type { ProxyStatus, RequestLine } from '../core/proxy/proxy-handle.ts';
import type { RunningRequest } from '../core/proxy/running-request.ts';
import { controlClient } from './control-client.ts';
import { serveControl } from './control-server.ts';

let stock: Stock;
before(() => {
  stock = takeStock();
});
after(() => assertNoLeaks(stock));

const nonce = 'the nonce';

const line: RequestLine = {
  id: 'req_1',
  atMs: 1,
  client: '127.0.0.1',
  method: 'POST',
  path: '/v1/chat/completions',
  status: 403,
  keyId: null,
  keyLabel: null,
  engine: null,
  model: 'naïve 😀 "model"',
  bytesIn: 1,
  bytesOut: 2,
  firstByteMs: null,
  queuedMs: null,
  durationMs: 3,
  inputTokens: null,
  outputTokens: null,
  cachedTokens: null,
  promptTokens: null,
  chargedInputTokens: 0,
  chargedOutputTokens: 0,
  tokensEstimated: false,
  streamed: false,
  ending: 'refused',
  code: 'MODEL_DENIED',
  rule: 'models of the key',
  droppedCredentials: null,
};
const refusal: RecordedRefusal = {
  id: 'req/1 ü',
  atMs: 1,
  code: 'MODEL_DENIED',
  rule: 'models of the key',
  line,
};

const running: RunningRequest = {
  id: 'req/2',
  startedAtMs: 1,
  ageMs: 2,
  client: '127.0.0.1',
  keyId: 'key/1',
  keyLabel: 'naïve 😀',
  method: 'POST',
  route: '/v1/chat/completions',
  model: null,
  engine: null,
  state: 'waiting',
  queuePosition: 3,
  firstByteMs: null,
  bytesIn: 4,
  bytesOut: 0,
  streamed: false,
  outputTokens: 0,
  tokensEstimated: false,
  tokensPerSecond: null,
};

function statusAt(controlPath: string): ProxyStatus {
  return {
    handle: {
      id: 'px_abcdefgh',
      pid: process.pid,
      port: 8484,
      mode: 'local-http',
      addresses: ['127.0.0.1'],
      startedAtMs: 1,
      profile: 'default',
      nonce,
      processStart: '',
      controlPath,
      draining: false,
    },
    config: parseProxyConfig({ graceMs: 1_234 }),
    overrides: {},
    url: 'http://127.0.0.1:8484',
    version: '0.0.0',
    uptimeSeconds: 1,
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

/** A control that records its calls. */
function controlOf(path: string, asked: unknown[], parts: Partial<ProxyControl> = {}): ProxyControl {
  return {
    status: () => statusAt(path),
    async stop(graceMs) {
      asked.push(['stop', graceMs]);
      return { running: 2, cut: 1, tookMs: 3 };
    },
    async release(graceMs) {
      asked.push(['release', graceMs]);
    },
    async handOver(request) {
      asked.push(['hand over', request]);
      return statusAt(path).handle;
    },
    async reload() {
      asked.push('reload');
    },
    metrics: async () => 'flm_requests_total 1\n',
    async *tail() {
      yield line;
    },
    explain: (id) => (id === refusal.id ? refusal : undefined),
    requests: () => [running],
    recentRequests: (keyId) => (keyId === undefined || keyId === 'key/1' ? [line] : []),
    async *watchRequests() {
      yield { running: [running], gone: [], ended: [line] };
    },
    cancelRequest(id, actor) {
      asked.push(['cancel', id, actor]);
      return id === running.id ? running : undefined;
    },
    temporaryKey: (ttlMs) => ({ id: 'key_t', key: 'flm_t', expiresAtMs: ttlMs }),
    keyUse: (keyId) =>
      keyId === 'key_t' ? { requests: null, tokens: null, tokensToday: 5, inProgress: 1 } : undefined,
    revokeKey: async (keyId, actor) =>
      keyId === 'key_t' ? { written: false, problem: `${actor} met a full disk` } : undefined,
    ...parts,
  };
}

interface Fixture {
  readonly path: string;
  readonly asked: unknown[];
  readonly client: ReturnType<typeof controlClient>;
  close(): Promise<void>;
}

async function staged(t: TestContext, parts: Partial<ProxyControl> = {}): Promise<Fixture> {
  const path = join(temporaryFolder(t), 'run', 'a.sock');
  const asked: unknown[] = [];
  const server = await serveControl(controlOf(path, asked, parts), { path, nonce });
  t.after(() => server.close());
  return { path, asked, client: controlClient(statusAt(path).handle), close: () => server.close() };
}

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'flm-control-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The complete response of the socket to these bytes. */
function bytesOf(path: string, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => socket.write(request));
    let text = '';
    socket.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    socket.on('close', () => resolve(text));
    socket.on('error', reject);
  });
}

/** A server that is not a proxy, on the same path. */
async function impostor(t: TestContext, serve: (socket: Socket) => void): Promise<string> {
  const path = join(temporaryFolder(t), 'a.sock');
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    serve(socket);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return path;
}

test('each call of the control goes over the socket and comes back whole', async (t) => {
  const { client, asked, path } = await staged(t);
  assert.equal(await client.who(), 'same');
  assert.deepEqual(await client.status(), JSON.parse(JSON.stringify(statusAt(path))));
  assert.deepEqual(await client.stop(7), { running: 2, cut: 1, tookMs: 3 });
  assert.equal(await client.release(8), 'released');
  assert.equal(await client.reload(), 'reloaded');
  assert.equal(await client.metrics(), 'flm_requests_total 1\n');
  assert.deepEqual(await client.explain('req/1 ü'), refusal);
  assert.equal(await client.explain('another'), undefined);
  assert.deepEqual(await client.temporaryKey(9), { id: 'key_t', key: 'flm_t', expiresAtMs: 9 });
  assert.deepEqual(await client.revokeKey('key_t', 'cli:me'), {
    written: false,
    problem: 'cli:me met a full disk',
  });
  assert.equal(await client.revokeKey('key_x', 'cli:me'), undefined);
  assert.equal(((await client.keyUse('key_t')) as { readonly tokensToday: number }).tokensToday, 5);
  assert.equal(await client.keyUse('key_x'), undefined);
  const lines = [];
  for await (const each of client.tail(new AbortController().signal)) lines.push(each);
  assert.deepEqual(lines, [line]);
  assert.deepEqual(asked, [['stop', 7], ['release', 8], 'reload']);
});

test('running requests are listed, watched and cancelled, and the last ones are remembered', async (t) => {
  const { client, asked } = await staged(t);
  assert.deepEqual(await client.requests(), [running]);
  assert.deepEqual(await client.recentRequests(), [line]);
  assert.deepEqual(await client.recentRequests('key/1'), [line]);
  assert.deepEqual(await client.recentRequests('key_x'), []);
  const updates = [];
  for await (const each of client.watchRequests(new AbortController().signal)) updates.push(each);
  assert.deepEqual(updates, [{ running: [running], gone: [], ended: [line] }]);
  assert.deepEqual(await client.cancelRequest('req/2', 'cli:me ü'), running);
  assert.equal(await client.cancelRequest('req_x', 'cli:me'), undefined);
  assert.deepEqual(asked, [
    ['cancel', 'req/2', 'cli:me ü'],
    ['cancel', 'req_x', 'cli:me'],
  ]);
});

test('an older proxy, which has no list of requests, is told apart from one that is gone', async (t) => {
  const path = await impostor(t, (socket) => {
    socket.end(`HTTP/1.1 404 Not Found\r\nflm-nonce: ${nonce}\r\ncontent-length: 2\r\n\r\n{}`);
  });
  const client = controlClient(statusAt(path).handle);
  assert.equal(await client.requests(), 'unsupported');
  assert.equal(await client.recentRequests(), 'unsupported');
  assert.equal(await client.cancelRequest('req_1', 'cli:me'), 'unsupported');
  const opened: string[] = [];
  const watch = client.watchRequests(new AbortController().signal, () => opened.push('opened'));
  assert.deepEqual(await watch.next(), { done: true, value: undefined });
  assert.deepEqual(opened, []);
  const nobody = controlClient(statusAt(join(temporaryFolder(t), 'none.sock')).handle);
  assert.equal(await nobody.requests(), 'gone');
  assert.equal(await nobody.cancelRequest('req_1', 'cli:me'), 'gone');
});

test('it is plain HTTP: a stop without a grace time takes that of the configuration', async (t) => {
  const { path, asked } = await staged(t);
  const answer = await bytesOf(path, 'POST /stop HTTP/1.1\r\nHost: flm\r\n\r\n');
  assert.match(answer, /^HTTP\/1\.1 200 OK\r\nflm-nonce: the nonce\r\n/);
  assert.match(answer, /\r\nContent-Type: application\/json\r\n/i);
  assert(answer.endsWith('\r\n\r\n{"running":2,"cut":1,"tookMs":3}\n'), answer);
  assert.deepEqual(asked, [['stop', 1_234]]);
});

test('curl speaks to it', async (t) => {
  if (spawnSync('curl', ['--version']).status !== 0) return t.skip('there is no curl here');
  const { path } = await staged(t);
  // Not spawnSync: the server lives in this very process.
  const curl = await promisify(execFile)('curl', ['-sS', '--unix-socket', path, 'http://flm/metrics']);
  assert.equal(curl.stdout, 'flm_requests_total 1\n');
});

test('what is not in the table does nothing', async (t) => {
  const { path, asked } = await staged(t);
  const requests: readonly (readonly [string, number])[] = [
    ['GET /stop', 404],
    ['POST /status', 404],
    ['GET /', 404],
    ['GET //status', 404],
    ['POST /stop?graceMs=-1', 400],
    ['POST /stop?graceMs=1e3', 400],
    ['POST /release?graceMs=3600001', 400],
    ['POST /temporary-key?ttlMs=', 400],
    ['GET /explain/%ff', 400],
    ['GET /requests/other', 404],
    ['POST /requests', 404],
    ['GET /cancel/req_1', 404],
  ];
  for (const [target, status] of requests) {
    const answer = await bytesOf(path, `${target} HTTP/1.1\r\nHost: flm\r\n\r\n`);
    assert(answer.startsWith(`HTTP/1.1 ${status} `), `${target}: ${answer}`);
    assert.match(answer, /\{"error":\{"code":"REQUEST_MALFORMED"/);
  }
  assert.deepEqual(asked, []);
});

test('a request with a large body is cut off', async (t) => {
  // No answer ends the connection here: only the body does.
  const { path } = await staged(t, { reload: () => new Promise(() => {}) });
  const head = 'POST /reload HTTP/1.1\r\nHost: flm\r\nContent-Length: 99999999\r\n\r\n';
  const answer = await bytesOf(path, `${head}${'x'.repeat(5_000)}`).catch(() => '');
  assert.equal(answer, '');
});

test('only this user may open it', async (t) => {
  const { path } = await staged(t);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(statSync(join(path, '..')).mode & 0o777, 0o700);
});

test('a folder that others may enter is refused', async (t) => {
  const folder = join(temporaryFolder(t), 'run');
  mkdirSync(folder);
  chmodSync(folder, 0o755);
  const path = join(folder, 'a.sock');
  await assert.rejects(serveControl(controlOf(path, []), { path, nonce }), failsWith('HOME_UNSAFE'));
  assert.deepEqual(readdirSync(folder), []);
});

test('a socket that a dead process left is replaced', async (t) => {
  const path = join(temporaryFolder(t), 'a.sock');
  const program = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['-e', program]);
  assert(existsSync(path));
  assert.equal(await controlClient(statusAt(path).handle).status(), 'gone');
  const server = await serveControl(controlOf(path, []), { path, nonce });
  assert.equal(await controlClient(statusAt(path).handle).who(), 'same');
  await server.close();
  assert(!existsSync(path));
});

test('the socket of a living process is left alone', async (t) => {
  const { path, client } = await staged(t);
  const second = serveControl(controlOf(path, []), { path, nonce: 'another' });
  await assert.rejects(second, failsWith('PROXY_START_FAILED'));
  assert.equal(await client.who(), 'same');
});

test('another proxy behind the path is told, and does nothing', async (t) => {
  const { path, asked } = await staged(t);
  const client = controlClient({ ...statusAt(path).handle, nonce: 'of another life' });
  assert.equal(await client.who(), 'other');
  assert.equal(await client.status(), 'gone');
  assert.equal(await client.stop(0), 'gone');
  assert.equal(await client.explain('req_1'), 'gone');
  for await (const _ of client.tail(new AbortController().signal)) assert.fail('a line of another proxy');
  assert.deepEqual(asked, []);
});

test('the tail of another proxy is closed', async (t) => {
  const left = Promise.withResolvers<void>();
  const path = await impostor(t, (socket) => {
    socket.write('HTTP/1.1 200 OK\r\nflm-nonce: of another life\r\n\r\n');
    socket.resume().on('close', left.resolve);
  });
  const lines = controlClient(statusAt(path).handle).tail(new AbortController().signal);
  assert.deepEqual(await lines.next(), { done: true, value: undefined });
  await left.promise;
});

test('where nobody listens every call says that it is gone', async (t) => {
  const path = join(temporaryFolder(t), 'a.sock');
  const client = controlClient(statusAt(path).handle);
  assert.equal(await client.who(), 'nobody');
  assert.equal(await client.status(), 'gone');
  assert.equal(await client.stop(0), 'gone');
  assert.equal(await client.release(0), 'gone');
  assert.equal(await client.reload(), 'gone');
  assert.equal(await client.metrics(), 'gone');
  assert.equal(await client.temporaryKey(1_000), 'gone');
  assert.equal(await client.revokeKey('key_t', 'cli:me'), 'gone');
  for await (const _ of client.tail(new AbortController().signal)) assert.fail('a line of nobody');
});

test('a process that takes the connection and says nothing is unreachable when the time is up', async (t) => {
  const accepted = Promise.withResolvers<void>();
  const path = await impostor(t, (socket) => {
    socket.resume();
    accepted.resolve();
  });
  const clock = new MovedClock();
  const client = controlClient(statusAt(path).handle, clock);
  const status = assert.rejects(client.status(), failsWith('PROXY_CONTROL_UNREACHABLE'));
  await accepted.promise;
  assert.equal(clock.timers, 1);
  await clock.move(2_000);
  await status;
  const stop = client.stop(10_000);
  const stopFails = assert.rejects(stop, failsWith('PROXY_CONTROL_UNREACHABLE'));
  await clock.move(14_999);
  assert.equal(clock.timers, 1);
  await clock.move(1);
  await stopFails;
  assert.equal(clock.timers, 0);
});

test('a call that is aborted rejects with the reason', async (t) => {
  const accepted = Promise.withResolvers<void>();
  const path = await impostor(t, () => accepted.resolve());
  const leaving = new AbortController();
  const clock = new MovedClock();
  const status = controlClient(statusAt(path).handle, clock).status(leaving.signal);
  await accepted.promise;
  const reason = new Error('changed my mind');
  leaving.abort(reason);
  await assert.rejects(status, reason);
  assert.equal(clock.timers, 0);
});

test('a process that breaks off, or babbles, is unreachable', async (t) => {
  const head = `HTTP/1.1 200 OK\r\nflm-nonce: ${nonce}\r\n`;
  const answers = [
    '',
    'nonsense\r\n\r\n',
    `${head}Content-Length: 10\r\n\r\n{`,
    `${head}Content-Length: 1\r\n\r\n{`,
  ];
  for (const answer of answers) {
    const path = await impostor(t, (socket) => socket.end(answer));
    const status = controlClient(statusAt(path).handle).status();
    await assert.rejects(status, failsWith('PROXY_CONTROL_UNREACHABLE'), JSON.stringify(answer));
  }
});

test('an answer without end is given up', async (t) => {
  const mebibyte = 'x'.repeat(1024 ** 2);
  const path = await impostor(t, (socket) => {
    socket.write(`HTTP/1.1 200 OK\r\nflm-nonce: ${nonce}\r\n\r\n`);
    const more = (): void => {
      while (!socket.destroyed && socket.write(mebibyte));
    };
    socket.on('drain', more);
    more();
  });
  const metrics = controlClient(statusAt(path).handle, new MovedClock()).metrics();
  await assert.rejects(metrics, failsWith('PROXY_CONTROL_UNREACHABLE'));
});

test('an error of the proxy comes back as what it was, and one that is not flm’s own without its text', async (t) => {
  const { client } = await staged(t, {
    reload: () => Promise.reject(new StoreError('STORE_FULL', { params: { file: '/data/flm.db' } })),
    metrics: () => Promise.reject(new Error('the password is swordfish')),
  });
  await assert.rejects(client.reload(), (error) => {
    assert(error instanceof ProxyError);
    assert.equal(error.code, 'STORE_FULL');
    assert.match(error.message, /\/data\/flm\.db/);
    return true;
  });
  await assert.rejects(client.metrics(), (error) => {
    assert(error instanceof ProxyError);
    assert.equal(error.code, 'INTERNAL');
    assert.doesNotMatch(JSON.stringify(error), /swordfish/);
    return true;
  });
});

test('the answer to a stop goes out before the socket closes', async (t) => {
  const drained = Promise.withResolvers<void>();
  const fixture = await staged(t, {
    async stop() {
      fixture.asked.push('stop');
      await drained.promise;
      return { running: 2, cut: 1, tookMs: 3 };
    },
  });
  const report = fixture.client.stop(0);
  await until(() => fixture.asked.length === 1);
  drained.resolve();
  await fixture.close();
  assert.deepEqual(await report, { running: 2, cut: 1, tookMs: 3 });
  assert(!existsSync(fixture.path));
});

test('an answer that does not come is waited for a moment, and then cut', async (t) => {
  const path = join(temporaryFolder(t), 'a.sock');
  const clock = new MovedClock();
  const asked: unknown[] = [];
  const control = controlOf(path, asked, {
    reload() {
      asked.push('reload');
      return new Promise(() => {});
    },
  });
  const server = await serveControl(control, { path, nonce, clock });
  const reload = controlClient(statusAt(path).handle).reload();
  const cut = assert.rejects(reload, failsWith('PROXY_CONTROL_UNREACHABLE'));
  await until(() => asked.length === 1);
  const closed = server.close();
  await clock.move(1_000);
  await closed;
  await cut;
  assert.equal(clock.timers, 0);
});

/** A tail that reports its state. */
function countedTail() {
  const open = new Set<AbortSignal>();
  const publish: (() => void)[] = [];
  async function* tail(signal: AbortSignal): AsyncGenerator<RequestLine> {
    open.add(signal);
    try {
      while (!signal.aborted) {
        await new Promise<void>((resolve) => {
          publish.push(resolve);
          signal.addEventListener('abort', () => resolve(), { once: true });
        });
        if (!signal.aborted) yield line;
      }
    } finally {
      open.delete(signal);
    }
  }
  const next = (): void => {
    for (const wake of publish.splice(0)) wake();
  };
  return { tail, open, next };
}

test('a tail shows lines as they come, and one who leaves frees everything', async (t) => {
  const { tail, open, next } = countedTail();
  const { client } = await staged(t, { tail });
  const leaving = new AbortController();
  const lines = client.tail(leaving.signal);
  const first = lines.next();
  await until(() => open.size === 1);
  next();
  assert.deepEqual(await first, { done: false, value: line });
  const second = lines.next();
  leaving.abort();
  assert.deepEqual(await second, { done: true, value: undefined });
  await until(() => open.size === 0);
});

test('a reader of a tail that only breaks its loop frees everything as well', async (t) => {
  const { tail, open, next } = countedTail();
  const { client } = await staged(t, { tail });
  const lines = client.tail(new AbortController().signal);
  const first = lines.next();
  await until(() => open.size === 1);
  next();
  await first;
  await lines.return();
  await until(() => open.size === 0);
});

test('a reader of a tail that takes nothing is waited for, and its tail is closed when it leaves', async (t) => {
  let yielded = 0;
  let ended = false;
  const { path } = await staged(t, {
    async *tail(signal) {
      try {
        while (!signal.aborted) {
          yielded += 1;
          yield { ...line, path: 'x'.repeat(10_000) };
        }
      } finally {
        ended = true;
      }
    },
  });
  const socket = connect(path, () => socket.write('GET /tail HTTP/1.1\r\nHost: flm\r\n\r\n'));
  let before = -1;
  await until(async () => {
    const stands = yielded > 0 && yielded === before;
    before = yielded;
    for (let turn = 0; turn < 100; turn += 1) await new Promise(setImmediate);
    return stands;
  });
  assert(!ended);
  assert(yielded < 1_000, `${yielded} lines in memory`);
  socket.destroy();
  await until(() => ended);
});

test('a proxy that closes ends its tails', async (t) => {
  const { tail, open } = countedTail();
  const fixture = await staged(t, { tail });
  const lines = fixture.client.tail(new AbortController().signal);
  const next = lines.next();
  await until(() => open.size === 1);
  await fixture.close();
  assert.deepEqual(await next, { done: true, value: undefined });
  assert.equal(open.size, 0);
});

test('more readers than there is room for are refused', async (t) => {
  const { tail, open } = countedTail();
  const fixture = await staged(t, { tail });
  const leaving = new AbortController();
  const readers = Array.from({ length: 32 }, () => fixture.client.tail(leaving.signal).next());
  await until(() => open.size === 32);
  await assert.rejects(fixture.client.tail(leaving.signal).next(), /32 readers watch already/);
  leaving.abort();
  await Promise.all(readers);
});
