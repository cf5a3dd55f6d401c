/**
 * `flm engine set`: changes a saved engine. Running proxies apply the change; running requests finish.
 */
import type { Command } from 'commander';
import type { EngineRecord } from '../../core/engine/engine.ts';
import { changeEngine } from '../../core/engine/engine-changes.ts';
import type { EngineChanges } from '../../core/engine/engine-registry.ts';
import type { EngineKindName } from '../../core/engine/kinds.ts';
import { action, type Cli, leaf, usageError } from '../command.ts';
import { collect, number } from '../config-flags.ts';
import {
  addEngineAddressFlags,
  caOf,
  type EngineAddressFlags,
  secretOf,
  tellAddress,
  tellSaved,
} from '../engine-address.ts';
import { t } from '../i18n/texts.ts';

interface SetFlags extends EngineAddressFlags {
  readonly url?: string;
  readonly slots?: string;
  readonly clear?: readonly string[];
}

const texts = t.engine;

/** The settings that can be cleared, and their fields. */
const clearable = { slots: 'slots', key: 'apiKey', ca: 'caFile', kind: 'kind' } as const;

export function setEngine(cli: Cli): Command {
  const command = leaf(
    'set',
    texts.help.set,
    'flm engine set gpu-box --slots 4\nflm engine set far --url https://llm.example.org --key-env FAR_KEY --clear ca',
  )
    .argument('<engine>', texts.arguments.id)
    .option('--url <url>', texts.options.url)
    .option('--slots <number>', texts.options.newSlots)
    .option('--clear <setting>', texts.options.clear(Object.keys(clearable).join(', ')), collect);
  return addEngineAddressFlags(command).action(
    action(cli, async (session, flags: SetFlags, id: string) => {
      const changes = changesOf(flags, await secretOf(session, flags, 'engine set'));
      const { record, examination, address } = await changeEngine(session.flm, id, changes, session.signal);
      if (flags.url !== undefined && address !== undefined) tellAddress(session, address, flags.url);
      tellSaved(session, record, examination, texts.changed);
    }),
  );
}

function changesOf(flags: SetFlags, apiKey: EngineRecord['apiKey']): EngineChanges {
  const slots = number(flags.slots) as number | undefined;
  const given: EngineChanges = {
    ...(flags.url === undefined ? {} : { url: flags.url }),
    // The schema validates it, like the number of slots.
    ...(flags.kind === undefined ? {} : { kind: flags.kind as EngineKindName }),
    ...(apiKey === undefined ? {} : { apiKey }),
    ...(slots === undefined ? {} : { slots }),
    ...caOf(flags),
  };
  const cleared = (flags.clear ?? []).map((name) => {
    if (!Object.hasOwn(clearable, name))
      throw usageError('engine set', t.flags.oneOf('--clear', Object.keys(clearable).join(', ')));
    // The name was found above.
    const field = clearable[name as keyof typeof clearable];
    if (field in given) throw usageError('engine set', texts.problems.setOrClear(name));
    return [field, null] as const;
  });
  const changes: EngineChanges = { ...given, ...Object.fromEntries(cleared) };
  if (Object.keys(changes).length === 0) throw usageError('engine set', t.flags.nothingToChange);
  return changes;
}
