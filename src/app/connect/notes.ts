/** Notes about the settings of a client: what the reader must still do or know. */
import type { ClientRecipe } from '../../clients/recipe.ts';
import type { ConnectTarget } from '../../clients/snippet.ts';
import { contextNote, type ModelContext } from './context.ts';

/** Notes about the settings, one or two sentences each. */
export function notesOf(
  client: ClientRecipe,
  to: ConnectTarget,
  context: ModelContext | undefined,
): readonly string[] {
  const notes = [...client.notes];
  const deps = contextNote(client, context);
  if (deps !== undefined) notes.push(deps);
  if (to.key === undefined)
    notes.push(
      'FLM_API_KEY stands for your key: export it, or give --key KEY or --new-key LABEL to have it filled in.',
    );
  if (to.authority !== undefined && takesFile(client))
    notes.push(
      "The file of flm's CA is on this machine: mount it into a container, and copy it to another machine or run `flm cert trust --device`.",
    );
  if (to.clientCertificate === true && client.showsCertificate === true)
    notes.push('client.pem and client-key.pem stand for your client certificate and its key.');
  return notes;
}

const takesFile = ({ trusts }: ClientRecipe): boolean =>
  typeof trusts !== 'string' || trusts === 'by its snippets';
