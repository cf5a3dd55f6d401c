/**
 * `flm model`: the model catalogue as clients see it, and its aliases.
 */
import type { Command } from 'commander';
import type { CatalogEntry, EngineStatus } from '../../core/engine/directory.ts';
import type { ModelAlias } from '../../core/engine/engine.ts';
import { type ModelDocument, modelDocuments } from '../../core/engine/model-document.ts';
import { nearNames } from '../../core/engine/name-suggestions.ts';
import { enginesOfClients } from '../../core/engine/seen-engines.ts';
import { shellWord } from '../../core/shell-word.ts';
import { action, type Cli, group, leaf, type Session } from '../command.ts';
import { t } from '../i18n/texts.ts';
import { printable, table } from '../terminal/layout.ts';

const texts = t.model;

export function modelCommands(cli: Cli): Command {
  return group('model', texts.help.model, [list(cli), alias(cli), unalias(cli)]);
}

function list(cli: Cli): Command {
  return leaf('list', texts.help.list, 'flm model list')
    .alias('ls')
    .option('--proxy <id>', texts.options.proxy)
    .action(
      action(cli, async (session, flags: { readonly proxy?: string }) => {
        const aliases = await session.flm.engines.aliases();
        const models = modelDocuments(await catalog(session, aliases, flags.proxy), aliases);
        const { terminal } = session;
        if (session.json) return terminal.out(JSON.stringify({ models }));
        if (models.length === 0) return terminal.out(texts.none);
        const rows = models.map((m) => [
          printable(m.id),
          m.owner ?? '-',
          m.contextLength === null ? '-' : `${m.contextLength}`,
          m.loaded === null ? '-' : m.loaded ? texts.yes : texts.no,
          notesOf(m, models),
        ]);
        const { model, engine, context, loaded, notes } = texts.columns;
        terminal.out(table([model, engine, context, loaded, notes], rows, terminal.tableColumns));
      }),
    );
}

function alias(cli: Cli): Command {
  return leaf(
    'alias',
    texts.help.alias,
    'flm model alias gpt-4o-mini qwen3:8b\nflm model alias fast gpu-box/llama-3.2-1b',
  )
    .argument('<name>', texts.arguments.name)
    .argument('<model>', texts.arguments.target)
    .action(
      action(cli, async (session, _flags: object, name: string, target: string) => {
        const { engines } = session.flm;
        const before = (await engines.aliases()).find((alias) => alias.name === name);
        const made = await engines.alias(name, target);
        const { catalogOf } = await import('../../app/catalog.ts');
        const seen = await enginesSeen(session);
        const entries = catalogOf(seen, [made]);
        const answers = entries.some((entry) => entry.aliasOf !== undefined);
        const hides = answers && seen.some((engine) => engine.models.some((m) => m.id === name));
        const { terminal } = session;
        const replaced = before === undefined || before.target === target ? undefined : before.target;
        if (session.json)
          terminal.out(
            JSON.stringify({ ...made, available: answers, replaced: replaced ?? null, hidesModel: hides }),
          );
        else
          terminal.out(
            texts.means(
              printable(name),
              printable(target),
              replaced === undefined ? undefined : printable(replaced),
            ),
          );
        if (hides) terminal.talk(texts.hides(printable(name), printable(target)));
        if (answers) return;
        const near = nearNames(
          target,
          entries.map((entry) => entry.id),
        );
        terminal.talk(texts.missing(printable(target), printable(near.join(', '))));
      }),
    );
}

function unalias(cli: Cli): Command {
  return leaf('unalias', texts.help.unalias, 'flm model unalias fast')
    .argument('<name>', texts.arguments.alias)
    .action(
      action(cli, async (session, _flags: object, name: string) => {
        await session.flm.engines.unalias(name);
        if (session.json) return session.terminal.out(JSON.stringify({ name, removed: true }));
        session.terminal.out(texts.removed(printable(name)));
      }),
    );
}

async function catalog(
  session: Session,
  aliases: readonly ModelAlias[],
  proxy?: string,
): Promise<readonly CatalogEntry[]> {
  const { catalogOf } = await import('../../app/catalog.ts');
  return catalogOf(await enginesSeen(session, proxy), aliases);
}

function enginesSeen(session: Session, proxy?: string): Promise<readonly EngineStatus[]> {
  return enginesOfClients(session.flm, session.signal, proxy);
}

function notesOf(model: ModelDocument, all: readonly ModelDocument[]): string {
  const said = texts.notes;
  const notes = [
    model.aliasOf === null ? undefined : said.alias(model.aliasOf),
    model.available ? undefined : said.unavailable,
    isNamelessPath(model, all)
      ? said.path(`flm model alias ${nameOfPath(model.id)} ${shellWord(model.id)}`)
      : undefined,
    model.remote ? said.remote : undefined,
    model.engines.length > 1 ? said.others(model.engines.slice(1).join(', ')) : undefined,
  ];
  return printable(t.units.clauses(notes.filter((note) => note !== undefined)));
}

/** llama.cpp and vLLM name a model after the file or folder that it was loaded from. */
function isNamelessPath({ id, aliasOf }: ModelDocument, all: readonly ModelDocument[]): boolean {
  if (aliasOf !== null || all.some((model) => model.aliasOf === id)) return false;
  return /^(\/|~\/|\.{1,2}\/|[A-Za-z]:[\\/])|\.gguf$/.test(id);
}

function nameOfPath(id: string): string {
  const last = id.split(/[\\/]/).findLast((part) => part !== '') ?? '';
  return shellWord(last.replace(/\.gguf$/, '').toLowerCase() || 'NAME');
}
