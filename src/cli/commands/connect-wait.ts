/**
 * Waits until a request passes through a proxy, and prints its result. Prints each refused request with its rule, so
 * that the user can correct the settings while flm keeps waiting.
 */
import { ProxyError } from '../../core/errors.ts';
import type { ProxyHandle, RequestLine } from '../../core/proxy/proxy-handle.ts';
import type { Session } from '../command.ts';
import { t } from '../i18n/texts.ts';
import { translated } from '../i18n/translated.ts';
import { printable } from '../terminal/layout.ts';
import { shortTime } from '../terminal/units.ts';
import { requestDocument } from '../views/request-view.ts';

const texts = t.connect;

/** Throws PROXY_NOT_RUNNING if the proxy ends meanwhile. */
export async function waitForRequest(session: Session, handle: ProxyHandle, client: string): Promise<void> {
  const { terminal, flm, signal } = session;
  const done = new AbortController();
  const opened = (): void => terminal.talk(texts.waiting(client));
  for await (const line of flm.control(handle).tail(AbortSignal.any([signal, done.signal]), opened)) {
    if (line.ending === 'refused' || line.status >= 400) {
      terminal.talk(`${terminal.paint('yellow', '!')} ${troubleText(line)}`);
      continue;
    }
    if (session.json) terminal.out(JSON.stringify({ request: requestDocument(line, handle.id) }));
    else terminal.out(`${terminal.paint('green', texts.cameThrough)}: ${successText(line)}`);
    return done.abort();
  }
  signal.throwIfAborted();
  throw new ProxyError('PROXY_NOT_RUNNING', { params: { which: ' any more' } });
}

export function successText(line: RequestLine): string {
  const { method, status, ending } = line;
  return texts.success({
    method,
    path: printable(line.path),
    client: printable(line.client),
    key: line.keyLabel === null ? null : printable(line.keyLabel),
    model: line.model === null ? null : printable(line.model),
    engine: line.engine ?? 'flm',
    status,
    firstByte: line.firstByteMs === null ? null : shortTime(line.firstByteMs),
    ending,
    took: shortTime(line.durationMs),
  });
}

export function troubleText(line: RequestLine): string {
  const { method, status, code, id } = line;
  return texts.refused({
    method,
    path: printable(line.path),
    client: printable(line.client),
    status,
    code,
    rule: line.rule === null ? null : printable(translated(line.rule)),
    id,
  });
}
