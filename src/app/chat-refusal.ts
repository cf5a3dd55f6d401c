/**
 * What a refusal says, as a chat client reads it: the envelopes of flm and those that engines send, whatever their shape.
 */
import { ProxyError } from '../core/errors.ts';

const maxMessage = 2_000;

/** The error of an answer that is not 200. */
export function refusalOf(status: number, body: string, requestId: string | null): ProxyError {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    value = undefined;
  }
  const found = isRecord(value) ? messageIn(value) : undefined;
  const text = body.trim().slice(0, 200);
  const message = found ?? (text === '' ? `The answer is status ${status} without a word` : text);
  return refused(found === undefined ? `${message} (status ${status})` : message, requestId);
}

/** The error that an event of a stream carries, if it is one. */
export function refusalIn(
  event: Readonly<Record<string, unknown>>,
  requestId: string | null,
): ProxyError | undefined {
  if (event.error === undefined || event.error === null) return undefined;
  return refused(messageIn(event) ?? 'The engine reports an error without a word', requestId);
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `{"error": {"message"}}` of OpenAI, `{"error": "text"}` of Ollama, `{"message"}` and `{"detail"}` of others. */
function messageIn(value: Readonly<Record<string, unknown>>): string | undefined {
  const { error, message, detail } = value;
  for (const text of [isRecord(error) ? error.message : error, message, detail])
    if (typeof text === 'string' && text !== '') return text.slice(0, maxMessage);
  return undefined;
}

function refused(text: string, requestId: string | null): ProxyError {
  const message = /[.!?)]$/.test(text) ? text : `${text}.`;
  return new ProxyError('CHAT_REFUSED', { params: { message, request: requestId ?? 'REQUEST-ID' } });
}
