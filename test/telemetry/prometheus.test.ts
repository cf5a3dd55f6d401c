/**
 * A real Prometheus reads flm's metrics, takes its OTLP metrics, and evaluates every alert and every panel of the dashboard.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { scriptedModel, startScriptedEngine } from '../clients/scripted-engine.ts';
import { makeCli } from '../helpers/cli.ts';
import { eventually } from '../helpers/eventually.ts';
import { createKey, startProxy } from '../helpers/start-proxy.ts';
import { needsPrometheus, needsPromtool, promtool, startPrometheus } from './programs.ts';

const files = join(import.meta.dirname, '../../docs/observability');
const rules = join(files, 'flm-alerts.yaml');

interface Panel {
  readonly title: string;
  readonly targets: readonly { readonly expr: string }[];
}

test('promtool accepts the alert rules', needsPromtool, async () => {
  const { stdout } = await promisify(execFile)(promtool, [
    'check',
    'rules',
    '--lint=all',
    '--lint-fatal',
    rules,
  ]);
  assert.match(stdout, /SUCCESS: \d+ rules found/);
});

test(
  'Prometheus evaluates each panel and finds the requests, and an alert fires',
  needsPrometheus,
  async (t) => {
    const cli = makeCli(t);
    const engine = await startScriptedEngine(t);
    const proxy = await startProxy(
      cli,
      '--engine',
      engine.url,
      '--engine',
      'http://127.0.0.1:9',
      '--key-metrics',
      '10',
    );
    const { key } = await createKey(cli, 'label "with" quotes');
    const metrics = await createKey(cli, 'prometheus', '--scope', 'metrics');
    const prometheus = await startPrometheus(t, cli.folder, { url: proxy.url, key: metrics.key }, rules);
    const ask = async (): Promise<void> => {
      const response = await fetch(`${proxy.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}` },
        body: JSON.stringify({ model: scriptedModel, stream: true, messages: [] }),
      });
      await response.text();
      assert.equal(response.status, 200);
    };
    await ask();
    const [counted] = await eventually(
      () => prometheus.query('flm_key_requests_total{label="label \\"with\\" quotes"}'),
      (found) => found.length > 0,
    );
    assert.equal(counted?.value, 1);
    await ask();
    await eventually(
      () => prometheus.query('sum(rate(flm_key_requests_total[1m])) > 0'),
      (found) => found.length > 0,
    );

    const { panels } = JSON.parse(readFileSync(join(files, 'flm-dashboard.json'), 'utf8')) as {
      panels: readonly Panel[];
    };
    const empty: string[] = [];
    for (const { title, targets } of panels) {
      for (const { expr } of targets) {
        const query = expr.replaceAll('$__rate_interval', '1m').replaceAll('$instance', '.*');
        if ((await prometheus.query(query)).length === 0) empty.push(title);
      }
    }
    // Nothing failed, waits, ranks last or expires here.
    const mayBeEmpty = new Set([
      'Server errors',
      'Certificate',
      'Engine up',
      'Refused',
      'Database and limits',
    ]);
    assert.deepEqual(
      empty.filter((title) => !mayBeEmpty.has(title)),
      [],
    );
    const alerts = await eventually(
      () => prometheus.query('ALERTS{alertname="FlmEngineDown"}'),
      (found) => found.length > 0,
    );
    assert.equal(alerts.length, 1);
  },
);

test('Prometheus takes the metrics that flm sends over OTLP', needsPrometheus, async (t) => {
  const cli = makeCli(t, { OTEL_METRIC_EXPORT_INTERVAL: '100', OTEL_TRACES_EXPORTER: 'none' });
  const engine = await startScriptedEngine(t);
  const prometheus = await startPrometheus(t, cli.folder, undefined);
  const proxy = await startProxy(cli, '--engine', engine.url, '--otlp', prometheus.otlpUrl);
  const { key } = await createKey(cli, 'a');
  const response = await fetch(`${proxy.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify({ model: scriptedModel, stream: true, messages: [] }),
  });
  await response.text();
  const [served] = await eventually(
    () => prometheus.query('gen_ai_server_request_duration_seconds_count'),
    (found) => found.length > 0,
  );
  assert.equal(served?.value, 1);
  assert.equal(served?.metric.gen_ai_request_model, scriptedModel);
  assert.equal(served?.metric.gen_ai_operation_name, 'chat');
  for (const name of [
    'http_server_request_duration_seconds_bucket',
    'gen_ai_client_operation_duration_seconds_bucket',
    'gen_ai_server_time_to_first_token_seconds_bucket',
  ])
    assert.ok((await prometheus.query(name)).length > 0, name);
  const { telemetry } = (await cli.run('status', '--json')).json<{
    proxies: { telemetry: { problem?: string; traces: boolean } }[];
  }>().proxies[0] ?? { telemetry: { traces: true } };
  assert.deepEqual(telemetry.problem, undefined);
  assert.equal(telemetry.traces, false);
});
