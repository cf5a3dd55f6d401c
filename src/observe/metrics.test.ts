import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Counter, Histogram, Registry } from 'prom-client';
import type { EngineStatus } from '../core/engine/directory.ts';
import { endings, type RequestLine } from '../core/proxy/proxy-handle.ts';
import { Metrics, type Readings } from './metrics.ts';

const line: RequestLine = {
  id: 'req_1',
  atMs: 0,
  client: '127.0.0.1',
  method: 'POST',
  path: '/v1/chat/completions',
  status: 200,
  keyId: 'key_1',
  keyLabel: 'laptop',
  engine: 'e',
  model: 'm',
  bytesIn: 1,
  bytesOut: 100,
  firstByteMs: 20,
  queuedMs: null,
  durationMs: 300,
  inputTokens: 5,
  outputTokens: 7,
  cachedTokens: null,
  promptTokens: null,
  chargedInputTokens: 0,
  chargedOutputTokens: 0,
  tokensEstimated: false,
  streamed: true,
  ending: 'done',
  code: null,
  rule: null,
  droppedCredentials: null,
};

const engine = (id: string, state: EngineStatus['state'], inFlight: number): EngineStatus => ({
  ref: {
    id,
    kind: 'ollama',
    url: '',
    address: { tls: false, host: '', port: 1, path: '' },
    origin: 'saved',
  },
  state,
  inFlight,
  models: [],
  breakerOpen: false,
});

const readings: Readings = {
  inFlight: 3,
  connections: 4,
  bufferedBytes: 5,
  keys: 6,
  storeReadable: true,
  engines: [engine('up', 'running', 2), engine('late', 'degraded', 0), engine('gone', 'down', 0)],
  queues: [],
};

async function textOf(metrics: Metrics): Promise<readonly string[]> {
  const text = await metrics.text();
  assert.ok(text.endsWith('\n'));
  return text.split('\n');
}

test('requests are counted by status, ending and engine', async () => {
  const metrics = new Metrics(() => readings);
  metrics.request(line);
  metrics.request(line);
  metrics.request({ ...line, status: 404, ending: 'refused', engine: null, model: null, firstByteMs: null });
  const text = await textOf(metrics);
  assert.ok(text.includes('flm_requests_total{status="200",ending="done",engine="e"} 2'));
  assert.ok(text.includes('flm_requests_total{status="404",ending="refused",engine=""} 1'));
  assert.ok(text.includes('flm_response_bytes_total 300'));
  assert.equal(metrics.total, 3);
});

test('tokens are counted by engine, model and direction', async () => {
  const metrics = new Metrics(() => readings);
  metrics.request(line);
  metrics.request({ ...line, outputTokens: null });
  const text = await textOf(metrics);
  assert.ok(text.includes('flm_tokens_total{engine="e",model="m",direction="input"} 10'));
  assert.ok(text.includes('flm_tokens_total{engine="e",model="m",direction="output"} 7'));
});

test('times are in seconds', async () => {
  const metrics = new Metrics(() => readings);
  metrics.request(line);
  const text = await textOf(metrics);
  assert.ok(text.includes('flm_request_duration_seconds_sum 0.3'));
  assert.ok(text.includes('flm_request_duration_seconds_bucket{le="0.25"} 0'));
  assert.ok(text.includes('flm_request_duration_seconds_bucket{le="0.5"} 1'));
  assert.ok(text.includes('flm_first_byte_seconds_sum 0.02'));
});

test('what is asked for at the moment of asking is of that moment', async () => {
  let now = readings;
  const metrics = new Metrics(() => now);
  metrics.malformed();
  metrics.loginRefused();
  for (const expected of [
    'flm_requests_in_flight 3',
    'flm_connections 4',
    'flm_buffered_body_bytes 5',
    'flm_keys 6',
    'flm_malformed_requests_total 1',
    'flm_refused_logins_total 1',
    'flm_engine_up{engine="up",kind="ollama"} 1',
    'flm_engine_up{engine="late",kind="ollama"} 1',
    'flm_engine_up{engine="gone",kind="ollama"} 0',
    'flm_engine_requests_in_flight{engine="up"} 2',
  ])
    assert.ok((await textOf(metrics)).includes(expected), expected);
  now = { ...readings, inFlight: 0, engines: [] };
  const text = await textOf(metrics);
  assert.ok(text.includes('flm_requests_in_flight 0'));
  assert.ok(!text.some((l) => l.startsWith('flm_engine_up{')));
});

test('every metric says what it is, and a label cannot break out of its line', async () => {
  const metrics = new Metrics(() => readings);
  metrics.request({ ...line, model: 'a"b\\c\nflm_keys 9' });
  const text = await textOf(metrics);
  const names = new Set(
    text.filter((l) => l !== '' && !l.startsWith('#')).map((l) => /^\w+/.exec(l)?.[0] ?? l),
  );
  for (const name of names) {
    const family = name.replace(/_(?:bucket|sum|count)$/, '');
    assert.ok(
      text.some((l) => l.startsWith(`# HELP ${family} `)),
      name,
    );
    assert.ok(
      text.some((l) => l.startsWith(`# TYPE ${family} `)),
      name,
    );
  }
  assert.ok(
    text.includes('flm_tokens_total{engine="e",model="a\\"b\\\\c\\nflm_keys 9",direction="input"} 5'),
  );
});

/** The families that count requests, each with its help and its values. */
const counted = [
  'flm_request_duration_seconds',
  'flm_first_byte_seconds',
  'flm_requests_total',
  'flm_tokens_total',
  'flm_response_bytes_total',
];

const familiesOf = (text: string) =>
  text
    .trimEnd()
    .split('\n\n')
    .filter((family) => counted.some((name) => family.startsWith(`# HELP ${name} `)));

/** Counts the same requests with prom-client alone. */
async function countedByPromClient(lines: readonly RequestLine[]): Promise<string> {
  const registry = new Registry();
  const registers = [registry];
  const buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];
  const duration = new Histogram({
    name: 'flm_request_duration_seconds',
    help: 'Time from the head of a request to the end of its response.',
    buckets,
    registers,
  });
  const firstByte = new Histogram({
    name: 'flm_first_byte_seconds',
    help: 'Time from the head of a request to the first byte of the body of its response.',
    buckets,
    registers,
  });
  const requests = new Counter({
    name: 'flm_requests_total',
    help: 'Requests, by status, how they ended, and engine.',
    labelNames: ['status', 'ending', 'engine'],
    registers,
  });
  const tokens = new Counter({
    name: 'flm_tokens_total',
    help: 'Tokens as engines reported them.',
    labelNames: ['engine', 'model', 'direction'],
    registers,
  });
  const bytes = new Counter({
    name: 'flm_response_bytes_total',
    help: 'Bytes of responses sent to clients.',
    registers,
  });
  for (const l of lines) {
    const engine = l.engine ?? '';
    requests.inc({ status: String(l.status), ending: l.ending, engine });
    duration.observe(l.durationMs / 1000);
    if (l.firstByteMs !== null) firstByte.observe(l.firstByteMs / 1000);
    bytes.inc(l.bytesOut);
    if (l.model === null) continue;
    if (l.inputTokens !== null) tokens.inc({ engine, model: l.model, direction: 'input' }, l.inputTokens);
    if (l.outputTokens !== null) tokens.inc({ engine, model: l.model, direction: 'output' }, l.outputTokens);
  }
  return registry.metrics();
}

const nameOrNone = fc.constantFrom('a', 'b', 'c "quoted" \\ \n', '', null);
const msOrNone = fc.constantFrom(0, 4.99, 5, 5.01, 300, 299_999.99, 300_000, 300_000.01, null);
const requestLines = fc.array(
  fc.record({
    status: fc.constantFrom(200, 404, 499, 502),
    ending: fc.constantFrom(...endings),
    engine: nameOrNone,
    model: nameOrNone,
    durationMs: fc.oneof(msOrNone, fc.double({ min: 0, max: 1e6, noNaN: true })).map((ms) => ms ?? 0),
    firstByteMs: msOrNone,
    inputTokens: fc.constantFrom(0, 1, 1_000_000_000, null),
    outputTokens: fc.constantFrom(0, 7, null),
    bytesOut: fc.nat(),
  }),
  { maxLength: 40 },
);

test('the exposition is byte for byte what prom-client writes for the same requests', async () => {
  await fc.assert(
    fc.asyncProperty(requestLines, async (some) => {
      const lines = some.map((parts) => ({ ...line, ...parts }));
      const metrics = new Metrics(() => readings);
      for (const l of lines) metrics.request(l);
      const expected = familiesOf(await countedByPromClient(lines));
      assert.equal(expected.length, counted.length);
      assert.deepEqual(familiesOf(await metrics.text()), expected);
      assert.deepEqual(familiesOf(await metrics.text()), expected, 'a scrape changes nothing');
    }),
  );
});
