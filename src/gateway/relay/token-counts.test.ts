import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bodyUsage, type Usage } from './token-counts.ts';

const usage = {
  prompt_tokens: 11,
  completion_tokens: 5,
  total_tokens: 16,
  prompt_tokens_details: { cached_tokens: 3 },
};
const timings = { cache_n: 30, prompt_n: 4, prompt_ms: 12.5, predicted_n: 5 };

/** As a response lies in the read buffer that all engines share. */
function inMiddle(body: Buffer): Usage | undefined {
  const noise = Buffer.from('{"usage":{"prompt_tokens":99,"completion_tokens":99}}');
  return bodyUsage(Buffer.concat([noise, body, noise]), noise.length, noise.length + body.length);
}

test('usage of a whole answer is found in all of it and in its end', () => {
  const cases: readonly (readonly [object, number, number])[] = [
    [
      {
        id: 'c',
        choices: [{ message: { content: 'x'.repeat(9000) }, finish_reason: 'stop' }],
        usage,
        system_fingerprint: 'f',
      },
      11,
      5,
    ],
    [
      {
        object: 'list',
        data: [{ embedding: Array.from({ length: 3000 }, () => 0.125) }],
        model: 'm',
        usage: { prompt_tokens: 8, total_tokens: 8 },
      },
      8,
      0,
    ],
    [
      {
        id: 'm',
        type: 'message',
        content: [{ type: 'text', text: 'x'.repeat(9000) }],
        stop_reason: 'end_turn',
        usage: { input_tokens: 11, output_tokens: 5 },
      },
      11,
      5,
    ],
    [
      {
        model: 'm',
        response: 'x'.repeat(9000),
        done: true,
        prompt_eval_count: 11,
        prompt_eval_duration: 3,
        eval_count: 5,
        eval_duration: 3,
      },
      11,
      5,
    ],
    [{ model: 'm', embeddings: [[0.5]], prompt_eval_count: 8 }, 8, 0],
    [
      {
        results: Array.from({ length: 500 }, (_, index) => ({ index, relevance_score: 0.5 })),
        usage: { total_tokens: 16 },
      },
      16,
      0,
    ],
  ];
  for (const [body, inputTokens, outputTokens] of cases) {
    for (const blank of ['', '  ']) {
      const bytes = Buffer.from(`${JSON.stringify(body, undefined, blank)}\n`);
      const counts = (part: Buffer) => {
        const counted = bodyUsage(part);
        assert.deepEqual(inMiddle(part), counted, 'in the middle of a buffer');
        return [counted?.inputTokens, counted?.outputTokens];
      };
      assert.deepEqual(counts(bytes), [inputTokens, outputTokens]);
      for (let cut = 0; cut < 4; cut++)
        assert.deepEqual(counts(bytes.subarray(Math.max(0, bytes.length - 800 - cut))), [
          inputTokens,
          outputTokens,
        ]);
    }
  }
  for (const none of [
    '',
    '{}',
    '{"text":"usage"}',
    '[{"usage":{"prompt_tokens":7}}]',
    '{"usage":null}',
    '{"usage":{}}',
    '{"usage":[1]}',
    '"usage":{"prompt_tokens":7}',
    '{"a":{"usage":{"prompt_tokens":7}}}',
    '"usage"',
  ]) {
    assert.equal(bodyUsage(Buffer.from(none)), undefined, none);
    assert.equal(inMiddle(Buffer.from(none)), undefined, none);
  }
});

test('prompt tokens from a cache are found in a whole answer, also where only its end is kept', () => {
  const body = { choices: [{ message: { content: 'x'.repeat(500) } }], usage, timings };
  const whole = Buffer.from(JSON.stringify(body));
  for (const bytes of [whole, whole.subarray(-300)])
    assert.deepEqual(bodyUsage(bytes)?.cache, { cachedTokens: 30, promptTokens: 34 });
});
