/**
 * What answers say about themselves, as engines send it, and that no text of a model or a client passes for it.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { TerminalMark } from '../routes.ts';
import type { EventFraming } from './event-end.ts';
import { StreamReader } from './stream-reader.ts';
import { bodyUsage } from './token-counts.ts';

/** Reads events out of the middle of a larger buffer, as they lie in one that all sockets share. */
function read(
  end: TerminalMark,
  events: readonly string[],
  framing: EventFraming = 'sse',
  together = false,
): StreamReader {
  const reader = new StreamReader(end, framing);
  const noise =
    ' data: [DONE]\n\n{"usage":{"prompt_tokens":99,"completion_tokens":99},"done":true,"finish_reason":"stop"}\n\n';
  for (const event of together ? [events.join('')] : events) {
    const buffer = Buffer.from(noise + event + noise);
    reader.events(buffer, noise.length, buffer.length - noise.length);
  }
  return reader;
}

/** All that a reader found, in one line. */
function found(reader: StreamReader): string {
  const { usage, terminated, errorSeen } = reader;
  const cost = usage === undefined ? 'no usage' : `${usage.inputTokens} in, ${usage.outputTokens} out`;
  return [cost, terminated ? 'whole' : 'not whole', ...(errorSeen ? ['error'] : [])].join('; ');
}

const data = (json: unknown) => `data: ${typeof json === 'string' ? json : JSON.stringify(json)}\n\n`;
const named = (event: string, json: unknown) => `event: ${event}\ndata: ${JSON.stringify(json)}\n\n`;
const chunk = (delta: unknown, finish: string | null = null, more: object = {}) =>
  data({
    id: 'c',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'm',
    choices: [{ index: 0, delta, finish_reason: finish }],
    ...more,
  });
const usage = {
  prompt_tokens: 11,
  completion_tokens: 5,
  total_tokens: 16,
  prompt_tokens_details: { cached_tokens: 3 },
};

const streams: Readonly<Record<string, readonly [TerminalMark, readonly string[], string]>> = {
  'OpenAI, with usage in a chunk of its own': [
    'openai',
    [
      chunk({ content: 'Hi' }, null, { usage: null }),
      chunk({}, 'stop', { usage: null }),
      data({ id: 'c', choices: [], usage }),
      'data: [DONE]\n\n',
    ],
    '11 in, 5 out; whole',
  ],
  'OpenAI without usage': [
    'openai',
    [chunk({ content: 'Hi' }), chunk({}, 'length'), 'data: [DONE]\n\n'],
    'no usage; whole',
  ],
  'a finish reason without [DONE]': [
    'openai',
    [chunk({ content: 'Hi' }), chunk({}, 'tool_calls')],
    'no usage; whole',
  ],
  '[DONE] without a finish reason': [
    'openai',
    [chunk({ content: 'Hi' }), 'data:[DONE]\n\n'],
    'no usage; whole',
  ],
  'an OpenAI stream that was cut': [
    'openai',
    [chunk({ content: 'Hi' }), chunk({ content: '!' })],
    'no usage; not whole',
  ],
  'an empty finish reason while it goes on': [
    'openai',
    [chunk({ content: 'Hi' }, '')],
    'no usage; not whole',
  ],
  'llama.cpp of old, with usage and timings in the last chunk': [
    'openai',
    [
      'data: {"choices":[{"finish_reason":null,"index":0,"delta":{"content":"Hi"}}],"created":1,"id":"c","object":"chat.completion.chunk"}\n\n',
      'data: {"choices":[{"finish_reason":"stop","index":0,"delta":{}}],"usage":{"completion_tokens":5,"prompt_tokens":11,"total_tokens":16},"timings":{"prompt_n":99,"predicted_n":98}}\n\n',
    ],
    '11 in, 5 out; whole',
  ],
  'Ollama /v1/completions, with zeros in every chunk': [
    'openai',
    [
      data({
        choices: [{ text: 'a', index: 0, finish_reason: null }],
        usage: { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 },
      }),
      data({ choices: [{ text: '', index: 0, finish_reason: 'stop' }], usage }),
      data({ choices: [], usage: { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 } }),
      'data: [DONE]\n\n',
    ],
    '11 in, 5 out; whole',
  ],
  'vLLM, counting as it goes on': [
    'openai',
    [1, 2, 5].map((n) =>
      chunk({ content: 'a' }, n === 5 ? 'stop' : null, {
        usage: { prompt_tokens: 11, total_tokens: 11 + n, completion_tokens: n },
      }),
    ),
    '11 in, 5 out; whole',
  ],
  'an error of vLLM, then [DONE]': [
    'openai',
    [data({ error: { message: 'x', type: 'BadRequestError', param: null, code: 400 } }), 'data: [DONE]\n\n'],
    'no usage; whole; error',
  ],
  'an error of llama.cpp': [
    'openai',
    [chunk({ content: 'a' }), data({ error: { code: 500, message: 'x', type: 'server_error' } })],
    'no usage; not whole; error',
  ],
  'an error of LM Studio': [
    'openai',
    ['event: error\ndata: {"error":"Model unloaded."}\n\n'],
    'no usage; not whole; error',
  ],
  Anthropic: [
    'anthropic',
    [
      named('message_start', {
        type: 'message_start',
        message: {
          id: 'm',
          content: [],
          usage: { input_tokens: 11, cache_read_input_tokens: 7, output_tokens: 1 },
        },
      }),
      named('content_block_start', {
        type: 'content_block_start',
        index: 0,
        content_block: { type: 'text', text: '' },
      }),
      named('ping', { type: 'ping' }),
      named('content_block_delta', {
        type: 'content_block_delta',
        index: 0,
        delta: { type: 'text_delta', text: 'Hi' },
      }),
      named('message_delta', {
        type: 'message_delta',
        delta: { stop_reason: 'end_turn' },
        usage: { output_tokens: 5 },
      }),
      named('message_stop', { type: 'message_stop' }),
    ],
    '11 in, 5 out; whole',
  ],
  'Anthropic, cut before message_stop': [
    'anthropic',
    [
      named('message_delta', {
        type: 'message_delta',
        delta: { stop_reason: 'end_turn' },
        usage: { output_tokens: 5 },
      }),
    ],
    '0 in, 5 out; not whole',
  ],
  'Anthropic, by the type alone': ['anthropic', [data('{ "type" : "message_stop" }')], 'no usage; whole'],
  'an error of Anthropic': [
    'anthropic',
    [named('error', { type: 'error', error: { type: 'overloaded_error', message: 'x' } })],
    'no usage; not whole; error',
  ],
  Responses: [
    'responses',
    [
      named('response.created', {
        type: 'response.created',
        sequence_number: 0,
        response: { id: 'r', error: null, usage: null },
      }),
      named('response.output_text.delta', { type: 'response.output_text.delta', delta: 'Hi' }),
      named('response.completed', {
        type: 'response.completed',
        response: {
          id: 'r',
          error: null,
          output: [],
          usage: {
            input_tokens: 11,
            input_tokens_details: { cached_tokens: 1 },
            output_tokens: 5,
            total_tokens: 16,
          },
          metadata: {},
        },
      }),
    ],
    '11 in, 5 out; whole',
  ],
  'Responses, incomplete': [
    'responses',
    [data({ type: 'response.incomplete', response: { usage: null } })],
    'no usage; whole',
  ],
  'Responses, failed': [
    'responses',
    [data({ type: 'response.failed', response: { error: { code: 'server_error' } } })],
    'no usage; whole; error',
  ],
  'an error of Responses': [
    'responses',
    [data({ type: 'error', code: 'x', message: 'y' })],
    'no usage; not whole; error',
  ],
  'Responses, cut': [
    'responses',
    [named('response.output_text.done', { type: 'response.output_text.done', text: 'Hi' })],
    'no usage; not whole',
  ],
};

for (const [name, [end, events, expected]] of Object.entries(streams)) {
  test(`a stream is read as it ended: ${name}`, () => {
    assert.equal(found(read(end, events)), expected);
    assert.equal(found(read(end, events, 'sse', true)), expected, 'in one read');
    const crlf = events.map((event) => event.replaceAll('\n', '\r\n'));
    assert.equal(found(read(end, crlf)), expected, 'with CRLF');
    const spaced = events.map((event) =>
      event.replaceAll(
        /^data: *(\{.*\})$/gm,
        (_, json) => `data: ${JSON.stringify(JSON.parse(json), undefined, ' ').replaceAll('\n', '')}`,
      ),
    );
    assert.equal(found(read(end, spaced)), expected, 'with blanks in the JSON');
    const comments = events.map((event) => `: keep-alive\n\n${event}:hb\n\n`);
    assert.equal(found(read(end, comments)), expected, 'with comments');
  });
}

test('what lies behind a cut event in the same memory is not read', () => {
  for (const [name, [end, events]] of Object.entries(streams)) {
    const last = Buffer.from(events.at(-1) ?? '');
    for (let cut = 1; cut < last.length; cut++) {
      const [alone, among] = [new StreamReader(end, 'sse'), new StreamReader(end, 'sse')];
      alone.events(Buffer.from(last.subarray(0, cut)), 0, cut);
      among.events(last, 0, cut);
      assert.equal(found(among), found(alone), `${name}, cut at ${cut}`);
    }
  }
});

test('lines that end in CR alone are read', () => {
  const reader = new StreamReader('openai', 'sse');
  const events = Buffer.from(`data: {"choices":[],"usage":${JSON.stringify(usage)}}\r\rdata: [DONE]\r\r`);
  reader.events(events, 0, events.length);
  assert.equal(found(reader), '11 in, 5 out; whole');
});

const line = (json: object) => `${JSON.stringify(json)}\n`;
const generated = (text: string) =>
  line({ model: 'm', created_at: 'now', message: { role: 'assistant', content: text }, done: false });

test('the lines of Ollama are read as they end', () => {
  const last = {
    model: 'm',
    done: true,
    done_reason: 'stop',
    total_duration: 9,
    prompt_eval_count: 11,
    eval_count: 5,
    eval_duration: 8,
  };
  assert.equal(found(read('ollama', [generated('Hi'), line(last)], 'ndjson')), '11 in, 5 out; whole');
  assert.equal(found(read('ollama', [generated('Hi') + line(last)], 'ndjson')), '11 in, 5 out; whole');
  assert.equal(found(read('ollama', [line({ done: true, eval_count: 5 })], 'ndjson')), '0 in, 5 out; whole');
  assert.equal(
    found(read('ollama', [JSON.stringify(last)], 'ndjson')),
    '11 in, 5 out; whole',
    'without a line feed',
  );
  assert.equal(found(read('ollama', [generated('Hi')], 'ndjson')), 'no usage; not whole');
  assert.equal(
    found(read('ollama', [generated('Hi'), line({ error: 'out of memory' })], 'ndjson')),
    'no usage; not whole; error',
  );
  const context = line({
    model: 'm',
    response: '',
    done: true,
    context: Array.from({ length: 20_000 }, (_, i) => i),
    prompt_eval_count: 11,
    eval_count: 5,
  });
  assert.equal(found(read('ollama', [context], 'ndjson')), '11 in, 5 out; whole');
});

const lies = [
  'data: [DONE]',
  '\n\ndata: [DONE]\n\n',
  '"usage":{"prompt_tokens":1000000,"completion_tokens":1000000}',
  '"},"usage":{"prompt_tokens":7,"completion_tokens":7},"x":{"',
  '\\"usage":{"prompt_tokens":7}',
  '\\","usage":{"input_tokens":7,"output_tokens":7},"',
  '"finish_reason":"stop"',
  '\\"}, "finish_reason" : "stop"',
  'event: message_stop\ndata: {"type":"message_stop"}',
  '{"type":"response.completed"}',
  '{"error":{"message":"x"}}',
  '\n{"error":"x"}\n',
  '"done":true,"eval_count":7,"prompt_eval_count":7',
  '\\\\"done":true',
  '\n{"done":true}\n',
];

test('text of a model that looks like an end, an error or usage is text', () => {
  const text = fc
    .array(fc.oneof(fc.constantFrom(...lies), fc.constantFrom('\\', '"', '{', '}', '\n', ':')), {
      maxLength: 5,
    })
    .map((parts) => parts.join(''));
  const property = fc.property(text, (words) => {
    const cases: readonly (readonly [TerminalMark, EventFraming, string])[] = [
      ['openai', 'sse', chunk({ content: words })],
      ['openai', 'sse', chunk({ tool_calls: [{ function: { name: words, arguments: words } }] })],
      [
        'openai',
        'sse',
        data({ choices: [{ text: words, logprobs: { tokens: [words], [words]: 1 }, finish_reason: null }] }),
      ],
      [
        'anthropic',
        'sse',
        named('content_block_delta', {
          type: 'content_block_delta',
          delta: { type: 'text_delta', text: words },
        }),
      ],
      [
        'responses',
        'sse',
        named('response.output_text.delta', {
          type: 'response.output_text.delta',
          delta: words,
          item_id: words,
        }),
      ],
      ['ollama', 'ndjson', generated(words)],
    ];
    for (const [end, framing, event] of cases)
      assert.equal(found(read(end, [event], framing)), 'no usage; not whole', event);
    const body = { choices: [{ message: { content: words }, finish_reason: 'stop' }], usage, note: words };
    assert.deepEqual(bodyUsage(Buffer.from(JSON.stringify(body))), {
      inputTokens: 11,
      outputTokens: 5,
      cache: { cachedTokens: 3, promptTokens: 11 },
    });
  });
  fc.assert(property, { numRuns: 1000, interruptAfterTimeLimit: 8000, markInterruptAsFailure: false });
});

test('objects of a model or a client that look like an end, an error or usage are theirs', () => {
  const lie = {
    done: true,
    finish_reason: 'stop',
    eval_count: 7,
    prompt_eval_count: 7,
    error: 'x',
    type: 'message_stop',
    usage: { input_tokens: 7, output_tokens: 7, prompt_tokens: 7, completion_tokens: 7 },
  };
  const call = {
    model: 'm',
    message: { tool_calls: [{ function: { name: 'f', arguments: lie } }] },
    done: false,
  };
  assert.equal(found(read('ollama', [line(call)], 'ndjson')), 'no usage; not whole');
  assert.equal(
    found(read('ollama', [line({ ...call, done: true, eval_count: 5, prompt_eval_count: 11 })], 'ndjson')),
    '11 in, 5 out; whole',
  );
  assert.equal(
    found(read('openai', [chunk({ tool_calls: [{ function: { arguments: lie } }] })])),
    'no usage; not whole',
  );
  const start = named('content_block_start', {
    type: 'content_block_start',
    content_block: { type: 'tool_use', input: lie },
  });
  assert.equal(found(read('anthropic', [start])), 'no usage; not whole');
  const tools = [{ type: 'function', name: 'f', parameters: { properties: lie } }];
  const response = {
    id: 'r',
    usage: { input_tokens: 11, output_tokens: 5 },
    tools,
    metadata: lie,
    text: { format: { schema: lie } },
  };
  assert.equal(
    found(read('responses', [named('response.completed', { type: 'response.completed', response })])),
    '11 in, 5 out; whole',
  );
  assert.deepEqual(bodyUsage(Buffer.from(JSON.stringify(response))), { inputTokens: 11, outputTokens: 5 });
  const counted = { message: { usage: {} }, list: [{ input_tokens: 7 }] };
  assert.equal(
    found(read('anthropic', [data({ type: 'message_start', ...counted })])),
    'no usage; not whole',
  );
});

/** An event as it comes when it is too large to be held. */
function inPieces(end: TerminalMark, framing: EventFraming, event: string, pieceBytes: number): StreamReader {
  const reader = new StreamReader(end, framing);
  const bytes = Buffer.from(event);
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const piece = Buffer.from(bytes.subarray(at, at + pieceBytes));
    reader.piece(piece, 0, piece.length, at === 0, at + pieceBytes >= bytes.length);
  }
  return reader;
}

test('an event too large to be held is read by its beginning and its end', () => {
  const text = '"usage":{"input_tokens":7} '.repeat(20_000);
  const response = {
    id: 'r',
    output: [{ content: [{ text }] }],
    usage: { input_tokens: 11, output_tokens: 5 },
    metadata: { a: 'b' },
  };
  const completed = named('response.completed', { type: 'response.completed', response });
  const finished = chunk({ content: text }, 'stop', { usage });
  const last = line({ message: { content: text }, done: true, prompt_eval_count: 11, eval_count: 5 });
  for (const pieceBytes of [65_600, 100_000, 1_000_000]) {
    assert.equal(found(inPieces('responses', 'sse', completed, pieceBytes)), '11 in, 5 out; whole');
    assert.equal(found(inPieces('openai', 'sse', finished, pieceBytes)), '11 in, 5 out; whole');
    assert.equal(found(inPieces('ollama', 'ndjson', last, pieceBytes)), '11 in, 5 out; whole');
    assert.equal(
      found(inPieces('openai', 'sse', chunk({ content: text }), pieceBytes)),
      'no usage; not whole',
    );
  }
});

const timings = { cache_n: 30, prompt_n: 4, prompt_ms: 12.5, predicted_n: 5 };
const cacheReports: Readonly<Record<string, readonly [TerminalMark, readonly string[], string]>> = {
  'OpenAI, in the details of the usage': [
    'openai',
    [
      chunk({}, 'stop'),
      data({
        choices: [],
        usage: { ...usage, prompt_tokens_details: { audio_tokens: 0, cached_tokens: 3, x: 9 } },
      }),
    ],
    '3 of 11',
  ],
  'OpenAI, without a hit': [
    'openai',
    [
      chunk({}, 'stop'),
      data({ choices: [], usage: { prompt_tokens: 11, prompt_tokens_details: { cached_tokens: 0 } } }),
    ],
    '0 of 11',
  ],
  'vLLM, which does not report it by default': [
    'openai',
    [chunk({}, 'stop'), data({ choices: [], usage: { prompt_tokens: 11, prompt_tokens_details: null } })],
    'unknown',
  ],
  Responses: [
    'responses',
    [
      named('response.completed', {
        type: 'response.completed',
        response: {
          usage: { input_tokens: 20, input_tokens_details: { cached_tokens: 8 }, output_tokens: 5 },
        },
      }),
    ],
    '8 of 20',
  ],
  'Anthropic, whose input does not count what comes from the cache or goes there': [
    'anthropic',
    [
      named('message_start', {
        type: 'message_start',
        message: {
          usage: {
            input_tokens: 5,
            cache_creation_input_tokens: 2,
            cache_read_input_tokens: 70,
            output_tokens: 1,
          },
        },
      }),
      named('message_delta', { type: 'message_delta', delta: {}, usage: { output_tokens: 9 } }),
    ],
    '70 of 77',
  ],
  'llama.cpp, with usage': [
    'openai',
    [chunk({}, 'stop'), data({ choices: [], usage: { prompt_tokens: 34, completion_tokens: 5 }, timings })],
    '30 of 34',
  ],
  'llama.cpp, without usage': [
    'openai',
    [chunk({ content: 'Hi' }), chunk({}, 'stop', { timings })],
    '30 of 34',
  ],
  'Ollama, which does not report it': [
    'ollama',
    ['{"done":true,"prompt_eval_count":7,"eval_count":5}\n'],
    'unknown',
  ],
  'names outside of the usage': [
    'openai',
    [
      chunk({ content: 'Hi', prompt_tokens_details: { cached_tokens: 3 }, timings }, 'stop', {
        cached_tokens: 5,
        cache_n: 5,
        prompt_tokens_details: { cached_tokens: 4 },
        usage: {
          prompt_tokens: 11,
          completion_tokens: 5,
          other: { cached_tokens: 3 },
          cached_tokens: { cache_n: 1 },
        },
      }),
    ],
    'unknown',
  ],
};

for (const [name, [end, events, expected]] of Object.entries(cacheReports)) {
  test(`prompt tokens from a cache: ${name}`, () => {
    for (const together of [false, true]) {
      const { cache } = read(end, events, end === 'ollama' ? 'ndjson' : 'sse', together);
      const told = cache === undefined ? 'unknown' : `${cache.cachedTokens} of ${cache.promptTokens}`;
      assert.equal(told, expected);
    }
  });
}
