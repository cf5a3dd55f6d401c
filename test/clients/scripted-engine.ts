/**
 * A llama.cpp server as agents and SDKs see one: it answers chats, messages and responses, streamed or whole, always
 * with the same sentence. The tests in this folder run real clients, so the answers are complete in each API's form.
 * Records the requests for answers with their headers and bodies.
 */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';

export const scriptedModel = 'scripted';
/** In pieces, as it is streamed; no client knows it from its own prompt. */
const pieces = ['The answer ', 'is forty', '-two.'];
export const scriptedAnswer = pieces.join('');

export interface AskedForAnswer {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface ScriptedEngine {
  readonly url: string;
  readonly asked: readonly AskedForAnswer[];
  /** Streams wait before their last event until `release` is called. */
  holdStreams(): void;
  release(): void;
  /** Resolves when a stream waits. */
  waitsInStream(): Promise<void>;
  /** Ends every connection and refuses new ones, until `listenAgain`. */
  refuse(): Promise<void>;
  listenAgain(): Promise<void>;
}

/** Runs until the test ends. */
export async function startScriptedEngine(t: TestContext): Promise<ScriptedEngine> {
  const asked: AskedForAnswer[] = [];
  let released: PromiseWithResolvers<void> | undefined;
  const waiting = Promise.withResolvers<void>();
  const beforeLast = async (): Promise<void> => {
    if (released === undefined) return;
    waiting.resolve();
    await released.promise;
  };
  const server = createServer((request, response) => {
    void text(request).then(async (body) => {
      const path = new URL(request.url ?? '/', 'http://engine').pathname;
      if (request.method === 'POST') asked.push({ path, headers: request.headers, body });
      response.setHeader('server', 'llama.cpp');
      if (request.method === 'GET') return sendJson(response, facts[path]);
      const { stream } = JSON.parse(body) as { readonly stream?: boolean };
      if (stream !== true) return sendJson(response, wholeAnswers[path]);
      return sendEvents(response, streamedAnswers[path] ?? [], beforeLast);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const { port } = address;
  const refuse = async (): Promise<void> => {
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  };
  t.after(async () => {
    released?.resolve();
    if (server.listening) await refuse();
  });
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    holdStreams: () => {
      released = Promise.withResolvers();
    },
    release: () => released?.resolve(),
    waitsInStream: () => waiting.promise,
    refuse,
    listenAgain: async () => {
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
    },
  };
}

function sendJson(response: ServerResponse, value: unknown): void {
  if (value === undefined) response.statusCode = 404;
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(value ?? { error: { code: 404, message: 'File Not Found' } }));
}

async function sendEvents(
  response: ServerResponse,
  events: readonly (object | string)[],
  beforeLast: () => Promise<void>,
): Promise<void> {
  response.setHeader('content-type', 'text/event-stream');
  for (const [i, event] of events.entries()) {
    if (i === events.length - 1) await beforeLast();
    const name = typeof event === 'object' && 'type' in event ? `event: ${String(event.type)}\n` : '';
    response.write(`${name}data: ${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`);
  }
  response.end();
}

/** A context that is large enough for every agent. */
const contextLength = 262_144;

const facts: Readonly<Record<string, object>> = {
  '/health': { status: 'ok' },
  '/props': {
    default_generation_settings: { n_ctx: contextLength, params: {} },
    total_slots: 4,
    model_path: '/m/scripted.gguf',
    build_info: 'b7100-abc',
  },
  '/v1/models': {
    object: 'list',
    data: [
      {
        id: scriptedModel,
        object: 'model',
        created: 1,
        owned_by: 'llamacpp',
        meta: { n_ctx: contextLength },
      },
    ],
  },
};

// --- answers, by path

const chatUsage = { prompt_tokens: 7, completion_tokens: 5, total_tokens: 12 };
const chat = { id: 'chatcmpl-1', created: 1, model: scriptedModel };

const message = {
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: scriptedModel,
  stop_sequence: null,
};

const part = { type: 'output_text', text: scriptedAnswer, annotations: [] };
const item = { id: 'item_1', type: 'message', role: 'assistant', status: 'completed', content: [part] };
const response = { id: 'resp_1', object: 'response', created_at: 1, model: scriptedModel };
const responseUsage = { input_tokens: 7, output_tokens: 5, total_tokens: 12 };

const wholeAnswers: Readonly<Record<string, object>> = {
  '/v1/chat/completions': {
    ...chat,
    object: 'chat.completion',
    choices: [{ index: 0, message: { role: 'assistant', content: scriptedAnswer }, finish_reason: 'stop' }],
    usage: chatUsage,
  },
  '/v1/messages': {
    ...message,
    content: [{ type: 'text', text: scriptedAnswer }],
    stop_reason: 'end_turn',
    usage: { input_tokens: 7, output_tokens: 5 },
  },
  '/v1/messages/count_tokens': { input_tokens: 7 },
  '/v1/responses': { ...response, status: 'completed', output: [item], usage: responseUsage },
};

const streamedAnswers: Readonly<Record<string, readonly (object | string)[]>> = {
  '/v1/chat/completions': [
    ...pieces.map((content) => chatChunk([{ index: 0, delta: { content }, finish_reason: null }])),
    chatChunk([{ index: 0, delta: {}, finish_reason: 'stop' }]),
    { ...chatChunk([]), usage: chatUsage },
    '[DONE]',
  ],
  '/v1/messages': [
    {
      type: 'message_start',
      message: {
        ...message,
        content: [],
        stop_reason: null,
        usage: { input_tokens: 7, output_tokens: 1 },
      },
    },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    ...pieces.map((text) => ({
      type: 'content_block_delta',
      index: 0,
      delta: { type: 'text_delta', text },
    })),
    { type: 'content_block_stop', index: 0 },
    {
      type: 'message_delta',
      delta: { stop_reason: 'end_turn', stop_sequence: null },
      usage: { output_tokens: 5 },
    },
    { type: 'message_stop' },
  ],
  '/v1/responses': [
    { type: 'response.created', response: { ...response, status: 'in_progress', output: [] } },
    {
      type: 'response.output_item.added',
      output_index: 0,
      item: { ...item, status: 'in_progress', content: [] },
    },
    {
      type: 'response.content_part.added',
      item_id: item.id,
      output_index: 0,
      content_index: 0,
      part: { ...part, text: '' },
    },
    ...pieces.map((delta) => ({
      type: 'response.output_text.delta',
      item_id: item.id,
      output_index: 0,
      content_index: 0,
      delta,
    })),
    {
      type: 'response.output_text.done',
      item_id: item.id,
      output_index: 0,
      content_index: 0,
      text: scriptedAnswer,
    },
    { type: 'response.output_item.done', output_index: 0, item },
    {
      type: 'response.completed',
      response: { ...response, status: 'completed', output: [item], usage: responseUsage },
    },
  ].map((event, sequence_number) => ({ ...event, sequence_number })),
};

function chatChunk(choices: readonly object[]): object {
  return { ...chat, object: 'chat.completion.chunk', choices };
}
