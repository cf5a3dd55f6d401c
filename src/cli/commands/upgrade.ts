/** `flm upgrade`: replaces running proxies by processes of the installed files, without a refused connection. */
import { type Command, Option } from 'commander';
import type { HandOverReport } from '../../app/upgrade/upgrade.ts';
import { action, type Cli, leaf, type Session, tellError, usageError } from '../command.ts';
import { t } from '../i18n/texts.ts';
import { translated } from '../i18n/translated.ts';

const { about, options, upgrade: texts } = t.self;

interface UpgradeFlags {
  readonly to?: string;
  readonly sha256?: string;
  /** The executable that the proxies are handed over to: from an upgrade that keeps its root rights. */
  readonly handOver?: string;
}

export function upgradeCommand(cli: Cli): Command {
  return leaf('upgrade', about.upgrade, 'flm upgrade\nflm upgrade --to ./flm-0.2.0-linux-x64')
    .option('--to <file>', options.to)
    .option('--sha256 <hex>', options.sha256)
    .addOption(new Option('--hand-over <program>').hideHelp())
    .action(async (...all: unknown[]) => {
      const flags = all.at(-2) as UpgradeFlags & { readonly json?: boolean };
      if (flags.to === undefined) return handOver(cli)(...all);
      try {
        await upgradeTo(cli, { ...flags, to: flags.to });
      } catch (error) {
        cli.exit = tellError(error, cli.terminal, flags.json === true);
      }
    });
}

function handOver(cli: Cli): ReturnType<typeof action> {
  return action(cli, async (session: Session, flags: UpgradeFlags) => {
    if (flags.sha256 !== undefined) throw usageError('upgrade', texts.hashAlone);
    const { handOverAll } = await import('../../app/upgrade/upgrade.ts');
    const program =
      flags.handOver === undefined ? session.flm.launch : { ...session.flm.launch, command: flags.handOver };
    const report = await handOverAll(session.flm.proxies, program, session.signal);
    if (report.failed.length > 0) cli.exit = 1;
    if (session.json) return session.terminal.out(JSON.stringify(report));
    tellReport(session, report);
    const { installCommands, thisInstallation } = await import('../../app/upgrade/installation.ts');
    session.terminal.talk(texts.others);
    for (const command of installCommands[thisInstallation(cli.entry)]) session.terminal.talk(`  ${command}`);
  });
}

/** Opens no data folder: the process keeps the rights to replace the program, also where root runs it. */
async function upgradeTo(
  cli: Cli,
  flags: UpgradeFlags & { readonly to: string; readonly json?: boolean },
): Promise<void> {
  const { terminal, environment, entry } = cli;
  if (flags.sha256 !== undefined && !/^[0-9a-f]{64}$/i.test(flags.sha256))
    throw usageError('upgrade', texts.badHash);
  const { upgradeTo: upgrade } = await import('../../app/upgrade/upgrade.ts');
  const { thisInstallation } = await import('../../app/upgrade/installation.ts');
  const { thisMachine } = await import('../../app/machine.ts');
  const upgraded = await upgrade({
    file: flags.to,
    trustedHash: flags.sha256,
    installation: thisInstallation(entry),
    target: process.execPath,
    environment,
    home: thisMachine(environment).paths.home,
  });
  if ('report' in upgraded && upgraded.report.failed.length > 0) cli.exit = 1;
  if (flags.json === true) return terminal.out(JSON.stringify(upgraded));
  if ('commands' in upgraded) {
    terminal.out(texts.genuine);
    for (const command of upgraded.commands) terminal.out(`  ${command}`);
    return;
  }
  terminal.out(texts.installed(upgraded.version, process.execPath));
  tellReport({ terminal }, upgraded.report);
  if (upgraded.lostCapabilities === undefined) return;
  const { capabilities, command } = upgraded.lostCapabilities;
  terminal.talk(texts.capabilities(capabilities));
  terminal.talk(`  ${command}`);
}

function tellReport({ terminal }: Pick<Session, 'terminal'>, { handedOver, failed }: HandOverReport): void {
  if (handedOver.length + failed.length === 0) terminal.out(texts.noProxy);
  for (const { id, profile, from } of handedOver) terminal.out(texts.handedOver(from, id, profile));
  for (const { id, profile, reason, hint } of failed) {
    terminal.talk(
      `${terminal.paint('red', t.errors.error)} ${texts.failed(id, profile, translated(reason))}`,
    );
    terminal.talk(translated(hint));
  }
}
