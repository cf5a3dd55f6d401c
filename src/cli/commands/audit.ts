/** `flm audit`: lists who changed what, and checks that nobody edited the entries. */
import type { Command } from 'commander';
import { auditCheckDocument, auditEntryDocument } from '../../core/audit/audit-document.ts';
import { withLabels } from '../../core/audit/audit-labels.ts';
import { type AuditFlags, auditQuery, givenHeads, type VerifyFlags } from '../audit-flags.ts';
import { action, type Cli, leaf, type Session, usageError } from '../command.ts';
import { collect } from '../config-flags.ts';
import { t } from '../i18n/texts.ts';
import { hanging } from '../terminal/layout.ts';
import { auditCheckText, auditCsv, auditTable } from '../views/audit-view.ts';

const texts = t.audit;

const examples = [
  'flm audit --since 7d --action key',
  'flm audit --subject laptop',
  'flm audit --since 2026-01-01 --limit 100000 --csv > audit.csv',
  'flm audit verify',
].join('\n');

export function auditCommand(cli: Cli): Command {
  return leaf('audit', texts.about, examples)
    .helpCommand(false)
    .enablePositionalOptions()
    .option('--since <time>', texts.options.since)
    .option('--until <time>', texts.options.until)
    .option('--actor <actor>', texts.options.actor)
    .option('--action <action>', texts.options.action)
    .option('--subject <name>', texts.options.subject)
    .option('--limit <number>', texts.options.limit)
    .option('--csv', texts.options.csv)
    .addCommand(verify(cli))
    .action(action(cli, (session, flags: AuditFlags) => list(session, flags)));
}

async function list({ flm, terminal, json }: Session, flags: AuditFlags): Promise<void> {
  if (json && flags.csv === true) throw usageError('audit', t.flags.jsonOrCsv);
  const query = auditQuery(flags, flm.machine.clock.nowMs());
  const found = (await flm.audit.find(query)).toReversed().map(auditEntryDocument);
  const entries = await withLabels(found, {
    keys: (ids) => flm.security.keyLabels(ids),
    shares: () => flm.sharesFor().list(),
  });
  if (json) return terminal.out(JSON.stringify({ entries }));
  if (flags.csv === true) return terminal.write(auditCsv(entries));
  if (entries.length === 0) return terminal.out(texts.none);
  terminal.out(auditTable(entries, terminal.tableColumns));
  if (entries.length === query.limit) terminal.talk(texts.more(query.limit));
}

function verify(cli: Cli): Command {
  return leaf(
    'verify',
    texts.verify,
    'flm audit verify\nflm audit verify --heads-in proxy.log\nflm audit verify --json',
  )
    .option('--head <head>', texts.options.head, collect)
    .option('--heads-in <file>', texts.options.headsIn)
    .action(
      action(cli, async ({ flm, terminal, json, signal }, flags: VerifyFlags) => {
        const check = auditCheckDocument(await flm.audit.verify(await givenHeads(flags, signal)));
        if (json) terminal.out(JSON.stringify(check));
        else terminal.out(auditCheckText(check, terminal));
        if (!check.ok) cli.exit = 1;
        else if (!json) terminal.talk(hanging('', texts.advice, terminal.columns));
      }),
    );
}
