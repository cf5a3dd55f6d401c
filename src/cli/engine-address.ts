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
import { printable } from './terminal/layout.ts';
import { maxSecretBytes } from './terminal/terminal.ts';
import { examinedText } from './views/engine-view.ts';

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
    .option('--ca <file>', 'CA (PEM) of the engine certificate, instead of the CAs of the system')
    .option('--kind <kind>', `kind of the engine; by default flm detects the kind: ${kinds}`)
    .option('--key-env <name>', 'environment variable with the key of the engine')
    .option('--key-file <path>', 'file with the key of the engine')
    .option('--key-stdin', 'read the key of the engine from standard input, and store it in the database');
}

/** A key is never read from an argument, because every user of the machine can see arguments. */
export async function secretOf(
  session: Session,
  flags: EngineAddressFlags,
  command: string,
): Promise<SecretRef | undefined> {
  const { keyEnv, keyFile, keyStdin } = flags;
  const given = [keyEnv, keyFile, keyStdin].filter((value) => value !== undefined);
  if (given.length > 1) throw usageError(command, 'Give one of --key-env, --key-file and --key-stdin.');
  if (keyEnv !== undefined) return { from: 'env', name: keyEnv };
  // A proxy in the background has another working directory.
  if (keyFile !== undefined) return { from: 'file', path: resolve(keyFile) };
  if (keyStdin !== true) return undefined;
  const value = (await session.terminal.readAll(maxSecretBytes)).trim();
  if (value === '') throw usageError(command, 'No key came on standard input.');
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
  if (!isPlainly(address, given)) terminal.talk(`Understood ${printable(given.trim())} as ${address}.`);
}

export function tellSaved(
  session: Session,
  record: EngineRecord,
  examination: EngineExamination,
  verb: string,
): void {
  const { terminal } = session;
  const { probe } = examination;
  const document = { ...examinedDocument(examination), id: record.id };
  if (session.json) terminal.out(JSON.stringify(document));
  else terminal.out(`${verb}.\n${examinedText(document, undefined, terminal)}`);
  if (probe.state === 'down')
    terminal.talk(
      `It ${printable(probe.detail)}. The engine is saved, and flm uses it as soon as it answers.`,
    );
  if (record.apiKey?.from === 'env')
    terminal.talk(`A proxy reads ${record.apiKey.name} from its own environment: start it where it is set.`);
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
    terminal.talk(`${terminal.paint('yellow', '!')} ${warning}`);
  }
}
