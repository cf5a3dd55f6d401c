/**
 * Builds every error response of the gateway from its row in the error table and the dialect of the client: status,
 * fields, and body. Public text comes only from that table and its parameters, never from a cause.
 *
 * `refuse` answers a request. `rawErrorResponse` answers on a connection on which no request could be parsed. An error
 * inside a stream that has begun is an event from `relay/dialects.ts` with the same text.
 */
import { STATUS_CODES } from 'node:http';
import type { Dialect } from '../core/engine/routes.ts';
import { type ErrorCode, type ErrorParams, errorHint, errorTable, errorText } from '../core/errors.ts';
import { baseUrl, clientName, dialectOf } from './advice.ts';
import type { Exchange, Refusal } from './exchange.ts';
import { errorEnvelope } from './relay/dialects.ts';

export interface ErrorDetails {
  readonly code: ErrorCode;
  readonly params?: ErrorParams;
  readonly requestId: string;
  readonly dialect: Dialect;
  /** Further fields: whole lines, each with its CRLF. */
  readonly fields?: string;
}

export interface ErrorResponse {
  readonly status: number;
  /** Whole lines, each with its CRLF, without `content-length`. */
  readonly fields: string;
  readonly body: string;
}

/** The text for the client: the problem, and how to fix it. */
export function errorMessage(code: ErrorCode, params?: ErrorParams): string {
  return `${errorText(code, params)} ${errorHint(code, params)}`;
}

export function errorResponse({
  code,
  params,
  requestId,
  dialect,
  fields = '',
}: ErrorDetails): ErrorResponse {
  const { status } = errorTable[code];
  const challenge = status === 401 ? 'www-authenticate: Bearer\r\n' : '';
  const all = `content-type: application/json\r\n${requestIdFields(requestId)}${fields}${challenge}`;
  return { status, fields: all, body: errorEnvelope(dialect, code, errorMessage(code, params), requestId) };
}

/** The bytes of a whole HTTP/1.1 response, after which its connection is closed. */
export function rawErrorResponse(details: ErrorDetails): string {
  const { status, fields, body } = errorResponse(details);
  const length = Buffer.byteLength(body);
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${fields}connection: close\r\ncontent-length: ${length}\r\n\r\n${body}`;
}

/** Answers a request with an error, once. Has no effect if the response has begun or the client left. */
export function refuse(x: Exchange, refusal: Refusal): void {
  if (x.over || x.reply.committed) return;
  const { code, rule, ending = 'refused', close = false } = refusal;
  const dialect = dialectOf(x);
  const params = { base: baseUrl(x, dialect), clients: clientName(dialect), ...refusal.params };
  const fields = `${x.cors}${x.rate}${refusal.fields ?? ''}`;
  const response = errorResponse({ code, params, requestId: x.id, dialect, fields });
  x.conclude({ ending, status: response.status, code, rule, params });
  x.reply.sendWhole(response.status, response.fields, response.body, close);
}

/** The fields of every response to a request: the request id under both names, CORS, rates. */
export function commonFields(x: Exchange): string {
  return requestIdFields(x.id) + x.cors + x.rate;
}

function requestIdFields(id: string): string {
  return `x-request-id: ${id}\r\nrequest-id: ${id}\r\n`;
}
