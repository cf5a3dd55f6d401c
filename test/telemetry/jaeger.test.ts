/**
 * The trace of one request through a load balancer, flm and an engine, as the API of a real Jaeger shows it. Caddy and the
 * engine send spans of their own; nginx passes on the traceparent of the client.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { json } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { startProgram } from '../clients/installed.ts';
import { makeCli, type TestCli } from '../helpers/cli.ts';
import { eventually } from '../helpers/eventually.ts';
import { freePort } from '../helpers/free-ports.ts';
import { createKey, startProxy } from '../helpers/start-proxy.ts';
import {
  caddy,
  type Jaeger,
  type JaegerSpan,
  needsJaeger,
  needsJaegerAndCaddy,
  needsJaegerAndNginx,
  startJaeger,
} from './programs.ts';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const parentId = '00f067aa0ba902b7';
const question = { model: 'traced', stream: true, messages: [{ role: 'user', content: 'a secret prompt' }] };

/** An engine that sends a span of its own to Jaeger, as the child of the traceparent that it got. */
async function startTracedEngine(t: TestContext, jaeger: Jaeger): Promise<string> {
  let count = 0;
  const receive = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    response.setHeader('server', 'llama.cpp');
    if (request.method === 'GET') {
      const models = { object: 'list', data: [{ id: 'traced', object: 'model', owned_by: 'llamacpp' }] };
      response.setHeader('content-type', 'application/json').end(JSON.stringify(models));
      return;
    }
    const startedAt = process.hrtime.bigint();
    const atMs = BigInt(Date.now());
    await json(request);
    response.setHeader('content-type', 'text/event-stream');
    response.write('data: {"choices":[{"delta":{"content":"a secret answer"}}]}\n\n');
    response.write(
      'data: {"choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":2}}\n\n',
    );
    response.end('data: [DONE]\n\n');
    const [, trace = '', parent = ''] = String(request.headers.traceparent).split('-');
    const start = atMs * 1_000_000n;
    const span = {
      traceId: trace,
      spanId: (++count).toString(16).padStart(16, 'e'),
      parentSpanId: parent,
      name: 'generate',
      kind: 2,
      startTimeUnixNano: String(start),
      endTimeUnixNano: String(start + process.hrtime.bigint() - startedAt),
    };
    const attributes = [{ key: 'service.name', value: { stringValue: 'engine' } }];
    await fetch(`${jaeger.url}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        resourceSpans: [{ resource: { attributes }, scopeSpans: [{ spans: [span] }] }],
      }),
    });
  };
  const server = createServer((request, response) => void receive(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(async () => {
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

interface Traced {
  readonly jaeger: Jaeger;
  readonly cli: TestCli;
  readonly url: string;
  readonly key: string;
}

/** flm behind a trusted load balancer, before the engine. */
async function startTraced(t: TestContext): Promise<Traced> {
  const cli = makeCli(t, { OTEL_BSP_SCHEDULE_DELAY: '50' });
  const jaeger = await startJaeger(t, cli.folder);
  const engine = await startTracedEngine(t, jaeger);
  const trusted = await cli.run('policy', 'set', '--trusted-proxy', '127.0.0.1', '--yes');
  assert.equal(trusted.code, 0, trusted.stderr);
  const proxy = await startProxy(cli, '--engine', engine, '--otlp', jaeger.url);
  const { key } = await createKey(cli, 'tracer');
  return { jaeger, cli, url: proxy.url, key };
}

async function ask(
  url: string,
  key: string,
  fields: Readonly<Record<string, string>> = {},
  body: object = question,
): Promise<number> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...fields },
    body: JSON.stringify(body),
  });
  await response.text();
  return response.status;
}

const named = (spans: readonly JaegerSpan[], service: string, name: string): JaegerSpan => {
  const found = spans.find((span) => span.service === service && span.operationName === name);
  assert.ok(
    found,
    `${service} ${name} among ${spans.map((s) => `${s.service} ${s.operationName}`).join(', ')}`,
  );
  return found;
};

/** The part of the trace that flm and the engine make; returns flm's span. */
function assertFlmAndEngine(spans: readonly JaegerSpan[], key: string): JaegerSpan {
  const request = named(spans, 'flm', 'POST /v1/chat/completions');
  const attempt = named(spans, 'flm', 'chat traced');
  assert.equal(attempt.parent, request.spanID);
  assert.equal(named(spans, 'flm', 'first byte').parent, attempt.spanID);
  assert.equal(named(spans, 'flm', 'stream').parent, attempt.spanID);
  assert.equal(named(spans, 'engine', 'generate').parent, attempt.spanID);
  assert.equal(attempt.tags['gen_ai.operation.name'], 'chat');
  assert.equal(attempt.tags['gen_ai.request.model'], 'traced');
  assert.equal(attempt.tags['gen_ai.usage.input_tokens'], 5);
  assert.equal(attempt.tags['gen_ai.usage.output_tokens'], 2);
  assert.ok(request.startUs <= attempt.startUs && attempt.endUs <= request.endUs);
  const text = JSON.stringify(spans.filter(({ service }) => service === 'flm'));
  for (const secret of [key, 'tracer', 'secret prompt', 'secret answer', '127.0.0.1'])
    assert.ok(!text.includes(secret), secret);
  return request;
}

test('Jaeger shows one trace through Caddy, flm and the engine', needsJaegerAndCaddy, async (t) => {
  const { jaeger, cli, url, key } = await startTraced(t);
  const port = await freePort();
  const file = join(cli.folder, 'Caddyfile');
  writeFileSync(
    file,
    [
      '{',
      '  admin off',
      '  auto_https off',
      '}',
      `http://127.0.0.1:${port} {`,
      '  tracing {',
      '    span balance',
      '  }',
      `  reverse_proxy ${new URL(url).host} {`,
      '    flush_interval -1',
      '  }',
      '}',
      '',
    ].join('\n'),
  );
  startProgram(t, caddy, ['run', '--config', file, '--adapter', 'caddyfile'], {
    cwd: cli.folder,
    env: {
      PATH: process.env.PATH ?? '',
      HOME: cli.folder,
      OTEL_EXPORTER_OTLP_ENDPOINT: jaeger.grpcUrl,
      OTEL_EXPORTER_OTLP_INSECURE: 'true',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
      OTEL_SERVICE_NAME: 'caddy',
      OTEL_BSP_SCHEDULE_DELAY: '50',
    },
  }).stderr.resume();
  const balanced = `http://127.0.0.1:${port}`;
  await eventually(
    () => ask(balanced, key).catch(() => 0),
    (status) => status === 200,
  );

  const [spans = []] = await eventually(
    () => jaeger.all('caddy'),
    ([first]) => first?.length === 6,
  );
  const request = assertFlmAndEngine(spans, key);
  const balance = named(spans, 'caddy', 'balance');
  assert.equal(balance.parent, undefined);
  assert.equal(request.parent, balance.spanID);
});

test(
  "Jaeger shows flm in the client's trace behind nginx, which passes traceparent on",
  needsJaegerAndNginx,
  async (t) => {
    const { jaeger, cli, url, key } = await startTraced(t);
    const port = await freePort();
    const file = join(cli.folder, 'nginx.conf');
    writeFileSync(
      file,
      `daemon off; pid ${cli.folder}/nginx.pid; error_log stderr;
events {}
http {
  access_log off;
  client_body_temp_path ${cli.folder}/body; proxy_temp_path ${cli.folder}/proxy;
  fastcgi_temp_path ${cli.folder}/f; uwsgi_temp_path ${cli.folder}/u; scgi_temp_path ${cli.folder}/s;
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass ${url};
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_buffering off;
    }
  }
}
`,
    );
    startProgram(t, 'nginx', ['-p', cli.folder, '-c', file], {
      cwd: cli.folder,
      env: { PATH: process.env.PATH ?? '' },
    }).stderr.resume();
    const balanced = `http://127.0.0.1:${port}`;
    await eventually(
      () =>
        fetch(`${balanced}/health`).then(
          ({ status }) => status,
          () => 0,
        ),
      (status) => status === 200,
    );
    assert.equal(await ask(balanced, key, { traceparent: `00-${traceId}-${parentId}-01` }), 200);
    const spans = await jaeger.trace(traceId, 5);
    assert.equal(assertFlmAndEngine(spans, key).parent, parentId);
  },
);

test('Jaeger shows what failed, and a request that two engines got', needsJaeger, async (t) => {
  const cli = makeCli(t, { OTEL_BSP_SCHEDULE_DELAY: '50' });
  const jaeger = await startJaeger(t, cli.folder);
  const engine = await startTracedEngine(t, jaeger);
  const busy = createServer((request, response) => {
    const isList = request.method === 'GET';
    response.writeHead(isList ? 200 : 503, { server: 'llama.cpp', 'content-type': 'application/json' });
    response.end(isList ? '{"object":"list","data":[{"id":"traced","owned_by":"llamacpp"}]}' : '{}');
  });
  busy.listen(0, '127.0.0.1');
  await once(busy, 'listening');
  t.after(async () => {
    busy.close();
    busy.closeAllConnections();
    await once(busy, 'close');
  });
  const busyUrl = `http://127.0.0.1:${(busy.address() as AddressInfo).port}`;
  const proxy = await startProxy(cli, '--engine', busyUrl, '--engine', engine, '--otlp', jaeger.url);
  const { key } = await createKey(cli, 'tracer');
  const statuses: number[] = [];
  for (let i = 0; i < 4; i++) statuses.push(await ask(proxy.url, key));
  assert.deepEqual(statuses, [200, 200, 200, 200]);
  assert.equal(await ask(proxy.url, key, {}, { model: 'no-such-model', messages: [] }), 404);

  // A request that got 503 from the first engine, and one that got no engine.
  const all = await eventually(
    () => jaeger.all('flm'),
    (traces) => traces.some((spans) => spans.length === 6) && traces.some((spans) => spans.length === 1),
  );
  const attempts = all
    .find((spans) => spans.length === 6)
    ?.filter(({ operationName }) => operationName === 'chat traced');
  assert.deepEqual(
    attempts?.map(({ tags }) => [tags['flm.attempt'], tags['http.response.status_code'], tags.error]).sort(),
    [
      [1, 503, true],
      [2, 200, undefined],
    ],
  );
  const [refused] = all.find((spans) => spans.length === 1) ?? [];
  assert.equal(refused?.tags['http.response.status_code'], 404);
  assert.equal(refused?.tags['flm.error.code'], 'MODEL_UNKNOWN');
  assert.ok(!JSON.stringify(all).includes('no-such-model'));
});
