/**
 * The official SDKs meet the limits of the built proxy: each sees its own rate limit error, and those that try again by
 * themselves come when they were told to, and then succeed.
 *
 * What an SDK was told is read by the `fetch` that it was given; when it came back, the access log says.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import Anthropic from '@anthropic-ai/sdk';
import { APICallError, generateText } from 'ai';
import { Ollama } from 'ollama';
import OpenAI7 from 'openai';
import OpenAI6 from 'openai-6';
import type { RequestLine } from '../../src/core/proxy/proxy-handle.ts';
import { makeCli, type TestCli } from '../helpers/cli.ts';
import { ollamaTable } from '../helpers/fake-engine.ts';
import { assertNoLeaks, takeStock } from '../helpers/leaks.ts';
import { answer, hold, type RawEngine, type Step, startRawEngine } from '../helpers/raw-engine.ts';
import { createKey, startProxy } from '../helpers/start-proxy.ts';

const stock = takeStock();
after(() => assertNoLeaks(stock));

const model = 'qwen3:latest';
const messages = [{ role: 'user' as const, content: 'hi' }];

/** Where an SDK is pointed at, and what it was answered there. */
class Place {
  readonly url: string;
  readonly key: string;
  readonly answers: { readonly status: number; readonly retryAfterMs: number }[] = [];

  constructor(url: string, key: string) {
    this.url = url;
    this.key = key;
  }

  readonly fetch = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const response = await fetch(input, init);
    const retryAfterMs = Number(response.headers.get('retry-after-ms') ?? Number.NaN);
    this.answers.push({ status: response.status, retryAfterMs });
    return response;
  };
}

interface Sdk {
  readonly name: string;
  /** With its default settings it tries again; else `patient` means nothing. */
  readonly retries: boolean;
  ask(place: Place, patient: boolean): Promise<unknown>;
  assertLimited(error: unknown, message: RegExp): void;
}

function openai(name: string, OpenAI: typeof OpenAI7): Sdk {
  return {
    name,
    retries: true,
    ask: ({ url, key, fetch }, patient) =>
      new OpenAI({
        baseURL: `${url}/v1`,
        apiKey: key,
        fetch,
        ...(patient ? {} : { maxRetries: 0 }),
      }).chat.completions
        .create({ model, messages })
        .then((done) => done.choices[0]?.message.content),
    assertLimited: (error, message) => {
      assert.ok(error instanceof OpenAI.RateLimitError, String(error));
      assert.equal(error.code, 'rate_limit_exceeded');
      assert.match(error.message, message);
      assert.match(error.headers.get('retry-after') ?? '', /^[1-9]\d*$/);
    },
  };
}

const sdks: readonly Sdk[] = [
  openai('openai 7', OpenAI7),
  // What the two are called with here is the same; their types only differ in what is new.
  openai('openai 6', OpenAI6 as unknown as typeof OpenAI7),
  {
    name: 'the Anthropic SDK',
    retries: true,
    ask: ({ url, key, fetch }, patient) =>
      new Anthropic({ baseURL: url, apiKey: key, fetch, ...(patient ? {} : { maxRetries: 0 }) }).messages
        .create({ model, max_tokens: 5, messages })
        .then((done) => (done.content[0]?.type === 'text' ? done.content[0].text : undefined)),
    assertLimited: (error, message) => {
      assert.ok(error instanceof Anthropic.RateLimitError, String(error));
      assert.equal(error.type, 'rate_limit_error');
      assert.match(error.message, message);
    },
  },
  {
    name: 'the Ollama client',
    retries: false,
    ask: ({ url, key, fetch }) =>
      new Ollama({ host: url, headers: { Authorization: `Bearer ${key}` }, fetch })
        .chat({ model, messages })
        .then((done) => done.message.content),
    assertLimited: (error, message) => {
      assert.ok(error instanceof Error);
      assert.equal(error.name, 'ResponseError', String(error));
      assert.equal((error as { readonly status_code?: number }).status_code, 429);
      assert.match(error.message, message);
    },
  },
  {
    name: 'the AI SDK',
    retries: true,
    ask: ({ url, key, fetch }, patient) =>
      generateText({
        model: createOpenAICompatible({ name: 'flm', baseURL: `${url}/v1`, apiKey: key, fetch })(model),
        prompt: 'hi',
        ...(patient ? {} : { maxRetries: 0 }),
      }).then(({ text }) => text),
    assertLimited: (error, message) => {
      assert.ok(APICallError.isInstance(error), String(error));
      assert.deepEqual([error.statusCode, error.isRetryable], [429, true]);
      assert.match(error.message, message);
    },
  },
];

// --- the fixture

const answers: Readonly<Record<string, object>> = {
  '/v1/chat/completions': {
    id: 'c',
    object: 'chat.completion',
    created: 1,
    model,
    choices: [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
  },
  '/v1/messages': {
    id: 'm',
    type: 'message',
    role: 'assistant',
    model,
    content: [{ type: 'text', text: 'hello' }],
    stop_reason: 'end_turn',
    usage: { input_tokens: 1, output_tokens: 1 },
  },
  '/api/chat': { model, message: { role: 'assistant', content: 'hello' }, done: true, done_reason: 'stop' },
};

/** An Ollama that answers chats after `before`. */
async function startOllama(t: TestContext, ...before: readonly Step[]): Promise<RawEngine> {
  const engine = await startRawEngine((_socket, request) => {
    const chat = answers[request.target];
    if (chat !== undefined) return [...before, answer(JSON.stringify(chat))];
    const probed = ollamaTable[request.target];
    if (probed === undefined) return [answer('{}', 'application/json', '404 Not Found')];
    if (typeof probed.body === 'string') return [answer(probed.body, 'text/plain')];
    return [answer(JSON.stringify(probed.body))];
  });
  t.after(() => engine.close());
  return engine;
}

/** Requests of a key as the access log has them, once there are as many. */
async function logged(
  cli: TestCli,
  label: string,
  count: number,
  profile = 'default',
): Promise<readonly RequestLine[]> {
  for (;;) {
    const { stdout } = await cli.run('proxy', 'logs', profile, '--lines', '1000', '--json');
    const lines = stdout
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as RequestLine)
      .filter((line) => line.keyLabel === label);
    if (lines.length >= count) return lines;
  }
}

const raised = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error ?? new Error('nothing'),
  );

// --- the tests

test('a key of sixty requests a minute, one at a time, meets', { concurrency: true }, async (t) => {
  const cli = makeCli(t);
  const engine = await startOllama(t);
  const { url } = await startProxy(cli, '--engine', engine.url);
  const slow = ['--rpm', '60', '--burst', '1'] as const;

  const raises = sdks.map((sdk) =>
    t.test(`${sdk.name}, which sees its rate limit error where it may not try again`, async () => {
      const place = new Place(url, (await createKey(cli, sdk.name, ...slow)).key);
      let error: unknown;
      // On a busy machine the second may come when a second is over.
      while (error === undefined) error = await raised(sdk.ask(place, false));
      sdk.assertLimited(error, /The key's request rate limit is reached/);
      assert.equal(place.answers.at(-2)?.status, 200);
      const told = place.answers.at(-1);
      assert.equal(told?.status, 429);
      assert.ok(told.retryAfterMs > 0 && told.retryAfterMs <= 1_000, String(told.retryAfterMs));
    }),
  );
  const waits = sdks
    .filter((sdk) => sdk.retries)
    .map((sdk) =>
      t.test(`${sdk.name}, which waits as it is told and then succeeds`, async () => {
        const label = `${sdk.name}, patient`;
        const place = new Place(url, (await createKey(cli, label, ...slow)).key);
        const refusals = (): number => place.answers.filter((a) => a.status === 429).length;
        while (refusals() === 0) assert.equal(await sdk.ask(place, true), 'hello');

        assert.deepEqual([refusals(), place.answers.at(-1)?.status], [1, 200]);
        const waitMs = place.answers.at(-2)?.retryAfterMs ?? Number.NaN;
        const [refused, second] = (await logged(cli, label, place.answers.length)).slice(-2);
        assert(refused !== undefined && second !== undefined);
        assert.deepEqual([refused.status, second.status], [429, 200]);
        // Lines are written at the end of a request, to the millisecond.
        const passedMs = second.atMs - second.durationMs - refused.atMs;
        assert.ok(passedMs >= waitMs - 2, `after ${passedMs} ms, told to wait ${waitMs} ms`);
      }),
    );
  await Promise.all([...raises, ...waits]);
});

test('a key that may have one request at a time, and a queue that is full, are limits to', async (t) => {
  const cli = makeCli(t);
  const gate = Promise.withResolvers<void>();
  const engine = await startOllama(t, hold(gate.promise));
  const profile = join(cli.folder, 'narrow.yaml');
  writeFileSync(
    profile,
    `name: narrow\nport: 0\nengines: [{ url: '${engine.url}', slots: 1 }]\nlimits: { maxQueued: 1 }\n`,
  );
  const imported = await cli.run('profile', 'import', profile);
  assert.equal(imported.code, 0, imported.stderr);
  const { url } = await startProxy(cli, 'narrow');
  const [first] = sdks;
  assert.ok(first !== undefined);
  const single = (await createKey(cli, 'single', '--concurrency', '1')).key;
  const running = first.ask(new Place(url, single), false);
  const waiting = first.ask(new Place(url, (await createKey(cli, 'waiting')).key), false);
  const status = async () =>
    (await cli.run('proxy', 'status', '--json')).json<{
      proxies: { inFlight: number; queued: number; engines: { inFlight: number; queued: number }[] }[];
    }>().proxies[0];
  let now = await status();
  while (now?.queued !== 1) now = await status();
  assert.deepEqual([now.inFlight, now.engines[0]?.inFlight, now.engines[0]?.queued], [2, 1, 1]);
  assert.match((await cli.run('proxy', 'status', 'narrow')).stdout, /1 of 1 slots taken, 1 waits/);
  assert.match((await cli.run('engine', 'list')).stdout, / 1 of 1, 1 waits /);

  // Whichever of the two came first has the slot; the key that has one in progress is refused all the same.
  const late = (await createKey(cli, 'late')).key;
  for (const sdk of sdks) {
    await t.test(sdk.name, async () => {
      const limited = await raised(sdk.ask(new Place(url, single), false));
      sdk.assertLimited(limited, /The key has reached its limit of 1 requests in progress/);
      const place = new Place(url, late);
      sdk.assertLimited(await raised(sdk.ask(place, false)), /too many requests wait for it/);
      assert.ok((place.answers[0]?.retryAfterMs ?? 0) > 0);
    });
  }

  gate.resolve();
  assert.deepEqual(await Promise.all([running, waiting]), ['hello', 'hello']);
  const lines = await Promise.all([
    logged(cli, 'single', 1 + sdks.length, 'narrow'),
    logged(cli, 'waiting', 1, 'narrow'),
  ]);
  const waited = lines.flat();
  assert.equal(waited.filter((line) => line.status === 200 && (line.queuedMs ?? 0) > 0).length, 1);
});
