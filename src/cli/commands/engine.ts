/**
 * `flm engine`: detect, list, add, set, remove, test. These commands generate no text. Only `test --embeddings` sends
 * one embedding request, as its help says.
 */

import type { Command } from 'commander';
import type { EngineRecord } from '../../core/engine/engine.ts';
import { addEngine, freeDraftId } from '../../core/engine/engine-changes.ts';
import { examinedDocument } from '../../core/engine/engine-document.ts';
import type { EngineKindName } from '../../core/engine/kinds.ts';
import { similarNames } from '../../core/engine/name-suggestions.ts';
import { enginesOfProxies, listedEngines, recordOf } from '../../core/engine/seen-engines.ts';
import { EngineError } from '../../core/errors.ts';
import { engineIdPattern } from '../../core/proxy/proxy-config.ts';
import { action, type Cli, group, leaf, type Session } from '../command.ts';
import { number } from '../config-flags.ts';
import {
  addEngineAddressFlags,
  caOf,
  type EngineAddressFlags,
  secretOf,
  tellAddress,
  tellSaved,
  warnOfExposure,
} from '../engine-address.ts';
import { t } from '../i18n/texts.ts';
import { translated } from '../i18n/translated.ts';
import { printable, table } from '../terminal/layout.ts';
import { enginesTable, examinedText } from '../views/engine-view.ts';
import { setEngine } from './engine-set.ts';

const texts = t.engine;

interface AddFlags extends EngineAddressFlags {
  readonly id?: string;
  readonly slots?: string;
}

export function engineCommands(cli: Cli): Command {
  return group('engine', texts.help.engine, [
    detect(cli),
    list(cli),
    add(cli),
    setEngine(cli),
    remove(cli),
    examine(cli),
  ]);
}

function detect(cli: Cli): Command {
  return leaf('detect', texts.help.detect, 'flm engine detect').action(
    action(cli, async (session) => {
      const { engines, discovery } = session.flm;
      const saved = await engines.list();
      const look = await discovery.detect(saved, session.signal);
      const found = await Promise.all(
        look.engines.map(async ({ ref, product }) => {
          const examined = examinedDocument(await discovery.examine(recordOf(ref), session.signal));
          return { ...examined, product, origin: 'detected' };
        }),
      );
      const { locked, installed } = look;
      const { terminal } = session;
      if (session.json) terminal.out(JSON.stringify({ engines: found, installed, locked }));
      else {
        if (found.length > 0) terminal.out(enginesTable(found, terminal));
        else terminal.out(saved.length > 0 ? texts.noOtherRuns : texts.noneRuns);
        if (installed.length > 0) {
          const rows = installed.map((i) => [i.title, i.program, i.startWith]);
          const { title, program, startWith } = texts.installed;
          terminal.out(`\n${table([title, program, startWith], rows, terminal.tableColumns)}`);
        }
        for (const { url, detail } of locked)
          terminal.out(`\n${texts.locked(url, printable(translated(detail)))}`);
      }
      if (saved.length > 0) terminal.talk(texts.savedNotShown(saved.length));
      warnOfExposure(session, found);
    }),
  );
}

function list(cli: Cli): Command {
  return leaf('list', texts.help.list, 'flm engine list')
    .alias('ls')
    .action(
      action(cli, async (session) => {
        const documents = await listedEngines(session.flm, session.signal);
        const { terminal } = session;
        if (session.json) terminal.out(JSON.stringify({ engines: documents }));
        else if (documents.length > 0) terminal.out(enginesTable(documents, terminal));
        else terminal.out(texts.none);
        warnOfExposure(session, documents);
      }),
    );
}

function add(cli: Cli): Command {
  const command = leaf(
    'add',
    texts.help.add,
    'flm engine add http://gpu-box:8000\nflm engine add https://llm.example.org --id far --key-env FAR_KEY',
  )
    .argument('<url>', texts.arguments.url)
    .option('--id <id>', texts.options.id)
    .option('--slots <number>', texts.options.slots);
  return addEngineAddressFlags(command).action(
    action(cli, async (session, flags: AddFlags, url: string) => {
      const apiKey = await secretOf(session, flags, 'engine add');
      const kind = flags.kind as EngineKindName | undefined;
      const slots = number(flags.slots) as number | undefined;
      const given = {
        url,
        ...(flags.id === undefined ? {} : { id: flags.id }),
        ...(kind === undefined ? {} : { kind }),
        ...(apiKey === undefined ? {} : { apiKey }),
        ...(slots === undefined ? {} : { slots }),
        ...caOf(flags),
      };
      const { record, examination, address } = await addEngine(session.flm, given, session.signal);
      tellAddress(session, address, url);
      tellSaved(session, record, examination, texts.added);
    }),
  );
}

function remove(cli: Cli): Command {
  return leaf('remove', texts.help.remove, 'flm engine remove gpu-box-8000')
    .argument('<id>', texts.arguments.id)
    .action(
      action(cli, async (session, _flags: object, id: string) => {
        await session.flm.engines.remove(id);
        if (session.json) return session.terminal.out(JSON.stringify({ id, removed: true }));
        session.terminal.out(texts.removed(id));
      }),
    );
}

function examine(cli: Cli): Command {
  const command = leaf(
    'test',
    texts.help.test,
    'flm engine test ollama\nflm engine test http://gpu-box:8000 --embeddings bge-m3',
  )
    .argument('<id-or-url>', texts.arguments.idOrUrl)
    .option('--embeddings <model>', texts.options.embeddings);
  return addEngineAddressFlags(command).action(
    action(
      cli,
      async (session, flags: EngineAddressFlags & { readonly embeddings?: string }, name: string) => {
        const { discovery } = session.flm;
        const record = await recordNamed(session, flags, name);
        const examination = await discovery.examine(record, session.signal);
        const document = examinedDocument(examination);
        const model = flags.embeddings;
        const known = { ...record, kind: examination.ref.kind };
        const embeddings =
          model === undefined || examination.probe.state === 'down'
            ? undefined
            : { model, ...(await discovery.embeddings(known, model, session.signal)) };
        const { terminal } = session;
        if (session.json) terminal.out(JSON.stringify({ ...document, ...(embeddings && { embeddings }) }));
        else terminal.out(examinedText(document, embeddings, terminal));
        warnOfExposure(session, [document]);
        if (document.state !== 'down' && embeddings?.format !== 'none') return;
        if (document.state === 'down') terminal.talk(texts.startIt);
        session.cli.exit = 1;
      },
    ),
  );
}

async function recordNamed(session: Session, flags: EngineAddressFlags, name: string): Promise<EngineRecord> {
  const { engines, discovery } = session.flm;
  const apiKey = await secretOf(session, flags, 'engine test');
  const more = {
    ...(flags.kind === undefined ? {} : { kind: flags.kind as EngineKindName }),
    ...(apiKey === undefined ? {} : { apiKey }),
    ...caOf(flags),
  };
  const saved = await engines.list();
  // An id has no dots, colons, slashes or capitals; an address has at least one of these.
  if (!engineIdPattern.test(name)) return engines.check({ url: name, id: freeDraftId(saved), ...more });
  const byId = saved.find((e) => e.id === name);
  if (byId !== undefined) return { ...byId, ...more };
  const watched = (await enginesOfProxies(session.flm))?.find(({ status: { ref } }) => ref.id === name);
  // The demo engine is on a private socket of its proxy, and needs no test.
  if (watched?.status.ref.url.startsWith('http') === true)
    return { ...recordOf(watched.status.ref), ...more };
  const { engines: running } = await discovery.detect(saved, session.signal);
  const found = running.find(({ ref }) => ref.id === name);
  if (found !== undefined) return { ...recordOf(found.ref), ...more };
  const known = [...saved.map((e) => e.id), ...running.map(({ ref }) => ref.id)];
  throw new EngineError('ENGINE_NOT_FOUND', { params: { engine: name, near: similarNames(name, known) } });
}
