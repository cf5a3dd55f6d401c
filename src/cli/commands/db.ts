/** `flm db`: shows, migrates and copies databases, and creates the key that encrypts their secrets. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { DatabaseStatus, DatabaseTools } from '../../app/database-tools.ts';
import { type DatabaseKind, databaseKinds } from '../../core/store-settings.ts';
import { type BareSession, bareAction, type Cli, group, leaf, usageError } from '../command.ts';
import { t } from '../i18n/texts.ts';
import { translated } from '../i18n/translated.ts';
import { printableLines } from '../terminal/layout.ts';
import { databaseText, storedContent } from '../views/database-view.ts';

const texts = t.db;

interface CopyFlags {
  readonly from?: string;
  readonly to?: string;
  readonly replace?: boolean;
}

export function dbCommands(cli: Cli): Command {
  return group('db', texts.about.db, [
    status(cli),
    migrate(cli),
    copy(cli),
    group('key', texts.about.key, [createKey(cli)]),
  ]);
}

function status(cli: Cli): Command {
  return leaf('status', texts.about.status, 'flm db status').action(
    bareAction(cli, (session) =>
      withTools(session, async (tools) => {
        const found = await tools.status();
        if (session.json) session.terminal.out(JSON.stringify(found));
        else tell(session, found);
        if (!found.reachable || found.storeKeyProblem !== undefined) session.cli.exit = 2;
      }),
    ),
  );
}

function migrate(cli: Cli): Command {
  return leaf('migrate', texts.about.migrate, 'flm db migrate').action(
    bareAction(cli, (session) =>
      withTools(session, async (tools) => {
        const done = await tools.migrate();
        if (session.json) return session.terminal.out(JSON.stringify(done));
        session.terminal.out(texts.migrated(done.database, done.from, done.to));
      }),
    ),
  );
}

const kindNames = databaseKinds.join(', ');

function copy(cli: Cli): Command {
  return leaf('copy', texts.about.copy, 'flm db copy --from sqlite --to postgres')
    .option('--from <database>', texts.options.from(kindNames))
    .option('--to <database>', texts.options.to(kindNames))
    .option('--replace', texts.options.replace)
    .action(
      bareAction(cli, async (session, flags: CopyFlags) => {
        const [from, to] = [kindOf('from', flags.from), kindOf('to', flags.to)];
        if (from === to) throw usageError('db copy', texts.same);
        await withTools(session, async (tools) => {
          const report = await tools.copy(from, to, flags.replace === true);
          if (session.json) return session.terminal.out(JSON.stringify(report));
          session.terminal.out(texts.copied(storedContent(report.counts), report.from, report.to));
        });
      }),
    );
}

function createKey(cli: Cli): Command {
  return leaf('create', texts.about.keyCreate, 'flm db key create /etc/flm/store.key')
    .argument('<file>', texts.options.file)
    .action(
      bareAction(cli, async ({ terminal, json }, _flags: object, name: string) => {
        const { createKeyFile } = await import('../../app/database-tools.ts');
        const file = resolve(name);
        const id = await createKeyFile(file);
        if (json) return terminal.out(JSON.stringify({ file, id }));
        terminal.out(texts.keyCreated(id, file));
        terminal.talk(texts.keyNext);
      }),
    );
}

function tell({ terminal }: BareSession, status: DatabaseStatus): void {
  terminal.out(databaseText(status, terminal));
  for (const problem of [status.problem, status.storeKeyProblem]) {
    if (problem === undefined) continue;
    // The message may hold an answer of the database server.
    terminal.talk(`${terminal.paint('red', '!')} ${printableLines(translated(problem.message))}`);
    terminal.talk(printableLines(translated(problem.hint)));
  }
}

function kindOf(option: 'from' | 'to', given: string | undefined): DatabaseKind {
  const kind = databaseKinds.find((name) => name === given);
  if (kind === undefined) throw usageError('db copy', texts.kind(option, kindNames));
  return kind;
}

async function withTools({ cli }: BareSession, work: (tools: DatabaseTools) => Promise<void>): Promise<void> {
  const { DatabaseTools } = await import('../../app/database-tools.ts');
  const tools = new DatabaseTools(cli.environment);
  try {
    await work(tools);
  } finally {
    await tools.close();
  }
}
