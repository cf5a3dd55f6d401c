/** What of the relay of events shows without a wire: who is told what, and what is held. Bytes: test/wire. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ChunkMap } from '../../core/engine/upstream.ts';
import type { ResponseWriter } from '../exchange.ts';
import { type EventReader, EventRelay } from './event-relay.ts';

/** Notes what it is told. */
class Notes implements EventReader {
  readonly told: string[] = [];
  readonly out: string[] = [];
  flowing = true;

  events(buffer: Buffer, from: number, to: number): void {
    this.told.push(`events ${buffer.toString('latin1', from, to)}`);
  }
  piece(buffer: Buffer, from: number, to: number, first: boolean, last: boolean): void {
    this.told.push(
      `piece of ${to - from}${first ? ', first' : ''}${last ? ', last' : ''} ${buffer[from] ?? ''}`,
    );
  }

  reply(relaysFraming = true): ResponseWriter {
    const note = (text: string): boolean => {
      this.out.push(text);
      return this.flowing;
    };
    // What the relay of events uses of a reply.
    return {
      relaysFraming,
      write: (buffer: Buffer, from: number, to: number) => note(buffer.toString('latin1', from, to)),
      writeFramed: (text: string) => note(`framed ${text}`),
    } as unknown as ResponseWriter;
  }
}

function chunksOf(...payloads: readonly string[]): { readonly buffer: Buffer; readonly map: ChunkMap } {
  const map: ChunkMap = { count: 0, starts: new Int32Array(8), ends: new Int32Array(8) };
  let text = '';
  for (const payload of payloads) {
    text += `${payload.length.toString(16)}\r\n`;
    map.starts[map.count] = text.length;
    text += payload;
    map.ends[map.count++] = text.length;
    text += '\r\n';
  }
  return { buffer: Buffer.from(text), map };
}

test('chunks that end in events are relayed in their own framing, in one write', () => {
  const notes = new Notes();
  const relay = new EventRelay(notes.reply(), 'sse', notes);
  const { buffer, map } = chunksOf('a\n\n', 'b\n\nc\n\n');
  assert.equal(relay.framed(buffer, 0, buffer.length, map), true);
  assert.deepEqual(notes.out, [`framed ${buffer.toString()}`]);
  assert.deepEqual(notes.told, ['events a\n\n', 'events b\n\nc\n\n']);
});

test('a chunk that ends within an event is framed again, and its rest is held', () => {
  const notes = new Notes();
  const relay = new EventRelay(notes.reply(), 'sse', notes);
  const { buffer, map } = chunksOf('a\n\nb', '\n', '\nc');
  relay.framed(buffer, 0, buffer.length, map);
  assert.deepEqual(notes.out, ['a\n\n', 'b\n\n']);
  assert.deepEqual(notes.told, ['events a\n\n', 'events b\n\n']);
  assert.equal(relay.midEvent, false);
});

test('where the reply has a framing of its own, none is relayed', () => {
  const notes = new Notes();
  const relay = new EventRelay(notes.reply(false), 'sse', notes);
  const { buffer, map } = chunksOf('a\n\n');
  relay.framed(buffer, 0, buffer.length, map);
  assert.deepEqual(notes.out, ['a\n\n']);
});

test('the reader sees what is held at the end, and it goes out only where the stream is whole', () => {
  for (const whole of [true, false]) {
    const notes = new Notes();
    const relay = new EventRelay(notes.reply(), 'ndjson', notes);
    relay.data(Buffer.from('{"a":1}\n{"done":true}'), 0, 21);
    relay.finish(() => whole);
    assert.deepEqual(notes.told, ['events {"a":1}\n', 'events {"done":true}']);
    assert.deepEqual(notes.out, whole ? ['{"a":1}\n', '{"done":true}'] : ['{"a":1}\n']);
  }
});

test('an event above 64 KB goes out as it comes, and nothing can be put after its parts', () => {
  const notes = new Notes();
  const relay = new EventRelay(notes.reply(), 'sse', notes);
  const send = (text: string): boolean => relay.data(Buffer.from(text), 0, text.length);
  send('x'.repeat(64 * 1024));
  assert.equal(relay.midEvent, false);
  assert.deepEqual(notes.out, []);
  send('y');
  assert.equal(relay.midEvent, true);
  send('z\n');
  assert.equal(relay.midEvent, true);
  send('\nnext\n\nheld');
  assert.equal(relay.midEvent, false);
  assert.equal(notes.out.join('').length, 64 * 1024 + 1 + 2 + 1 + 6);
  assert.deepEqual(
    notes.told.map((t) => t.slice(0, 24)),
    ['piece of 65537, first 12', 'piece of 2 122', 'piece of 1, last 10', 'events next\n\n'],
  );
});

test('a border that lies across pieces of a large event is found, at each of its bytes', () => {
  for (const border of ['\n\n', '\r\n\r\n', '\r\r']) {
    for (let cut = 0; cut <= border.length; cut++) {
      const notes = new Notes();
      const relay = new EventRelay(notes.reply(), 'sse', notes);
      const first = `${'x'.repeat(70_000)}${border.slice(0, cut)}`;
      relay.data(Buffer.from(first), 0, first.length);
      const rest = `${border.slice(cut)}data: 1\n\n`;
      relay.data(Buffer.from(rest), 0, rest.length);
      assert.equal(relay.midEvent, false, JSON.stringify([border, cut]));
      assert.equal(notes.out.join(''), first + rest);
    }
  }
});

test('a client that takes no more is told on, by each way out', () => {
  const notes = new Notes();
  notes.flowing = false;
  const relay = new EventRelay(notes.reply(), 'sse', notes);
  const { buffer, map } = chunksOf('a\n\n');
  assert.equal(relay.framed(buffer, 0, buffer.length, map), false);
  assert.equal(relay.data(Buffer.from('b\n\n'), 0, 3), false);
  // Nothing went out, so nothing is in the way.
  assert.equal(relay.data(Buffer.from('c'), 0, 1), true);
  assert.equal(relay.data(Buffer.from('\n\n'), 0, 2), false);
});
