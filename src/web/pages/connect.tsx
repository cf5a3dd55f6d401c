/** Connect: the settings of every client for an address and a model, with a key filled in, and tests. */
import { useState } from 'preact/hooks';
import { clients } from '../../clients/clients.ts';
import { clientName } from '../../clients/recipe.ts';
import type { ConnectDocument } from '../../core/proxy/connect-document.ts';
import { shellWord } from '../../core/shell-word.ts';
import { call, isNoProxy, type KeyWithSecret, mayChange } from '../api/client.ts';
import { ClientSettings } from '../components/connect/client-settings.tsx';
import { ConnectionTest } from '../components/connect/connection-test.tsx';
import { CreateKey } from '../components/keys/key-form.tsx';
import { Problem, Show, useLoaded } from '../components/loaded.tsx';
import { Choice, Empty, Field } from '../components/parts.tsx';
import { ForAdmin } from '../components/scope.tsx';
import { t } from '../i18n/texts.ts';

const ownHost = 'other';

interface Choices {
  readonly client: string;
  readonly proxy: string;
  readonly model: string;
  /** Empty: the proxy's own address. */
  readonly host: string;
}

/** `curl` needs no program that a reader may not have. */
const firstChoices: Choices = { client: 'curl', proxy: '', model: '', host: '' };

export function ConnectPage() {
  const [choices, setChoices] = useState(firstChoices);
  const [made, setMade] = useState<KeyWithSecret>();
  const [isMaking, setMaking] = useState(false);
  const { client, proxy, model, host } = choices;
  const [loaded] = useLoaded(() => loadSettings(choices), [client, proxy, model, host]);
  const choose = (change: Partial<Choices>) => setChoices((before) => ({ ...before, ...change }));
  if (loaded.state === 'failed' && isNoProxy(loaded.error))
    return <Empty title={t.connect.noProxy} hint={t.connect.noProxyHint} command="flm up" />;
  return (
    <>
      <Show loaded={loaded}>
        {(settings) => (
          <>
            <div class="bar">
              <Choice
                label={t.connect.client}
                value={client}
                options={Object.fromEntries(clients.map((one) => [one.id, clientName(one, t.clients)]))}
                onChange={(value) => choose({ client: value })}
              />
              {settings.proxies.length < 2 ? null : (
                <Choice
                  label={t.connect.proxy}
                  value={settings.proxy}
                  options={Object.fromEntries(
                    settings.proxies.map(({ id, profile }) => [id, t.connect.proxyName(id, profile)]),
                  )}
                  onChange={(value) => choose({ proxy: value, host: '', model: '' })}
                />
              )}
              {settings.models.length === 0 ? null : (
                <Choice
                  label={t.connect.model}
                  value={settings.model}
                  options={Object.fromEntries(
                    [...new Set([settings.model, ...settings.models])].map((name) => [name, name]),
                  )}
                  onChange={(value) => choose({ model: value })}
                />
              )}
              <AddressChoice settings={settings} onChange={(value) => choose({ host: value })} />
              {made === undefined && mayChange() ? (
                <button type="button" onClick={() => setMaking(true)}>
                  {t.connect.newKey}
                </button>
              ) : null}
            </div>
            {made === undefined ? (
              <ForAdmin>
                <p class="note">{t.connect.keyHint}</p>
              </ForAdmin>
            ) : (
              <p class="note">
                {t.connect.keyFilled(made.label)}{' '}
                <button type="button" class="quiet" onClick={() => setMade(undefined)}>
                  {t.connect.forgetKey}
                </button>
              </p>
            )}
            <h2>{clientName({ id: settings.client, name: settings.name }, t.clients)}</h2>
            <ClientSettings settings={settings} secret={made?.key} command={commandOf(choices, settings)} />
            <ConnectionTest key={settings.origin} settings={settings} host={host} />
          </>
        )}
      </Show>
      {loaded.state === 'ready' && loaded.problem !== undefined ? <Problem error={loaded.problem} /> : null}
      {isMaking ? (
        <CreateKey
          onMade={(key) => {
            setMade(key);
            setMaking(false);
          }}
          onClose={() => setMaking(false)}
        />
      ) : null}
    </>
  );
}

function loadSettings({ client, proxy, model, host }: Choices): Promise<ConnectDocument> {
  const query = new URLSearchParams({ client });
  for (const [name, value] of Object.entries({ proxy, model, host }))
    if (value !== '') query.set(name, value);
  return call('GET', `api/v1/connect?${query}`);
}

function AddressChoice({
  settings: { addresses, origin },
  onChange,
}: {
  settings: ConnectDocument;
  onChange: (host: string) => void;
}) {
  const isOwn = addresses.some((address) => address.origin === origin);
  const [isTyped, setTyped] = useState(!isOwn);
  const options = {
    ...Object.fromEntries(
      addresses.map((a) => [a.origin, t.connect.address(a.origin, t.connect.reach[a.reach])]),
    ),
    [ownHost]: t.connect.otherHost,
  };
  const choose = (value: string) => {
    setTyped(value === ownHost);
    if (value !== ownHost) onChange(hostOf(value));
  };
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    // The event comes from the form below.
    onChange(String(new FormData(event.currentTarget as HTMLFormElement).get('host') ?? '').trim());
  };
  return (
    <>
      <Choice
        label={t.connect.addressLabel}
        value={isTyped ? ownHost : origin}
        options={options}
        onChange={choose}
      />
      {isTyped ? (
        <form class="host" onSubmit={submit}>
          <Field label={t.connect.host}>
            <input name="host" required autocomplete="off" defaultValue={isOwn ? '' : hostOf(origin)} />
          </Field>
          <button type="submit">{t.connect.useHost}</button>
        </form>
      ) : null}
    </>
  );
}

function hostOf(origin: string): string {
  return new URL(origin).hostname.replaceAll(/[[\]]/g, '');
}

function commandOf({ client, proxy, model, host }: Choices, settings: ConnectDocument): string {
  return [
    `flm connect ${client}`,
    ...(model === '' ? [] : [`--model ${shellWord(model)}`]),
    ...(host === '' ? [] : [`--host ${shellWord(host)}`]),
    ...(proxy === '' && settings.proxies.length < 2 ? [] : [`--proxy ${settings.proxy}`]),
  ].join(' ');
}
