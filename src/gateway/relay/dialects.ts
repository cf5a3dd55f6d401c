/**
 * The error formats of each dialect: as a whole response, and as the event that ends a broken stream.
 *
 * Only this form of event makes every tested client raise an error. The event has no `id:` and no `retry:`. After it
 * the body ends without the terminal mark of the stream.
 */
import type { Dialect } from '../../core/engine/routes.ts';
import { type ErrorCode, errorTable } from '../../core/errors.ts';
import { oneLine } from '../../core/one-line.ts';

/** Returns the body of an error response. */
export function errorEnvelope(dialect: Dialect, code: ErrorCode, message: string, requestId: string): string {
  switch (dialect) {
    case 'openai':
    case 'responses':
      return JSON.stringify({ error: openaiError(code, message), request_id: requestId });
    case 'anthropic':
      return JSON.stringify({
        type: 'error',
        error: { type: anthropicType(code), message },
        request_id: requestId,
      });
    case 'ollama':
      return JSON.stringify({ error: message, request_id: requestId });
    default:
      return dialect satisfies never;
  }
}

/** Returns the event that ends a broken stream. `ndjson`: the stream consists of lines. */
export function errorEvent(
  dialect: Dialect,
  framing: 'sse' | 'ndjson',
  code: ErrorCode,
  message: string,
  requestId: string,
): string {
  if (framing === 'ndjson') return `${oneLine(JSON.stringify({ error: message, request_id: requestId }))}\n`;
  switch (dialect) {
    case 'anthropic':
      return `event: error\ndata: ${oneLine(errorEnvelope(dialect, code, message, requestId))}\n\n`;
    case 'responses': {
      const response = {
        id: requestId,
        object: 'response',
        status: 'failed',
        error: { code: 'server_error', message },
        output: [],
      };
      return `event: response.failed\ndata: ${oneLine(JSON.stringify({ type: 'response.failed', response }))}\n\n`;
    }
    case 'openai':
    case 'ollama':
      return `data: ${oneLine(JSON.stringify({ error: openaiError(code, message) }))}\n\n`;
    default:
      return dialect satisfies never;
  }
}

/** Returns the bytes to send while a stream is silent, in a form that the clients of the dialect ignore. */
export function heartbeat(dialect: Dialect, framing: 'sse' | 'ndjson'): string | undefined {
  if (framing === 'ndjson') return undefined;
  return dialect === 'anthropic' ? 'event: ping\ndata: {"type":"ping"}\n\n' : ':hb\n\n';
}

function openaiError(code: ErrorCode, message: string): Readonly<Record<string, string | null>> {
  const row = errorTable[code];
  return { message, type: openaiType(row.status), code: row.apiCode ?? code.toLowerCase(), param: null };
}

function openaiType(status: number): string {
  if (status === 429) return 'rate_limit_error';
  if (status === 401) return 'authentication_error';
  if (status === 403) return 'permission_error';
  if (status === 503) return 'service_unavailable_error';
  return status >= 500 ? 'server_error' : 'invalid_request_error';
}

const anthropicTypes: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  409: 'conflict_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  503: 'overloaded_error',
  504: 'timeout_error',
};

function anthropicType(code: ErrorCode): string {
  const status = errorTable[code].status;
  return anthropicTypes[status] ?? (status >= 500 ? 'api_error' : 'invalid_request_error');
}
