/**
 * `flm connect`: prints the settings that a client needs to use flm, and checks whether its request arrives.
 */
import type { Command } from 'commander';
import { notesOf } from '../../app/connect/notes.ts';
import { noModel, originOf, targetOf } from '../../app/connect/target.ts';
import { warningsOf } from '../../app/connect/warnings.ts';
import { clients, findRecipe } from '../../clients/clients.ts';
import { baseUrlOf, type ClientRecipe, snippetsOf } from '../../clients/recipe.ts';
import type { ConnectTarget } from '../../clients/snippet.ts';
import { action, type Cli, leaf, type Session, usageError } from '../command.ts';
import type { FileDocument, Written } from '../settings/write-settings.ts';
import { printable, printableLines, table } from '../terminal/layout.ts';
import { waitForRequest } from './connect-wait.ts';

interface ConnectFlags {
  readonly model?: string;
  readonly host?: string;
  readonly key?: string;
  readonly newKey?: string;
  readonly proxy?: string;
  readonly wait?: boolean;
  readonly write?: boolean;
  readonly undo?: boolean;
  readonly file?: string;
  readonly yes?: boolean;
}

export function connectCommand(cli: Cli): Command {
  return leaf(
    'connect',
    'print settings for a client; without a client, list the clients',
    'flm connect\nflm connect claude-code --model qwen3 --new-key laptop\nflm connect open-webui --host host.docker.internal --wait',
  )
    .argument('[client...]', 'name of the client, or the beginning of the name')
    .option('--model <name>', 'model to use; by default the first one')
    .option(
      '--host <name>',
      'host name by which the client reaches this machine, such as host.docker.internal',
    )
    .option('--key <key>', 'key to use; by default the settings name the variable FLM_API_KEY')
    .option('--new-key <label>', 'create a key and use it')
    .option('--proxy <proxy>', 'id or profile; optional if only one proxy runs')
    .option('--wait', 'wait for the first successful request, and report refused ones')
    .option(
      '--write',
      "write the settings into the client's own file, after showing the difference and asking",
    )
    .option('--undo', 'restore the file as it was before the last --write')
    .option('--file <path>', 'file for --write and --undo; by default the usual one of the client')
    .option('--yes', 'write without asking')
    .addHelpText('after', '\nWith --wait and --json, a second document describes the request.')
    .action(
      action(cli, async (session, flags: ConnectFlags, words: readonly string[]) => {
        if (words.length === 0) return listClients(session);
        const client = clientNamed(words.join(' '));
        if (flags.key !== undefined && flags.newKey !== undefined)
          throw usageError('connect', 'Give either --key or --new-key, not both.');
        checkFileFlags(flags);
        if (flags.undo === true) {
          const { undoSettings } = await import('../settings/write-settings.ts');
          return undoSettings(session, client, flags.file);
        }
        const handle = await session.flm.proxies.findServing(flags.proxy);
        const status = await session.flm.control(handle).status(session.signal);
        // The proxy ended meanwhile. `find` throws the right error.
        if (status === 'gone') return void (await session.flm.proxies.find(handle.id));
        const origin = originOf(status, flags.host);
        if (origin === undefined)
          throw usageError('connect', '--host takes a host name or address, without scheme and port.');
        const { target, context } = await targetOf(session, status, { origin, model: flags.model });
        const key = (): Promise<string | undefined> => keyOf(session, flags);
        // Last, so that an earlier error leaves no unused key.
        const written = flags.write === true ? await write(session, client, target, flags, key) : undefined;
        const to = { ...target, key: written === undefined ? await key() : written.key };
        const warnings = await warningsOf(session, status, client, to, context, flags.host !== undefined);
        await tellSettings(session, client, to, {
          notes: notesOf(client, to, context),
          warnings: [...warnings, ...(written?.warnings ?? [])],
          file: written?.file,
        });
        if (flags.wait === true) await waitForRequest(session, handle, client.name);
      }),
    );
}

function checkFileFlags({ write, undo, file, yes, wait, newKey }: ConnectFlags): void {
  if (write === true && undo === true)
    throw usageError('connect', 'Give either --write or --undo, not both.');
  if (undo === true && (wait === true || newKey !== undefined))
    throw usageError('connect', '--undo can only be combined with --file.');
  if (write !== true && undo !== true && (file !== undefined || yes === true))
    throw usageError('connect', '--file and --yes need --write.');
}

async function write(
  session: Session,
  client: ClientRecipe,
  target: ConnectTarget,
  flags: ConnectFlags,
  key: () => Promise<string | undefined>,
): Promise<Written> {
  if (target.model === noModel)
    throw usageError('connect', 'No engine lists a model yet: name one with --model.');
  const { writeSettings } = await import('../settings/write-settings.ts');
  const hasKey = flags.key !== undefined || flags.newKey !== undefined;
  return writeSettings(session, client, target, {
    file: flags.file,
    yes: flags.yes === true,
    hasKey,
    key,
  });
}

function listClients({ terminal, json }: Session): void {
  const rows = clients.map((c) => [c.id, c.name, c.route]);
  if (json)
    terminal.out(JSON.stringify({ clients: clients.map(({ id, name, route }) => ({ id, name, route })) }));
  else {
    terminal.out(table(['CLIENT', 'NAME', 'ASKS FOR'], rows, terminal.tableColumns));
    terminal.talk('\nShow the settings of one: flm connect CLIENT');
  }
}

/** Throws USAGE with similar names. */
function clientNamed(name: string): ClientRecipe {
  const found = findRecipe(name);
  if (!('length' in found)) return found;
  const near = found.map((c) => c.id).join(', ');
  const similar = near === '' ? '' : `; similar names: ${near}`;
  const names = clients.map((c) => c.id).join(', ');
  throw usageError(
    'connect',
    `There are no settings for ${printable(name)}${similar}; known clients: ${names}.`,
  );
}

async function keyOf({ flm }: Session, { key, newKey }: ConnectFlags): Promise<string | undefined> {
  return newKey === undefined ? key : (await flm.security.createKey({ label: newKey })).key;
}

interface Told {
  readonly notes: readonly string[];
  readonly warnings: readonly string[];
  /** The client's file, if it was written. */
  readonly file: FileDocument | undefined;
}

async function tellSettings(
  session: Session,
  client: ClientRecipe,
  to: ConnectTarget,
  { notes, warnings, file }: Told,
): Promise<void> {
  const { terminal } = session;
  const snippets =
    file === undefined ? snippetsOf(client, to) : snippetsOf(client, to, client.file?.remaining(to));
  const baseUrl = baseUrlOf(client, to);
  if (session.json) {
    const document = {
      client: client.id,
      name: client.name,
      baseUrl,
      model: to.model,
      ...(to.contextTokens === undefined ? {} : { contextLength: to.contextTokens }),
      key: to.key ?? '$FLM_API_KEY',
      ...(file === undefined ? {} : { file }),
      snippets,
      notes,
      warnings,
    };
    terminal.out(JSON.stringify(document));
    return;
  }
  if (file === undefined) terminal.out(terminal.paint('bold', client.name));
  for (const { place, text } of snippets) {
    terminal.out(`\n${terminal.paint('dim', `${place}:`)}\n`);
    terminal.out(printableLines(text));
  }
  terminal.out('');
  for (const note of notes) terminal.talk(printable(note));
  for (const warning of warnings) terminal.talk(`${terminal.paint('yellow', '!')} ${printable(warning)}`);
}
