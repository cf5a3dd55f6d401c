/**
 * `flm profile`: list, show, save, delete, export, import. A profile file is YAML (or JSON) that a team keeps in git.
 * It contains no secret: a profile only says where to read an engine's key.
 */
import type { Command } from 'commander';
import { type Fault, ProxyError } from '../../core/errors.ts';
import { type ProfileDocument, profileDocument } from '../../core/proxy/profile-document.ts';
import type { ProxyConfigInput } from '../../core/proxy/proxy-config.ts';
import { action, type Cli, group, leaf, type Session } from '../command.ts';
import { addConfigFlags, type ConfigFlags, overridesOf } from '../config-flags.ts';
import { t } from '../i18n/texts.ts';
import { confirm } from '../terminal/question.ts';
import { profilesText, profileText } from '../views/profile-view.ts';
import { judged, readText, schemaComment, schemaFile } from '../yaml-file.ts';

const texts = t.profile;

export function profileCommands(cli: Cli): Command {
  return group('profile', texts.about.profile, [
    list(cli),
    show(cli),
    save(cli),
    remove(cli),
    exportFile(cli),
    importFile(cli),
    schema(cli),
  ]);
}

function list(cli: Cli): Command {
  return leaf('list', texts.about.list, 'flm profile list')
    .alias('ls')
    .action(
      action(cli, async (session) => {
        const { profiles, proxies } = session.flm;
        const [saved, handles] = await Promise.all([profiles.list(), proxies.list()]);
        const documents = saved.map((p) => profileDocument(p, p.name, handles));
        if (session.json) return session.terminal.out(JSON.stringify({ profiles: documents }));
        if (documents.length > 0)
          return session.terminal.out(profilesText(documents, session.terminal.tableColumns));
        session.terminal.out(texts.none);
      }),
    );
}

function show(cli: Cli): Command {
  return leaf('show', texts.about.show, 'flm profile show lab')
    .argument('[name]', texts.options.name, 'default')
    .action(
      action(cli, async (session, _flags: object, name: string) => {
        const { config } = await session.flm.proxies.startOptions({ profile: name, overrides: {} });
        const document = await documentOf(session, name);
        if (session.json) return session.terminal.out(JSON.stringify({ ...document, effective: config }));
        const { variables } = session.flm.proxies.environment();
        session.terminal.out(profileText(document, config, variables, session.terminal.tableColumns));
      }),
    );
}

function save(cli: Cli): Command {
  const command = leaf(
    'save',
    texts.about.save,
    'flm profile save lab --port 9000 --engine http://127.0.0.1:8000\nflm proxy start lab',
  ).argument('<name>', texts.options.nameToSave);
  return addConfigFlags(command).action(
    action(cli, async (session, flags: ConfigFlags, name: string) => {
      await session.flm.profiles.update(name, overridesOf(flags));
      await tellSaved(session, name, texts.saved(name));
    }),
  );
}

function remove(cli: Cli): Command {
  return leaf('delete', texts.about.delete, 'flm profile delete lab --yes')
    .argument('<name>', texts.options.name)
    .option('--yes', texts.options.yes)
    .action(
      action(cli, async (session, flags: { yes?: boolean }, name: string) => {
        await session.flm.profiles.load(name);
        await confirm(session, 'profile delete', texts.effect(name), flags.yes === true);
        await session.flm.profiles.delete(name);
        if (session.json) return session.terminal.out(JSON.stringify({ name, deleted: true }));
        session.terminal.out(texts.deleted(name));
      }),
    );
}

function exportFile(cli: Cli): Command {
  return leaf('export', texts.about.export, 'flm profile export lab > lab.yaml')
    .argument('[name]', texts.options.name, 'default')
    .action(
      action(cli, async (session, _flags: object, name: string) => {
        const config = await session.flm.profiles.savedConfig(name);
        if (session.json)
          return session.terminal.out(JSON.stringify({ $schema: schemaFile('profile'), name, ...config }));
        const { stringify } = await import('yaml');
        session.terminal.write(schemaComment('profile') + stringify({ name, ...config }));
      }),
    );
}

function schema(cli: Cli): Command {
  return leaf('schema', texts.about.schema, 'flm profile schema > flm-profile.schema.json').action(
    action(cli, async ({ terminal }) => {
      const { profileJsonSchema } = await import('../../core/proxy/profile-file.ts');
      terminal.out(JSON.stringify(profileJsonSchema(), undefined, 2));
    }),
  );
}

function importFile(cli: Cli): Command {
  return leaf(
    'import',
    texts.about.import,
    'flm profile import lab.yaml\nflm profile export lab --json | flm profile import - --name copy',
  )
    .argument('<file>', texts.options.file)
    .option('--name <name>', texts.options.saveAs)
    .action(
      action(cli, async (session, flags: { name?: string }, path: string) => {
        const text = await readText(path, session);
        const { name, config } = await profileIn(text, flags.name);
        await session.flm.profiles.save(name, config);
        await tellSaved(session, name, texts.imported(name));
      }),
    );
}

/** Throws PROFILE_INVALID with every fault and its position. */
async function profileIn(
  text: string,
  givenName: string | undefined,
): Promise<{ readonly name: string; readonly config: ProxyConfigInput }> {
  const { parseProfileFile } = await import('../../core/proxy/profile-file.ts');
  const profile = await judged(text, invalid, parseProfileFile);
  const name = givenName ?? profile.name;
  if (name === undefined)
    throw invalid([{ field: 'name', value: 'missing', allowed: 'a name in the file, or --name NAME' }]);
  return { name, config: profile.config };
}

function invalid(faults: readonly Fault[], moreFaults = 0): ProxyError {
  return new ProxyError('PROFILE_INVALID', { faults, moreFaults });
}

async function tellSaved(session: Session, name: string, done: string): Promise<void> {
  const document = await documentOf(session, name);
  const { terminal } = session;
  if (session.json) terminal.out(JSON.stringify(document));
  else terminal.out(done);
  if (document.running.length === 0)
    terminal.talk(texts.start(name === 'default' ? 'flm proxy start' : `flm proxy start ${name}`));
  for (const id of document.running) terminal.talk(texts.keepsRunning(id));
}

async function documentOf(session: Session, name: string): Promise<ProfileDocument> {
  const { profiles, proxies } = session.flm;
  const [all, handles] = await Promise.all([profiles.list(), proxies.list()]);
  const saved = all.find((p) => p.name === name);
  return profileDocument(saved, name, handles);
}
