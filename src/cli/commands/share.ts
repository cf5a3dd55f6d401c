/**
 * `flm share`: makes a link that becomes a key when a friend redeems it in a browser, lists such links, revokes them.
 *
 * The link goes only over HTTPS or stays on this machine. Where the friend's device does not trust the local CA yet, the
 * command serves the page about that too, as long as it waits.
 */
import type { Command } from 'commander';
import { PolicyError } from '../../core/errors.ts';
import { isLoopbackHost } from '../../core/loopback.ts';
import type { ProxyStatus } from '../../core/proxy/proxy-handle.ts';
import { shareDocument } from '../../core/security/share-document.ts';
import { type ShareOrigins, shareLink, shareOrigins } from '../../core/security/share-links.ts';
import type { CreatedShare } from '../../core/security/share-service.ts';
import { spanOf } from '../../core/time-text.ts';
import { action, type Cli, leaf, type Session, usageError } from '../command.ts';
import { t } from '../i18n/texts.ts';
import { printable } from '../terminal/layout.ts';
import { exactly } from '../terminal/units.ts';
import { addRules, type RuleFlags, requestOf } from '../views/key-rules.ts';
import { limitsOfShare, sharesTable } from '../views/share-view.ts';
import { openTrustPage, type TrustPage } from './cert-device.ts';
import { openShareWait, type ShareWait } from './share-wait.ts';

const texts = t.share;

interface ShareFlags extends RuleFlags {
  readonly for?: string;
  readonly proxy?: string;
  readonly url?: string;
  readonly wait: boolean;
}

export function shareCommand(cli: Cli): Command {
  const command = leaf(
    'share',
    texts.help.share,
    'flm share anna\nflm share anna --rpm 20 --tokens-per-day 200000 --expires 90d --for 2h\nflm share list',
  )
    .argument('<label>', texts.arguments.label)
    .helpCommand(false)
    // The flags of `flm share list` are its own.
    .enablePositionalOptions();
  return addRules(command)
    .option('--for <span>', texts.options.for, '24h')
    .option('--proxy <proxy>', texts.options.proxy)
    .option('--url <url>', texts.options.url)
    .option('--no-wait', texts.options.noWait)
    .addHelpText('after', `\n${texts.help.after}`)
    .addCommand(list(cli))
    .addCommand(revoke(cli))
    .action(action(cli, (session, flags: ShareFlags, label: string) => share(session, flags, label)));
}

async function share(session: Session, flags: ShareFlags, label: string): Promise<void> {
  const { flm, signal } = session;
  const validMs = spanOf(flags.for ?? '');
  if (validMs === undefined) throw usageError('share', texts.problems.for);
  const request = requestOf(session, 'share', label, flags);
  const handle = await flm.proxies.findServing(flags.proxy);
  const status = await flm.control(handle).status(signal);
  // The proxy ended meanwhile. `find` throws the right error.
  if (status === 'gone') return void (await flm.proxies.find(handle.id));
  const { origins, onlyThisMachine } = originsOf(status, flags.url);
  const made = await flm.sharesFor().create(request, validMs);
  // Only a device that may not trust the CA needs the page, and only while somebody watches.
  const needsTrust = status.certificate?.authorityFile !== undefined && flags.url === undefined;
  const trust =
    needsTrust && !onlyThisMachine && flags.wait
      ? await openTrustPage(session, 0, { hasLink: true })
      : undefined;
  let wait: ShareWait | undefined;
  try {
    if (flags.wait) wait = await openShareWait(session, made.share);
    const links = origins.map((origin) => shareLink(origin, made.token));
    await tell(session, made, { links, onlyThisMachine, trust, needsTrust });
    if (wait === undefined) return;
    session.terminal.talk(`\n${texts.waiting}`);
    await wait.until();
  } finally {
    wait?.close();
    await trust?.close();
  }
}

/** Throws SHARE_CLEAR_TEXT, or USAGE for a wrong `--url`. */
function originsOf(status: ProxyStatus, given: string | undefined): ShareOrigins {
  if (given !== undefined) return { origins: [givenOrigin(given)], onlyThisMachine: false };
  const found = shareOrigins(status);
  if (found !== undefined) return found;
  const { id, profile } = status.handle;
  throw new PolicyError('SHARE_CLEAR_TEXT', { params: { id, profile } });
}

function givenOrigin(text: string): string {
  const url = URL.parse(text);
  const isOrigin =
    url !== null && url.username === '' && url.password === '' && `${url.origin}/` === url.href;
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopbackHost(url.hostname));
  if (url === null || !isOrigin || !isSafe) throw usageError('share', texts.problems.url);
  return url.origin;
}

interface Told {
  readonly links: readonly string[];
  readonly onlyThisMachine: boolean;
  readonly trust: TrustPage | undefined;
  readonly needsTrust: boolean;
}

async function tell(session: Session, { share }: CreatedShare, told: Told): Promise<void> {
  const { terminal, flm, json } = session;
  const { links, trust, onlyThisMachine, needsTrust } = told;
  const nowMs = flm.machine.clock.nowMs();
  const [link = '', ...otherLinks] = links;
  if (json) {
    const { urls: trustUrls, fingerprint } = trust ?? {};
    const page = trust === undefined ? {} : { trustUrls, fingerprint };
    return terminal.out(JSON.stringify({ ...shareDocument(share, nowMs), link, otherLinks, ...page }));
  }
  const { qrCode } = await import('../terminal/qr-code.ts');
  const heading = (text: string): void => terminal.out(`\n${terminal.paint('bold', text)}`);
  const warn = (text: string): void => terminal.talk(`${terminal.paint('yellow', '!')} ${text}`);
  terminal.talk(texts.made(share.id, printable(share.request.label)));
  terminal.talk(texts.mayUse(limitsOfShare(share)));
  if (trust !== undefined) {
    heading(texts.trustStep);
    terminal.out(`${qrCode(trust.urls[0] ?? '')}\n  ${trust.urls.join('\n  ')}`);
    terminal.out(`${texts.fingerprint}\n  ${trust.fingerprint}`);
  }
  heading(trust === undefined ? texts.linkAlone : texts.linkStep);
  terminal.out(`${qrCode(link)}\n  ${link}\n`);
  if (otherLinks.length > 0) terminal.talk(`${texts.otherAddresses}\n  ${otherLinks.join('\n  ')}`);
  terminal.talk(texts.once(exactly(share.expiresAtMs, nowMs), share.id));
  if (onlyThisMachine) warn(texts.onlyThisMachine);
  else if (needsTrust && trust === undefined) warn(texts.needsTrust);
}

function list(cli: Cli): Command {
  return leaf('list', texts.help.list, 'flm share list')
    .alias('ls')
    .action(
      action(cli, async ({ flm, terminal, json }) => {
        const shares = await flm.sharesFor().list();
        const nowMs = flm.machine.clock.nowMs();
        if (json)
          return terminal.out(JSON.stringify({ shares: shares.map((one) => shareDocument(one, nowMs)) }));
        if (shares.length === 0) return terminal.out(texts.none);
        terminal.out(sharesTable(shares, nowMs, terminal));
      }),
    );
}

function revoke(cli: Cli): Command {
  return leaf('revoke', texts.help.revoke, 'flm share revoke anna')
    .argument('<share>', texts.arguments.share)
    .action(
      action(cli, async (session, _flags: object, name: string) => {
        const { flm, terminal, json } = session;
        const share = await flm.sharesFor().revoke(name);
        const document = shareDocument(share, flm.machine.clock.nowMs());
        const told = document.state === 'expired' ? texts.hadExpired : texts.revoked;
        const text = told(share.id, printable(share.request.label));
        terminal.out(json ? JSON.stringify(document) : text);
      }),
    );
}
