/**
 * The response to plain HTTP on an HTTPS port: a readable 400 that names the right URL. TLS itself would only close the
 * connection.
 */
import type { Dialect } from '../core/engine/routes.ts';
import type { ErrorParams } from '../core/errors.ts';
import { basePath, dialectOfTarget } from './advice.ts';
import { rawErrorResponse } from './error-response.ts';
import { type HostAllowlist, parseHost } from './host-allowlist.ts';

export interface PlainRequest {
  /** The bytes received: the head, or a part of it. */
  readonly bytes: Buffer;
  readonly port: number;
  readonly hosts: HostAllowlist;
  /** The request crossed a network, where others could read it. */
  readonly crossedNetwork: boolean;
}

/** The parameters of the error text. */
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

/** Returns the bytes of the response. */
export function plainRefusal(requestId: string, bytes: Buffer, params: ErrorParams): string {
  const dialect = dialectIn(bytes.toString('latin1'));
  return rawErrorResponse({ code: 'PLAIN_ON_TLS', params, requestId, dialect });
}

/** The API that the request line speaks. */
function dialectIn(head: string): Dialect {
  return dialectOfTarget(/^[A-Z]+ (\S*)/.exec(head)?.[1] ?? '');
}

/** The host that the client called, where it is one of this proxy's names. Other text from the client is not echoed. */
function hostIn(head: string, hosts: HostAllowlist): string {
  const value = /\nhost:([^\r\n]*)/i.exec(head)?.[1]?.trim();
  const host = value === undefined ? undefined : parseHost(value);
  if (host === undefined || !hosts.answersFor(host)) return 'localhost';
  return host.includes(':') ? `[${host}]` : host;
}
