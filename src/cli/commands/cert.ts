/**
 * `flm cert`: the local CA and its certificates. These commands need no running proxy.
 */
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { authorityDocument, leafDocument } from '../../app/certificate-documents.ts';
import type { AuthorityView, LeafView, TrustPlan } from '../../app/certificate-manager.ts';
import { CertificateError } from '../../core/errors.ts';
import { errnoReason } from '../../core/system-error.ts';
import { action, type Cli, group, leaf, type Session } from '../command.ts';
import { collect, number } from '../config-flags.ts';
import { facts, moment, printable } from '../terminal/layout.ts';
import { confirm } from '../terminal/question.ts';
import { trustDevice } from './cert-device.ts';
import { renewCertificate } from './cert-renew.ts';

export function certCommands(cli: Cli): Command {
  return group('cert', 'manage certificates and trust in the local CA', [
    show(cli),
    trust(cli),
    exportCa(cli),
    renewCertificate(cli),
    group('authority', 'manage the local CA', [renewAuthority(cli)]),
  ]);
}

function show(cli: Cli): Command {
  return leaf(
    'show',
    'show the local CA, its name constraints, and the certificates of proxies',
    'flm cert show',
  ).action(
    action(cli, async (session) => {
      const { certificates } = session.flm;
      const authority = await certificates.findAuthority();
      const leaves = await certificates.leaves();
      const { terminal } = session;
      if (session.json) {
        return terminal.out(
          JSON.stringify({
            authority: authority === undefined ? null : authorityDocument(authority),
            certificates: leaves.map(leafDocument),
          }),
        );
      }
      const first =
        authority === undefined
          ? 'There is no local CA yet. `flm proxy start --mode dev-selfsigned` makes one, and so does `flm cert trust`.'
          : authorityText(authority);
      terminal.out([first, ...leaves.map(leafText)].join('\n\n'));
    }),
  );
}

interface TrustFlags {
  readonly remove?: boolean;
  readonly yes?: boolean;
  readonly device?: boolean;
  readonly port?: string;
}

function trust(cli: Cli): Command {
  return leaf(
    'trust',
    'make this machine or another device trust the local CA',
    'flm cert trust\nflm cert trust --remove\nflm cert trust --device',
  )
    .option('--remove', 'remove the trust')
    .option('--yes', 'confirm without asking')
    .option('--device', 'serve a page for phones and other computers on the local network for ten minutes')
    .option('--port <number>', 'with --device: port of the page; by default a free port')
    .action(
      action(
        cli,
        async (session, flags: TrustFlags) => {
          if (flags.device === true) return trustDevice(session, number(flags.port));
          const { certificates } = session.flm;
          const plan =
            flags.remove === true
              ? await certificates.planRemoval()
              : await certificates.planTrust(session.signal);
          const done = await carryOut(session, plan, flags);
          if (flags.remove !== true) await tellProof(session, done);
          else if (session.json) session.terminal.out(JSON.stringify({ done }));
        },
        { keepRoot: true },
      ),
    );
}

/** Shows the changes, asks for confirmation, and makes them. Returns the titles of the changed stores. */
async function carryOut(session: Session, plan: TrustPlan, flags: TrustFlags): Promise<readonly string[]> {
  const { terminal } = session;
  const remove = flags.remove === true;
  for (const title of plan.settled)
    terminal.talk(`${remove ? 'Not trusted' : 'Trusted'} already in ${title}.`);
  const blocked = plan.changes.filter((c) => c.obstacle !== undefined);
  for (const { title, obstacle } of blocked) terminal.talk(`Cannot ${title}: ${obstacle}.`);
  const changes = plan.changes.filter((c) => c.obstacle === undefined);
  if (changes.length === 0) {
    terminal.talk('No changes are needed on this machine.');
    return [];
  }
  terminal.talk('flm will make these changes:');
  for (const { title, commands } of changes) {
    terminal.talk(`  ${title}`);
    for (const command of commands) terminal.talk(`    ${printable(command)}`);
  }
  await confirm(session, 'cert trust', 'This changes what this machine trusts.', flags.yes === true);
  for (const change of changes) {
    await change.make();
    terminal.talk(`Done: ${change.title}.`);
  }
  return changes.map((c) => c.title);
}

async function tellProof(session: Session, done: readonly string[]): Promise<void> {
  const { terminal, flm } = session;
  const authority = await flm.certificates.authority(session.signal);
  const proofs = await flm.certificates.prove(session.signal);
  const settings = settingsOf(authority.file, await flm.certificates.bundle(session.signal));
  if (session.json) {
    terminal.out(JSON.stringify({ authority: authorityDocument(authority), done, proofs, settings }));
    return;
  }
  terminal.out(
    facts([
      ['CA', authority.title],
      ['SHA-256', authority.fingerprint],
      ...proofs.map(
        ({ program, trusts }) =>
          [
            program,
            trusts ? 'trusts it (tested with a handshake)' : 'does not trust it without a setting',
          ] as const,
      ),
    ]),
  );
  terminal.out('\nPrograms with their own CA list need a setting:\n');
  terminal.out(facts(Object.entries(settings).map(([name, text]) => [`  ${name}`, text])));
}

/** The setting for each program: `file` adds to its CAs, `bundle` replaces them. */
function settingsOf(file: string, bundle: string): Readonly<Record<string, string>> {
  return {
    Node: `NODE_EXTRA_CA_CERTS=${file}`,
    Python: `SSL_CERT_FILE=${bundle}   (httpx, OpenAI SDK; REQUESTS_CA_BUNDLE for requests)`,
    curl: `curl --cacert ${file}`,
    containers: `-v ${bundle}:/flm-ca.crt:ro -e NODE_EXTRA_CA_CERTS=/flm-ca.crt -e SSL_CERT_FILE=/flm-ca.crt   (base URL https://host.docker.internal:PORT/v1)`,
  };
}

function exportCa(cli: Cli): Command {
  return leaf('export', 'export the certificate of the local CA as PEM', 'flm cert export flm-ca.pem')
    .argument('[file]', 'file to write; by default standard output')
    .action(
      action(cli, async (session, _flags: object, file: string | undefined) => {
        const authority = await session.flm.certificates.authority(session.signal);
        const { terminal } = session;
        const path = file === undefined ? undefined : resolve(file);
        if (path !== undefined) save(path, authority.pem);
        if (session.json)
          return terminal.out(
            JSON.stringify({ ...authorityDocument(authority), pem: authority.pem, file: path ?? null }),
          );
        if (path === undefined) return terminal.write(authority.pem);
        terminal.out(`Saved ${path}. SHA-256: ${authority.fingerprint}`);
      }),
    );
}

function save(path: string, pem: string): void {
  try {
    writeFileSync(path, pem);
  } catch (cause) {
    throw new CertificateError('CERT_EXPORT_FAILED', {
      params: { file: path, reason: errnoReason(cause) },
      cause,
    });
  }
}

function renewAuthority(cli: Cli): Command {
  return leaf(
    'renew',
    'create a new local CA; every device must trust it again',
    'flm cert authority renew --permit llm.example.org',
  )
    .option(
      '--permit <name>',
      'additional host name, address or range that the CA may sign for (repeatable)',
      collect,
    )
    .option('--yes', 'confirm without asking')
    .action(
      action(cli, async (session, flags: { permit?: readonly string[]; yes?: boolean }) => {
        const { certificates } = session.flm;
        await confirm(
          session,
          'cert authority renew',
          'This replaces the local CA. Devices that trust the current CA must trust the new one.',
          flags.yes === true,
        );
        const authority = await certificates.renewAuthority(flags.permit ?? [], session.signal);
        if (session.json) return session.terminal.out(JSON.stringify(authorityDocument(authority)));
        session.terminal.out(authorityText(authority));
        session.terminal.talk(
          'Running proxies use it now. Next: `flm cert trust` on this machine, `flm cert trust --device` for others.',
        );
      }),
    );
}

function authorityText(view: AuthorityView): string {
  return facts([
    ['CA', view.title],
    ['  file', view.file],
    ['  SHA-256', view.fingerprint],
    ['  until', moment(view.expiresAtMs)],
    ['  certifies', `${view.names.join(', ')} and all names below them\n${view.ranges.join(', ')}`],
  ]);
}

function leafText({ profile, forNames, file, certificate, damage }: LeafView): string {
  const callers = forNames === true ? 'a name' : 'an address';
  return facts([
    [
      'certificate',
      profile === undefined ? 'of an ACME server' : `of profile ${profile}, for clients that use ${callers}`,
    ],
    ['  file', file],
    ['  names', certificate?.names.join(', ')],
    ['  SHA-256', certificate?.fingerprint],
    ['  until', certificate === undefined ? undefined : untilText(certificate.expiresAtMs)],
    ['  damaged', damage === undefined ? undefined : `it ${damage}; the next start makes a new one`],
  ]);
}

function untilText(expiresAtMs: number): string {
  return `${moment(expiresAtMs)}${expiresAtMs <= Date.now() ? ', EXPIRED' : ''}`;
}
