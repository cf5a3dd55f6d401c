/**
 * Clients that notice every refused, reset or wrong answer of a proxy while it is replaced: one opens a new connection
 * every 5 ms, one uses its kept-alive connections again and again, others read long streams.
 */
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { TestContext } from 'node:test';
import { faultOfStream } from './steady-engine.ts';

export interface Target {
  /** `http://127.0.0.1:PORT` or with https. */
  readonly url: string;
  readonly key: string;
  /** PEM of the CA, for https. */
  readonly ca?: string;
}

export interface Outcome {
  readonly done: number;
  /** A description of each failure. */
  readonly faults: readonly string[];
}

export interface Clients {
  /** Resolves when this many more requests were answered. */
  more(count: number): Promise<void>;
  stop(): Promise<Outcome>;
}

const everyMs = 5;

interface Sent {
  readonly path: string;
  readonly method?: string;
  readonly body?: string;
  readonly agent?: HttpAgent | HttpsAgent | false;
}

/** Resolves with the complete response. Rejects if the connection was refused, reset, or closed in the middle. */
export function ask(target: Target, { path, method = 'GET', body, agent = false }: Sent): Promise<string> {
  const send = target.url.startsWith('https:') ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const sent = send(
      `${target.url}${path}`,
      {
        method,
        agent,
        ...(target.ca === undefined ? {} : { ca: target.ca }),
        headers: {
          authorization: `Bearer ${target.key}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
      },
      (response: IncomingMessage) => {
        let text = '';
        response.setEncoding('utf8').on('data', (piece: string) => (text += piece));
        response.on('error', reject);
        response.on('end', () => {
          if (response.statusCode === 200) resolve(text);
          else reject(new Error(`status ${response.statusCode}: ${text}`));
        });
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

/** Opens a new connection every 5 ms, independent of the earlier connections. */
export function newConnections(t: TestContext, target: Target): Clients {
  return clients(t, (count) => {
    const timer = setInterval(() => void count(ask(target, { path: '/health' })), everyMs);
    return () => clearInterval(timer);
  });
}

/** Asks for the models on kept-alive connections, one request after the other on each. */
export function pooled(t: TestContext, target: Target, connections = 4): Clients {
  const options = { keepAlive: true, maxSockets: connections };
  const agent = target.url.startsWith('https:') ? new HttpsAgent(options) : new HttpAgent(options);
  return clients(
    t,
    (count) => {
      let isOver = false;
      for (let n = 0; n < connections; n++) {
        const next = (): void => {
          if (isOver) return;
          void count(ask(target, { path: '/v1/models', agent })).then(() => setTimeout(next, everyMs));
        };
        next();
      }
      return () => {
        isOver = true;
      };
    },
    () => agent.destroy(),
  );
}

export const streamBody = '{"model":"m","stream":true,"messages":[{"role":"user","content":"count"}]}';

/** Resolves with the fault of a long stream, or with undefined if every byte was correct. */
export async function longStream(target: Target): Promise<string | undefined> {
  try {
    return faultOfStream(
      await ask(target, { path: '/v1/chat/completions', method: 'POST', body: streamBody }),
    );
  } catch (error) {
    return String(error);
  }
}

type Count = (answer: Promise<string>) => Promise<void>;

function clients(t: TestContext, start: (count: Count) => () => void, end: () => void = () => {}): Clients {
  const faults: string[] = [];
  const open = new Set<Promise<void>>();
  const waiting = new Set<() => void>();
  let done = 0;
  const stop = start((answer) => {
    const counted = answer
      .catch((error: unknown) => void faults.push(String(error)))
      .then(() => {
        done += 1;
        open.delete(counted);
        for (const f of waiting) f();
      });
    open.add(counted);
    return counted;
  });
  // A failed test must not leave running clients.
  t.after(stop);
  return {
    more(count) {
      const until = done + count;
      return new Promise((resolve) => {
        const look = (): void => {
          if (done < until) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      });
    },
    async stop() {
      stop();
      await Promise.all(open);
      end();
      return { done, faults };
    },
  };
}
