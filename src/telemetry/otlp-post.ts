/**
 * Sends one OTLP request as JSON over HTTP/1.1, on one connection that is kept. A redirect is not followed and no proxy of
 * the environment is used, so the data reaches only the server that was configured. A response is read up to a limit.
 */
import {
  Agent as HttpAgent,
  type IncomingMessage,
  type RequestOptions,
  request as requestHttp,
} from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';

export interface OtlpPostOptions {
  /** Secret. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly ca: string | undefined;
  readonly timeoutMs: number;
  readonly userAgent: string;
}

export type OtlpAnswer =
  | { readonly ok: true; readonly rejected: number }
  /** `again`: the server may accept the same data later. `unknown`: it has no such path, or takes no such data. */
  | { readonly ok: false; readonly problem: string; readonly again: boolean; readonly unknown?: boolean };

/** https://opentelemetry.io/docs/specs/otlp/#failures-1 */
const retryable: ReadonlySet<number> = new Set([429, 502, 503, 504]);
const unknown: ReadonlySet<number> = new Set([404, 405, 501]);
const maxAnswerBytes = 65_536;

export class OtlpPost {
  readonly #options: OtlpPostOptions;
  readonly #plain = new HttpAgent({ keepAlive: true, maxSockets: 1 });
  readonly #secure: HttpsAgent;

  constructor(options: OtlpPostOptions) {
    this.#options = options;
    this.#secure = new HttpsAgent({
      keepAlive: true,
      maxSockets: 1,
      ...(options.ca === undefined ? {} : { ca: options.ca }),
    });
  }

  /** Never rejects. `signal` ends the attempt. */
  send(url: string, body: string, signal: AbortSignal): Promise<OtlpAnswer> {
    const { headers, timeoutMs, userAgent } = this.#options;
    const isSecure = url.startsWith('https:');
    const options: RequestOptions = {
      method: 'POST',
      agent: isSecure ? this.#secure : this.#plain,
      headers: {
        ...Object.fromEntries(headers),
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        'user-agent': userAgent,
      },
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    };
    return new Promise((resolve) => {
      const failed = (error: unknown): void => resolve({ ok: false, problem: problemOf(error), again: true });
      const begun = (isSecure ? requestHttps : requestHttp)(url, options, (answer) =>
        readAnswer(answer, resolve),
      );
      begun.on('error', failed);
      begun.end(body);
    });
  }

  close(): void {
    this.#plain.destroy();
    this.#secure.destroy();
  }
}

function readAnswer(answer: IncomingMessage, resolve: (answer: OtlpAnswer) => void): void {
  const { statusCode = 0 } = answer;
  let text = '';
  answer.setEncoding('utf8');
  answer.on('data', (piece: string) => {
    text += piece;
    if (text.length > maxAnswerBytes) answer.destroy(new Error('a long answer'));
  });
  answer.on('error', (error) => resolve({ ok: false, problem: problemOf(error), again: true }));
  answer.on('end', () => {
    if (statusCode >= 200 && statusCode < 300) resolve({ ok: true, rejected: rejectedIn(text) });
    else
      resolve({
        ok: false,
        problem: `it answers ${statusCode}`,
        again: retryable.has(statusCode),
        unknown: unknown.has(statusCode),
      });
  });
}

/** `partial_success` of OTLP: what the server did not accept, although it answers 200. */
function rejectedIn(text: string): number {
  try {
    const { partialSuccess } = JSON.parse(text) as { partialSuccess?: Readonly<Record<string, unknown>> };
    const count = Number(partialSuccess?.rejectedSpans ?? partialSuccess?.rejectedDataPoints ?? 0);
    return Number.isSafeInteger(count) && count > 0 ? count : 0;
  } catch {
    // An empty body or another format: the status decides.
    return 0;
  }
}

/** Part of a sentence. The message of an error could repeat what was sent, so only its code is used. */
function problemOf(error: unknown): string {
  if (error instanceof Error && error.name === 'TimeoutError') return 'it does not answer in time';
  if (!(error instanceof Error) || !('code' in error)) return 'it cannot be reached';
  switch (error.code) {
    case 'ECONNREFUSED':
      return 'it refuses connections';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'its name is not known';
    case 'ABORT_ERR':
      return 'it does not answer in time';
    default:
      return `the connection failed: ${String(error.code).slice(0, 60)}`;
  }
}
