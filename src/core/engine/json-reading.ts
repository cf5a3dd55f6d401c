/**
 * Reads fields of engine responses. A field may be missing or have another type in some version. A probe must survive
 * that, so these functions never throw.
 */

export type JsonObject = Readonly<Record<string, unknown>>;

export function objectOf(value: unknown): JsonObject | undefined {
  // Fields of every object except an array can be read by name.
  return value !== null && typeof value === 'object' && !Array.isArray(value)
    ? (value as JsonObject)
    : undefined;
}

/** How many models the catalogue accepts from one engine. A broken server may list hundreds of thousands. */
const maxListed = 10_000;

/** Returns the first objects in the array `name`; undefined if there is no such array. */
export function objectsIn(value: unknown, name: string): readonly JsonObject[] | undefined {
  const list = objectOf(value)?.[name];
  if (!Array.isArray(list)) return undefined;
  const objects: JsonObject[] = [];
  for (const item of list) {
    const object = objectOf(item);
    if (object !== undefined && objects.push(object) === maxListed) break;
  }
  return objects;
}

/** A string that is not empty. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** A whole number above 0. */
export function countOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : undefined;
}

/** Accepts only ids that a client could send back and that fit on a line. */
export function modelIdOf(value: unknown): string | undefined {
  const id = textOf(value);
  return id !== undefined && id.length <= 512 && !/[\p{Cc}]/u.test(id) ? id : undefined;
}
