/** How to connect an app with this key: the three values that every app needs, and the exact settings of known apps. */
import { useState } from 'preact/hooks';
import { clients } from '../../clients/clients.ts';
import { clientName, snippetsOf } from '../../clients/recipe.ts';
import { ClientSnippets, QrCodes } from '../components/client-snippets.tsx';
import { Choice, Command } from '../components/parts.tsx';
import { t } from '../i18n/texts.ts';

export interface AppSettingsProps {
  readonly secret: string;
  readonly models: readonly string[];
  readonly model: string;
  readonly onModel: (model: string) => void;
  readonly localAuthority: boolean;
}

export function AppSettings({ secret, models, model, onModel, localAuthority }: AppSettingsProps) {
  const [app, setApp] = useState(isPhone() ? 'phone' : 'open-webui');
  const client = clients.find(({ id }) => id === app);
  const { origin } = location;
  const baseUrl = `${origin}/v1`;
  return (
    <section aria-labelledby="connect">
      <h2 id="connect">{t.guest.connect}</h2>
      <p>{t.guest.connectText}</p>
      <dl class="facts">
        <dt>{t.guest.baseUrl}</dt>
        <dd>
          <Command text={baseUrl} />
        </dd>
        <dt>{t.guest.key}</dt>
        <dd>
          <Command text={secret} />
        </dd>
        <dt>{t.guest.model}</dt>
        <dd>{model === '' ? t.guest.noModels : <Command text={model} />}</dd>
      </dl>
      <div class="bar">
        {models.length < 2 ? null : (
          <Choice
            label={t.guest.model}
            value={model}
            options={Object.fromEntries(models.map((name) => [name, name]))}
            onChange={onModel}
          />
        )}
        <Choice
          label={t.guest.app}
          value={app}
          options={Object.fromEntries(clients.map((one) => [one.id, clientName(one, t.clients)]))}
          onChange={setApp}
        />
      </div>
      {client === undefined || model === '' ? null : (
        <ClientSnippets
          snippets={snippetsOf(client, { origin, model, key: secret }, { texts: t.clients })}
          notes={client.notes.filter((note) => note !== 'container').map((note) => t.clients.notes[note])}
        />
      )}
      {localAuthority ? <p class="note">{t.guest.localAuthority}</p> : null}
      <QrCodes
        title={t.guest.qr}
        codes={[
          [t.guest.baseUrl, baseUrl],
          [t.guest.key, secret],
          ...(model === '' ? [] : [[t.guest.model, model] as const]),
        ]}
      />
    </section>
  );
}

function isPhone(): boolean {
  return /Android|iPhone|iPad|Mobile/.test(navigator.userAgent);
}
