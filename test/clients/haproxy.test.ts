/**
 * HAProxy in front of flm, with the health checks that it sends by default: HTTP/1.0 without Host.
 */
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { text } from 'node:stream/consumers';
import { after, type TestContext, test } from 'node:test';
import { portOf, startProxyFor } from '../engines/tested-proxy.ts';
import { eventually } from '../helpers/eventually.ts';
import { assertNoLeaks, takeStock } from '../helpers/leaks.ts';
import { needsHaproxy, startProgram } from './installed.ts';
import { loggedRequests } from './logged-requests.ts';
import { scriptedModel, startScriptedEngine } from './scripted-engine.ts';

const before = takeStock();
after(() => assertNoLeaks(before));

/** Without a method HAProxy asks with OPTIONS. */
const checks = ['/health', 'GET /health', 'HEAD /health', '/ready', 'GET /ready', 'HEAD /ready'];
const all = (state: string): readonly string[] => checks.map(() => state);
const question = { model: scriptedModel, stream: true, messages: [{ role: 'user', content: 'hi' }] };

test('HAProxy sends requests while an engine is up, and none while flm drains', needsHaproxy, async (t) => {
  const engine = await startScriptedEngine(t);
  const { cli, proxy, key } = await startProxyFor(t, engine.url);
  const haproxy = await startHaproxy(t, cli.folder, portOf(proxy.url));
  const ask = (backend: number): Promise<Answer> => haproxy.ask(backend, key, question);

  await haproxy.becomes(all('UP'));
  for (const backend of checks.keys()) {
    const { status, body } = await ask(backend);
    assert.equal(status, 200);
    assert.match(body, /is forty/);
  }

  engine.holdStreams();
  const running = ask(0);
  await engine.waitsInStream();
  const stopped = cli.run('proxy', 'stop', '--grace', '60');
  await haproxy.becomes(all('DOWN'));
  assert.equal((await ask(0)).status, 503);
  engine.release();
  assert.match((await running).body, /\[DONE\]/);
  assert.equal((await stopped).code, 0);
});

test(
  'HAProxy with a check on /ready waits for an engine, one on /health does not',
  needsHaproxy,
  async (t) => {
    const engine = await startScriptedEngine(t);
    await engine.refuse();
    const { cli, proxy, key } = await startProxyFor(t, engine.url);
    const haproxy = await startHaproxy(t, cli.folder, portOf(proxy.url));

    await haproxy.becomes(checks.map((check) => (check.endsWith('/ready') ? 'DOWN' : 'UP')));

    await engine.listenAgain();
    await haproxy.becomes(all('UP'));
    assert.equal((await haproxy.ask(checks.indexOf('/ready'), key, question)).status, 200);
    await loggedRequests(cli, { path: '/v1/chat/completions', status: 200, keyLabel: 'everyday' });
  },
);

interface Answer {
  readonly status: number | undefined;
  readonly body: string;
}

interface Haproxy {
  /** A chat by the backend with this check. */
  ask(backend: number, key: string, chat: object): Promise<Answer>;
  /** Resolves when the servers are in these states, in the order of `checks`. */
  becomes(states: readonly string[]): Promise<unknown>;
}

/** One backend for each check, all before flm at this port. */
async function startHaproxy(t: TestContext, folder: string, port: number): Promise<Haproxy> {
  const admin = join(folder, 'admin.sock');
  const front = join(folder, 'front.sock');
  const lines = [
    'global',
    `  stats socket ${admin} mode 600`,
    'defaults',
    '  mode http',
    '  timeout connect 60s',
    '  timeout client 60s',
    '  timeout server 60s',
    '  timeout check 60s',
    'frontend llm',
    `  bind unix@${front}`,
    '  use_backend %[req.hdr(x-backend)]',
    ...checks.flatMap((check, i) => [
      `backend b${i}`,
      `  option httpchk ${check}`,
      `  server flm 127.0.0.1:${port} check inter 100`,
    ]),
  ];
  const file = join(folder, 'haproxy.cfg');
  writeFileSync(file, `${lines.join('\n')}\n`);
  startProgram(t, 'haproxy', ['-db', '-f', file], {
    cwd: folder,
    env: { PATH: process.env.PATH ?? '' },
  });
  await eventually(
    () => Promise.resolve(existsSync(admin) && existsSync(front)),
    (there) => there,
  );
  return {
    ask: async (backend, key, chat) => {
      const asked = request({
        socketPath: front,
        method: 'POST',
        path: '/v1/chat/completions',
        headers: { host: '127.0.0.1', authorization: `Bearer ${key}`, 'x-backend': `b${backend}` },
      });
      asked.end(JSON.stringify(chat));
      const { promise, resolve, reject } = Promise.withResolvers<Answer>();
      asked.on('error', reject);
      asked.on('response', (response) => {
        text(response).then((body) => resolve({ status: response.statusCode, body }), reject);
      });
      return promise;
    },
    becomes: (states) =>
      eventually(
        () => statesOf(admin),
        (seen) => seen.join() === states.join(),
      ),
  };
}

/** Of the servers, in the order of their backends. */
async function statesOf(admin: string): Promise<readonly (string | undefined)[]> {
  const socket = connect(admin);
  socket.end('show stat -1 4 -1\n');
  const [names = '', ...rows] = (await text(socket)).trim().split('\n');
  const column = names.split(',').indexOf('status');
  // `UP 1/2` while it changes.
  return rows.map((row) => row.split(',')[column]?.split(' ')[0]);
}
