/**
 * The official OpenAI SDKs before flm before real engines: what they ask for in their own ways is answered as they
 * expect, and refusals arrive as the class of error that belongs to them.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import OpenAI7 from 'openai';
import OpenAI6 from 'openai-6';
import { eventually } from '../helpers/eventually.ts';
import { assertNoLeaks, takeStock } from '../helpers/leaks.ts';
import { loopTrigger, story, storyTokens } from '../helpers/tiny-gguf.ts';
import { bothEngines, idle, startProxyFor } from './tested-proxy.ts';

const before = takeStock();
after(() => assertNoLeaks(before));

const messages = [{ role: 'user' as const, content: 'hi' }];
const endless = [{ role: 'user' as const, content: loopTrigger }];

// The sixth has the same shape in all that is used here.
const openais: readonly [name: string, make: typeof OpenAI7][] = [
  ['openai 7', OpenAI7],
  ['openai 6', OpenAI6 as unknown as typeof OpenAI7],
];

for (const [name, OpenAI] of openais) {
  for (const [kind, needs, start] of bothEngines) {
    test(`${name} on ${kind}`, needs, async (t) => {
      const engine = await start(t);
      const flm = await startProxyFor(t, engine.url);
      const { model } = engine;
      const client = new OpenAI({ baseURL: flm.proxy.baseUrl, apiKey: flm.key });

      await t.test('chat', async () => {
        const { data, response } = await client.chat.completions.create({ model, messages }).withResponse();
        assert.equal(data.choices[0]?.message.content?.trim(), story);
        assert.equal(data.choices[0]?.finish_reason, 'stop');
        assert.equal(data.usage?.completion_tokens, storyTokens);
        assert.match(response.headers.get('x-request-id') ?? '', /./);
      });

      await t.test('streamed chat', async () => {
        const stream = await client.chat.completions.create({
          model,
          messages,
          stream: true,
          stream_options: { include_usage: true },
        });
        let said = '';
        let tokens = 0;
        for await (const chunk of stream) {
          said += chunk.choices[0]?.delta.content ?? '';
          tokens = chunk.usage?.completion_tokens ?? tokens;
        }
        assert.equal(said.trim(), story);
        assert.equal(tokens, storyTokens);
      });

      await t.test('completion', async () => {
        const answer = await client.completions.create({ model, prompt: 'hi' });
        assert.equal(answer.choices[0]?.text.trim(), story);
      });

      await t.test('responses', async () => {
        const answer = await client.responses.create({ model, input: 'hi' });
        assert.equal(answer.output_text.trim(), story);
        let said = '';
        let last = '';
        for await (const event of await client.responses.create({ model, input: 'hi', stream: true })) {
          last = event.type;
          if (event.type === 'response.output_text.delta') said += event.delta;
        }
        assert.equal(said.trim(), story);
        assert.equal(last, 'response.completed');
      });

      await t.test('embeddings', async () => {
        // By default they are asked for in base64; an engine without them refuses, in its own words.
        const vector = async (format?: 'float'): Promise<readonly number[]> => {
          const asked = { model, input: 'hi', ...(format === undefined ? {} : { encoding_format: format }) };
          return (await client.embeddings.create(asked)).data[0]?.embedding ?? [];
        };
        const [packed, plain] = [await vector(), await vector('float')];
        assert.equal(packed.length, 64);
        assert.equal(plain.length, 64);
        for (const [i, x] of packed.entries()) assert.ok(Math.abs(x - (plain[i] ?? 9)) < 1e-6);
      });

      await t.test('models', async () => {
        const ids: string[] = [];
        for await (const one of client.models.list()) ids.push(one.id);
        assert.deepEqual(ids, [model]);
        assert.equal((await client.models.retrieve(model)).id, model);
      });

      await t.test('abort', async () => {
        const stream = await client.chat.completions.create({ model, messages: endless, stream: true });
        for await (const chunk of stream) if (chunk.choices.length > 0) break;
        const gone = new AbortController();
        const whole = client.chat.completions.create({ model, messages: endless }, { signal: gone.signal });
        await eventually(
          () => flm.status(),
          (view) => view.inFlight > 0,
        );
        gone.abort();
        await assert.rejects(whole, OpenAI.APIUserAbortError);
        await idle(flm);
      });

      await t.test('refusals are of the class that belongs to them', async () => {
        const { newKey, proxy } = flm;
        const ask = async (apiKey: string, named = model): Promise<unknown> => {
          const one = new OpenAI({ baseURL: proxy.baseUrl, apiKey, maxRetries: 0 });
          return one.chat.completions.create({ model: named, messages });
        };
        await assert.rejects(ask('flm_wrong'), OpenAI.AuthenticationError);
        await assert.rejects(
          ask(await newKey('reader', '--scope', 'engine:read')),
          OpenAI.PermissionDeniedError,
        );
        await assert.rejects(ask(flm.key, 'nobody'), (error) => {
          assert(error instanceof OpenAI.NotFoundError);
          assert.equal(error.code, 'model_not_found');
          assert.match(error.requestID ?? '', /./);
          return true;
        });
        const slow = await newKey('slow', '--rpm', '1', '--burst', '1');
        await ask(slow);
        await assert.rejects(ask(slow), OpenAI.RateLimitError);
        await assert.rejects(
          client.chat.completions.create({ model, messages: 'none' as never }, { maxRetries: 0 }),
          (error) => error instanceof OpenAI.BadRequestError || error instanceof OpenAI.InternalServerError,
        );
      });

      await t.test('an engine that dies in the middle, and one that is gone', async () => {
        const stream = await client.chat.completions.create({ model, messages: endless, stream: true });
        await assert.rejects(async () => {
          for await (const chunk of stream) {
            if (chunk.choices[0]?.delta.content?.includes('and') === true) engine.kill();
          }
        }, OpenAI.APIError);
        await engine.stop();
        await assert.rejects(
          client.chat.completions.create({ model, messages }, { maxRetries: 0 }),
          OpenAI.InternalServerError,
        );
      });
    });
  }
}
