/** Notes about the settings of a client: what the reader must still do or know. */
import type { ClientRecipe } from '../../clients/recipe.ts';
import type { ConnectTarget } from '../../clients/snippet.ts';
import { contextNote } from './context.ts';
import type { ModelContext } from './model-context.ts';
import { type ConnectTexts, connectTexts } from './texts.ts';

/** Notes about the settings, one or two sentences each. */
export function notesOf(
  client: ClientRecipe,
  to: ConnectTarget,
  context: ModelContext | undefined,
  texts: ConnectTexts = connectTexts,
): readonly string[] {
  const notes = client.notes.map((note) => texts.clients.notes[note]);
  const deps = contextNote(client, context, texts);
  if (deps !== undefined) notes.push(deps);
  if (to.key === undefined) notes.push(texts.keyPlaceholder);
  if (to.authority !== undefined && takesFile(client)) notes.push(texts.authorityFile);
  if (to.clientCertificate === true && client.showsCertificate === true) notes.push(texts.clientCertificate);
  return notes;
}

const takesFile = ({ trusts }: ClientRecipe): boolean =>
  typeof trusts !== 'string' || trusts === 'by its snippets';
