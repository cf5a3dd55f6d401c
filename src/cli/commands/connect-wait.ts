/**
 * Waits until a request passes through a proxy, and prints its result. Prints each refused request with its rule, so
 * that the user can correct the settings while flm keeps waiting.
 */
import { ProxyError } from '../../core/errors.ts';
import type { ProxyHandle, RequestLine } from '../../core/proxy/proxy-handle.ts';
import type { Session } from '../command.ts';
import { printable } from '../terminal/layout.ts';
import { shortTime } from '../terminal/units.ts';
import { requestDocument } from '../views/request-view.ts';

/** Throws PROXY_NOT_RUNNING if the proxy ends meanwhile. */
export async function waitForRequest(session: Session, handle: ProxyHandle, client: string): Promise<void> {
  const { terminal, flm, signal } = session;
  const done = new AbortController();
  const opened = (): void => terminal.talk(`Waiting for a request of ${client} (Ctrl-C leaves) ...`);
  for await (const line of flm.control(handle).tail(AbortSignal.any([signal, done.signal]), opened)) {
    if (line.ending === 'refused' || line.status >= 400) {
      terminal.talk(`${terminal.paint('yellow', '!')} ${troubleText(line)}`);
      continue;
    }
    if (session.json) terminal.out(JSON.stringify({ request: requestDocument(line, handle.id) }));
    else terminal.out(`${terminal.paint('green', 'It came through')}: ${successText(line)}`);
    return done.abort();
  }
  signal.throwIfAborted();
  throw new ProxyError('PROXY_NOT_RUNNING', { params: { which: ' any more' } });
}

export function successText(line: RequestLine): string {
  const key = line.keyLabel === null ? '' : `, key ${printable(line.keyLabel)}`;
  const model = line.model === null ? '' : `, model ${printable(line.model)} of ${line.engine ?? 'flm'}`;
  const first = line.firstByteMs === null ? '' : `, first byte after ${shortTime(line.firstByteMs)}`;
  const end = line.ending === 'done' ? 'done' : line.ending;
  return `${line.method} ${printable(line.path)} from ${printable(line.client)}${key}${model}; status ${line.status}${first}, ${end} after ${shortTime(line.durationMs)}.`;
}

export function troubleText(line: RequestLine): string {
  const why =
    line.code === null
      ? 'the engine refused it'
      : `${line.code}${line.rule === null ? '' : ` by ${printable(line.rule)}`}`;
  return `A request came and was refused: ${line.method} ${printable(line.path)} from ${printable(line.client)}, status ${line.status}, ${why}. More: flm explain ${line.id}`;
}
