/**
 * Suggests names that the user may have meant, for the 404 of an unknown model. The work is limited, whatever the
 * client asks for and however many names an engine lists.
 */

const maxNear = 3;
/** A longer name is not a typing error, and comparing it would be expensive. */
const maxComparedLength = 96;
/** Of a longer list, only the names around the sorted position of the wanted name are compared. */
const maxCompared = 1_000;
/** How many similar names are checked with `mayOffer`. A limited key may see few of very many. */
const maxAsked = 200;
const maxDistance = 3;

interface Scored {
  readonly name: string;
  readonly score: number;
}

/**
 * Returns at most three of `names` for which `mayOffer` is true, closest first. A list of more than a thousand names
 * must be sorted.
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

/** The position of the name in a sorted list. */
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

/** Returns the names as part of a sentence: `; similar names: a, b`, or an empty text. */
export function similarNames(wanted: string, names: readonly string[]): string {
  const near = nearNames(wanted, names);
  return near.length === 0 ? '' : `; similar names: ${near.join(', ')}`;
}

/** The distance of two names; undefined if they are not similar. */
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

/** Whether two neighbouring letters are swapped: `statsu`. That is one mistake, but two edits. */
function areSwapped(a: string, b: string): boolean {
  if (a.length !== b.length) return false;
  let i = 0;
  while (i < a.length && a[i] === b[i]) i++;
  return a[i] === b[i + 1] && a[i + 1] === b[i] && a.slice(i + 2) === b.slice(i + 2);
}

/** The part of a name that is the same for all sizes and publishers. */
function family(name: string): string {
  const tagged = name.slice(name.lastIndexOf('/') + 1);
  const colon = tagged.indexOf(':');
  return colon < 0 ? tagged : tagged.slice(0, colon);
}

let row = new Uint8Array(maxComparedLength + 2);
let next = new Uint8Array(maxComparedLength + 2);

/**
 * The Levenshtein distance; a distance above `limit` is returned as `limit + 1`. A cell further than the limit from the
 * diagonal cannot lead to a result within the limit (Ukkonen), so only seven cells of a row are computed, and the loop
 * ends at the first row without a cell within the limit.
 */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  for (let j = 0; j <= b.length && j <= limit + 1; j++) row[j] = j;
  for (let i = 1; i <= a.length; i++) {
    const from = Math.max(1, i - limit);
    const to = Math.min(b.length, i + limit);
    // Left of the band, and right of it in the row above, no cell is within the limit.
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
