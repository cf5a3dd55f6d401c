/**
 * The demo engine: a small HTTP server on a private Unix socket, so that a first run works without any engine.
 *
 * It generates text at reading speed (about 25 tokens a second), stops when its client leaves, and answers errors in
 * OpenAI's format. `node:http` is sufficient here, because this is an engine and not the data plane. The caller that
 * starts it must close it.
 */
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { z } from 'zod';
import type { Clock } from '../core/clock.ts';
import type { EngineRef } from '../core/engine/engine.ts';
import { GatheredBytes } from '../core/gathered-bytes.ts';
import { chatRequest, completionRequest, embeddingRequest, textOfMessage } from './demo-requests.ts';
import { countTokens, demoContextLength, demoModel, embed, speak } from './demo-speech.ts';
import { urlOf } from './engine-url.ts';

export interface DemoOptions {
  /** In a folder that only this user may enter; at most 107 bytes. An existing file at this path is replaced. */
  readonly socketPath: string;
  readonly clock: Clock;
}

export interface DemoEngine {
  readonly ref: EngineRef;
  close(): Promise<void>;
}

const tokenEveryMs = 40;
const maxBodyBytes = 4 * 1024 * 1024;

export async function startDemoEngine(options: DemoOptions): Promise<DemoEngine> {
  const { socketPath, clock } = options;
  // A killed proxy may have left a socket behind.
  await rm(socketPath, { force: true });
  const server = createServer((request, response) => {
    answer(request, response, clock).catch((error: unknown) => fail(response, error));
  });
  server.listen(socketPath);
  await once(server, 'listening');
  const address = { tls: false, host: 'localhost', port: 0, socketPath, path: '' };
  return {
    ref: { id: 'demo', kind: 'demo', url: urlOf(address), address, origin: 'demo' },
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** An error of the client, in OpenAI's words. */
class DemoFault extends Error {
  readonly status: number;
  readonly code: string | null;

  constructor(status: number, code: string | null, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

function fail(response: ServerResponse, error: unknown): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const known = error instanceof DemoFault ? error : new DemoFault(500, null, 'The demo engine failed.');
  const type = known.status >= 500 ? 'server_error' : 'invalid_request_error';
  send(response, known.status, {
    error: { message: known.message, type, param: null, code: known.code },
  });
}

async function answer(request: IncomingMessage, response: ServerResponse, clock: Clock): Promise<void> {
  const [path] = (request.url ?? '').split('?');
  switch (path) {
    case '/v1/models':
      demand(request, 'GET');
      return send(response, 200, { object: 'list', data: [modelCard] });
    case `/v1/models/${demoModel}`:
      demand(request, 'GET');
      return send(response, 200, modelCard);
    case '/v1/chat/completions': {
      demand(request, 'POST');
      const body = check(chatRequest, await readJson(request));
      const question = body.messages.findLast((m) => m.role === 'user')?.content;
      const heard = body.messages.map((m) => textOfMessage(m.content)).join(' ');
      return talk(response, clock, {
        form: chatForm,
        pieces: speak(textOfMessage(question)),
        promptTokens: countTokens(heard),
        limit: body.max_completion_tokens ?? body.max_tokens ?? Number.POSITIVE_INFINITY,
        stream: body.stream === true,
        usage: body.stream_options?.include_usage === true,
      });
    }
    case '/v1/completions': {
      demand(request, 'POST');
      const body = check(completionRequest, await readJson(request));
      const prompt = Array.isArray(body.prompt) ? body.prompt.join(' ') : body.prompt;
      return talk(response, clock, {
        form: textForm,
        pieces: speak(prompt),
        promptTokens: countTokens(prompt),
        limit: body.max_tokens ?? Number.POSITIVE_INFINITY,
        stream: body.stream === true,
        usage: body.stream_options?.include_usage === true,
      });
    }
    case '/v1/embeddings':
      demand(request, 'POST');
      return send(response, 200, embeddings(check(embeddingRequest, await readJson(request))));
    default:
      throw new DemoFault(404, null, `The demo engine has no path ${path}.`);
  }
}

const modelCard = {
  id: demoModel,
  object: 'model',
  created: 0,
  owned_by: 'flm',
  context_length: demoContextLength,
};

/** Chat and plain completions differ only in names. */
interface Form {
  readonly prefix: string;
  readonly object: string;
  readonly chunkObject: string;
  whole(text: string): object;
  piece(text: string): object;
  readonly last: object;
}

const chatForm: Form = {
  prefix: 'chatcmpl-demo',
  object: 'chat.completion',
  chunkObject: 'chat.completion.chunk',
  whole: (content) => ({ message: { role: 'assistant', content } }),
  piece: (content) => ({ delta: { role: 'assistant', content } }),
  last: { delta: {} },
};

const textForm: Form = {
  prefix: 'cmpl-demo',
  object: 'text_completion',
  chunkObject: 'text_completion',
  whole: (text) => ({ text }),
  piece: (text) => ({ text }),
  last: { text: '' },
};

interface Talk {
  readonly form: Form;
  readonly pieces: readonly string[];
  readonly promptTokens: number;
  readonly limit: number;
  readonly stream: boolean;
  readonly usage: boolean;
}

async function talk(response: ServerResponse, clock: Clock, order: Talk): Promise<void> {
  const { form, promptTokens } = order;
  const pieces = order.pieces.slice(0, order.limit);
  const finish = pieces.length < order.pieces.length ? 'length' : 'stop';
  const created = Math.floor(clock.nowMs() / 1000);
  const base = { id: `${form.prefix}-${created}`, created, model: demoModel };
  const usage = {
    prompt_tokens: promptTokens,
    completion_tokens: pieces.length,
    total_tokens: promptTokens + pieces.length,
  };
  const gone = goneSignal(response);

  if (!order.stream) {
    await pause(clock, tokenEveryMs * pieces.length, gone);
    if (gone.aborted) return;
    const choice = { index: 0, ...form.whole(pieces.join('')), finish_reason: finish, logprobs: null };
    return send(response, 200, { ...base, object: form.object, choices: [choice], usage });
  }

  const event = (choices: readonly object[], told: object | null): Promise<void> =>
    write(
      response,
      `data: ${JSON.stringify({ ...base, object: form.chunkObject, choices, ...(order.usage ? { usage: told } : {}) })}\n\n`,
      gone,
    );
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  response.flushHeaders();
  for (const piece of pieces) {
    await pause(clock, tokenEveryMs, gone);
    if (gone.aborted) return;
    await event([{ index: 0, ...form.piece(piece), finish_reason: null, logprobs: null }], null);
  }
  if (gone.aborted) return;
  await event([{ index: 0, ...form.last, finish_reason: finish, logprobs: null }], null);
  if (order.usage) await event([], usage);
  response.end('data: [DONE]\n\n');
}

/** Returns a signal that aborts when the client leaves before the response has ended. */
function goneSignal(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  return gone.signal;
}

function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.after(ms, done);
    signal.addEventListener('abort', done, { once: true });
  });
}

async function write(response: ServerResponse, text: string, gone: AbortSignal): Promise<void> {
  if (gone.aborted || response.write(text)) return;
  await new Promise<void>((resolve) => {
    response.once('drain', resolve);
    gone.addEventListener('abort', () => resolve(), { once: true });
  });
}

function embeddings(body: z.output<typeof embeddingRequest>): object {
  const inputs = Array.isArray(body.input) ? body.input : [body.input];
  const tokens = inputs.reduce((sum, text) => sum + countTokens(text), 0);
  return {
    object: 'list',
    model: demoModel,
    data: inputs.map((text, index) => {
      const vector = embed(text, body.dimensions);
      const embedding =
        body.encoding_format === 'base64' ? Buffer.from(vector.buffer).toString('base64') : [...vector];
      return { object: 'embedding', index, embedding };
    }),
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  };
}

function demand(request: IncomingMessage, method: 'GET' | 'POST'): void {
  if (request.method !== method)
    throw new DemoFault(405, null, `This path of the demo engine accepts only ${method}.`);
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const gathered = new GatheredBytes(maxBodyBytes);
  // Always read to its end: a response before the end of the body could be lost with the connection. flm has already
  // limited the body. Without an encoding, a request yields buffers.
  for await (const part of request) gathered.add(part as Buffer);
  if (gathered.tooLong)
    throw new DemoFault(413, null, `The demo engine accepts at most ${maxBodyBytes} bytes.`);
  try {
    return JSON.parse(gathered.bytes().toString());
  } catch {
    throw new DemoFault(400, null, 'The body is not JSON.');
  }
}

function check<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const field = issue?.path.join('.') ?? '';
  if (field === 'model')
    throw new DemoFault(404, 'model_not_found', `The demo engine has only ${demoModel}.`);
  throw new DemoFault(400, null, `${field === '' ? 'The body' : field}: ${issue?.message ?? 'not valid'}`);
}

function send(response: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}
