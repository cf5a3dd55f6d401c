/**
 * `flm policy`: shows, sets and exports the rules for all proxies. A change is shown before and after. Running proxies
 * apply it immediately.
 */
import type { Command } from 'commander';
import { type Fault, PolicyError } from '../../core/errors.ts';
import type { SecurityPolicy } from '../../core/security/security-policy.ts';
import { action, type Cli, group, leaf, type Session, usageError } from '../command.ts';
import { collect, number } from '../config-flags.ts';
import { errorForPeople } from '../i18n/error-texts.ts';
import { t } from '../i18n/texts.ts';
import { printable, table } from '../terminal/layout.ts';
import { confirm } from '../terminal/question.ts';
import { judged, readText, schemaComment, schemaFile } from '../yaml-file.ts';
import { policyCheck } from './policy-check.ts';

const texts = t.policy;

/** The list rules, by flag. */
const lists = {
  'allow-origin': 'allowOrigins',
  'allow-ip': 'allowIps',
  'deny-ip': 'denyIps',
  'trusted-proxy': 'trustedProxies',
} as const;
const rates = {
  rpm: 'requestsPerMinute',
  'rpm-per-key': 'requestsPerMinutePerKey',
  'rpm-per-address': 'requestsPerMinutePerAddress',
} as const;
const rules: Readonly<Record<string, keyof SecurityPolicy>> = { ...lists, ...rates };

interface SetFlags {
  readonly allowOrigin?: readonly string[];
  readonly allowIp?: readonly string[];
  readonly denyIp?: readonly string[];
  readonly trustedProxy?: readonly string[];
  readonly rpm?: string;
  readonly rpmPerKey?: string;
  readonly rpmPerAddress?: string;
  readonly clear?: readonly string[];
  readonly file?: string;
  readonly yes?: boolean;
}

export function policyCommands(cli: Cli): Command {
  return group('policy', texts.help.policy, [
    show(cli),
    set(cli),
    exportFile(cli),
    schema(cli),
    policyCheck(cli),
  ]);
}

function show(cli: Cli): Command {
  return leaf('show', texts.help.show, 'flm policy show').action(
    action(cli, async (session) => {
      const policy = await session.flm.security.policy();
      if (session.json) return session.terminal.out(JSON.stringify(policy));
      const { columns } = texts;
      const rows = Object.entries(rules).map(([flag, field]) => [flag, valueText(policy[field])]);
      session.terminal.out(table([columns.rule, columns.value], rows, session.terminal.tableColumns));
    }),
  );
}

function set(cli: Cli): Command {
  const { options } = texts;
  return leaf(
    'set',
    texts.help.set,
    'flm policy set --allow-ip 192.168.1.0/24 --allow-ip 10.0.0.7 --rpm-per-key 60\nflm policy set --clear allow-ip\nflm policy set --file policy.yaml',
  )
    .option('--allow-origin <url>', options.allowOrigin, collect)
    .option('--allow-ip <cidr>', options.allowIp, collect)
    .option('--deny-ip <cidr>', options.denyIp, collect)
    .option('--trusted-proxy <cidr>', options.trustedProxy, collect)
    .option('--rpm <number>', options.rpm)
    .option('--rpm-per-key <number>', options.rpmPerKey)
    .option('--rpm-per-address <number>', options.rpmPerAddress)
    .option('--clear <rule>', options.clear(Object.keys(rules).join(', ')), collect)
    .option('--file <file>', options.file)
    .option('--yes', options.yes)
    .action(
      action(cli, async (session, flags: SetFlags) => {
        const { security } = session.flm;
        const before = await security.policy();
        const after = await (flags.file === undefined
          ? save(session, { ...before, ...changesOf(flags) }, flags)
          : setFromFile(session, flags));
        tellChange(session, before, after);
      }),
    );
}

function exportFile(cli: Cli): Command {
  return leaf(
    'export',
    texts.help.export,
    'flm policy export > policy.yaml\nflm policy set --file policy.yaml',
  ).action(
    action(cli, async (session) => {
      const policy = await session.flm.security.policy();
      if (session.json)
        return session.terminal.out(JSON.stringify({ $schema: schemaFile('policy'), ...policy }));
      const { stringify } = await import('yaml');
      session.terminal.write(schemaComment('policy') + stringify(policy));
    }),
  );
}

function schema(cli: Cli): Command {
  return leaf('schema', texts.help.schema, 'flm policy schema > flm-policy.schema.json').action(
    action(cli, async ({ terminal }) => {
      const { policyJsonSchema } = await import('../../core/security/security-policy.ts');
      terminal.out(JSON.stringify(policyJsonSchema(), undefined, 2));
    }),
  );
}

/** The policy schema validates the values and reports every fault at once. */
function changesOf(flags: SetFlags): Readonly<Record<string, unknown>> {
  const given: Readonly<Record<string, unknown>> = {
    'allow-origin': flags.allowOrigin,
    'allow-ip': flags.allowIp,
    'deny-ip': flags.denyIp,
    'trusted-proxy': flags.trustedProxy,
    rpm: number(flags.rpm),
    'rpm-per-key': number(flags.rpmPerKey),
    'rpm-per-address': number(flags.rpmPerAddress),
  };
  const changes: Record<string, unknown> = {};
  for (const [flag, value] of Object.entries(given)) {
    if (value !== undefined) changes[rules[flag] as string] = value;
  }
  for (const flag of flags.clear ?? []) {
    const field = rules[flag];
    if (field === undefined)
      throw usageError('policy set', t.flags.oneOf('--clear', Object.keys(rules).join(', ')));
    if (given[flag] !== undefined) throw usageError('policy set', t.flags.setOrClear(`--${flag}`));
    changes[field] = flag in lists ? [] : null;
  }
  if (Object.keys(changes).length === 0) throw usageError('policy set', texts.problems.noRule);
  return changes;
}

/** Asks for confirmation before a policy blocks existing access. Throws like `SecurityService.setPolicy`. */
async function save(session: Session, policy: unknown, flags: SetFlags): Promise<SecurityPolicy> {
  const { security } = session.flm;
  try {
    return await security.setPolicy(policy, flags.yes === true);
  } catch (error) {
    const asks = error instanceof PolicyError && error.code === 'POLICY_NEEDS_CONFIRMATION';
    // Without a terminal, the error names the flag that confirms.
    if (!asks || session.json || !session.terminal.interactive) throw error;
    session.terminal.talk(errorForPeople(error).message);
    await confirm(session, 'policy set', texts.setsAnyway, false);
    return security.setPolicy(policy, true);
  }
}

/** Throws POLICY_INVALID with every fault and its position; then the old policy stays in force. */
async function setFromFile(session: Session, flags: SetFlags): Promise<SecurityPolicy> {
  const { file: path = '', yes: _, ...others } = flags;
  const more = Object.keys(others).filter((name) => name !== 'json');
  if (more.length > 0) throw usageError('policy set', texts.problems.fileAlone);
  const text = await readText(path, session);
  const { parsePolicyFile } = await import('../../core/security/security-policy.ts');
  return judged(text, invalid, (value) => save(session, parsePolicyFile(value), flags));
}

function invalid(faults: readonly Fault[], moreFaults = 0): PolicyError {
  return new PolicyError('POLICY_INVALID', { faults, moreFaults });
}

function tellChange(session: Session, before: SecurityPolicy, after: SecurityPolicy): void {
  const { terminal } = session;
  if (session.json) return terminal.out(JSON.stringify({ before, after }));
  const { columns } = texts;
  const rows = Object.entries(rules).map(([flag, field]) => {
    const [was, is] = [valueText(before[field]), valueText(after[field])];
    return was === is ? [flag, was, is] : [terminal.paint('bold', flag), was, terminal.paint('bold', is)];
  });
  terminal.out(table([columns.rule, columns.before, columns.after], rows, terminal.tableColumns));
  const changed = Object.values(rules).some((field) => valueText(before[field]) !== valueText(after[field]));
  terminal.talk(changed ? texts.applied : texts.unchanged);
}

function valueText(value: readonly string[] | number | null): string {
  if (value === null) return texts.noLimit;
  if (typeof value === 'number') return texts.perMinute(value);
  return value.length === 0 ? texts.none : printable(value.join(', '));
}
