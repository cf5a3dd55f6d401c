/**
 * Edits TOML. New tables are appended to the file, where a header is always allowed; toml-patch changes and adds
 * values. toml-patch itself would write `a.flm = { ... }` before `[a.other]`, which older parsers refuse.
 */

import { isMap, type SettingsMap, settingsText } from '../../clients/settings-text.ts';
import { t } from '../i18n/texts.ts';
import { type Change, EditFault, type Editor, meansTheSame, withChanges } from './merge.ts';

type Toml = typeof import('@decimalturn/toml-patch');

export async function editToml(): Promise<Editor> {
  const toml = await import('@decimalturn/toml-patch');
  return {
    parse: (text) => parse(toml, text),
    edit(text, changes, lineEnd) {
      const tables = changes.filter(({ value }) => isMap(value));
      const values = changes.filter(({ value }) => !isMap(value));
      const patched = values.length === 0 ? text : patch(toml, text, values);
      const appended = tables.reduce((before, table) => append(before, table, lineEnd), patched);
      return holds(toml, appended, withChanges(toml.parse(text), changes))
        ? appended
        : patch(toml, text, changes);
    },
  };
}

function parse(toml: Toml, text: string): unknown {
  try {
    const value = toml.parse(text);
    return Object.keys(value).length === 0 ? undefined : value;
  } catch (error) {
    const { line, column } = error as { readonly line?: unknown; readonly column?: unknown };
    if (typeof line !== 'number' || typeof column !== 'number') throw error;
    throw new EditFault(t.connect.faults.notToml(line, column + 1));
  }
}

const patch = (toml: Toml, text: string, changes: readonly Change[]): string =>
  toml.patch(text, withChanges(toml.parse(text), changes));

function append(text: string, { path, value }: Change, lineEnd: string): string {
  const nested = path.reduceRight<SettingsMap>((inner, name) => ({ [name]: inner }), value as SettingsMap);
  const block = `${settingsText('toml', nested)}\n`.replaceAll('\n', lineEnd);
  return `${text.trimEnd()}${lineEnd}${lineEnd}${block}`;
}

/** Whether the edited text has the wanted meaning. Inside an inline table, for example, a header cannot be appended. */
function holds(toml: Toml, text: string, meaning: unknown): boolean {
  try {
    return meansTheSame(toml.parse(text), meaning);
  } catch {
    return false;
  }
}
