/**
 * An engine with one model `m`. It streams numbered events to each client, one every few milliseconds, until the test
 * lets it finish, and it counts the requests that run at once. So a test knows every byte that a client must receive.
 */
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';

export interface SteadyEngine {
  readonly url: string;
  /** Requests that run now. */
  readonly running: number;
  /** The most requests that ran at once. */
  readonly peak: number;
  /** Ends every stream after its next event. New streams end after `shortEvents` events. */
  finish(): void;
  close(): Promise<void>;
}

const shortEvents = 3;

const models = '{"object":"list","data":[{"id":"m","object":"model","created":1,"owned_by":"test"}]}';

function eventOf(n: number): string {
  const delta = JSON.stringify({
    id: 'c',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'm',
    choices: [{ index: 0, delta: { content: `<${n}>` }, finish_reason: null }],
  });
  return `data: ${delta}\n\n`;
}

/** Returns undefined if the text is a complete stream of the engine; otherwise the fault. */
export function faultOfStream(text: string): string | undefined {
  if (!text.endsWith('data: [DONE]\n\n')) return `it ended early: ${JSON.stringify(text.slice(-80))}`;
  const events = text.split('\n\n').slice(0, -2);
  const wrong = events.findIndex((event, n) => `${event}\n\n` !== eventOf(n));
  if (events.length < shortEvents) return `only ${events.length} events`;
  return wrong < 0 ? undefined : `event ${wrong} is ${JSON.stringify(events[wrong])}`;
}

export async function startSteadyEngine({ paceMs = 20 } = {}): Promise<SteadyEngine> {
  const open = new Set<ServerResponse>();
  let finishing = false;
  let peak = 0;
  const server = createServer((request, response) => {
    request.resume();
    if (request.method === 'GET') {
      const known = request.url === '/v1/models';
      response.writeHead(known ? 200 : 404, { 'content-type': 'application/json' });
      return void response.end(known ? models : '{}');
    }
    open.add(response);
    peak = Math.max(peak, open.size);
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    let n = 0;
    const timer = setInterval(() => {
      response.write(eventOf(n++));
      if (!finishing || n < shortEvents) return;
      clearInterval(timer);
      open.delete(response);
      response.end('data: [DONE]\n\n');
    }, paceMs);
    response.on('close', () => {
      clearInterval(timer);
      open.delete(response);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    get running() {
      return open.size;
    },
    get peak() {
      return peak;
    },
    finish() {
      finishing = true;
    },
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
