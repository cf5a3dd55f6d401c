/**
 * `flm model`: the model catalogue as clients see it, and its aliases.
 */
import type { Command } from 'commander';
import type { CatalogEntry, EngineStatus } from '../../core/engine/directory.ts';
import type { ModelAlias } from '../../core/engine/engine.ts';
import { type ModelDocument, modelDocuments } from '../../core/engine/model-document.ts';
import { similarNames } from '../../core/engine/name-suggestions.ts';
import { enginesOfClients } from '../../core/engine/seen-engines.ts';
import { shellWord } from '../../core/shell-word.ts';
import { action, type Cli, group, leaf, type Session } from '../command.ts';
import { printable, table } from '../terminal/layout.ts';

export function modelCommands(cli: Cli): Command {
  return group('model', 'list models and manage their aliases', [list(cli), alias(cli), unalias(cli)]);
}

function list(cli: Cli): Command {
  return leaf('list', 'list available models and aliases', 'flm model list')
    .alias('ls')
    .option('--proxy <id>', 'list only this proxy (id or profile)')
    .action(
      action(cli, async (session, flags: { readonly proxy?: string }) => {
        const aliases = await session.flm.engines.aliases();
        const models = modelDocuments(await catalog(session, aliases, flags.proxy), aliases);
        const { terminal } = session;
        if (session.json) return terminal.out(JSON.stringify({ models }));
        if (models.length === 0)
          return terminal.out('No model: no engine answers. See `flm engine detect` and `flm engine list`.');
        const rows = models.map((m) => [
          printable(m.id),
          m.owner ?? '-',
          m.contextLength === null ? '-' : `${m.contextLength}`,
          m.loaded === null ? '-' : m.loaded ? 'yes' : 'no',
          notesOf(m, models),
        ]);
        terminal.out(table(['MODEL', 'ENGINE', 'CONTEXT', 'LOADED', 'NOTES'], rows, terminal.tableColumns));
      }),
    );
}

function alias(cli: Cli): Command {
  return leaf(
    'alias',
    'give clients another name for a model',
    'flm model alias gpt-4o-mini qwen3:8b\nflm model alias fast gpu-box/llama-3.2-1b',
  )
    .argument('<name>', 'name that clients use')
    .argument('<model>', 'model, or engine/model')
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
        else {
          const was = replaced === undefined ? '' : `, no longer ${printable(replaced)}`;
          terminal.out(`${printable(name)} now means ${printable(target)}${was}.`);
        }
        if (hides)
          terminal.talk(
            `An engine has a model of the name ${printable(name)}; clients get ${printable(target)} instead until \`flm model unalias ${printable(name)}\`.`,
          );
        if (answers) return;
        const near = similarNames(
          target,
          entries.map((entry) => entry.id),
        );
        terminal.talk(
          `No engine has ${printable(target)} now${printable(near)}. The alias works as soon as an engine has that model.`,
        );
      }),
    );
}

function unalias(cli: Cli): Command {
  return leaf('unalias', 'remove an alias', 'flm model unalias fast')
    .argument('<name>', 'name of the alias')
    .action(
      action(cli, async (session, _flags: object, name: string) => {
        await session.flm.engines.unalias(name);
        if (session.json) return session.terminal.out(JSON.stringify({ name, removed: true }));
        session.terminal.out(`${printable(name)} is no longer an alias.`);
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
  const notes = [
    model.aliasOf === null ? undefined : `alias of ${model.aliasOf}`,
    model.available ? undefined : 'no engine has it now',
    isNamelessPath(model, all)
      ? `a file path; give it a name: flm model alias ${nameOfPath(model.id)} ${shellWord(model.id)}`
      : undefined,
    model.remote ? 'leaves this machine; needs the scope engine:admin' : undefined,
    model.engines.length > 1 ? `also on ${model.engines.slice(1).join(', ')}` : undefined,
  ];
  return printable(notes.filter((note) => note !== undefined).join('; '));
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
