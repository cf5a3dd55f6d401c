/** Notes about the settings of a client: what the reader must still do or know, besides the client's own notes. */
import type { Advice, ModelContext } from '../../clients/advice.ts';
import type { ClientRecipe } from '../../clients/recipe.ts';
import type { ConnectTarget } from '../../clients/snippet.ts';
import { contextNote } from './context.ts';

/** Notes that depend on the proxy, its engines and the key. */
export function notesOf(
  client: ClientRecipe,
  to: ConnectTarget,
  context: ModelContext | undefined,
): readonly Advice[] {
  const notes: Advice[] = [];
  const needed = contextNote(client, context);
  if (needed !== undefined) notes.push(needed);
  if (to.key === undefined) notes.push({ code: 'keyPlaceholder', values: {} });
  if (to.authority !== undefined && takesFile(client)) notes.push({ code: 'authorityFile', values: {} });
  if (to.clientCertificate === true && client.showsCertificate === true)
    notes.push({ code: 'clientCertificate', values: {} });
  return notes;
}

const takesFile = ({ trusts }: ClientRecipe): boolean =>
  typeof trusts !== 'string' || trusts === 'by its snippets';
