/**
 * Reads fields of engines' answers. A field may be missing or of another type in some version; a probe must survive
 * that, so nothing here throws.
 */

export type JsonObject = Readonly<Record<string, unknown>>;

export function objectOf(value: unknown): JsonObject | undefined {
  // Anything that is an object and no array can be read by names.
  return value !== null && typeof value === 'object' && !Array.isArray(value)
    ? (value as JsonObject)
    : undefined;
}

/** As many models as the catalogue takes from one engine; a broken server may list hundreds of thousands of entries. */
const maxListed = 10_000;

/** The first objects in the array `name`; undefined where there is no such array. */
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

/** Ids as they may stand in the catalogue: what a client could send back, and what fits on a line. */
export function modelIdOf(value: unknown): string | undefined {
  const id = textOf(value);
  return id !== undefined && id.length <= 512 && !/[\p{Cc}]/u.test(id) ? id : undefined;
}
