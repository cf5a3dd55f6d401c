/**
 * Reads the message of an error response for the chat client, from the error formats of flm and of the engines.
 */
import { type JsonObject, objectOf } from '../../core/engine/json-reading.ts';
import { ProxyError } from '../../core/errors.ts';

const maxMessage = 2_000;

/** Returns the error of a response whose status is not 200. */
export function chatErrorOf(status: number, body: string, requestId: string | null): ProxyError {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    value = undefined;
  }
  const object = objectOf(value);
  const found = object === undefined ? undefined : messageIn(object);
  const text = body.trim().slice(0, 200);
  const message = found ?? (text === '' ? `The response has status ${status} and no message` : text);
  return refused(found === undefined ? `${message} (status ${status})` : message, requestId);
}

/** Returns the error in an event of a stream, if any. */
export function errorInEvent(event: JsonObject, requestId: string | null): ProxyError | undefined {
  if (event.error === undefined || event.error === null) return undefined;
  return refused(messageIn(event) ?? 'The engine reports an error without a message', requestId);
}

/** Reads `{"error": {"message"}}` of OpenAI, `{"error": "text"}` of Ollama, `{"message"}` and `{"detail"}` of others. */
function messageIn(value: JsonObject): string | undefined {
  const { error, message, detail } = value;
  for (const text of [objectOf(error)?.message ?? error, message, detail])
    if (typeof text === 'string' && text !== '') return text.slice(0, maxMessage);
  return undefined;
}

function refused(text: string, requestId: string | null): ProxyError {
  const message = /[.!?)]$/.test(text) ? text : `${text}.`;
  return new ProxyError('CHAT_REFUSED', { params: { message, request: requestId ?? 'REQUEST-ID' } });
}
