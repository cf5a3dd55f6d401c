/**
 * The clients that `flm connect` supports, and the look-up of a client by the name that the user types. A test checks
 * every snippet against its format and the form of base URL that the client needs.
 *
 * The key in a snippet is `$FLM_API_KEY` if the client can read a variable. Files that cannot use a variable contain
 * the text FLM_API_KEY, which the user must replace.
 */
import { nearNames } from '../core/engine/name-suggestions.ts';
import { agents } from './agents.ts';
import { apps } from './apps.ts';
import { editors } from './editors.ts';
import { libraries } from './libraries.ts';
import type { ClientRecipe } from './recipe.ts';

export const clients: readonly ClientRecipe[] = [...libraries, ...agents, ...editors, ...apps];

/** `Claude Code`, `claude_code` and `claude-code` are one name. */
const plain = (name: string): string => name.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, '');

/** Every name of every client. An alias never hides another client's id. */
const spellings: ReadonlyMap<string, ClientRecipe> = new Map([
  ...clients.flatMap((client) => (client.aliases ?? []).map((alias) => [plain(alias), client] as const)),
  ...clients.map((client) => [plain(client.name), client] as const),
  ...clients.map((client) => [plain(client.id), client] as const),
]);

/** The client with that name, or the only client whose name begins with it; otherwise the possible clients. */
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
