/** The settings of one client: what to paste where, with the key filled in if the reader has one here. */
import { clients } from '../../../clients/clients.ts';
import { snippetsOf } from '../../../clients/recipe.ts';
import type { Snippet } from '../../../clients/snippet.ts';
import type { ConnectDocument } from '../../../core/proxy/connect-document.ts';
import { t } from '../../i18n/texts.ts';
import { ClientSnippets, QrCodes } from '../client-snippets.tsx';
import { Command } from '../parts.tsx';

export function ClientSettings({
  settings,
  secret,
  command,
}: {
  settings: ConnectDocument;
  secret: string | undefined;
  command: string;
}) {
  const { baseUrl, model, notes, warnings } = settings;
  return (
    <>
      {warnings.map((warning) => (
        <p key={warning} class="stale">
          {warning}
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
      <ClientSnippets snippets={snippetsWith(settings, secret)} notes={notes} />
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

/** The server's snippets have no key. Those with a key are made here, so that the key is not sent anywhere. */
function snippetsWith(settings: ConnectDocument, key: string | undefined): readonly Snippet[] {
  const client = clients.find(({ id }) => id === settings.client);
  if (client === undefined || key === undefined) return settings.snippets;
  const { origin, model, authority, clientCertificate, contextLength: contextTokens } = settings;
  return snippetsOf(client, {
    origin,
    model,
    key,
    authority: authority ?? undefined,
    clientCertificate,
    contextTokens,
  });
}
