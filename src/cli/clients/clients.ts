/**
 * The clients that `flm connect` knows, and finding one by what a person types. A test holds every snippet to its format
 * and to the form of base URL that the client wants.
 *
 * What a client reads as its key is `$FLM_API_KEY` where it can read a variable; files that cannot hold the words
 * themselves, to be replaced.
 */
import { nearNames } from '../../core/engine/name-suggestions.ts';
import { agents } from './agents.ts';
import { apps } from './apps.ts';
import { editors } from './editors.ts';
import { libraries } from './libraries.ts';
import type { ClientRecipe } from './recipe.ts';

export const clients: readonly ClientRecipe[] = [...libraries, ...agents, ...editors, ...apps];

/** `Claude Code`, `claude_code` and `claude-code` are one name. */
const plain = (name: string): string => name.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, '');

/** Every name of every client; an alias never hides another client's id. */
const spellings: ReadonlyMap<string, ClientRecipe> = new Map([
  ...clients.flatMap((client) => (client.aliases ?? []).map((alias) => [plain(alias), client] as const)),
  ...clients.map((client) => [plain(client.name), client] as const),
  ...clients.map((client) => [plain(client.id), client] as const),
]);

/** The client of that name or of a name that begins so, where there is one alone; otherwise those it may mean. */
export function findRecipe(name: string): ClientRecipe | readonly ClientRecipe[] {
  const wanted = plain(name);
  const exact = spellings.get(wanted);
  if (exact !== undefined) return exact;
  if (wanted === '') return [];
  const begins = [...spellings].filter(([spelling]) => spelling.startsWith(wanted)).map(([, c]) => c);
  const distinct = [...new Set(begins)];
  const [only] = distinct;
  if (only !== undefined && distinct.length === 1) return only;
  if (only !== undefined) return distinct;
  return [
    ...new Set(nearNames(wanted, [...spellings.keys()]).map((near) => spellings.get(near) as ClientRecipe)),
  ];
}
