import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type EventFraming, endsEvent, firstEventEnd, lastEventEnd } from './event-end.ts';

function ends(framing: EventFraming, text: string): boolean {
  const buffer = Buffer.from(`x${text}x`);
  return endsEvent(framing, buffer, 1, buffer.length - 1);
}

test('an SSE event ends in a blank line, whatever its lines end in', () => {
  for (const text of ['\n\n', 'a\n\n', 'a\r\n\r\n', 'a\r\r', 'a\n\r\n', 'a\r\r\n', 'a\r\n\n'])
    assert.ok(ends('sse', text), JSON.stringify(text));
  for (const text of ['', 'a', '\n', '\r', '\r\n', 'a\n', 'a\r', 'a\r\n', '\n\na', 'a\n\r'])
    assert.ok(!ends('sse', text), JSON.stringify(text));
});

test('a line feed ends a line of NDJSON', () => {
  for (const text of ['\n', '{}\n', '{}\r\n', '\n\n']) assert.ok(ends('ndjson', text));
  for (const text of ['', '{}', '{}\r', '\n{}']) assert.ok(!ends('ndjson', text));
});

test('only what lies in the range counts', () => {
  const buffer = Buffer.from('\n\n');
  assert.equal(endsEvent('sse', buffer, 1, 2), false);
  assert.equal(lastEventEnd('sse', buffer, 1, 2), -1);
  assert.equal(firstEventEnd('sse', buffer, 1, 2), -1);
  assert.equal(firstEventEnd('ndjson', Buffer.from('ab\n'), 0, 2), -1);
});

test('the first and the last border are those that a look at every byte finds', () => {
  const bytes = fc
    .array(fc.constantFrom(0x0a, 0x0d, 0x61), { maxLength: 12 })
    .map((list) => Buffer.from(list));
  fc.assert(
    fc.property(bytes, fc.constantFrom<EventFraming>('sse', 'ndjson'), fc.nat(3), (buffer, framing, from) => {
      const at = Math.min(from, buffer.length);
      const borders: number[] = [];
      for (let end = at + 1; end <= buffer.length; end++)
        if (endsEvent(framing, buffer, at, end)) borders.push(end);
      assert.equal(firstEventEnd(framing, buffer, at, buffer.length), borders[0] ?? -1);
      assert.equal(lastEventEnd(framing, buffer, at, buffer.length), borders.at(-1) ?? -1);
    }),
    { numRuns: 5000 },
  );
});
