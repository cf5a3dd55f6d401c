/** Real Jaeger and Prometheus for the tests of this folder, and the load balancers before flm. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import type { TestContext } from 'node:test';
import { programInPath, startProgram } from '../clients/installed.ts';
import { eventually } from '../helpers/eventually.ts';
import { freePort, freePorts } from '../helpers/free-ports.ts';

const cache = process.env.FLM_TEST_CACHE ?? join(homedir(), '.cache/flm-test');
const folder = process.env.FLM_TEST_TELEMETRY ?? join(cache, 'telemetry');
const programs = {
  jaeger: join(folder, 'jaeger-all-in-one'),
  prometheus: join(folder, 'prometheus'),
  promtool: join(folder, 'promtool'),
  // Debian's Caddy has no `tracing`.
  caddy: join(folder, 'caddy'),
};
export const { promtool, caddy } = programs;

const skipped = (name: keyof typeof programs): string | false =>
  existsSync(programs[name]) ? false : 'not installed; run test/telemetry/install.sh first';
export const needsJaeger = { skip: skipped('jaeger') };
export const needsJaegerAndCaddy = {
  skip: skipped('jaeger') || skipped('caddy'),
};
export const needsJaegerAndNginx = {
  skip: skipped('jaeger') || (programInPath('nginx') ? false : 'there is no nginx'),
};
export const needsPrometheus = { skip: skipped('prometheus') };
export const needsPromtool = { skip: skipped('promtool') };

export interface JaegerSpan {
  readonly spanID: string;
  readonly operationName: string;
  readonly service: string;
  readonly parent: string | undefined;
  readonly tags: Readonly<Record<string, unknown>>;
  readonly startUs: number;
  readonly endUs: number;
}

export interface Jaeger {
  /** OTLP over HTTP. */
  readonly url: string;
  /** OTLP over gRPC. */
  readonly grpcUrl: string;
  /** The spans of a trace, by Jaeger's own API, when there are so many. */
  trace(traceId: string, count: number): Promise<readonly JaegerSpan[]>;
  /** The spans of each trace that a service has a part in, as far as they have arrived. */
  all(service: string): Promise<readonly (readonly JaegerSpan[])[]>;
}

interface RawTrace {
  readonly processes: Readonly<Record<string, { readonly serviceName: string }>>;
  readonly spans: readonly {
    readonly spanID: string;
    readonly operationName: string;
    readonly processID: string;
    readonly startTime: number;
    readonly duration: number;
    readonly references: readonly { readonly refType: string; readonly spanID: string }[];
    readonly tags: readonly { readonly key: string; readonly value: unknown }[];
  }[];
}

/** Keeps traces in memory until the test ends. */
export async function startJaeger(t: TestContext, cwd: string): Promise<Jaeger> {
  const ports = await freePorts(8);
  const at = (i: number): string => `127.0.0.1:${ports[i]}`;
  startProgram(
    t,
    programs.jaeger,
    [
      `--collector.otlp.http.host-port=${at(0)}`,
      `--collector.otlp.grpc.host-port=${at(1)}`,
      `--query.http-server.host-port=${at(2)}`,
      `--query.grpc-server.host-port=${at(3)}`,
      `--collector.http-server.host-port=${at(4)}`,
      `--collector.grpc-server.host-port=${at(5)}`,
      `--admin.http.host-port=${at(6)}`,
    ],
    { cwd, env: { PATH: process.env.PATH ?? '' } },
  ).stderr.resume();
  const api = `http://${at(2)}/api`;
  const read = async (path: string): Promise<readonly RawTrace[]> => {
    const response = await fetch(`${api}/${path}`).catch(() => undefined);
    if (response === undefined) return [];
    // The shape is that of Jaeger's API.
    const { data } = (await response.json()) as { readonly data: readonly RawTrace[] | null };
    return data ?? [];
  };
  const answers = async (url: string): Promise<boolean> =>
    (await fetch(url, { method: 'POST' }).catch(() => undefined)) !== undefined;
  await eventually(
    async () => (await answers(`http://${at(0)}/`)) && (await answers(api)),
    (ready) => ready,
  );
  return {
    url: `http://${at(0)}`,
    grpcUrl: `http://${at(1)}`,
    async trace(traceId, count) {
      const spans = await eventually(
        async () => (await read(`traces/${traceId}`)).flatMap(spansOf),
        (seen) => seen.length >= count,
      );
      assert.equal(spans.length, count, spans.map((span) => span.operationName).join(', '));
      return spans;
    },
    all: async (service) => (await read(`traces?service=${service}`)).map(spansOf),
  };
}

function spansOf({ processes, spans }: RawTrace): readonly JaegerSpan[] {
  return spans.map((span) => ({
    spanID: span.spanID,
    operationName: span.operationName,
    service: processes[span.processID]?.serviceName ?? '',
    parent: span.references.find(({ refType }) => refType === 'CHILD_OF')?.spanID,
    tags: Object.fromEntries(span.tags.map(({ key, value }) => [key, value])),
    startUs: span.startTime,
    endUs: span.startTime + span.duration,
  }));
}

export interface Prometheus {
  /** The base URL of its OTLP receiver. */
  readonly otlpUrl: string;
  /** The series that a query finds, with their values. */
  query(
    expression: string,
  ): Promise<readonly { readonly metric: Readonly<Record<string, string>>; readonly value: number }[]>;
}

/** Scrapes `/metrics` of the target with the key, and takes metrics over OTLP. */
export async function startPrometheus(
  t: TestContext,
  cwd: string,
  target: { readonly url: string; readonly key: string } | undefined,
  rules?: string,
): Promise<Prometheus> {
  const port = await freePort();
  const data = join(cwd, 'prometheus');
  mkdirSync(data);
  const lines = [
    'global: { scrape_interval: 200ms, scrape_timeout: 200ms, evaluation_interval: 200ms }',
    ...(rules === undefined ? [] : [`rule_files: [${JSON.stringify(rules)}]`]),
    ...(target === undefined
      ? []
      : [
          'scrape_configs:',
          '  - job_name: flm',
          `    authorization: { credentials: ${target.key} }`,
          `    static_configs: [{ targets: [${JSON.stringify(new URL(target.url).host)}] }]`,
        ]),
  ];
  const file = join(cwd, 'prometheus.yml');
  writeFileSync(file, `${lines.join('\n')}\n`);
  startProgram(
    t,
    programs.prometheus,
    [
      `--config.file=${file}`,
      `--storage.tsdb.path=${data}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--web.enable-otlp-receiver',
    ],
    { cwd, env: { PATH: process.env.PATH ?? '' } },
  ).stderr.resume();
  const base = `http://127.0.0.1:${port}`;
  await eventually(
    async () => (await fetch(`${base}/-/ready`).catch(() => undefined))?.status,
    (status) => status === 200,
  );
  return {
    otlpUrl: `${base}/api/v1/otlp`,
    async query(expression) {
      const response = await fetch(`${base}/api/v1/query?query=${encodeURIComponent(expression)}`);
      // The shape is that of Prometheus's API.
      const {
        status,
        error,
        data: answer,
      } = (await response.json()) as {
        readonly status: string;
        readonly error?: string;
        readonly data: {
          readonly result: readonly { metric: Record<string, string>; value: readonly [number, string] }[];
        };
      };
      assert.equal(status, 'success', `${expression}: ${error}`);
      return answer.result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
    },
  };
}
