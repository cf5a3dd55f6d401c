/** Compares settings as JSON: the order of fields does not matter, and a field with the value undefined counts as absent. */

export function isSame(a: unknown, b: unknown): boolean {
  return sorted(a) === sorted(b);
}

/** The names of the fields in which two objects differ, in the order of `after`. */
export function differences(before: object, after: object): readonly string[] {
  const [old, fresh] = [fieldsOf(before), fieldsOf(after)];
  const names = new Set([...fresh.keys(), ...old.keys()]);
  return [...names].filter((name) => !isSame(old.get(name), fresh.get(name)));
}

function fieldsOf(value: object): ReadonlyMap<string, unknown> {
  return new Map<string, unknown>(Object.entries(value));
}

function sorted(value: unknown): string | undefined {
  return JSON.stringify(value, (_, part: unknown) => {
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
