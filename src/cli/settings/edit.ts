/**
 * Inserts settings into the text of a file and keeps everything else byte for byte: comments, order, layout, line ends,
 * a byte order mark. The result is parsed again and must have the meaning of the old text plus the settings. Otherwise
 * nothing is edited.
 */

import { type Settings, type SettingsMap, settingsText } from '../../clients/settings-text.ts';
import { t } from '../i18n/texts.ts';
import { editJson } from './edit-json.ts';
import { editToml } from './edit-toml.ts';
import { editYaml } from './edit-yaml.ts';
import { changesTo, EditFault, type Editor, meansTheSame, withChanges } from './merge.ts';

export type FileFormat = 'json' | 'toml' | 'yaml';

const editors: Readonly<Record<FileFormat, () => Promise<Editor>>> = {
  json: editJson,
  toml: editToml,
  yaml: editYaml,
};

const byteOrderMark = '\uFEFF';

/** Returns the text with the settings; unchanged if it already has them. Throws EditFault. */
export async function editedText(
  format: FileFormat,
  text: string,
  settings: Settings,
  defaults: SettingsMap = {},
): Promise<string> {
  const mark = text.startsWith(byteOrderMark) ? byteOrderMark : '';
  const body = text.slice(mark.length);
  const lineEnd = lineEndOf(body);
  const editor = await editors[format]();
  const current = editor.parse(body) ?? undefined;
  if (current === undefined) {
    const all = Array.isArray(settings) ? settings : { ...defaults, ...settings };
    const block = `${settingsText(format, all)}\n`.replaceAll('\n', lineEnd);
    const before = body.trim() === '' ? '' : `${body.trimEnd()}${lineEnd}`;
    return mark + checked(editor, before + block, all);
  }
  const changes = changesTo(current, settings, defaults);
  if (changes.length === 0) return text;
  return mark + checked(editor, editor.edit(body, changes, lineEnd), withChanges(current, changes));
}

function checked(editor: Editor, text: string, meaning: unknown): string {
  let found: unknown;
  try {
    found = editor.parse(text);
  } catch (error) {
    if (!(error instanceof EditFault)) throw error;
  }
  if (!meansTheSame(found, meaning)) throw new EditFault(t.connect.faults.noPlace);
  return text;
}

/** The most frequent line end. */
function lineEndOf(text: string): string {
  const all = text.split('\n').length - 1;
  const windows = text.split('\r\n').length - 1;
  return windows * 2 > all ? '\r\n' : '\n';
}
