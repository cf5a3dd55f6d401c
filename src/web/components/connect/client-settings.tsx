/** The settings of one client: what to paste where, with the key filled in if the reader has one here. */
import { clients } from '../../../clients/clients.ts';
import { snippetsOf } from '../../../clients/recipe.ts';
import type { Snippet } from '../../../clients/snippet.ts';
import type { ConnectDocument } from '../../../core/proxy/connect-document.ts';
import { t } from '../../i18n/texts.ts';
import { ClientSnippets, QrCodes } from '../client-snippets.tsx';
import { Command, Sentence } from '../parts.tsx';

export function ClientSettings({
  settings,
  secret,
  command,
}: {
  settings: ConnectDocument;
  secret: string | undefined;
  command: string;
}) {
  const { baseUrl, model } = settings;
  return (
    <>
      {warningsOf(settings).map((warning) => (
        <p key={warning} class="stale">
          <Sentence text={warning} />
        </p>
      ))}
      <dl class="facts">
        <dt>{t.connect.baseUrl}</dt>
        <dd>
          <Command text={baseUrl} />
        </dd>
        <dt>{t.connect.model}</dt>
        <dd>
          <Command text={model} />
        </dd>
        <dt>{t.connect.key}</dt>
        <dd>{secret === undefined ? <code>{settings.key}</code> : <Command text={secret} />}</dd>
      </dl>
      <ClientSnippets snippets={snippetsWith(settings, secret)} notes={notesOf(settings)} />
      <QrCodes
        title={t.connect.qr}
        codes={[
          [t.connect.baseUrl, baseUrl],
          ...(secret === undefined ? [] : [[t.connect.key, secret] as const]),
        ]}
      />
      <p class="note">{t.command}</p>
      <Command text={command} />
    </>
  );
}

/**
 * The server's snippets have no key and are English. Those of the page are made here, so that the key is not sent anywhere
 * and that their places are named in the language of the reader.
 */
function snippetsWith(settings: ConnectDocument, key: string | undefined): readonly Snippet[] {
  const client = clients.find(({ id }) => id === settings.client);
  if (client === undefined) return settings.snippets;
  const { origin, model, authority, clientCertificate, contextLength: contextTokens } = settings;
  const target = {
    origin,
    model,
    key,
    authority: authority ?? undefined,
    clientCertificate,
    contextTokens,
  };
  return snippetsOf(client, target, { texts: t.clients });
}

/** In the language of the reader. The placeholder of a key is a matter of the terminal: the page fills in a key itself. */
function notesOf({ client: id, notes, noteDetails }: ConnectDocument): readonly string[] {
  const own = clients.find((client) => client.id === id)?.notes ?? [];
  const further = noteDetails.flatMap(({ code, values }, i) =>
    code === 'keyPlaceholder' ? [] : [t.connect.advice(notes[own.length + i] ?? code, code, values)],
  );
  return [...own.map((note) => t.clients.notes[note]), ...further];
}

function warningsOf({ warnings, warningDetails }: ConnectDocument): readonly string[] {
  return warningDetails.map(({ code, values }, i) => t.connect.advice(warnings[i] ?? code, code, values));
}
