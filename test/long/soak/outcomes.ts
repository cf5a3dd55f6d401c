/**
 * Sends one request and says how it ended, compared with the bytes that the engine was told to send. An end that looks
 * good and lacks a byte, and an error without a code of the error table, are `wrong`: they are never allowed.
 */
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { type Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { errorTable } from '../../../src/core/errors.ts';
import { expectedBody, mayEndHere } from './scripted-engine.ts';

export type Outcome =
  /** Every byte, and a good end. */
  | { readonly kind: 'whole' }
  /** An error response of flm. */
  | { readonly kind: 'refused'; readonly code: string; readonly status: number }
  /** A stream that flm ended with an error event. */
  | { readonly kind: 'broken'; readonly code: string }
  /** The connection ended in the middle of a response. */
  | { readonly kind: 'cut'; readonly why: string }
  /** The connection was refused, or ended without a response. */
  | { readonly kind: 'unreachable'; readonly why: string }
  | { readonly kind: 'wrong'; readonly why: string };

export interface SoakTarget {
  /** `http://127.0.0.1:PORT` or `https://localhost:PORT`. */
  readonly url: string;
  readonly ca?: string;
}

export interface SoakRequest {
  readonly key: string;
  readonly model: string;
  readonly script: string;
  readonly agent?: HttpAgent | HttpsAgent;
  readonly localAddress?: string;
  /** Reads a piece, waits for so long, reads the next one. */
  readonly readEveryMs?: number;
}

const knownCodes = new Set<string>(
  Object.entries(errorTable).flatMap(([code, row]) => [code, code.toLowerCase(), row.apiCode ?? code]),
);

/** The code of an error document; undefined if there is none of the error table. */
export function codeOfDocument(text: string): string | undefined {
  try {
    const { error } = JSON.parse(text) as { error?: { code?: unknown } };
    return typeof error?.code === 'string' && knownCodes.has(error.code) ? error.code : undefined;
  } catch {
    return undefined;
  }
}

const noAgent = new HttpAgent({ keepAlive: false });

/** Sends a request for a chat; never rejects. */
export function chat(target: SoakTarget, request: SoakRequest): Promise<Outcome> {
  const { key, model, script } = request;
  const isStream = /^(stream|bulk|cut (stream|open))/.test(script);
  const body = JSON.stringify({
    model,
    user: script,
    messages: [{ role: 'user', content: 'hi' }],
    ...(isStream ? { stream: true, stream_options: { include_usage: true } } : {}),
  });
  return sent(target, request, { method: 'POST', path: '/v1/chat/completions', key, body }, (text) => {
    const expected = expectedBody(script);
    if (text === expected || mayEndHere(script, text)) return { kind: 'whole' };
    const code = isStream ? codeOfLastEvent(text) : undefined;
    if (code !== undefined) return { kind: 'broken', code };
    return { kind: 'wrong', why: `${script}: ended well with ${JSON.stringify(text.slice(-200))}` };
  });
}

/** Asks for the list of models, which shows whether a key is accepted; never rejects. */
export function listModels(target: SoakTarget, key: string, localAddress?: string): Promise<Outcome> {
  const request = localAddress === undefined ? {} : { localAddress };
  return sent(target, request, { method: 'GET', path: '/v1/models', key }, () => ({ kind: 'whole' }));
}

function codeOfLastEvent(text: string): string | undefined {
  const event = text.trimEnd().split('\n\n').at(-1) ?? '';
  return codeOfDocument(event.replace(/^data: /, ''));
}

interface Sent {
  readonly method: string;
  readonly path: string;
  readonly key: string;
  readonly body?: string;
}

function sent(
  target: SoakTarget,
  { agent, localAddress, readEveryMs }: Partial<SoakRequest>,
  { method, path, key, body }: Sent,
  judged: (text: string) => Outcome,
): Promise<Outcome> {
  const isSecure = target.url.startsWith('https:');
  return new Promise((resolve) => {
    const outgoing = (isSecure ? httpsRequest : httpRequest)(
      target.url + path,
      {
        method,
        // The proxies of the soak listen on IPv4, and clients come from many addresses of it.
        family: 4,
        agent: agent ?? (isSecure ? false : noAgent),
        ...(target.ca === undefined ? {} : { ca: target.ca }),
        ...(localAddress === undefined ? {} : { localAddress }),
        headers: {
          authorization: `Bearer ${key}`,
          ...(body === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
        },
      },
      (response) => {
        const pieces: Buffer[] = [];
        if (readEveryMs === undefined) response.on('data', (piece: Buffer) => pieces.push(piece));
        else readSlowly(response, pieces, readEveryMs);
        response.on('error', (error) => resolve({ kind: 'cut', why: String(error) }));
        response.on('end', () => {
          const text = Buffer.concat(pieces).toString();
          const status = response.statusCode ?? 0;
          if (status === 200) return resolve(judged(text));
          const code = codeOfDocument(text);
          if (code !== undefined) resolve({ kind: 'refused', code, status });
          else resolve({ kind: 'wrong', why: `status ${status} without a code: ${text.slice(0, 200)}` });
        });
      },
    );
    outgoing.on('error', (error) => resolve({ kind: 'unreachable', why: String(error) }));
    outgoing.end(body);
  });
}

function readSlowly(response: IncomingMessage, pieces: Buffer[], everyMs: number): void {
  response.on('data', (piece: Buffer) => {
    pieces.push(piece);
    response.pause();
    setTimeout(() => response.resume(), everyMs);
  });
}
