/**
 * Telemetry of the built proxy: off by default, visible when on, in both languages, and without secrets in any output.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeCli } from '../helpers/cli.ts';
import { eventually } from '../helpers/eventually.ts';
import { llamacppTable, startFakeEngine } from '../helpers/fake-engine.ts';
import { createKey, type ProxyView, startProxy } from '../helpers/start-proxy.ts';
import { startTelemetryServer } from '../helpers/telemetry-server.ts';

interface Telemetry {
  readonly telemetry?: {
    readonly endpoint: string;
    readonly traces: boolean;
    readonly metrics: boolean;
    readonly spansSent: number;
    readonly problem?: string;
  };
}

const soon = { OTEL_BSP_SCHEDULE_DELAY: '20', OTEL_METRIC_EXPORT_INTERVAL: '20' };

async function ask(url: string, key: string): Promise<void> {
  const response = await fetch(`${url}/v1/models`, { headers: { authorization: `Bearer ${key}` } });
  await response.text();
  assert.equal(response.status, 200);
}

test('variables of OpenTelemetry alone send nothing, and FLM_PROXY_OTLP=environment uses them', async (t) => {
  const server = await startTelemetryServer();
  t.after(() => server.close());
  const engine = await startFakeEngine(llamacppTable);
  t.after(() => engine.close());
  const variables = {
    ...soon,
    OTEL_EXPORTER_OTLP_ENDPOINT: server.url,
    OTEL_EXPORTER_OTLP_HEADERS: 'x-secret=telemetry-secret',
    OTEL_SERVICE_NAME: 'front-door',
  };
  const off = makeCli(t, variables);
  const silent = await startProxy<ProxyView & Telemetry>(off, '--engine', engine.url);
  assert.equal(silent.telemetry, undefined);
  await ask(silent.url, (await createKey(off, 'a')).key);
  await off.run('proxy', 'stop');
  assert.equal(server.requests, 0);

  const on = makeCli(t, { ...variables, FLM_PROXY_OTLP: 'environment' });
  const proxy = await startProxy<ProxyView & Telemetry>(on, '--engine', engine.url);
  assert.equal(proxy.telemetry?.endpoint, server.url);
  await ask(proxy.url, (await createKey(on, 'a')).key);
  await eventually(
    () => [server.spans.length, server.metrics.length],
    ([spans = 0, metrics = 0]) => spans > 0 && metrics > 0,
  );
  assert.equal(server.resource['service.name'], 'front-door');
  assert.equal(server.resource['service.instance.id'], proxy.id);
  assert.equal(server.headers[0]?.['x-secret'], 'telemetry-secret');
});

test('a proxy that sends telemetry says so at its start, in its status and in its log, without the secret', async (t) => {
  const server = await startTelemetryServer();
  t.after(() => server.close());
  const cli = makeCli(t, { ...soon, OTEL_EXPORTER_OTLP_HEADERS: 'x-secret=telemetry-secret' });
  const started = await cli.run('proxy', 'start', '--port', '0', '--demo', '--otlp', server.url);
  assert.equal(started.code, 0, started.stderr);
  const line = new RegExp(`telemetry +sent to ${server.url}, `);
  assert.match(started.stdout, line);
  const { key } = await createKey(cli, 'a');
  const { proxies } = (await cli.run('proxy', 'status', '--json')).json<{ proxies: ProxyView[] }>();
  await ask(proxies[0]?.url ?? '', key);
  const seen = await eventually(
    async () => (await cli.run('status', '--json')).json<{ proxies: Telemetry[] }>().proxies[0]?.telemetry,
    (telemetry) => (telemetry?.spansSent ?? 0) > 0,
  );
  assert.deepEqual([seen?.traces, seen?.metrics, seen?.problem], [true, true, undefined]);

  const status = await cli.run('status');
  assert.match(status.stdout, line);
  const japanese = await makeCli(t, { FLM_HOME: cli.home, FLM_LANG: 'ja' }).run('status');
  assert.match(japanese.stdout, new RegExp(`テレメトリー ${server.url}に送信中`));
  const log = readFileSync(join(cli.home, 'logs', 'default.log'), 'utf8');
  assert.match(log, /telemetry is sent to another server/);
  const metrics = await createKey(cli, 'm', '--scope', 'metrics');
  const scraped = await fetch(`${proxies[0]?.url}/metrics`, {
    headers: { authorization: `Bearer ${metrics.key}` },
  });
  assert.match(await scraped.text(), /^flm_telemetry_working 1$/m);
  const outputs = [started, status, await cli.run('status', '--json'), await cli.run('export')];
  for (const text of [log, ...outputs.flatMap(({ stdout, stderr }) => [stdout, stderr])])
    assert.ok(!text.includes('telemetry-secret'));
});

test('a telemetry server that is away is a warning of a proxy that serves, and a wrong address stops the start', async (t) => {
  const server = await startTelemetryServer();
  await server.close();
  const cli = makeCli(t, soon);
  const proxy = await startProxy<ProxyView>(cli, '--demo', '--otlp', server.url);
  const { key } = await createKey(cli, 'a');
  await ask(proxy.url, key);
  const { warnings } = await eventually(
    async () => {
      const [first] = (await cli.run('proxy', 'status', '--json')).json<{ proxies: ProxyView[] }>().proxies;
      return first ?? { warnings: [] };
    },
    (view) => view.warnings.some((warning) => warning.startsWith('Telemetry cannot be sent')),
  );
  assert.ok(warnings.some((warning) => warning.includes(`${server.url} (it refuses connections)`)));
  await ask(proxy.url, key);
  await cli.run('proxy', 'stop');

  const wrong = await cli.run(
    'proxy',
    'start',
    '--port',
    '0',
    '--otlp',
    'https://user:secret-1@collector.example',
  );
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /--otlp/);
  assert.doesNotMatch(wrong.stderr, /secret-1/);
  const missing = await cli.run('proxy', 'start', '--port', '0', '--otlp', 'environment');
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /OTEL_EXPORTER_OTLP_ENDPOINT is missing/);
});

test('a restart from another shell keeps where telemetry goes, and its secret', async (t) => {
  const server = await startTelemetryServer();
  t.after(() => server.close());
  const elsewhere = await startTelemetryServer();
  t.after(() => elsewhere.close());
  const cli = makeCli(t, {
    ...soon,
    FLM_PROXY_OTLP: 'environment',
    OTEL_EXPORTER_OTLP_ENDPOINT: server.url,
    OTEL_EXPORTER_OTLP_HEADERS: 'x-secret=telemetry-secret',
  });
  const first = await startProxy<ProxyView & Telemetry>(cli, '--demo');
  const { key } = await createKey(cli, 'a');
  const other = makeCli(t, { FLM_HOME: cli.home, OTEL_EXPORTER_OTLP_ENDPOINT: elsewhere.url });
  const restarted = await other.run('proxy', 'restart', '--json');
  assert.equal(restarted.code, 0, restarted.stderr);
  const next = restarted.json<ProxyView & Telemetry>();
  assert.notEqual(next.id, first.id);
  assert.equal(next.telemetry?.endpoint, server.url);
  await ask(next.url, key);
  await eventually(
    () => server.resource['service.instance.id'],
    (id) => id === next.id,
  );
  assert.equal(server.headers.at(-1)?.['x-secret'], 'telemetry-secret');
  assert.equal(elsewhere.requests, 0);
});
