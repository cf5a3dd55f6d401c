/**
 * `flm cert`: the local CA and its certificates. These commands need no running proxy.
 */
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { authorityDocument, leafDocument } from '../../app/certificate-documents.ts';
import type { AuthorityView, LeafView, TrustChange, TrustPlan } from '../../app/certificate-manager.ts';
import { CertificateError } from '../../core/errors.ts';
import { textIn } from '../../core/named-text.ts';
import { errnoReason } from '../../core/system-error.ts';
import { action, type Cli, group, leaf, type Session } from '../command.ts';
import { collect, number } from '../config-flags.ts';
import { t } from '../i18n/texts.ts';
import { translated } from '../i18n/translated.ts';
import { facts, moment, printable } from '../terminal/layout.ts';
import { confirm } from '../terminal/question.ts';
import { trustDevice } from './cert-device.ts';
import { renewCertificate } from './cert-renew.ts';

const texts = t.cert;

export function certCommands(cli: Cli): Command {
  return group('cert', texts.about.cert, [
    show(cli),
    trust(cli),
    exportCa(cli),
    renewCertificate(cli),
    group('authority', texts.about.authority, [renewAuthority(cli)]),
  ]);
}

function show(cli: Cli): Command {
  return leaf('show', texts.about.show, 'flm cert show').action(
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
      const first = authority === undefined ? texts.none : authorityText(authority, terminal.tableColumns);
      terminal.out([first, ...leaves.map((one) => leafText(one, terminal.tableColumns))].join('\n\n'));
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
  return leaf('trust', texts.about.trust, 'flm cert trust\nflm cert trust --remove\nflm cert trust --device')
    .option('--remove', texts.options.remove)
    .option('--yes', texts.options.yes)
    .option('--device', texts.options.device)
    .option('--port <number>', texts.options.port)
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
  const { trust: words } = texts;
  for (const store of plan.settled)
    terminal.talk((remove ? words.absent : words.settled)(textIn(words.stores, store)));
  const changes: TrustChange[] = [];
  for (const change of plan.changes) {
    const { obstacle } = change;
    if (obstacle === undefined) changes.push(change);
    else terminal.talk(words.blocked(changeTitle(change), textIn(words.obstacles, obstacle)));
  }
  if (changes.length === 0) {
    terminal.talk(words.noChange);
    return [];
  }
  terminal.talk(words.changes);
  for (const change of changes) {
    terminal.talk(`  ${changeTitle(change)}`);
    for (const command of change.commands) terminal.talk(`    ${printable(command)}`);
  }
  await confirm(session, 'cert trust', words.effect, flags.yes === true);
  for (const change of changes) {
    await change.make();
    terminal.talk(words.done(changeTitle(change)));
  }
  return changes.map((c) => c.title);
}

/** `trust it in this system`. */
export function changeTitle({ how, store }: TrustChange): string {
  const { trust: words } = texts;
  return (how === 'add' ? words.adds : words.removes)(textIn(words.stores, store));
}

async function tellProof(session: Session, done: readonly string[]): Promise<void> {
  const { terminal, flm } = session;
  const authority = await flm.certificates.authority(session.signal);
  const proofs = await flm.certificates.prove(session.signal);
  const settings = settingsOf(authority.file, await flm.certificates.bundle(session.signal));
  if (session.json) {
    const document = {
      authority: authorityDocument(authority),
      done,
      proofs: proofs.map(({ program, trusts }) => ({ program, trusts })),
      settings: Object.fromEntries(settings),
    };
    terminal.out(JSON.stringify(document));
    return;
  }
  terminal.out(
    facts([
      [texts.facts.authority, authority.title],
      [texts.facts.fingerprint, authority.fingerprint],
      ...proofs.map(
        ({ program, store, trusts }) =>
          [
            store === undefined ? program : textIn(texts.trust.stores, store),
            trusts ? texts.trust.works : texts.trust.fails,
          ] as const,
      ),
    ]),
  );
  terminal.out(`\n${texts.trust.settings}\n`);
  terminal.out(facts(settings.map(([name, text]) => [`  ${name}`, text] as const)));
}

/** The setting for each program: `file` adds to its CAs, `bundle` replaces them. */
function settingsOf(file: string, bundle: string): readonly (readonly [string, string])[] {
  const { trust: words } = texts;
  const mount = `-v ${bundle}:/flm-ca.crt:ro -e NODE_EXTRA_CA_CERTS=/flm-ca.crt -e SSL_CERT_FILE=/flm-ca.crt`;
  return [
    ['Node', `NODE_EXTRA_CA_CERTS=${file}`],
    ['Python', words.python(`SSL_CERT_FILE=${bundle}`)],
    ['curl', `curl --cacert ${file}`],
    [words.containersName, words.containers(mount)],
  ];
}

function exportCa(cli: Cli): Command {
  return leaf('export', texts.about.export, 'flm cert export flm-ca.pem')
    .argument('[file]', texts.options.file)
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
        terminal.out(texts.saved(path, authority.fingerprint));
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
  return leaf('renew', texts.about.renewAuthority, 'flm cert authority renew --permit llm.example.org')
    .option('--permit <name>', texts.options.permit, collect)
    .option('--yes', texts.options.yes)
    .action(
      action(cli, async (session, flags: { permit?: readonly string[]; yes?: boolean }) => {
        const { certificates } = session.flm;
        await confirm(session, 'cert authority renew', texts.replaces, flags.yes === true);
        const authority = await certificates.renewAuthority(flags.permit ?? [], session.signal);
        if (session.json) return session.terminal.out(JSON.stringify(authorityDocument(authority)));
        session.terminal.out(authorityText(authority, session.terminal.tableColumns));
        session.terminal.talk(texts.replaced);
      }),
    );
}

function authorityText(view: AuthorityView, columns: number): string {
  const { facts: names } = texts;
  const list = [
    [names.authority, view.title],
    [`  ${names.file}`, view.file],
    [`  ${names.fingerprint}`, view.fingerprint],
    [`  ${names.until}`, moment(view.expiresAtMs)],
    [`  ${names.certifies}`, `${texts.certifies(view.names.join(', '))}\n${view.ranges.join(', ')}`],
  ] as const;
  return facts(list, columns);
}

function leafText(leaf: LeafView, columns: number): string {
  const { profile, forNames, file, certificate, damage } = leaf;
  const { facts: names } = texts;
  const list = [
    [names.certificate, leafUse(profile, forNames === true)],
    [`  ${names.file}`, file],
    [`  ${names.names}`, certificate?.names.join(', ')],
    [`  ${names.fingerprint}`, certificate?.fingerprint],
    [`  ${names.until}`, certificate === undefined ? undefined : untilText(certificate.expiresAtMs)],
    [`  ${names.damaged}`, damage === undefined ? undefined : texts.damaged(translated(damage))],
  ] as const;
  return facts(list, columns);
}

function leafUse(profile: string | undefined, forNames: boolean): string {
  if (profile === undefined) return texts.ofAcme;
  return forNames ? texts.byName(profile) : texts.byAddress(profile);
}

function untilText(expiresAtMs: number): string {
  const at = moment(expiresAtMs);
  return expiresAtMs <= Date.now() ? texts.expired(at) : at;
}
