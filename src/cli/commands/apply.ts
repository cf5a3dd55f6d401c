/**
 * `flm apply`: makes the configuration as a file says. The file is YAML or JSON that a team keeps in git. It holds no
 * secret.
 */
import { basename } from 'node:path';
import type { Command } from 'commander';
import type { ApplyPlan } from '../../core/configuration/apply-plan.ts';
import type { AppliedStep } from '../../core/configuration/section-plan.ts';
import { action, type Cli, leaf, type Session, usageError } from '../command.ts';
import { t } from '../i18n/texts.ts';
import { hanging, printable, table } from '../terminal/layout.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { type FileLimits, judged, readText } from '../yaml-file.ts';

const texts = t.apply;

/** An export of the most keys that a file may have. */
const largeFile: FileLimits = { bytes: 16 * 1024 ** 2, tokens: 2_000_000 };

interface ApplyFlags {
  readonly file?: string;
  readonly dryRun?: boolean;
  readonly prune?: boolean;
  readonly yes?: boolean;
  readonly schema?: boolean;
}

export function applyCommand(cli: Cli): Command {
  return leaf(
    'apply',
    texts.description,
    'flm export > flm.yaml\nflm apply -f flm.yaml --dry-run\nflm apply -f flm.yaml --prune',
  )
    .summary(texts.summary)
    .option('-f, --file <file>', texts.options.file)
    .option('--dry-run', texts.options.dryRun)
    .option('--prune', texts.options.prune)
    .option('--yes', texts.options.yes)
    .option('--schema', texts.options.schema)
    .action(
      action(cli, async (session, flags: ApplyFlags) => {
        if (flags.schema === true) {
          const { configurationJsonSchema } = await import('../../core/configuration/configuration-file.ts');
          return session.terminal.out(JSON.stringify(configurationJsonSchema(), undefined, 2));
        }
        const { file } = flags;
        if (file === undefined) throw usageError('apply', texts.noFile);
        const plan = await applied(session, file, flags);
        tell(session, plan, flags.dryRun === true);
        if (flags.dryRun !== true) await tellRestarts(session, plan.steps);
      }),
    );
}

/** Throws APPLY_INVALID with every fault and its position. */
async function applied(session: Session, path: string, flags: ApplyFlags): Promise<ApplyPlan> {
  const { flm } = session;
  const text = await readText(path, session, largeFile);
  const { invalidFile } = await import('../../core/configuration/configuration-file.ts');
  const service = await flm.configuration();
  const options = {
    source: path === '-' ? 'stdin' : basename(path),
    dryRun: flags.dryRun === true,
    prune: flags.prune === true,
    confirmed: flags.yes === true,
  };
  return judged(text, invalidFile, (value) => service.apply(value, options), largeFile);
}

function tell({ terminal, json }: Session, plan: ApplyPlan, dryRun: boolean): void {
  const { steps, unchanged, warnings } = plan;
  if (json) return terminal.out(JSON.stringify({ dryRun, changes: steps, unchanged, warnings }));
  const { kind, name, change } = texts.columns;
  const rows = steps.map((step) => [texts.kinds[step.kind], printable(step.name), changeText(step, dryRun)]);
  if (rows.length > 0) terminal.out(table([kind, name, change], rows, terminal.tableColumns));
  else terminal.out(dryRun ? texts.nothingPlanned : texts.nothing);
  if (unchanged > 0) terminal.talk(texts.unchanged(unchanged));
  for (const { reason, label } of warnings) warn(terminal, texts.warnings[reason](printable(label)));
}

function changeText({ kind, change, fields, keyId }: AppliedStep, dryRun: boolean): string {
  const forms = dryRun ? texts.planned : texts.changes;
  switch (change) {
    case 'create':
      return keyId === undefined || dryRun ? forms.create() : `${forms.create()} (${keyId})`;
    case 'change':
      return forms.change(printable(fields.join(', ')));
    case 'rotate':
      return forms.rotate();
    case 'remove':
      return kind === 'key' ? forms.revoke() : forms.remove();
    default:
      return change satisfies never;
  }
}

/** A proxy takes new settings of its profile only when it starts. */
async function tellRestarts({ flm, terminal }: Session, steps: readonly AppliedStep[]): Promise<void> {
  const changed = new Set(steps.flatMap(({ kind, name }) => (kind === 'profile' ? [name] : [])));
  if (changed.size === 0) return;
  for (const { id, profile, draining } of await flm.proxies.list())
    if (changed.has(profile) && !draining) warn(terminal, texts.keepsSettings(id));
}

function warn({ talk, paint, tableColumns }: Terminal, sentence: string): void {
  talk(hanging(`${paint('yellow', '!')} `, sentence, tableColumns));
}
