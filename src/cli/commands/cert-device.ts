/**
 * `flm cert trust --device`: serves a page on the local network from which a phone or another computer downloads the
 * CA's certificate. Prints a QR code with its address, and the fingerprint to compare.
 */
import { ProxyError } from '../../core/errors.ts';
import { type Session, usageError } from '../command.ts';
import { t } from '../i18n/texts.ts';
import { duration, printable } from '../terminal/layout.ts';

const texts = t.cert;

const openMs = 10 * 60_000;

export async function trustDevice(session: Session, port: number | string | undefined): Promise<void> {
  const { terminal } = session;
  if (
    port !== undefined &&
    !(typeof port === 'number' && Number.isInteger(port) && port >= 0 && port < 65_536)
  )
    throw usageError('cert trust', texts.badPort);
  const page = await openTrustPage(session, port ?? 0);
  try {
    const { urls, fingerprint } = page;
    if (session.json) terminal.out(JSON.stringify({ urls, fingerprint, seconds: openMs / 1000 }));
    else {
      const { qrCode } = await import('../terminal/qr-code.ts');
      const [first] = urls;
      if (first !== undefined) terminal.out(qrCode(first));
      terminal.out(`${texts.device.open}\n  ${urls.join('\n  ')}`);
      terminal.out(`${texts.device.compare}\n  ${terminal.paint('bold', fingerprint)}`);
      terminal.talk(texts.device.available(duration(openMs / 1000)));
    }
    await until(session, openMs);
  } finally {
    await page.close();
  }
}

/** The page on every address of this machine. The caller closes it. */
export interface TrustPage {
  readonly urls: readonly string[];
  readonly fingerprint: string;
  close(): Promise<void>;
}

/** Prints each download. Throws the error of the bind as a `ProxyError`. */
export async function openTrustPage(
  session: Session,
  port: number,
  { hasLink = false } = {},
): Promise<TrustPage> {
  const { flm, terminal, signal } = session;
  const authority = await flm.certificates.authority(signal);
  const { serveDevices } = await import('../../app/device-server.ts');
  const server = await serveDevices({ ...authority, hasLink }, port, (address, path) =>
    terminal.talk(texts.device.took(printable(address), path)),
  ).catch((cause: NodeJS.ErrnoException) => {
    const params = { address: 'all addresses', port };
    throw new ProxyError(cause.code === 'EACCES' ? 'PROXY_PORT_FORBIDDEN' : 'PROXY_PORT_IN_USE', {
      params,
      cause,
    });
  });
  const urls = addressesOf(flm.machine.addresses()).map((host) => `http://${host}:${server.port}/`);
  return { urls, fingerprint: authority.fingerprint, close: () => server.close() };
}

/** IPv4 first, because it is easier to type. Without a network, the address of this machine itself. */
function addressesOf(addresses: readonly string[]): readonly string[] {
  const v4 = addresses.filter((a) => !a.includes(':'));
  const v6 = addresses.filter((a) => a.includes(':')).map((a) => `[${a}]`);
  const all = [...v4, ...v6];
  return all.length > 0 ? all : ['127.0.0.1'];
}

/** Resolves when the time is over, or on Ctrl-C, with which the user ends the page. */
function until(session: Session, ms: number): Promise<void> {
  const { signal } = session;
  return new Promise((resolve) => {
    const cancel = session.flm.machine.clock.after(ms, finish);
    function finish(): void {
      cancel();
      resolve();
    }
    if (signal.aborted) finish();
    else signal.addEventListener('abort', finish, { once: true });
  });
}
