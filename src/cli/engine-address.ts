/**
 * The address and the key of an engine: the flags for both, the interpretation of an address, and the messages after an
 * engine was saved.
 */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { EngineRecord, SecretRef } from '../core/engine/engine.ts';
import type { EngineExamination } from '../core/engine/engine-discovery.ts';
import { examinedDocument } from '../core/engine/engine-document.ts';
import { type EngineKindName, engineKindNames } from '../core/engine/kinds.ts';
import { exposureWarning } from '../core/proxy/warnings.ts';
import { type Session, usageError } from './command.ts';
import { t } from './i18n/texts.ts';
import { translated } from './i18n/translated.ts';
import { printable } from './terminal/layout.ts';
import { maxSecretBytes } from './terminal/terminal.ts';
import { examinedText } from './views/engine-view.ts';

const texts = t.engine;

export interface EngineAddressFlags {
  readonly ca?: string;
  readonly kind?: string;
  readonly keyEnv?: string;
  readonly keyFile?: string;
  readonly keyStdin?: boolean;
}

export function addEngineAddressFlags(command: Command): Command {
  const kinds = engineKindNames.filter((name) => name !== 'demo').join(', ');
  return command
    .option('--ca <file>', texts.options.ca)
    .option('--kind <kind>', texts.options.kind(kinds))
    .option('--key-env <name>', texts.options.keyEnv)
    .option('--key-file <path>', texts.options.keyFile)
    .option('--key-stdin', texts.options.keyStdin);
}

/** A key is never read from an argument, because every user of the machine can see arguments. */
export async function secretOf(
  session: Session,
  flags: EngineAddressFlags,
  command: string,
): Promise<SecretRef | undefined> {
  const { keyEnv, keyFile, keyStdin } = flags;
  const given = [keyEnv, keyFile, keyStdin].filter((value) => value !== undefined);
  if (given.length > 1) throw usageError(command, texts.problems.oneKey);
  if (keyEnv !== undefined) return { from: 'env', name: keyEnv };
  // A proxy in the background has another working directory.
  if (keyFile !== undefined) return { from: 'file', path: resolve(keyFile) };
  if (keyStdin !== true) return undefined;
  const value = (await session.terminal.readAll(maxSecretBytes, session.signal)).trim();
  if (value === '') throw usageError(command, texts.problems.noKey);
  return { from: 'value', value };
}

/** Makes paths absolute, because a proxy in the background has another working directory. */
export function caOf(flags: EngineAddressFlags): { readonly caFile?: string } {
  return flags.ca === undefined ? {} : { caFile: resolve(flags.ca) };
}

/** Returns true if the text equals the address apart from the default port and upper or lower case. */
function isPlainly(address: string, text: string): boolean {
  const given = text.toLowerCase().replace(/\/$/, '');
  return (
    given === address || given === address.replace(/^(http:.*):80(?=\/|$)|^(https:.*):443(?=\/|$)/, '$1$2')
  );
}

/** Tells the user how flm interpreted an address, if that is not obvious. */
export function tellAddress({ terminal }: Session, address: string, given: string): void {
  if (!isPlainly(address, given)) terminal.talk(texts.understood(printable(given.trim()), address));
}

export function tellSaved(
  session: Session,
  record: EngineRecord,
  examination: EngineExamination,
  said: string,
): void {
  const { terminal } = session;
  const { probe } = examination;
  const document = { ...examinedDocument(examination), id: record.id };
  if (session.json) terminal.out(JSON.stringify(document));
  else terminal.out(`${said}\n${examinedText(document, undefined, terminal)}`);
  if (probe.state === 'down') terminal.talk(texts.down(printable(translated(probe.detail))));
  if (record.apiKey?.from === 'env') terminal.talk(texts.keyFromEnvironment(record.apiKey.name));
  warnOfExposure(session, [document]);
}

export function warnOfExposure(
  session: Session,
  engines: readonly { readonly id: string; readonly kind: string; readonly exposedOn?: string | undefined }[],
): void {
  const { terminal } = session;
  for (const { id, kind, exposedOn } of engines) {
    if (exposedOn === undefined) continue;
    // The JSON document contains the name of the kind.
    const warning = exposureWarning({ id, kind: kind as EngineKindName }, exposedOn);
    terminal.talk(`${terminal.paint('yellow', '!')} ${translated(warning)}`);
  }
}
