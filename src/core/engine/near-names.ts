/**
 * Names that somebody may have meant: for the 404 of an unknown model. Cold, bounded, and only over names that the asker
 * may see.
 */

const maxNear = 3;
/** Beyond this a name is no typing error, and comparing it would cost. */
const maxComparedLength = 96;

/** At most three of `names`, closest first. */
export function nearNames(wanted: string, names: readonly string[]): readonly string[] {
  if (wanted === '' || wanted.length > maxComparedLength) return [];
  const lower = wanted.toLowerCase();
  const scored: { readonly name: string; readonly score: number }[] = [];
  for (const name of names) {
    const score = nearness(lower, name.toLowerCase());
    if (score !== undefined) scored.push({ name, score });
  }
  scored.sort((a, b) => a.score - b.score || (a.name < b.name ? -1 : 1));
  return scored.slice(0, maxNear).map((s) => s.name);
}

/** The same as a part of a sentence: `; similar names: a, b`, or nothing. */
export function similarNames(wanted: string, names: readonly string[]): string {
  const near = nearNames(wanted, names);
  return near.length === 0 ? '' : `; similar names: ${near.join(', ')}`;
}

/** Smaller is nearer; undefined is not near. */
function nearness(wanted: string, name: string): number | undefined {
  if (name.length > maxComparedLength) return undefined;
  if (wanted === name) return 0;
  // `qwen3` and `qwen3:8b`, `llama3:8b` and `llama3:70b`; `org/model` and `model`.
  if (family(wanted) === family(name)) return 1;
  const allowed = Math.min(3, Math.max(1, Math.floor(wanted.length / 4)));
  const distance = Math.min(
    editDistance(wanted, name, allowed),
    editDistance(family(wanted), family(name), allowed),
  );
  if (distance <= allowed) return 1 + distance;
  return wanted.length >= 3 && (name.startsWith(wanted) || name.includes(`/${wanted}`)) ? 5 : undefined;
}

/** The part that stays the same over sizes and publishers. */
function family(name: string): string {
  const tagged = name.slice(name.lastIndexOf('/') + 1);
  const colon = tagged.indexOf(':');
  return colon < 0 ? tagged : tagged.slice(0, colon);
}

/** Levenshtein; anything above `limit` is `limit + 1`. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swapped = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swapped, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return Math.min(row[b.length] as number, limit + 1);
}
