/**
 * Nothing that an engine sends costs the relay more than work in proportion to its size, however it is cut into reads.
 * Counted in steps, not in time.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ChunkMap } from '../../src/core/engine/upstream.ts';
import type { ResponseWriter } from '../../src/gateway/exchange.ts';
import type { EventFraming } from '../../src/gateway/relay/event-end.ts';
import { EventRelay } from '../../src/gateway/relay/event-relay.ts';
import { StreamReader } from '../../src/gateway/relay/stream-reader.ts';
import { TailBuffer } from '../../src/gateway/relay/tail-buffer.ts';
import { bodyUsage } from '../../src/gateway/relay/token-counts.ts';
import { isUsageChunk } from '../../src/gateway/relay/usage-chunk.ts';
import type { TerminalMark } from '../../src/gateway/routes.ts';
import { assertLinear } from '../helpers/count-steps.ts';

/** Bytes that make some reader look again and again, each repeated to the size that is asked for. */
const floods: Readonly<Record<string, string>> = {
  'usage in each event': 'data:{"usage":{}}\n\n',
  'usage in each event, lines ending in CR': 'data:{"usage":{}}\r\r',
  'usage in each object of one event': '{"usage":{}},',
  'a finish reason in each object of one event': '{"finish_reason":"x"},',
  'done in each line': '{"done":true,"a":{"done":true}}\n',
  'done in each object of one line': '{"done":true},',
  'lines of blanks': ' \n',
  'lines of tabs that end in CR': '\t\r',
  'line feeds': '\n',
  'carriage returns': '\r',
  comments: ':\n',
  'fields without a value': 'data:\n',
  'types that do not end': 'data: {"type":"\n',
  'names of usage without a value': '"usage" ',
  colons: ':',
  quotes: '"',
  'escaped quotes': '\\"',
  backslashes: '\\',
  'open braces': '{',
  'closed braces': '}',
  'empty lists': '"choices":[],"usage":{ ',
  'events that end nowhere': 'x',
};
const kinds: readonly (readonly [TerminalMark, EventFraming])[] = [
  ['openai', 'sse'],
  ['anthropic', 'sse'],
  ['responses', 'sse'],
  ['ollama', 'ndjson'],
];
const reads = [1, 65_536];

function repeated(part: string, size: number): Buffer {
  return Buffer.from(part.repeat(Math.ceil(size / part.length)).slice(0, size));
}

/** What the relay of events uses of a reply. */
const nowhere = {
  relaysFraming: true,
  write: () => true,
  writeFramed: () => true,
} as unknown as ResponseWriter;

test('a flood of events costs work in proportion to its size, however it is cut', () => {
  for (const [name, part] of Object.entries(floods)) {
    for (const [end, framing] of kinds) {
      for (const read of reads) {
        for (const drops of end === 'openai' ? [undefined, isUsageChunk] : [undefined]) {
          assertLinear(
            `${name} (${end}, ${framing}, reads of ${read})`,
            (size) => {
              const bytes = repeated(part, size);
              const relay = new EventRelay(nowhere, framing, new StreamReader(end, framing), drops);
              return () => {
                for (let at = 0; at < size; at += read) relay.data(bytes, at, Math.min(size, at + read));
                relay.finish(() => true);
              };
            },
            // A read costs as much as so many bytes.
            { sizes: [70_000], fixed: 10_000, perUnit: 60 + 60 / read },
          );
        }
      }
    }
  }
});

test('chunks of one byte cost no more than their bytes', () => {
  const chunk = Buffer.from('1\r\nx\r\n');
  const map: ChunkMap = { count: 0, starts: new Int32Array(512), ends: new Int32Array(512) };
  assertLinear(
    'chunks of one byte',
    (size) => {
      const bytes = repeated(chunk.toString(), size);
      const relay = new EventRelay(nowhere, 'sse', new StreamReader('openai', 'sse'));
      return () => {
        for (let at = 0; at + chunk.length <= size; ) {
          const from = at;
          for (map.count = 0; map.count < 512 && at + chunk.length <= size; map.count++) {
            map.starts[map.count] = at + 3;
            map.ends[map.count] = at + 4;
            at += chunk.length;
          }
          relay.framed(bytes, from, at, map);
        }
      };
    },
    { sizes: [50_000, 600_000], fixed: 10_000, perUnit: 60 },
  );
});

test('a whole answer is read for its usage in proportion to its size', () => {
  for (const [name, part] of Object.entries(floods)) {
    assertLinear(
      name,
      (size) => {
        const body = Buffer.from(`{"a":[${part.repeat(size / part.length)}],"usage":{"x":1}}`);
        return () => bodyUsage(body);
      },
      { sizes: [4_000, 65_000], fixed: 2_000, perUnit: 60 },
    );
  }
});

test('the last bytes are kept at a few copies of each, however small the parts', () => {
  for (const part of [1, 100, 16_384, 40_000]) {
    const kept = new TailBuffer(16_384);
    const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, i) => i % 251));
    for (let at = 0; at < bytes.length; at += part) kept.add(bytes, at, Math.min(bytes.length, at + part));
    assert.deepEqual(kept.bytes(), bytes.subarray(-16_384));
    assertLinear(
      `parts of ${part}`,
      (size) => {
        const all = Buffer.alloc(size);
        const last = new TailBuffer(16_384);
        return () => {
          for (let at = 0; at < size; at += part) last.add(all, at, Math.min(size, at + part));
        };
      },
      { sizes: [20_000, 200_000], fixed: 40_000, perUnit: 5 + 20 / part },
    );
  }
});
