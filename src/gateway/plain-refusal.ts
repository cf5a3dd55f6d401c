/**
 * Plain HTTP that comes to an HTTPS port: answered with a 400 that a person can read and that names the right URL, in
 * place of the hang-up that TLS alone would give.
 */
import type { Dialect } from '../core/engine/routes.ts';
import { type ErrorParams, errorHint, errorText } from '../core/errors.ts';
import { basePath, dialectOfTarget } from './advice.ts';
import { type HostAllowlist, parseHost } from './host-allowlist.ts';
import { errorEnvelope } from './relay/dialects.ts';

export interface PlainRequest {
  /** What came; the head, or a part of it. */
  readonly bytes: Buffer;
  readonly port: number;
  readonly hosts: HostAllowlist;
  /** It came over a network, where others can read along. */
  readonly crossedNetwork: boolean;
}

/** What the texts of the refusal are filled with. */
export function plainParams(request: PlainRequest): ErrorParams {
  const head = request.bytes.toString('latin1');
  const carriesKey = /\n(?:authorization|x-api-key|api-key)[ \t]*:/i.test(head);
  const exposed =
    carriesKey && request.crossedNetwork
      ? ', so its key could be read on the way: replace it (`flm key rotate KEY`)'
      : '';
  const url = `https://${hostIn(head, request.hosts)}:${request.port}${basePath(dialectIn(head))}`;
  return { exposed, url };
}

/** `bytes`: as in the request that it refuses. */
export function plainRefusal(requestId: string, bytes: Buffer, params: ErrorParams): string {
  const text = `${errorText('PLAIN_ON_TLS', params)} ${errorHint('PLAIN_ON_TLS', params)}`;
  const body = errorEnvelope(dialectIn(bytes.toString('latin1')), 'PLAIN_ON_TLS', text, requestId);
  return (
    'HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n' +
    `x-request-id: ${requestId}\r\nrequest-id: ${requestId}\r\nconnection: close\r\n` +
    `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  );
}

/** The API that the request line speaks. */
function dialectIn(head: string): Dialect {
  return dialectOfTarget(/^[A-Z]+ (\S*)/.exec(head)?.[1] ?? '');
}

/** The host that the client called, where it is one of ours: what it wrote must not be echoed. */
function hostIn(head: string, hosts: HostAllowlist): string {
  const value = /\nhost:([^\r\n]*)/i.exec(head)?.[1]?.trim();
  const host = value === undefined ? undefined : parseHost(value);
  if (host === undefined || !hosts.answersFor(host)) return 'localhost';
  return host.includes(':') ? `[${host}]` : host;
}
