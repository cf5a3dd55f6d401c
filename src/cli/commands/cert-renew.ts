/**
 * `flm cert renew`: makes running `https-acme` proxies request a new certificate now, regardless of earlier failures,
 * and waits for the result. If no proxy runs, the next start may order a certificate immediately.
 */
import type { Command } from 'commander';
import { ProxyError } from '../../core/errors.ts';
import { proxyDocument } from '../../core/proxy/proxy-document.ts';
import type { ProxyView } from '../../core/proxy/proxy-service.ts';
import { action, type Cli, leaf, type Session } from '../command.ts';
import { t } from '../i18n/texts.ts';
import { whileWaiting } from '../terminal/progress.ts';
import { certificateText } from '../views/status-view.ts';

const texts = t.cert;

type RunningView = Extract<ProxyView, { readonly status: unknown }>;

const limitMs = 180_000;
const lookMs = 200;
/** Time without a message. */
const patienceMs = 1_500;

export function renewCertificate(cli: Cli): Command {
  return leaf('renew', texts.about.renew, 'flm cert renew')
    .argument('[proxy]', texts.options.proxy)
    .action(
      action(cli, async (session, _flags: object, which: string | undefined) => {
        const running = (await acmeProxies(session)).filter(
          ({ handle }) => which === undefined || handle.id === which || handle.profile === which,
        );
        if (which !== undefined && running.length === 0)
          throw new ProxyError('PROXY_NOT_RUNNING', {
            params: { which: ` with the id or profile ${which} in mode https-acme` },
          });
        const { certificates } = session.flm;
        if (running.length === 0) await certificates.forgetTries();
        for (const { status } of running) await certificates.askRenewal(status.config);
        const done = await Promise.all(running.map((view) => renewed(session, view)));
        const { terminal } = session;
        if (session.json) return terminal.out(JSON.stringify({ renewed: done }));
        for (const { id, certificate } of done) terminal.out(`${id}: ${certificateText(certificate) ?? ''}`);
        if (done.length === 0) terminal.talk(texts.noAcmeProxy);
      }),
    );
}

async function acmeProxies(session: Session): Promise<readonly RunningView[]> {
  const views = await session.flm.proxies.status();
  return views.filter((v): v is RunningView => v.state === 'running' && v.handle.mode === 'https-acme');
}

/** Throws a `ProxyError` with the reason if the certificate was not renewed. */
async function renewed(session: Session, before: RunningView) {
  const domains = before.status.config.domains.join(', ');
  const { terminal, flm } = session;
  const wait = { text: t.progress.acme(domains), patienceMs, limitMs };
  return whileWaiting(terminal, flm.machine.clock, wait, () => newCertificate(session, before));
}

async function newCertificate(session: Session, before: RunningView) {
  const { id, profile } = before.handle;
  const old = before.status.certificate;
  const untilMs = performance.now() + limitMs;
  while (performance.now() < untilMs) {
    session.signal.throwIfAborted();
    const views = await acmeProxies(session);
    // A restart meanwhile leaves the renewal to the successor, or the result of the old process to both.
    const now =
      views.find((view) => view.handle.id === id) ?? views.find((view) => view.handle.profile === profile);
    if (now === undefined)
      throw new ProxyError('PROXY_NOT_RUNNING', { params: { which: ` any more (${id})` } });
    const { certificate } = proxyDocument(now);
    if (certificate !== undefined && certificate.fingerprint !== old?.fingerprint)
      return { id: now.handle.id, profile, certificate };
    if ((certificate?.renewalFailures ?? 0) > (old?.renewalFailures ?? 0))
      throw new ProxyError('PROXY_CERT_FAILED', {
        params: { reason: now.status.certificate?.problem ?? '', fix: 'The old one is still in use.' },
      });
    await new Promise((resolve) => {
      setTimeout(resolve, lookMs);
    });
  }
  throw new ProxyError('PROXY_CERT_FAILED', {
    params: { reason: 'the CA takes long.', fix: 'The old one is still in use; see `flm proxy logs`.' },
  });
}
