/**
 * An engine like vLLM with one model `m` that counts what it serves, by the label at the beginning of each prompt
 * (`LABEL:TEXT`). Each response counts 3 tokens in and 4 out, in the APIs of OpenAI and Anthropic, streamed or not.
 */
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';

export const engineTokens = { input: 3, output: 4 } as const;

export interface Served {
  /** Requests that began. */
  readonly begun: number;
  /** Requests whose whole response was written. */
  readonly done: number;
  readonly running: number;
  /** The most requests that ran at once since `forgetPeak`. */
  readonly peak: number;
}

export interface CountingEngine {
  readonly url: string;
  of(label: string): Served;
  forgetPeak(label: string): void;
  /** Requests that were done within the last `ms`, or run now. */
  recently(label: string, ms: number): number;
  close(): Promise<void>;
}

interface Count {
  begun: number;
  done: number;
  running: number;
  peak: number;
  /** When each was done; the oldest are forgotten. */
  doneAtMs: number[];
}

const usage = { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 };
const common = { id: 'c', created: 1, model: 'm' };

export async function startCountingEngine({ paceMs = 5 } = {}): Promise<CountingEngine> {
  const counts = new Map<string, Count>();
  const countOf = (label: string): Count => {
    const known = counts.get(label);
    if (known !== undefined) return known;
    const fresh = { begun: 0, done: 0, running: 0, peak: 0, doneAtMs: [] };
    counts.set(label, fresh);
    return fresh;
  };
  const server = createServer((request, response) => {
    if (request.url === '/version') return json(response, { version: '0.10.0' });
    if (request.url === '/v1/models')
      return json(response, {
        object: 'list',
        data: [{ id: 'm', object: 'model', created: 1, owned_by: 'vllm' }],
      });
    if (request.method !== 'POST') return json(response, {}, 404);
    void text(request).then(
      (body) => serve(request.url, body, response),
      () => {},
    );
  });
  const serve = (url: string | undefined, sent: string, response: ServerResponse): void => {
    // The test writes these bodies.
    const body = JSON.parse(sent) as { stream?: boolean; messages: { content: string }[] };
    const prompt = body.messages[0]?.content ?? '';
    const count = countOf(prompt.slice(0, prompt.indexOf(':')));
    count.begun += 1;
    count.running += 1;
    count.peak = Math.max(count.peak, count.running);
    response.on('close', () => {
      count.running -= 1;
      if (!response.writableFinished) return;
      count.done += 1;
      count.doneAtMs.push(performance.now());
      if (count.doneAtMs.length > 20_000) count.doneAtMs.splice(0, 10_000);
    });
    setTimeout(() => {
      if (response.destroyed) return;
      if (url === '/v1/messages') return json(response, messageOf(prompt));
      if (body.stream === true) return stream(response, prompt);
      json(response, completionOf(prompt));
    }, paceMs);
  };
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    of: (label) => countOf(label),
    forgetPeak(label) {
      const count = countOf(label);
      count.peak = count.running;
    },
    recently(label, ms) {
      const { doneAtMs, running } = countOf(label);
      const sinceMs = performance.now() - ms;
      return running + doneAtMs.filter((at) => at >= sinceMs).length;
    },
    async close() {
      server.closeAllConnections();
      await once(server.close(), 'close');
    },
  };
}

function json(response: ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(value));
}

function completionOf(prompt: string): object {
  const message = { role: 'assistant', content: `re ${prompt}` };
  return {
    ...common,
    object: 'chat.completion',
    usage,
    choices: [{ index: 0, message, finish_reason: 'stop' }],
  };
}

function messageOf(prompt: string): object {
  return {
    ...{
      id: 'msg',
      type: 'message',
      role: 'assistant',
      model: 'm',
      stop_reason: 'end_turn',
      stop_sequence: null,
    },
    content: [{ type: 'text', text: `re ${prompt}` }],
    usage: { input_tokens: usage.prompt_tokens, output_tokens: usage.completion_tokens },
  };
}

function stream(response: ServerResponse, prompt: string): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const event = (value: object): void => void response.write(`data: ${JSON.stringify(value)}\n\n`);
  const choice = (delta: object, finish: string | null): object => ({
    ...common,
    object: 'chat.completion.chunk',
    choices: [{ index: 0, delta, finish_reason: finish }],
  });
  event(choice({ content: 're ' }, null));
  event(choice({ content: prompt }, 'stop'));
  event({ ...common, object: 'chat.completion.chunk', choices: [], usage });
  response.end('data: [DONE]\n\n');
}
