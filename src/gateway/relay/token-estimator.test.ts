import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StreamReader } from './stream-reader.ts';
import { TokenEstimator } from './token-estimator.ts';

function tokens(events: readonly string[], end: 'openai' | 'anthropic' | 'responses' = 'openai'): number {
  const reader = new StreamReader(end, 'sse');
  for (const event of events) reader.events(Buffer.from(event), 0, Buffer.byteLength(event));
  return reader.text.tokens;
}

const data = (json: object): string => `data: ${JSON.stringify(json)}\n\n`;
const chat = (content: string): string =>
  data({
    id: 'chatcmpl-1',
    model: 'a model with a long name',
    choices: [{ index: 0, delta: { content }, finish_reason: null }],
  });
const named = (type: string, more: object): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`;

function near(actual: number, wanted: number): void {
  assert.ok(actual >= wanted * 0.8 && actual <= wanted * 1.25 + 5, `${actual}, about ${wanted}`);
}

test('an event is at least one token, and as many as its text has', () => {
  near(tokens(Array(100).fill(chat('a'))), 100);
  near(tokens([chat(''), ...Array(100).fill(chat(' word'))]), 115);
  near(tokens(Array(100).fill(chat('words '.repeat(50)))), (100 * 300) / 4);
  near(tokens([chat('x'.repeat(20_000))]), 5_000);
});

test('of dialects that name their events those count that bring text', () => {
  const deltas = Array(100).fill(named('response.output_text.delta', { delta: ' word', item_id: 'i' }));
  const text = ' word'.repeat(100);
  const repeats = [
    named('response.created', { response: { instructions: 'x'.repeat(500) } }),
    ...deltas,
    named('response.output_text.done', { text }),
    named('response.output_item.done', { item: { content: [{ text }] } }),
    named('response.completed', { response: { output: [{ content: [{ text }] }] } }),
  ];
  near(tokens(repeats, 'responses'), 125);
  // A server that writes the members in the order of the alphabet.
  const sorted = Array(100).fill(
    data({ delta: { text: ' word', type: 'text_delta' }, index: 0, type: 'content_block_delta' }),
  );
  near(tokens(sorted, 'anthropic'), 125);
});

test('data in an event is no text', () => {
  const audio = Buffer.alloc(30_000, 'sound').toString('base64');
  near(tokens([data({ choices: [{ delta: { audio: { data: audio } } }] })]), 1);
});

test('a whole answer is estimated by its text', () => {
  const text = new TokenEstimator();
  const body = Buffer.from(JSON.stringify({ choices: [{ message: { content: 'word '.repeat(1_000) } }] }));
  for (let at = 0; at < body.length; at += 100) text.part(body, at, Math.min(body.length, at + 100));
  near(text.tokens, 1_200);
});
