/** The bytes of an answer to what never became a request: a whole response, after which its connection is closed. */
import { STATUS_CODES } from 'node:http';
import { type ErrorCode, errorHint, errorTable, errorText } from '../../core/errors.ts';
import { errorEnvelope } from '../relay/dialects.ts';

export function wholeRefusal(requestId: string, code: ErrorCode, reason?: string): string {
  const params = reason === undefined ? {} : { reason };
  const text = `${errorText(code, params)} ${errorHint(code, params)}`;
  const body = errorEnvelope('openai', code, text, requestId);
  const { status } = errorTable[code];
  // The target of a CONNECT takes no method at all (RFC 9110, section 10.2.1).
  const more = status === 503 ? 'retry-after: 1\r\n' : status === 405 ? 'allow:\r\n' : '';
  return (
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-type: application/json\r\n` +
    `x-request-id: ${requestId}\r\nrequest-id: ${requestId}\r\nconnection: close\r\n` +
    `${more}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  );
}
