/**
 * Merges a client's settings into the settings of a file: maps are merged, and so are list entries with the same
 * `name`. Everything else in the file stays.
 */
import { isDeepStrictEqual } from 'node:util';
import { isMap, type Setting, type Settings, type SettingsMap } from '../../clients/settings-text.ts';
import { t } from '../i18n/texts.ts';

const texts = t.connect.faults;

/** Why a file cannot be edited, as a clause: "it is a symbolic link". */
export class EditFault extends Error {
  override readonly name = 'EditFault';
}

/** One value to set, at `path`. If the last part is a number equal to the length of a list, the value is appended. */
export interface Change {
  readonly path: readonly (string | number)[];
  readonly value: Setting;
}

/** One format: how its texts are parsed and edited. */
export interface Editor {
  /** Returns the value; undefined if the text is empty except for comments. Throws EditFault. */
  parse(text: string): unknown;
  /** Applies the changes in order; `lineEnd` is the line end of the text. */
  edit(text: string, changes: readonly Change[], lineEnd: string): string;
}

/** A TOML date is a single value. */
const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
const missing = (value: unknown): boolean => value === undefined || value === null;

/**
 * The values to set in a file with the content `current`, in the order of the settings. `defaults` are set only if the
 * file has no such value. Throws EditFault if the file has another type where a map or a list is needed.
 */
export function changesTo(
  current: unknown,
  settings: Settings,
  defaults: SettingsMap = {},
): readonly Change[] {
  const changes: Change[] = [];
  visit(current, settings, []);
  if (isObject(current)) {
    for (const [name, value] of Object.entries(defaults))
      if (missing(own(current, name))) changes.unshift({ path: [name], value });
  }
  return changes;

  function visit(now: unknown, value: Setting | Settings, path: Change['path']): void {
    if (missing(now)) {
      changes.push({ path, value });
    } else if (Array.isArray(value)) {
      if (!Array.isArray(now)) throw new EditFault(texts.notList(placeText(path)));
      let { length } = now;
      for (const entry of value as readonly Setting[]) {
        const at = (now as readonly unknown[]).findIndex((other) => isSame(other, entry));
        if (at >= 0) visit(now[at], entry, [...path, at]);
        else changes.push({ path: [...path, length++], value: entry });
      }
    } else if (isMap(value)) {
      if (!isObject(now)) throw new EditFault(texts.notTable(placeText(path)));
      for (const [name, part] of Object.entries(value)) visit(own(now, name), part, [...path, name]);
    } else if (isObject(now) || Array.isArray(now)) {
      throw new EditFault(texts.notValue(placeText(path)));
    } else if (now !== value) {
      changes.push({ path, value });
    }
  }
}

/** Returns `current` with the changes; `current` itself is not changed. */
export function withChanges(current: unknown, changes: readonly Change[]): unknown {
  let root = copied(current);
  for (const { path, value } of changes) {
    const last = path.at(-1);
    if (last === undefined) {
      root = copied(value);
      continue;
    }
    let holder = root as Record<string | number, unknown>;
    for (const step of path.slice(0, -1)) holder = holder[step] as Record<string | number, unknown>;
    define(holder, last, copied(value));
  }
  return root;
}

/** Copies maps and lists. Dates and similar values stay as they are, because parsers use their own classes for them. */
function copied(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copied);
  if (!isObject(value)) return value;
  const copy: Record<string, unknown> = {};
  for (const name of Object.keys(value)) define(copy, name, copied(value[name]));
  return copy;
}

/** `__proto__` is treated like any other name. */
function define(holder: Record<string | number, unknown>, name: string | number, value: unknown): void {
  Object.defineProperty(holder, name, { value, enumerable: true, configurable: true, writable: true });
}

/** Whether two parsed files have the same meaning, regardless of the prototypes of their maps. */
export function meansTheSame(a: unknown, b: unknown): boolean {
  return isDeepStrictEqual(plain(a), plain(b));
}

function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (!isObject(value)) return value;
  return new Map(
    Object.keys(value)
      .sort()
      .map((name) => [name, plain(value[name])]),
  );
}

const own = (map: Readonly<Record<string, unknown>>, name: string): unknown =>
  Object.hasOwn(map, name) ? map[name] : undefined;

/** List entries are identified by their name, single values by themselves. */
function isSame(a: unknown, b: Setting): boolean {
  if (!isMap(b)) return a === b;
  return isObject(a) && b.name !== undefined && own(a, 'name') === b.name;
}

const placeText = (path: Change['path']): string => (path.length === 0 ? texts.wholeFile : path.join('.'));
