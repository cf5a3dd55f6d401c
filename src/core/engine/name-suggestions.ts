/**
 * Names that a user may have meant: for the 404 of an unknown model. The work is bounded, whatever the client asks for
 * and however many names an engine lists.
 */

const maxNear = 3;
/** Beyond this a name is no typing error, and comparing it would cost. */
const maxComparedLength = 96;
/** Of more names than this, only those around the place where the wanted one would stand are compared. */
const maxCompared = 1_000;
/** Names that are near and yet may not be offered; a limited key sees a few of very many. */
const maxAsked = 200;
const maxDistance = 3;

interface Scored {
  readonly name: string;
  readonly score: number;
}

/**
 * At most three of `names` that `mayOffer` lets through, closest first. `names` are sorted where there may be more than
 * a thousand.
 */
export function nearNames(
  wanted: string,
  names: readonly string[],
  mayOffer: (name: string) => boolean = () => true,
): readonly string[] {
  if (wanted === '' || wanted.length > maxComparedLength) return [];
  const from = names.length <= maxCompared ? 0 : Math.max(0, placeOf(wanted, names) - maxCompared / 2);
  const to = Math.min(names.length, from + maxCompared);
  const lower = wanted.toLowerCase();
  const scored: Scored[] = [];
  for (let i = from; i < to; i++) {
    const name = names[i] as string;
    const score = name.length > maxComparedLength ? undefined : nearness(lower, name.toLowerCase());
    if (score !== undefined) scored.push({ name, score });
  }
  scored.sort((a, b) => a.score - b.score || (a.name < b.name ? -1 : 1));
  const near: string[] = [];
  for (let i = 0; i < scored.length && i < maxAsked && near.length < maxNear; i++) {
    const { name } = scored[i] as Scored;
    if (mayOffer(name)) near.push(name);
  }
  return near;
}

/** Where the name would stand among sorted ones. */
function placeOf(name: string, names: readonly string[]): number {
  let low = 0;
  let high = names.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((names[middle] as string) < name) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The same as a part of a sentence: `; similar names: a, b`, or nothing. */
export function similarNames(wanted: string, names: readonly string[]): string {
  const near = nearNames(wanted, names);
  return near.length === 0 ? '' : `; similar names: ${near.join(', ')}`;
}

/** Smaller is nearer; undefined is not near. */
function nearness(wanted: string, name: string): number | undefined {
  if (wanted === name) return 0;
  // `qwen3` and `qwen3:8b`, `llama3:8b` and `llama3:70b`; `org/model` and `model`.
  const ours = family(wanted);
  const theirs = family(name);
  if (ours === theirs) return 1;
  const allowed = Math.min(maxDistance, Math.max(1, Math.floor(wanted.length / 4)));
  let distance = areSwapped(wanted, name) ? 1 : editDistance(wanted, name, allowed);
  if (ours !== wanted || theirs !== name) distance = Math.min(distance, editDistance(ours, theirs, allowed));
  if (distance <= allowed) return 1 + distance;
  return wanted.length >= 3 && (name.startsWith(wanted) || name.includes(`/${wanted}`)) ? 5 : undefined;
}

/** Two letters beside each other changed places: `statsu`. That is one mistake, and two edits. */
function areSwapped(a: string, b: string): boolean {
  if (a.length !== b.length) return false;
  let i = 0;
  while (i < a.length && a[i] === b[i]) i++;
  return a[i] === b[i + 1] && a[i + 1] === b[i] && a.slice(i + 2) === b.slice(i + 2);
}

/** The part that stays the same over sizes and publishers. */
function family(name: string): string {
  const tagged = name.slice(name.lastIndexOf('/') + 1);
  const colon = tagged.indexOf(':');
  return colon < 0 ? tagged : tagged.slice(0, colon);
}

let row = new Uint8Array(maxComparedLength + 2);
let next = new Uint8Array(maxComparedLength + 2);

/**
 * Levenshtein; anything above `limit` is `limit + 1`. A cell that is further than the limit from the diagonal cannot
 * lead to a result within the limit (Ukkonen), so that only seven cells of a row are looked at, and no row after the
 * first that has none within the limit.
 */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  for (let j = 0; j <= b.length && j <= limit + 1; j++) row[j] = j;
  for (let i = 1; i <= a.length; i++) {
    const from = Math.max(1, i - limit);
    const to = Math.min(b.length, i + limit);
    // Left of the band, and right of it in the row above, nothing is within the limit.
    next[from - 1] = from === 1 ? i : limit + 1;
    if (to === i + limit) row[to] = limit + 1;
    let best = limit + 1;
    for (let j = from; j <= to; j++) {
      const swapped = (row[j - 1] as number) + (a.charCodeAt(i - 1) === b.charCodeAt(j - 1) ? 0 : 1);
      const cell = Math.min(swapped, (row[j] as number) + 1, (next[j - 1] as number) + 1);
      next[j] = cell;
      if (cell < best) best = cell;
    }
    if (best > limit) return limit + 1;
    [row, next] = [next, row];
  }
  return Math.min(row[b.length] as number, limit + 1);
}
