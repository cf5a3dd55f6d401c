import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { assertLinear } from '../../../test/helpers/count-steps.ts';
import { moreRuns } from '../../../test/helpers/more-runs.ts';
import type { TerminalMark } from '../routes.ts';
import type { EventFraming } from './event-end.ts';
import { type ResponseShape, ResponseShapeReader } from './response-shape.ts';

const ends: readonly TerminalMark[] = ['openai', 'anthropic', 'responses', 'ollama'];
const declarations: readonly (EventFraming | undefined)[] = [undefined, 'sse', 'ndjson'];

/** What the bytes are taken for when they come in such parts, and what was held until then. */
function shapeOf(reader: ResponseShapeReader, bytes: Buffer, size: number): ResponseShape {
  for (let at = 0; at < bytes.length; at += size) {
    const to = Math.min(bytes.length, at + size);
    const shape = reader.read(bytes, at, to);
    if (shape === undefined) assert.deepEqual(reader.held, bytes.subarray(0, to));
    else {
      assert.ok(reader.held.length === 0 || reader.held.equals(bytes.subarray(0, to)));
      return shape;
    }
  }
  return reader.end();
}

test('the verdict is the same however the bytes are cut', () => {
  const part = fc.constantFrom(
    'data:',
    'event: x',
    'da',
    ':',
    '{',
    '}',
    '"done":false',
    '"done":true',
    '\n',
    ' ',
    '[',
    'x',
    '\ufeff',
    ',',
  );
  const property = fc.property(
    fc.array(part, { maxLength: 8 }),
    fc.boolean(),
    fc.constantFrom(...declarations),
    fc.constantFrom(...ends),
    (parts, asked, declared, end) => {
      const bytes = Buffer.from(parts.join(''));
      const shapes = [1, 2, 5, 1_000].map((size) =>
        shapeOf(new ResponseShapeReader(asked, declared, end), bytes, size),
      );
      assert.equal(new Set(shapes).size, 1, `${parts.join('')}: ${shapes.join()}`);
    },
  );
  fc.assert(property, { numRuns: 2000 * moreRuns });
});

test('bytes that do not decide are held up to a limit, at work in proportion to their number', () => {
  for (const part of [' ', '\n', '{', '{"a":1,', '{"a":"x', 'd', '\ufeff']) {
    for (const end of ends) {
      for (const size of [1, 65_536]) {
        assertLinear(
          `${part} (${end}, parts of ${size})`,
          (bytes) => {
            const text = Buffer.from(part.repeat(bytes / part.length));
            return () => {
              const reader = new ResponseShapeReader(true, undefined, end);
              let shape: ResponseShape | undefined;
              for (let at = 0; at < text.length && shape === undefined; at += size)
                shape = reader.read(text, at, Math.min(text.length, at + size));
              if (text.length > 70_000) assert.notEqual(shape, undefined);
            };
          },
          { sizes: [20_000, 200_000], fixed: 20_000, perUnit: 40 },
        );
      }
    }
  }
});
