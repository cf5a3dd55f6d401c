/**
 * For each failure of flm's own the official SDKs raise the error class that belongs to it, with the message and the
 * request id that help a person. They retry where flm says so, and only there.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import Anthropic from '@anthropic-ai/sdk';
import { APICallError, generateText, streamText } from 'ai';
import { Ollama } from 'ollama';
import OpenAI7 from 'openai';
import OpenAI6 from 'openai-6';
import type { ApiKey } from '../../src/core/security/api-key.ts';
import {
  answer,
  chunk,
  close,
  hold,
  type RawEngine,
  sseHead,
  startRawEngine,
} from '../helpers/raw-engine.ts';
import { openTestGateway, type TestGateway } from '../helpers/test-gateway.ts';

let engine: RawEngine;
let proxy: TestGateway;
before(async () => {
  engine = await startRawEngine([]);
  proxy = await openTestGateway({
    engines: [
      { id: 'e', port: engine.port, models: ['m'] },
      { id: 'gone', port: 1, models: ['gone'] },
    ],
    config: { limits: { maxBodyBytes: 10_000 } },
  });
});
afterEach(() => assert.equal(proxy.gateway.inFlight, 0));
after(async () => {
  await proxy.close();
  await engine.close();
});

/** A failure of flm's own: how to bring it about, and what belongs to it. */
interface Failure {
  readonly name: string;
  readonly status: number;
  readonly key?: () => string;
  readonly model?: string;
  readonly text?: string;
  readonly message: RegExp;
  /** The class of OpenAI's SDK, and of Anthropic's where that has one of its own. */
  readonly errorClass: string;
  readonly anthropicClass?: string;
}

const failures: readonly Failure[] = [
  {
    name: 'a wrong key',
    status: 401,
    key: () => 'flm_wrong',
    message: /No valid API key/,
    errorClass: 'AuthenticationError',
  },
  {
    name: 'a revoked key',
    status: 401,
    key: () => {
      const key = proxy.addKey();
      proxy.revoke(key);
      return key;
    },
    message: /was revoked/,
    errorClass: 'AuthenticationError',
  },
  {
    name: 'a key without the scope',
    status: 403,
    key: () => proxy.addKey({ scopes: ['metrics'] }),
    message: /needs a key with the scope inference/,
    errorClass: 'PermissionDeniedError',
  },
  {
    name: 'a model that nobody has',
    status: 404,
    model: 'nobody-has-it',
    message: /There is no model nobody-has-it/,
    errorClass: 'NotFoundError',
  },
  {
    name: 'a body above the limit',
    status: 413,
    text: 'x'.repeat(20_000),
    message: /larger than 10000 bytes/,
    errorClass: 'APIError',
    anthropicClass: 'ContentTooLargeError',
  },
  {
    name: 'a rate that is used up',
    status: 429,
    key: () => {
      const key = proxy.addKey({ limits: slow });
      used.add(key);
      return key;
    },
    message: /request rate limit is reached/,
    errorClass: 'RateLimitError',
  },
  {
    name: 'an engine that cannot be reached',
    status: 502,
    model: 'gone',
    message: /engine cannot be reached/,
    errorClass: 'InternalServerError',
  },
];

/** One request a minute; a key is used up by its first one. */
const slow: ApiKey['limits'] = { requestsPerMinute: 1 } as ApiKey['limits'];
const used = new Set<string>();

async function useUp(key: string): Promise<void> {
  if (!used.has(key)) return;
  engine.setScript([answer('{}')]);
  await fetch(`${proxy.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: '{"model":"m"}',
  }).then((response) => response.text());
}

interface SdkError extends Error {
  readonly status?: number;
  readonly headers?: Headers;
  readonly requestID?: string | null;
}

async function raised(work: () => Promise<unknown>): Promise<SdkError> {
  try {
    await work();
  } catch (error) {
    assert.ok(error instanceof Error);
    return error;
  }
  throw new assert.AssertionError({ message: 'nothing was raised' });
}

// What the two are called with here is the same; their types only differ in what is new.
const openais = { 'openai 7': OpenAI7, 'openai 6': OpenAI6 as unknown as typeof OpenAI7 } as const;

for (const [name, OpenAI] of Object.entries(openais)) {
  const client = (apiKey: string): OpenAI7 =>
    new OpenAI({ baseURL: `${proxy.url}/v1`, apiKey, maxRetries: 0 });

  describe(`${name} raises its own error for`, () => {
    for (const f of failures) {
      test(f.name, async () => {
        const key = f.key?.() ?? proxy.key;
        await useUp(key);
        const error = await raised(() =>
          client(key).chat.completions.create({
            model: f.model ?? 'm',
            messages: [{ role: 'user', content: f.text ?? 'hi' }],
          }),
        );
        assert.equal(error.constructor.name, f.errorClass);
        assert.ok(error instanceof OpenAI.APIError);
        assert.equal(error.status, f.status);
        assert.match(error.message, f.message);
        assert.match(error.requestID ?? '', /^req_/);
        if (f.status === 429) assert.match(error.headers?.get('retry-after') ?? '', /^[1-9]\d*$/);
      });
    }

    test('a stream that breaks off', async () => {
      engine.setScript([
        sseHead,
        chunk(
          'data: {"id":"x","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}]}\n\ndata: {"tor',
        ),
        close,
      ]);
      let content = '';
      const error = await raised(async () => {
        const stream = await client(proxy.key).chat.completions.create({
          model: 'm',
          stream: true,
          messages: [{ role: 'user', content: 'hi' }],
        });
        for await (const event of stream) content += event.choices[0]?.delta.content ?? '';
      });
      assert.equal(content, 'hi');
      assert.ok(error instanceof OpenAI.APIError);
      assert.match(error.message, /engine stopped in the middle/);
    });

    test('a stream of Responses that breaks off', async () => {
      engine.setScript([
        sseHead,
        chunk(
          'event: response.created\ndata: {"type":"response.created","sequence_number":0,"response":{"id":"r"}}\n\n',
        ),
        close,
      ]);
      const types: string[] = [];
      const stream = await client(proxy.key).responses.create({ model: 'm', input: 'hi', stream: true });
      let failed: unknown;
      for await (const event of stream) {
        types.push(event.type);
        if (event.type === 'response.failed') failed = event.response.error?.message;
      }
      assert.deepEqual(types, ['response.created', 'response.failed']);
      assert.match(String(failed), /engine stopped in the middle/);
    });
  });

  test(`${name} tries again where an engine cannot be reached`, async () => {
    const before = proxy.lines.length;
    const retrying = new OpenAI({ baseURL: `${proxy.url}/v1`, apiKey: proxy.key, maxRetries: 1 });
    const error = await raised(() =>
      retrying.chat.completions.create({ model: 'gone', messages: [{ role: 'user', content: 'hi' }] }),
    );
    assert.equal(error.status, 502);
    assert.equal(proxy.lines.length - before, 2);
  });
}

describe('the Anthropic SDK raises its own error for', () => {
  const client = (apiKey: string): Anthropic => new Anthropic({ baseURL: proxy.url, apiKey, maxRetries: 0 });

  for (const f of failures) {
    test(f.name, async () => {
      const key = f.key?.() ?? proxy.key;
      await useUp(key);
      const error = await raised(() =>
        client(key).messages.create({
          model: f.model ?? 'm',
          max_tokens: 5,
          messages: [{ role: 'user', content: f.text ?? 'hi' }],
        }),
      );
      assert.equal(error.constructor.name, f.anthropicClass ?? f.errorClass);
      assert.ok(error instanceof Anthropic.APIError);
      assert.equal(error.status, f.status);
      assert.match(error.message, f.message);
      assert.match(error.requestID ?? '', /^req_/);
    });
  }

  test('a stream that breaks off', async () => {
    engine.setScript([
      sseHead,
      chunk(
        'event: message_start\ndata: {"type":"message_start","message":{"id":"x","type":"message","role":"assistant","content":[],"model":"m","usage":{"input_tokens":1,"output_tokens":1}}}\n\n',
      ),
      close,
    ]);
    const error = await raised(async () => {
      const stream = await client(proxy.key).messages.create({
        model: 'm',
        max_tokens: 5,
        stream: true,
        messages: [{ role: 'user', content: 'hi' }],
      });
      for await (const event of stream) assert.equal(event.type, 'message_start');
    });
    assert.ok(error instanceof Anthropic.APIError);
    assert.match(error.message, /engine stopped in the middle/);
  });
});

describe('the Ollama client raises its own error for', () => {
  const client = (key: string): Ollama =>
    new Ollama({ host: proxy.url, headers: { Authorization: `Bearer ${key}` } });

  for (const f of failures) {
    test(f.name, async () => {
      const key = f.key?.() ?? proxy.key;
      await useUp(key);
      const error = await raised(() =>
        client(key).chat({ model: f.model ?? 'm', messages: [{ role: 'user', content: f.text ?? 'hi' }] }),
      );
      assert.equal(error.name, 'ResponseError');
      assert.equal((error as { status_code?: number }).status_code, f.status);
      assert.match(error.message, f.message);
    });
  }

  test('a stream that breaks off', async () => {
    engine.setScript([
      sseHead.replace('text/event-stream', 'application/x-ndjson'),
      chunk('{"model":"m","message":{"role":"assistant","content":"hi"},"done":false}\n{"mod'),
      close,
    ]);
    let content = '';
    const error = await raised(async () => {
      const stream = await client(proxy.key).chat({
        model: 'm',
        stream: true,
        messages: [{ role: 'user', content: 'hi' }],
      });
      for await (const part of stream) content += part.message.content;
    });
    assert.equal(content, 'hi');
    assert.match(error.message, /engine stopped in the middle/);
  });
});

describe('the AI SDK raises its own error for', () => {
  const model = (key: string, name: string) =>
    createOpenAICompatible({ name: 'flm', baseURL: `${proxy.url}/v1`, apiKey: key })(name);

  for (const f of failures) {
    test(f.name, async () => {
      const key = f.key?.() ?? proxy.key;
      await useUp(key);
      const error = await raised(() =>
        generateText({ model: model(key, f.model ?? 'm'), prompt: f.text ?? 'hi', maxRetries: 0 }),
      );
      assert.ok(APICallError.isInstance(error), error.message);
      assert.equal(error.statusCode, f.status);
      assert.match(error.message, f.message);
      assert.equal(error.isRetryable, f.status === 429 || f.status >= 500);
    });
  }

  test('a stream that breaks off', async () => {
    engine.setScript([
      sseHead,
      chunk(
        'data: {"id":"x","choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}]}\n\ndata: {"tor',
      ),
      close,
    ]);
    const errors: unknown[] = [];
    const result = streamText({
      model: model(proxy.key, 'm'),
      prompt: 'hi',
      maxRetries: 0,
      onError: ({ error }) => void errors.push(error),
    });
    let content = '';
    for await (const part of result.fullStream) if (part.type === 'text-delta') content += part.text;
    assert.equal(content, 'hi');
    assert.equal(errors.length, 1);
    assert.match(JSON.stringify(errors[0]) + String(errors[0]), /engine stopped in the middle/);
  });
});

test('a proxy that is full is a 503 to SDKs, which they try again when it says', async () => {
  const full = await openTestGateway({
    engines: [{ id: 'e', port: engine.port, models: ['m'] }],
    config: { limits: { maxStreams: 1 } },
  });
  try {
    const gate = Promise.withResolvers<void>();
    engine.setScript([hold(gate.promise), answer('{"object":"chat.completion","choices":[]}')]);
    const before = engine.requests.length;
    const create = (maxRetries: number) =>
      new OpenAI7({ baseURL: `${full.url}/v1`, apiKey: full.key, maxRetries }).chat.completions.create({
        model: 'm',
        messages: [],
      });
    const first = create(0);
    await engine.arrived(before + 1);
    const error = await raised(() => create(0));
    assert.ok(error instanceof OpenAI7.InternalServerError);
    assert.equal(error.status, 503);
    assert.equal(error.headers.get('retry-after'), '1');
    assert.match(error.message, /Too many responses are in progress/);
    const refused = full.nextLine();
    const patient = create(1);
    await refused;
    gate.resolve();
    assert.equal((await first).object, 'chat.completion');
    assert.equal((await patient).object, 'chat.completion');
  } finally {
    await full.close();
  }
});
