import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EngineDocument } from '../../core/engine/engine-document.ts';
import type { OfProxy } from '../../core/proxy/request-directory.ts';
import type { RunningRequest } from '../../core/proxy/running-request.ts';
import { textWidth } from '../terminal/layout.ts';
import { LiveView } from './live-view.ts';
import { type TopView, topScreen } from './top-screen.ts';

const plain = { paint: (_style: unknown, text: string) => text };

const engine = (id: string): EngineDocument => ({
  id,
  kind: 'ollama',
  url: 'http://127.0.0.1:11434',
  origin: 'detected',
  state: 'running',
  inFlight: 1,
  slots: 4,
  models: [{ id: 'cold' }, { id: 'qwen3:8b', loaded: true }],
  breakerOpen: false,
});

const request = (n: number): OfProxy<RunningRequest> => ({
  id: `req_${n}`,
  proxy: 'px_1',
  startedAtMs: n,
  ageMs: 1_500,
  client: '127.0.0.1',
  keyId: 'key_1',
  keyLabel: n % 2 === 0 ? 'laptop' : '研究室のノートパソコン 3',
  method: 'POST',
  route: '/v1/chat/completions',
  model: 'Qwen3-Coder-480B-A35B-Instruct-FP8',
  engine: 'ollama',
  state: n === 1 ? 'waiting' : 'streaming',
  queuePosition: n === 1 ? 2 : null,
  firstByteMs: 210,
  bytesIn: 10,
  bytesOut: 20,
  streamed: true,
  outputTokens: 12_345,
  tokensEstimated: false,
  tokensPerSecond: 41.25,
});

const viewOf = (requests: number, more: Partial<TopView> = {}): TopView => ({
  nowMs: 0,
  proxies: 1,
  engines: [engine('ollama'), engine('gpu-box')],
  requests: Array.from({ length: requests }, (_, i) => request(i)),
  ended: [],
  selected: 'req_0',
  message: undefined,
  ...more,
});

const sizes = [
  [60, 15],
  [80, 24],
  [200, 50],
] as const;

test('the screen has exactly the lines and never more than the columns of the terminal', () => {
  for (const [columns, rows] of sizes)
    for (const requests of [0, 3, 100]) {
      const lines = topScreen(viewOf(requests), { columns, rows }, plain);
      assert.equal(lines.length, rows);
      for (const line of lines.slice(0, -1))
        if (!line.includes('qwen3')) assert.ok(textWidth(line) <= columns, `${columns}: ${line}`);
      assert.match(lines.at(-1) ?? '', /q quit$/);
    }
});

test('requests and engines are shown with state, tokens a second and the place in the queue', () => {
  const text = topScreen(viewOf(3), { columns: 200, rows: 30 }, plain).join('\n');
  assert.match(text, /^flm top {2}1 proxy, 2 running, 1 waiting, 123\.8 tokens\/s .* \d\d:\d\d:\d\d$/m);
  assert.match(text, /^ollama +up +1 of 4 +- +123\.8 {2}qwen3:8b, cold$/m);
  assert.match(text, /^> laptop +Qwen3-Coder\S+ +ollama +streaming +1\.5 s +210 ms +12\.3 k +41\.3 {2}127/m);
  assert.match(text, /^ {2}研究室のノートパソコン 3 .* waits, #2 /m);
});

test('in a short terminal the selected request stays in view and the others are counted', () => {
  const lines = topScreen(viewOf(100, { selected: 'req_70' }), { columns: 80, rows: 24 }, plain);
  assert.ok(lines.some((line) => line.startsWith('> laptop')));
  assert.match(lines.join('\n'), /and \d\d more requests/);
});

test('empty views say what to do, and a question takes the place of the keys', () => {
  const size = { columns: 80, rows: 24 };
  assert.match(topScreen(viewOf(0, { proxies: 0 }), size, plain).join('\n'), /`flm up`/);
  assert.match(topScreen(viewOf(0, { engines: [] }), size, plain).join('\n'), /`flm engine add\s+URL`/);
  assert.match(topScreen(viewOf(0), size, plain).join('\n'), /flm chat/);
  assert.equal(topScreen(viewOf(1, { message: 'Sure? y/n' }), size, plain).at(-1), 'Sure? y/n');
});

test('the selection follows its request, and its neighbour takes over when it ends', () => {
  const live = new LiveView();
  live.apply({ running: [request(3), request(2), request(4)], gone: [], ended: [] }, 0);
  live.move(1, 0);
  assert.equal(live.selected(0)?.id, 'req_3');

  live.apply({ running: [request(1)], gone: [], ended: [] }, 0);
  assert.equal(live.view(0).selected, 'req_3');
  live.apply({ running: [], gone: ['req_3'], ended: [] }, 0);
  assert.equal(live.view(0).selected, 'req_4');
  live.move(9, 0);
  live.apply({ running: [], gone: ['req_4'], ended: [] }, 0);
  assert.equal(live.view(0).selected, 'req_2');
  assert.equal(live.view(2_000).requests[0]?.ageMs, 3_500, 'a request that did not change grows older');
});
