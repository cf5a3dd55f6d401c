/**
 * Writes events as an event stream (https://html.spec.whatwg.org/multipage/server-sent-events.html). A comment is sent
 * when nothing happened for a while, so that no proxy in between closes the connection and a client sees that it stands.
 * An error after the head is an event `error` with the document of an error response, and ends the stream.
 */
import type { Clock } from '../core/clock.ts';
import { AdminError, FlmError } from '../core/errors.ts';
import { errorDocument } from './error-document.ts';
import type { AdminEvent } from './operation.ts';

const heartbeatMs = 15_000;

export interface EventTextDeps {
  readonly clock: Pick<Clock, 'after'>;
  /** Ends the stream. */
  readonly signal: AbortSignal;
  /** An error that is not flm's own: a bug. */
  readonly onError: (error: unknown) => void;
}

export async function* eventText(
  events: AsyncIterable<AdminEvent>,
  { clock, signal, onError }: EventTextDeps,
): AsyncGenerator<string, void, undefined> {
  const iterator = events[Symbol.asyncIterator]();
  let next = iterator.next();
  try {
    while (!signal.aborted) {
      const result = await withinBeat(next, clock);
      if (result === 'silence') {
        yield ':\n\n';
        continue;
      }
      if (result.done === true) return;
      const { event, data } = result.value;
      yield `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
      next = iterator.next();
    }
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof FlmError)) onError(error);
    const told = error instanceof FlmError ? error : new AdminError('INTERNAL');
    yield `event: error\ndata: ${JSON.stringify(errorDocument(told))}\n\n`;
  } finally {
    // The stream may end while an event is awaited, and that wait may fail.
    next.catch(() => {});
    await iterator.return?.();
  }
}

function withinBeat<T>(next: Promise<T>, clock: Pick<Clock, 'after'>): Promise<T | 'silence'> {
  let cancel = (): void => {};
  const silence = new Promise<'silence'>((resolve) => {
    cancel = clock.after(heartbeatMs, () => resolve('silence'));
  });
  return Promise.race([next, silence]).finally(() => cancel());
}
