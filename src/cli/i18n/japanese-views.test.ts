import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { silentCli } from '../../../test/helpers/silent-cli.ts';
import { connectTexts } from '../../app/connect/texts.ts';
import { clients } from '../../clients/clients.ts';
import { snippetsOf } from '../../clients/recipe.ts';
import { engineKindNames } from '../../core/engine/kinds.ts';
import type { RunningRequest } from '../../core/proxy/running-request.ts';
import { makeProgram } from '../program.ts';
import { textWidth } from '../terminal/layout.ts';
import { ago, exactly, shortTime, until } from '../terminal/units.ts';
import { topScreen } from '../top/top-screen.ts';
import { limitsOf } from '../views/key-view.ts';
import { requestHead, tailColumns } from '../views/request-view.ts';
import { t, useLanguage } from './texts.ts';

before(() => useLanguage('ja'));
after(() => useLanguage('en'));

const hasJapanese = /[\u3040-\u30ff\u4e00-\u9fff]/;
const dayMs = 86_400_000;

test('spans and moments are told in Japanese, without a space between number and unit', () => {
  assert.deepEqual([42.4, 1_300, 120_000, 7_500_000].map(shortTime), ['42ms', '1.3秒', '2分', '2時間5分']);
  const nowMs = 1_000 * dayMs;
  assert.equal(ago(nowMs, nowMs), 'たった今');
  assert.equal(ago(nowMs - 240_000, nowMs), '4分前');
  assert.equal(until(nowMs + 90 * dayMs, nowMs), '90日後');
  assert.match(exactly(nowMs + 2 * dayMs, nowMs), /^\d{4}-\d\d-\d\d \d\d:\d\d（2日後）$/);
});

test('headings and states of columns with a fixed width are whole in Japanese', () => {
  for (const columns of [60, 80, 200]) {
    const head = requestHead(tailColumns(columns));
    assert.ok(textWidth(head) <= columns && !head.includes('…'), `${columns}: ${head}`);
    const request = (state: RunningRequest['state']): RunningRequest & { readonly proxy: string } => ({
      id: `req_${state}`,
      proxy: 'px_1',
      startedAtMs: 0,
      ageMs: 59 * 60_000,
      client: '127.0.0.1',
      keyId: 'key_1',
      keyLabel: 'laptop',
      method: 'POST',
      route: '/v1/chat/completions',
      model: 'qwen3',
      engine: 'ollama',
      state,
      queuePosition: state === 'waiting' ? 12 : null,
      firstByteMs: 999,
      bytesIn: 10,
      bytesOut: 20,
      streamed: true,
      outputTokens: 10,
      tokensEstimated: false,
      tokensPerSecond: 41.25,
    });
    const engine = (state: string) => ({
      id: `engine-${state}`.slice(0, 12),
      kind: 'ollama',
      url: 'http://127.0.0.1:11434',
      origin: 'detected',
      state,
      inFlight: 1,
      slots: 4,
      models: [],
      breakerOpen: false,
    });
    const view = {
      nowMs: 0,
      proxies: 1,
      engines: ['running', 'degraded', 'down'].map(engine),
      requests: (['receiving', 'waiting', 'processing', 'streaming'] as const).map(request),
      ended: [],
      selected: undefined,
      message: undefined,
    };
    const plain = { paint: (_style: unknown, text: string) => text };
    const lines = topScreen(view, { columns, rows: 30 }, plain).slice(1);
    for (const line of lines) assert.ok(textWidth(line) <= columns && !line.includes('…'), line);
    assert.match(lines.join('\n'), /待機#12 /);
  }
});

test('a limit of a key keeps its number and its unit together', () => {
  const limits = {
    requestsPerMinute: 12_400,
    burst: 2_000,
    tokensPerMinute: null,
    tokensPerDay: 200_000,
    concurrency: 4,
  };
  const [rate, daily, atOnce, models] = limitsOf({
    limits,
    models: ['qwen*'],
    engines: [],
    endpoints: [],
    addresses: [],
  });
  assert.equal(rate, '12.4\u00a0kリクエスト/分（バースト2\u00a0k）');
  assert.equal(daily, '200\u00a0kトークン/日');
  assert.deepEqual([atOnce, models], ['同時4件', 'モデル: qwen*']);
});

test('the settings of a client are the same in Japanese, and say in Japanese where they belong', () => {
  const to = { origin: 'http://127.0.0.1:8484', model: 'qwen3', key: undefined };
  const texts = t.connectAdvice.clients;
  for (const client of clients) {
    const english = snippetsOf(client, to);
    const japanese = snippetsOf(client, to, { texts });
    assert.equal(japanese.length, english.length);
    for (const [i, { place, format, text }] of japanese.entries()) {
      if (format !== 'steps') assert.equal(text, english[i]?.text);
      const isFile = client.file?.place === place;
      assert.ok(isFile || hasJapanese.test(place), `${client.id}: ${place}`);
    }
    for (const note of client.notes) assert.match(texts.notes[note], hasJapanese);
  }
});

test('the Japanese advice for a larger context names what the English one names, for every kind of engine', () => {
  for (const kind of engineKindNames) {
    const values = { client: 'Codex', needed: 32_768, engine: 'e', kind, model: 'qwen3', tokens: 4_096 };
    const english = connectTexts.advice.contextTooSmall(values);
    const japanese = t.connectAdvice.advice.contextTooSmall(values);
    assert.match(japanese, hasJapanese);
    // Flags, variables and names of settings.
    for (const [name] of english.matchAll(
      /--?[a-z][\w-]*|\b[A-Z_]{5,}\b|\b[a-z]+(?:_[a-z]+)+\b|\b4096\b|\b32768\b/g,
    ))
      assert.ok(japanese.includes(name), `${kind}: ${name}`);
  }
});

test('the help says the values and the default of a flag in Japanese', () => {
  const helpOf = (...names: readonly string[]): string =>
    names
      .reduce(
        (command, name) => command.commands.find((c) => c.name() === name) ?? command,
        makeProgram(silentCli()),
      )
      .helpInformation();
  assert.match(helpOf('share'), /最長30d（既定では"24h"）/);
  assert.match(helpOf('key', 'list'), /（指定できる値: "active", "paused",/);
  assert.match(helpOf('up'), /保存されているプロファイル（既定では"default"）/);
});
