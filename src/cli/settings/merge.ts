/**
 * What a file's settings are once a client's settings are in: maps are merged, list entries with the same `name` too,
 * everything else that the file holds stays.
 */
import { isDeepStrictEqual } from 'node:util';
import { isMap, type Setting, type Settings, type SettingsMap } from './settings-text.ts';

/** Why a file cannot be edited, as a clause: "it is a symbolic link". */
export class EditFault extends Error {
  override readonly name = 'EditFault';
}

/** One value to set. `path` leads there; a number at its end that is the length of a list appends. */
export interface Change {
  readonly path: readonly (string | number)[];
  readonly value: Setting;
}

/** One format: how a text is read, and how it is edited. */
export interface Editor {
  /** The value; undefined where the text holds none, but comments at most. Throws EditFault. */
  parse(text: string): unknown;
  /** Applies the changes one after the other; `lineEnd` is that of the text. */
  edit(text: string, changes: readonly Change[], lineEnd: string): string;
}

/** A date of TOML is a single value. */
const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
const missing = (value: unknown): boolean => value === undefined || value === null;

/**
 * The values to set in a file that holds `current`, in the order of the settings. `defaults` are set where the file has
 * no such value. Throws EditFault where the file holds something of another type in a map's or a list's place.
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
      if (!Array.isArray(now)) throw new EditFault(`${placeText(path)} is not a list`);
      let { length } = now;
      for (const entry of value as readonly Setting[]) {
        const at = (now as readonly unknown[]).findIndex((other) => isSame(other, entry));
        if (at >= 0) visit(now[at], entry, [...path, at]);
        else changes.push({ path: [...path, length++], value: entry });
      }
    } else if (isMap(value)) {
      if (!isObject(now)) throw new EditFault(`${placeText(path)} is not a table of names and values`);
      for (const [name, part] of Object.entries(value)) visit(own(now, name), part, [...path, name]);
    } else if (isObject(now) || Array.isArray(now)) {
      throw new EditFault(`${placeText(path)} is not a single value`);
    } else if (now !== value) {
      changes.push({ path, value });
    }
  }
}

/** `current` with the changes in it; `current` itself stays as it is. */
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

/** Maps and lists anew; dates and the like as they are, as parsers have classes of their own for these. */
function copied(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copied);
  if (!isObject(value)) return value;
  const copy: Record<string, unknown> = {};
  for (const name of Object.keys(value)) define(copy, name, copied(value[name]));
  return copy;
}

/** `__proto__` is a name like others. */
function define(holder: Record<string | number, unknown>, name: string | number, value: unknown): void {
  Object.defineProperty(holder, name, { value, enumerable: true, configurable: true, writable: true });
}

/** Whether two parsed files mean the same, whatever prototype a parser gives its maps. */
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

/** Entries of a list are told apart by their name, single values by themselves. */
function isSame(a: unknown, b: Setting): boolean {
  if (!isMap(b)) return a === b;
  return isObject(a) && b.name !== undefined && own(a, 'name') === b.name;
}

const placeText = (path: Change['path']): string => (path.length === 0 ? 'the whole of it' : path.join('.'));
