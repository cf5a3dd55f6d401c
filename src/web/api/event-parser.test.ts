import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventParser } from './event-parser.ts';

const text =
  'event: update\r\ndata: {"a":1}\r\n\r\n: still here\n\ndata: one\ndata:two\n\nevent: lost\n\ndata: 3\n\n';
const events = [
  { event: 'update', data: '{"a":1}' },
  { event: 'message', data: 'one\ntwo' },
  { event: 'message', data: '3' },
];

test('events are the same however the text is cut', () => {
  for (let size = 1; size <= text.length; size++) {
    const parser = new EventParser();
    const parsed = [];
    for (let at = 0; at < text.length; at += size) parsed.push(...parser.push(text.slice(at, at + size)));
    assert.deepEqual(parsed, events, `pieces of ${size}`);
  }
});
