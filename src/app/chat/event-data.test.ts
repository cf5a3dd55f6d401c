import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { eventData } from './event-data.ts';

async function dataOf(...chunks: readonly (string | Buffer)[]): Promise<string[]> {
  async function* bytes(): AsyncGenerator<Buffer> {
    for (const chunk of chunks) yield Buffer.from(chunk);
  }
  const found: string[] = [];
  for await (const data of eventData(bytes())) found.push(data);
  return found;
}

const stream =
  ': a comment\n\ndata: one\n\nevent: x\r\nid: 1\r\ndata:two\r\ndata:  lines\r\n\r\ndata\rdata: ü💬\r\rdata: last\n\n';
const events = ['one', 'two\n lines', '\nü💬', 'last'];

test('events are read with every kind of line end, comments and other fields aside', async () => {
  assert.deepEqual(await dataOf(stream), events);
});

test('events are the same however the bytes are cut', async () => {
  const bytes = Buffer.from(stream);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(bytes.length), { maxLength: 30 }), async (cuts) => {
      const at = [0, ...cuts.sort((a, b) => a - b), bytes.length];
      const pieces = at.slice(1).map((to, i) => bytes.subarray(at[i], to));
      assert.deepEqual(await dataOf(...pieces), events);
    }),
    { numRuns: 300 },
  );
});

test('an event without its empty line is not one', async () => {
  assert.deepEqual(await dataOf('data: one\n\ndata: cut'), ['one']);
});

test('an event without end is an error, not endless memory', async () => {
  async function* endless(): AsyncGenerator<Buffer> {
    for (;;) yield Buffer.alloc(1024 * 1024, 'a');
  }
  await assert.rejects(eventData(endless()).next(), /without end/);
});
