/**
 * Writes settings as the text of a file: JSON, TOML or YAML. Supports only what clients' settings need: maps, lists,
 * strings, numbers, booleans. Every string is quoted as in JSON, which is also valid in TOML and YAML.
 */

export type Scalar = string | number | boolean;
export type Setting = Scalar | SettingsMap | readonly Setting[];
export interface SettingsMap {
  readonly [name: string]: Setting;
}
/** Entries of a merged list are identified by their `name`. */
export type Settings = SettingsMap | readonly SettingsMap[];

export const isMap = (value: Setting): value is SettingsMap =>
  typeof value === 'object' && !Array.isArray(value);
const isList = (value: Setting): value is readonly Setting[] => Array.isArray(value);

/** Without a newline at its end. */
export function settingsText(format: 'json' | 'toml' | 'yaml', settings: Settings): string {
  switch (format) {
    case 'json':
      return JSON.stringify(settings, undefined, 2);
    case 'toml':
      return tomlTables(settings as SettingsMap, []).join('\n');
    case 'yaml':
      return yamlLines(settings).join('\n');
    default:
      return format satisfies never;
  }
}

/** The lines of a block of YAML, without indentation. */
export function yamlLines(value: SettingsMap | readonly Setting[]): readonly string[] {
  if (isList(value)) {
    return value.flatMap((entry) => {
      const [first = '', ...rest] = isMap(entry) ? yamlLines(entry) : [JSON.stringify(entry)];
      return [`- ${first}`, ...rest.map((line) => `  ${line}`)];
    });
  }
  return Object.entries(value).flatMap(([name, part]) => {
    const key = yamlKey(name);
    if (!isMap(part) && !(isList(part) && part.some(isMap))) return [`${key}: ${flow(part)}`];
    return [`${key}:`, ...yamlLines(part).map((line) => `  ${line}`)];
  });
}

const flow = (value: Scalar | readonly Setting[]): string =>
  isList(value) ? `[${value.map((entry) => JSON.stringify(entry)).join(', ')}]` : JSON.stringify(value);

/** Unquoted if YAML can read the word only as a string. */
const yamlKey = (name: string): string =>
  /^[A-Za-z][\w-]{2,}$/.test(name) && !/^(true|false|null|yes|off)$/i.test(name)
    ? name
    : JSON.stringify(name);

/** A table's own values come before its tables; otherwise TOML would add them to the last table. */
function tomlTables(map: SettingsMap, path: readonly string[]): readonly string[] {
  const entries = Object.entries(map);
  const own = entries.filter(([, value]) => !isMap(value));
  const tables = entries.filter((entry): entry is [string, SettingsMap] => isMap(entry[1]));
  const head = path.length === 0 || own.length === 0 ? [] : [`[${path.map(tomlKey).join('.')}]`];
  const lines = [...head, ...own.map(([name, value]) => `${tomlKey(name)} = ${JSON.stringify(value)}`)];
  for (const [name, table] of tables) {
    if (lines.length > 0) lines.push('');
    lines.push(...tomlTables(table, [...path, name]));
  }
  return lines;
}

const tomlKey = (name: string): string => (/^[\w-]+$/.test(name) ? name : JSON.stringify(name));
