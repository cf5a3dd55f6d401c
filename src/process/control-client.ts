/**
 * The client of the control socket. Every call has a time limit, takes a signal, and limits the size of the response.
 *
 * `gone` means that nothing listens at the path of the handle, or another process does. A process that accepts the
 * connection and does not respond causes a `ProxyError` PROXY_CONTROL_UNREACHABLE. A `ProxyError` of the proxy is
 * thrown here again. An abort rejects with the reason of the signal.
 */
import { type IncomingMessage, request } from 'node:http';
import { type Clock, systemClock } from '../core/clock.ts';
import { deadline } from '../core/deadline.ts';
import { ProxyError } from '../core/errors.ts';
import { gatherText } from '../core/gathered-bytes.ts';
import type {
  HandOverRequest,
  KeyUse,
  LiveRevocation,
  RecordedRefusal,
  StopReport,
  TemporaryKey,
} from '../core/proxy/ports.ts';
import type { ProxyHandle, ProxyStatus, RequestLine } from '../core/proxy/proxy-handle.ts';
import type { RequestsUpdate, RunningRequest } from '../core/proxy/running-request.ts';
import { codeOf } from '../core/system-error.ts';
import { handOverPath } from './control-server.ts';
import { controlHost, nonceField } from './control-socket.ts';
import { isRecord, proxyErrorOf } from './wire-error.ts';

export interface ControlClient {
  /** Which process listens at the path: this proxy, another process, or none. */
  who(signal?: AbortSignal): Promise<'same' | 'other' | 'nobody'>;
  status(signal?: AbortSignal): Promise<ProxyStatus | 'gone'>;
  /** Resolves when the last response has ended and the port is free. */
  stop(graceMs: number, signal?: AbortSignal): Promise<StopReport | 'gone'>;
  /** Resolves when the port is free. */
  release(graceMs: number, signal?: AbortSignal): Promise<'released' | 'gone'>;
  /** Resolves when the successor serves. `unsupported`: the proxy runs an older flm, which has no hand-over. */
  handOver(
    request: HandOverRequest,
    limitMs: number,
    signal?: AbortSignal,
  ): Promise<ProxyHandle | 'unsupported' | 'gone'>;
  reload(signal?: AbortSignal): Promise<'reloaded' | 'gone'>;
  metrics(signal?: AbortSignal): Promise<string | 'gone'>;
  /** Ends when aborted and when the proxy ends. After `opened` was called, every request that ends is reported. */
  tail(signal: AbortSignal, opened?: () => void): AsyncGenerator<RequestLine, void, undefined>;
  /** Undefined if the proxy keeps no refusal of that request. */
  explain(requestId: string, signal?: AbortSignal): Promise<RecordedRefusal | undefined | 'gone'>;
  /** The requests that run now. `unsupported`: the proxy runs an older flm, which cannot list them. */
  requests(signal?: AbortSignal): Promise<readonly RunningRequest[] | 'unsupported' | 'gone'>;
  /** Requests that ended, newest first, of one key or of all. */
  recentRequests(
    keyId?: string,
    signal?: AbortSignal,
  ): Promise<readonly RequestLine[] | 'unsupported' | 'gone'>;
  /** Ends when aborted and when the proxy ends, at once for an older flm. `opened` is called before the first update. */
  watchRequests(signal: AbortSignal, opened?: () => void): AsyncGenerator<RequestsUpdate, void, undefined>;
  /** Returns the request as it was; undefined if no request with that id runs. `unsupported`: as for `requests`. */
  cancelRequest(
    requestId: string,
    actor: string,
    signal?: AbortSignal,
  ): Promise<RunningRequest | undefined | 'unsupported' | 'gone'>;
  temporaryKey(ttlMs: number, signal?: AbortSignal): Promise<TemporaryKey | 'gone'>;
  /** Undefined where the proxy knows no key of that id. */
  keyUse(keyId: string, signal?: AbortSignal): Promise<KeyUse | undefined | 'gone'>;
  /** Undefined where the proxy knows no key of that id. */
  revokeKey(name: string, actor: string, signal?: AbortSignal): Promise<LiveRevocation | undefined | 'gone'>;
}

const askMs = 2_000;
const metricsMs = 5_000;
/** The revocation takes effect immediately. The response waits for the store, which waits for other writers. */
const revokeMs = 10_000;
/** Time on top of the grace time for a proxy to end streams and close. */
export const stopSlackMs = 5_000;
const maxAnswerBytes = 64 * 1024 ** 2;
const maxLineBytes = 1024 ** 2;

export function controlClient(
  handle: Pick<ProxyHandle, 'id' | 'pid' | 'nonce' | 'controlPath'>,
  clock: Clock = systemClock,
): ControlClient {
  const client = new Client(handle, clock);
  return {
    async who(signal) {
      const answer = await client.ask('GET', '/nonce', askMs, signal);
      return typeof answer === 'string' ? answer : 'same';
    },
    status: (signal) => client.json<ProxyStatus>('GET', '/status', askMs, signal),
    stop: (graceMs, signal) =>
      client.json<StopReport>('POST', `/stop?graceMs=${graceMs}`, graceMs + stopSlackMs, signal),
    async release(graceMs, signal) {
      const target = `/release?graceMs=${graceMs}`;
      return (await client.json('POST', target, stopSlackMs, signal)) === 'gone' ? 'gone' : 'released';
    },
    async handOver(request, limitMs, signal) {
      const answer = await client.ask('POST', handOverPath, limitMs, signal, JSON.stringify(request));
      if (typeof answer === 'string') return 'gone';
      return answer.status === 404 ? 'unsupported' : client.jsonOf<ProxyHandle>(answer);
    },
    async reload(signal) {
      return (await client.json('POST', '/reload', askMs, signal)) === 'gone' ? 'gone' : 'reloaded';
    },
    async metrics(signal) {
      const answer = await client.ask('GET', '/metrics', metricsMs, signal);
      return typeof answer === 'string' ? 'gone' : client.textOf(answer);
    },
    tail: (signal, opened) => client.lines<RequestLine>('/tail', signal, opened),
    async explain(requestId, signal) {
      const answer = await client.ask('GET', `/explain/${encodeURIComponent(requestId)}`, askMs, signal);
      if (typeof answer === 'string') return 'gone';
      return answer.status === 404 ? undefined : client.jsonOf<RecordedRefusal>(answer);
    },
    async requests(signal) {
      const answer = await client.ask('GET', '/requests', askMs, signal);
      return client.supported<readonly RunningRequest[]>(answer);
    },
    async recentRequests(keyId, signal) {
      const query = keyId === undefined ? '' : `?key=${encodeURIComponent(keyId)}`;
      const answer = await client.ask('GET', `/recent-requests${query}`, askMs, signal);
      return client.supported<readonly RequestLine[]>(answer);
    },
    watchRequests: (signal, opened) => client.lines<RequestsUpdate>('/requests/watch', signal, opened),
    async cancelRequest(requestId, actor, signal) {
      const target = `/cancel/${encodeURIComponent(requestId)}?actor=${encodeURIComponent(actor)}`;
      const answer = await client.ask('POST', target, askMs, signal);
      return client.supported<RunningRequest | null>(answer) ?? undefined;
    },
    temporaryKey: (ttlMs, signal) =>
      client.json<TemporaryKey>('POST', `/temporary-key?ttlMs=${ttlMs}`, askMs, signal),
    async keyUse(keyId, signal) {
      const answer = await client.ask('GET', `/key-use/${encodeURIComponent(keyId)}`, askMs, signal);
      if (typeof answer === 'string') return 'gone';
      return answer.status === 404 ? undefined : client.jsonOf<KeyUse>(answer);
    },
    async revokeKey(name, actor, signal) {
      const target = `/revoke/${encodeURIComponent(name)}?actor=${encodeURIComponent(actor)}`;
      const answer = await client.ask('POST', target, revokeMs, signal);
      if (typeof answer === 'string') return 'gone';
      return client.jsonOf<LiveRevocation | null>(answer) ?? undefined;
    },
  };
}

interface Answer {
  readonly status: number;
  readonly text: string;
}
type Nobody = 'nobody' | 'other';

class Client {
  readonly #handle: Pick<ProxyHandle, 'id' | 'pid' | 'nonce' | 'controlPath'>;
  readonly #clock: Clock;

  constructor(handle: Pick<ProxyHandle, 'id' | 'pid' | 'nonce' | 'controlPath'>, clock: Clock) {
    this.#handle = handle;
    this.#clock = clock;
  }

  async json<T>(method: string, target: string, ms: number, signal?: AbortSignal): Promise<T | 'gone'> {
    const answer = await this.ask(method, target, ms, signal);
    return typeof answer === 'string' ? 'gone' : this.jsonOf<T>(answer);
  }

  async ask(
    method: string,
    target: string,
    ms: number,
    caller?: AbortSignal,
    body?: string,
  ): Promise<Answer | Nobody> {
    caller?.throwIfAborted();
    const limit = deadline(this.#clock, ms, caller);
    try {
      const response = await this.#send(method, target, limit.signal, { body });
      if (response === 'nobody') return response;
      if (this.#isOther(response)) {
        response.destroy();
        return 'other';
      }
      return { status: response.statusCode ?? 0, text: await bodyOf(response, maxAnswerBytes) };
    } catch (cause) {
      caller?.throwIfAborted();
      throw this.#unreachable(cause);
    } finally {
      limit.end();
    }
  }

  /** The items of a stream, one from each line. None if an older flm does not have the stream. */
  async *lines<T>(
    target: string,
    signal: AbortSignal,
    opened?: () => void,
  ): AsyncGenerator<T, void, undefined> {
    if (signal.aborted) return;
    // Only the response head has a time limit: lines may be hours apart.
    const head = deadline(this.#clock, askMs);
    let response: IncomingMessage | 'nobody';
    try {
      response = await this.#send('GET', target, AbortSignal.any([head.signal, signal]), {
        onHead: head.end,
      });
    } catch (cause) {
      if (signal.aborted) return;
      throw this.#unreachable(cause);
    } finally {
      head.end();
    }
    if (response === 'nobody') return;
    try {
      if (this.#isOther(response) || response.statusCode === 404) return;
      if (response.statusCode !== 200) {
        this.jsonOf({ status: response.statusCode ?? 0, text: await bodyOf(response, maxLineBytes) });
        return;
      }
      opened?.();
      yield* linesOf<T>(response);
    } catch (error) {
      // The stream ended because the proxy ended or the reader left.
      if (error instanceof ProxyError) throw error;
    } finally {
      response.destroy();
    }
  }

  /** Throws the error if the proxy responded with an error. */
  textOf(answer: Answer): string {
    if (answer.status !== 200) this.jsonOf(answer);
    return answer.text;
  }

  /** For operations that an older flm does not have. */
  supported<T>(answer: Answer | Nobody): T | 'unsupported' | 'gone' {
    if (typeof answer === 'string') return 'gone';
    return answer.status === 404 ? 'unsupported' : this.jsonOf<T>(answer);
  }

  jsonOf<T>(answer: Answer): T {
    let value: unknown;
    try {
      value = JSON.parse(answer.text);
    } catch (cause) {
      throw this.#unreachable(cause);
    }
    // The nonce proves that this is a proxy of flm, so the JSON has our own types.
    if (answer.status === 200) return value as T;
    throw (isRecord(value) ? proxyErrorOf(value.error) : undefined) ?? this.#unreachable(undefined);
  }

  #send(
    method: string,
    target: string,
    signal: AbortSignal,
    { onHead, body }: { readonly onHead?: () => void; readonly body?: string | undefined } = {},
  ): Promise<IncomingMessage | 'nobody'> {
    return new Promise((resolve, reject) => {
      const sent = request({
        socketPath: this.#handle.controlPath,
        agent: false,
        method,
        path: target,
        headers: { host: controlHost, [nonceField]: this.#handle.nonce },
        signal,
      });
      sent.on('response', (response) => {
        onHead?.();
        resolve(response);
      });
      sent.on('error', (error) => {
        if (['ENOENT', 'ENOTDIR', 'ECONNREFUSED'].includes(codeOf(error))) resolve('nobody');
        else reject(error);
      });
      sent.end(body);
    });
  }

  #isOther(response: IncomingMessage): boolean {
    return response.headers[nonceField] !== this.#handle.nonce;
  }

  #unreachable(cause: unknown): ProxyError {
    const { id, pid } = this.#handle;
    return new ProxyError('PROXY_CONTROL_UNREACHABLE', { params: { id, pid }, cause });
  }
}

async function bodyOf(response: IncomingMessage, maxBytes: number): Promise<string> {
  const text = await gatherText(response, maxBytes);
  if (text === undefined) throw new Error('an answer without end');
  return text;
}

async function* linesOf<T>(response: IncomingMessage): AsyncGenerator<T> {
  let rest = '';
  response.setEncoding('utf8');
  for await (const text of response as AsyncIterable<string>) {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > maxLineBytes) throw new Error('a line without end');
    // The nonce of the response has shown that the lines have our own types.
    for (const line of lines) yield JSON.parse(line) as T;
  }
}
