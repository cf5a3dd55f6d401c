import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProxyDocument } from '../../core/proxy/proxy-document.ts';
import { textWidth } from '../terminal/layout.ts';
import { certificateText, proxiesText, proxyText } from './status-view.ts';

const proxy: ProxyDocument = {
  id: 'px_0123456789',
  pid: 4_242,
  port: 8_484,
  mode: 'local-http',
  url: 'http://127.0.0.1:8484',
  baseUrl: 'http://127.0.0.1:8484/v1',
  profile: 'default',
  addresses: ['127.0.0.1'],
  state: 'running',
  startedAt: '2026-01-02T03:04:05.000Z',
  uptimeSeconds: 7_500,
  version: '1.2.3',
  reach: 'this machine',
  inFlight: 3,
  queued: 1,
  requestsTotal: 12_345,
  keys: 4,
  engines: [
    {
      id: 'ollama',
      kind: 'ollama',
      url: 'http://127.0.0.1:11434',
      origin: 'detected',
      state: 'running',
      inFlight: 2,
      slots: 4,
      queued: 1,
      models: [{ id: 'm' }],
      breakerOpen: false,
    },
    {
      id: 'gpu',
      kind: 'vllm',
      url: 'http://gpu:8000',
      origin: 'saved',
      state: 'down',
      inFlight: 0,
      models: [],
      note: 'refuses connections',
      breakerOpen: true,
    },
  ],
  warnings: ['Keys cross the network in plain text; restart with `flm proxy restart --mode dev-selfsigned`.'],
};

const screen = (columns: number) => ({
  paint: (_style: unknown, text: string) => text,
  link: (text: string) => text,
  outIsTerminal: true,
  tableColumns: columns,
});

test('status is one row a proxy, with what needs attention below, and fits every width', () => {
  for (const columns of [60, 80, 120, 200]) {
    const text = proxiesText([proxy, { ...proxy, profile: 'lab' }], screen(columns));
    for (const line of text.split('\n')) assert.ok(textWidth(line) <= columns, `${columns}: ${line}`);
    const [head = '', first = ''] = text.split('\n');
    assert.match(head, /STATE +PROFILE +ENDPOINT .*ENGINES$/);
    assert.match(first, /running +default +http:\/\/127\.0\.0\.1:8484\/v1 .*1 up, 1 down$/);
    assert.match(text, /! default: Engine gpu is down: refuses connections/);
    assert.match(text, /^Details: flm status default$/m);
  }
  const [, row = ''] = proxiesText([proxy], screen(200)).split('\n');
  assert.match(row, /^px_0123456789 .* 2 h 5 min +4 +12\.3 k +3, 1 waits +1 up, 1 down$/);
});

test('what a warning says of an engine is not said twice', () => {
  const warnings = ['Engine gpu does not answer at http://gpu:8000 (refuses connections); start it.'];
  assert.doesNotMatch(proxiesText([{ ...proxy, warnings }], screen(200)), /is down/);
});

test('a proxy in detail names its process, and aligns its engines', () => {
  const text = proxyText(proxy, screen(120));
  assert.match(
    text,
    /^px_0123456789 +running, profile default\n {2}process +pid 4242, version 1\.2\.3, up 2 h 5 min$/m,
  );
  assert.match(
    text,
    /engines +ollama +running +ollama +http:\S+ +1 model +2 of 4 slots taken, 1 waits\n +gpu +down +vllm /,
  );
  assert.match(proxyText({ ...proxy, state: 'not-answering' }, screen(100)), /not answering, profile/);
});

test('status calls a certificate expired that is', () => {
  const certificate = {
    names: ['llm.example.org'],
    leftOut: [],
    expiresAt: '2026-01-02T00:00:00.000Z',
    fingerprint: 'AA',
  };
  assert.match(
    certificateText({ ...certificate, expired: false }) ?? '',
    /^for llm\.example\.org; until 2026-/,
  );
  assert.match(
    certificateText({ ...certificate, expired: true }) ?? '',
    /^for llm\.example\.org; EXPIRED at 2026-/,
  );
});
