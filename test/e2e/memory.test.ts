/**
 * What a proxy can still reach while its connections rest: nothing of a prompt, and no credential in clear. The proxy is
 * the built one in a process of its own; its strings are read from a heap snapshot, its buffers from their memory.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { makeCli } from '../helpers/cli.ts';
import {
  answer,
  chunk,
  lastChunk,
  type RawRequest,
  type Script,
  sseHead,
  startRawEngine,
} from '../helpers/raw-engine.ts';
import { createKey, runProxyWith } from '../helpers/start-proxy.ts';
import { get, post, Wire } from '../helpers/test-gateway.ts';

const mark = (what: string): string => `${what}-${randomBytes(12).toString('hex')}`;
const odd = 'X-Name: \xe4\r\n';

test('resting connections keep nothing of a prompt and no credential in clear', {
  timeout: 120_000,
}, async (t) => {
  const cli = makeCli(t);
  const { key } = await createKey(cli, 'memory');
  await cli.run('policy', 'set', '--trusted-proxy', '127.0.0.1', '--rpm-per-address', '100000', '--yes');
  const engine = await startRawEngine([]);
  t.after(() => engine.close());
  /** Engines may repeat the prompt. */
  const echo = (request: RawRequest): string => JSON.stringify(request.body.toString('latin1'));
  const json: Script = (_socket, request) => [
    answer(`{"object":"chat.completion","choices":[{"finish_reason":"stop"}],"input":${echo(request)}}`),
  ];
  engine.setScript([answer('{"object":"list","data":[{"id":"m","object":"model"}]}')]);
  const tap = join(cli.folder, 'tap');
  const { port } = await runProxyWith(t, cli, {
    nodeOptions: [
      ...['--expose-gc', '--heap-snapshot-string-limit=100000000', '--import'],
      join(import.meta.dirname, '..', 'helpers', 'memory-tap.ts'),
    ],
    env: { FLM_MEMORY_TAP: tap },
    flags: ['--engine', engine.url],
  });

  const secrets = new Map<string, string>([['the key', key]]);
  const secret = (what: string): string => {
    const text = mark('secret');
    secrets.set(what, text);
    return text;
  };
  const wires: Wire[] = [];
  /** Sends it three times on a connection of its own, which stays open and remembers the head from the second time on. */
  const ask = async (text: string | Buffer, status: number): Promise<void> => {
    const wire = await Wire.dial(port);
    wires.push(wire);
    // Long enough for V8 to keep a slice as a view.
    const bytes =
      typeof text === 'string' ? text.replace('Host: localhost', `Host: 127.0.0.1:${port}`) : text;
    for (let i = 0; i < 3; i++) {
      const response = await wire.send(bytes).response();
      assert.equal(response.status, status, response.body.toString());
    }
  };
  t.after(() => {
    for (const wire of wires) wire.close();
  });
  const chat = '/v1/chat/completions';
  const body = (what: string, more = ''): string =>
    `{"model":"m"${more},"messages":[{"role":"user","content":"${secret(what)}"}]}`;

  engine.setScript(json);
  await ask(post(chat, key, body('a prompt')), 200);
  await ask(
    post(`${chat}?key=${secret('a key in the query of a chat')}`, key, body('a prompt with a query')),
    200,
  );
  await ask(
    post(
      chat,
      key,
      body('a prompt with cookies'),
      `Cookie: ${secret('a cookie of a chat')}\r\nApi-Key: ${secret('a token beside')}\r\n`,
    ),
    200,
  );
  await ask(post(chat, key, body('a prompt read by node:http'), odd), 200);
  await ask(post(chat, key, body('a large prompt', `,"x":"${'y'.repeat(200_000)}"`)), 200);
  await ask(
    post(chat, 'x', body('a prompt of x-api-key'), `X-Api-Key: ${key}\r\n`).replace(
      /Authorization.*\r\n/,
      '',
    ),
    200,
  );
  const chunks = body('a prompt in chunks');
  const chunked = `${chunks.length.toString(16)}\r\n${chunks}\r\n0\r\n\r\n`;
  await ask(
    `POST ${chat} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${key}\r\nTransfer-Encoding: chunked\r\n\r\n${chunked}`,
    200,
  );
  const packed = gzipSync(body('a prompt in gzip'));
  const gzipHead = `POST ${chat} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${key}\r\nContent-Encoding: gzip\r\nContent-Length: ${packed.length}\r\n\r\n`;
  await ask(Buffer.concat([Buffer.from(gzipHead), packed]), 200);
  for (const more of ['', odd]) {
    const by = more === '' ? 'flm' : 'node:http';
    await ask(
      post(chat, key, body(`a prompt without a model, ${by}`).replace('"m"', '"unknown"'), more),
      404,
    );
    await ask(post(chat, key, body(`a body that is refused, ${by}`, ',"model":"m"'), more), 400);
    await ask(post(chat, key, `${body(`a body that is no JSON, ${by}`)}x`, more), 400);
    await ask(post(chat, secret(`a wrong key, ${by}`), body(`a prompt of a wrong key, ${by}`), more), 401);
    await ask(get(`/v1/models?key=${secret(`a key in a query, ${by}`)}`, key, more), 200);
    await ask(
      get(`/v1/nothing/that/is/there?key=${secret(`a key in a query of no route, ${by}`)}`, key, more),
      404,
    );
    await ask(get('/v1/models', key, `${more}X-Api-Key: ${secret(`a token beside, ${by}`)}\r\n`), 200);
    // A spelling of its own, which is remembered.
    await ask(
      get('/v1/models', key, more).replace('Authorization', by === 'flm' ? 'AUTHORIZATION' : 'authorizatioN'),
      200,
    );
    const forwarded = `X-Forwarded-For: 203.0.113.20${by.length}, 127.0.0.1\r\n`;
    await ask(get('/v1/models', key, more + forwarded), 200);
    await ask(
      post(
        chat,
        secret(`a wrong key from behind, ${by}`),
        body(`a prompt from behind, ${by}`),
        more + forwarded,
      ),
      401,
    );
    await ask(get('/v1/models', key, `${more}Cookie: ${secret(`a cookie, ${by}`)}\r\n`), 200);
  }
  engine.setScript((_socket, request) => [
    sseHead,
    chunk(`data: {"choices":[{"delta":{"content":${echo(request)}},"finish_reason":"stop"}]}\n\n`),
    chunk('data: [DONE]\n\n'),
    lastChunk,
  ]);
  await ask(post(chat, key, body('the prompt of a stream', ',"stream":true')), 200);
  await ask(post(chat, key, body('the prompt of a stream, node:http', ',"stream":true'), odd), 200);
  assert.ok(wires.every((wire) => !wire.ended));

  const look = async (): Promise<Readonly<Record<'strings' | 'buffers', readonly string[]>>> => {
    const socket = connect(tap);
    socket.resume();
    await once(socket, 'close');
    const keptIn = (file: string, known: string): readonly string[] => {
      const bytes = readFileSync(file);
      // That it is looked at the right way: what has to be there is found.
      assert.ok(bytes.includes(known));
      return [...secrets].filter(([, text]) => bytes.includes(text)).map(([what]) => what);
    };
    return {
      strings: keptIn(`${tap}.heapsnapshot`, '/v1/chat/completions'),
      buffers: keptIn(`${tap}.buffers`, 'HTTP/1.1'),
    };
  };
  let kept = await look();
  assert.deepEqual(kept.strings, []);
  assert.ok(!kept.buffers.includes('the key'), 'a key in a buffer');
  // Memory of bodies is freed within two seconds.
  const untilMs = performance.now() + 30_000;
  while (kept.buffers.length > 0 && performance.now() < untilMs) kept = await look();
  assert.deepEqual(kept, { strings: [], buffers: [] });
});
