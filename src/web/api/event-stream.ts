/**
 * Reads server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html) of the admin API.
 * `EventSource` cannot send the header that proves who calls.
 */
import { send } from './client.ts';
import { EventParser, type StreamEvent } from './event-parser.ts';

/**
 * Ends with the response. Throws like `send`, and when the connection breaks. With a `body`, the request is a POST of this
 * document.
 */
export async function* eventStream(
  path: string,
  signal: AbortSignal,
  body?: unknown,
): AsyncGenerator<StreamEvent> {
  const accept = { accept: 'text/event-stream' };
  const response = await send(
    path,
    body === undefined
      ? { method: 'GET', headers: accept, signal }
      : {
          method: 'POST',
          headers: { ...accept, 'content-type': 'application/json' },
          body: JSON.stringify(body),
          signal,
        },
  );
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  const decoder = new TextDecoder();
  const parser = new EventParser();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield* parser.push(decoder.decode(value, { stream: true }));
  }
}
