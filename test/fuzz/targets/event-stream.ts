/**
 * Event streams of engines: the client gets the bytes of the engine, split at ends of events, and the cuts change nothing that
 * is read from them. Ends of events are compared with a plain reading of the WHATWG standard.
 */
import assert from 'node:assert/strict';
import type { ResponseWriter } from '../../../src/gateway/exchange.ts';
import { endsEvent, firstEventEnd, lastEventEnd } from '../../../src/gateway/relay/event-end.ts';
import { EventRelay } from '../../../src/gateway/relay/event-relay.ts';
import { StreamReader } from '../../../src/gateway/relay/stream-reader.ts';
import type { TerminalMark } from '../../../src/gateway/routes.ts';
import { type FuzzTarget, numbersOf, piecesOf } from '../target.ts';

const dialects: readonly TerminalMark[] = ['openai', 'anthropic', 'responses', 'ollama', 'none'];

/**
 * Positions after each empty line that follows another line: lines end in CRLF, LF or CR (section 9.2.6). Not after LF CR, which
 * is most often three quarters of CRLF CRLF: flm waits for the next byte.
 */
function eventEnds(text: string): number[] {
  const ends: number[] = [];
  for (let at = 0, isEmpty = false; at < text.length; ) {
    const found = /\r\n|\n|\r/g;
    found.lastIndex = at;
    const end = found.exec(text);
    if (end === null) return ends;
    isEmpty = end.index === at && at > 0;
    at = end.index + end[0].length;
    if (isEmpty && !text.startsWith('\n\r', at - 2)) ends.push(at);
  }
  return ends;
}

function relay(pieces: readonly Buffer[], end: TerminalMark, framing: 'sse' | 'ndjson') {
  const writes: string[] = [];
  const reader = new StreamReader(end, framing);
  // The relay calls no other member for a body without chunks.
  const reply = {
    relaysFraming: false,
    write(buffer: Buffer, from: number, to: number) {
      if (to > from) writes.push(buffer.toString('latin1', from, to));
      return true;
    },
  } as unknown as ResponseWriter;
  const relayed = new EventRelay(reply, framing, reader);
  for (const piece of pieces) {
    relayed.data(piece, 0, piece.length);
    // As the read buffer, which the next read fills.
    piece.fill(0x58);
  }
  const whole = writes.join('');
  relayed.finish(() => true);
  // Half an event at the end is left out, and the client is told.
  const sent = relayed.truncated ? whole.length : pieces.reduce((length, piece) => length + piece.length, 0);
  const { terminated, complete, errorSeen, usage, cache } = reader;
  return {
    whole,
    sent,
    all: writes.join(''),
    writes,
    read: { terminated, complete, errorSeen, usage, cache },
  };
}

export const eventStream: FuzzTarget = {
  name: 'event-stream',
  about: 'relayed events and what is read from them, in any pieces, beside the WHATWG standard',
  sources: ['src/gateway/relay/', 'src/gateway/text-byte-counter.ts'],
  tokens: [
    'data: ',
    'data:',
    'event: ',
    '\n\n',
    '\r\n\r\n',
    '\r\r',
    '\n',
    '\r',
    'data: [DONE]\n\n',
    '"usage":{"prompt_tokens":1,"completion_tokens":2}',
    '"usage":null',
    '"finish_reason":"stop"',
    '"choices":[{"delta":{"content":"x"},"finish_reason":null}]',
    'event: message_stop\ndata: {"type":"message_stop"}\n\n',
    '"type":"response.completed"',
    '"response":{"usage":{"input_tokens":3,"output_tokens":4,"input_tokens_details":{"cached_tokens":1}}}',
    '"done":true',
    '"prompt_eval_count":5',
    '"eval_count":6',
    '"error":{}',
    '"timings":{"cache_n":1,"prompt_n":2}',
    '{',
    '}',
    '"',
    '\\',
    ': comment\n',
    'id: 1\n',
    '\xef\xbb\xbf',
  ],
  seeds: [
    'data: {"choices":[{"delta":{"content":"a"},"finish_reason":null}],"usage":null}\n\n' +
      'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n' +
      'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":1}}}\n\ndata: [DONE]\n\n',
    'event: message_start\r\ndata: {"type":"message_start","message":{"usage":{"input_tokens":1,"cache_read_input_tokens":2}}}\r\n\r\n' +
      'event: message_delta\r\ndata: {"type":"message_delta","usage":{"output_tokens":4}}\r\n\r\nevent: message_stop\r\ndata: {"type":"message_stop"}\r\n\r\n',
    'data: {"type":"response.completed","response":{"usage":{"input_tokens":1,"output_tokens":2}}}\r\r',
    '{"message":{"content":"a"},"done":false}\n{"done":true,"prompt_eval_count":5,"eval_count":6}\n',
  ],
  check(input) {
    const text = input.toString('latin1');
    const ends = eventEnds(text);
    const random = numbersOf(input);
    // A CR may be the first half of a line end, so a prefix can end an event one byte before the whole text does.
    for (let to = 1; to <= Math.min(input.length, 64); to++) {
      const found = eventEnds(text.slice(0, to));
      assert.equal(endsEvent('sse', input, 0, to), found.at(-1) === to, `an event ends at ${to}`);
    }
    if (ends.length > 0 && text.at(-1) !== '\r') {
      assert.equal(lastEventEnd('sse', input, 0, input.length), ends.at(-1));
      const first = firstEventEnd('sse', input, 0, input.length);
      assert(first === ends[0] || (first + 1 === ends[0] && text[first] === '\n'), 'the first end');
    }
    for (const framing of ['sse', 'ndjson'] as const) {
      const end = dialects[random(dialects.length)] as TerminalMark;
      const one = relay([Buffer.from(input)], end, framing);
      const cut = relay(piecesOf(input), end, framing);
      assert.equal(one.all, text.slice(0, one.sent), 'the client gets what the engine sent');
      assert.equal(cut.all, text.slice(0, cut.sent), 'the client gets what the engine sent, in pieces');
      for (const [i, sent] of cut.writes.entries()) {
        const bytes = Buffer.from(sent, 'latin1');
        const isLast = i === cut.writes.length - 1 && cut.whole !== cut.all;
        // The LF of a CRLF may come alone.
        assert(
          isLast || sent === '\n' || endsEvent(framing, bytes, 0, bytes.length),
          'a write ends inside of an event',
        );
      }
      if (!text.includes('\r'))
        assert.deepEqual(cut.read, one.read, `${end}, ${framing}: the cuts change what is read`);
    }
  },
};
