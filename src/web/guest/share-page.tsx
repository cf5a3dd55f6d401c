/**
 * The page behind the link of a share. Opening it makes nothing: programs that preview links open it too. The button
 * redeems the token, which is in the fragment of the address, and shows the new key once.
 */
import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { exactTime } from '../components/format.ts';
import { LanguageSwitch, useLanguage } from '../components/language.tsx';
import { Copy } from '../components/parts.tsx';
import { t } from '../i18n/texts.ts';
import { AppSettings } from './app-settings.tsx';
import { type RedeemedKey, RefusedError, readOwnKey, redeem } from './guest-api.ts';
import { firstModel } from './models.ts';
import { TestRequest } from './test-request.tsx';

/** HTTP's status for a link that was used, withdrawn, or has expired. */
const gone = 410;

type State =
  | { readonly state: 'ready' | 'making' }
  /** `isFinal`: the link will never work. */
  | { readonly state: 'failed'; readonly text: string; readonly isFinal: boolean }
  | { readonly state: 'made'; readonly made: RedeemedKey };

function SharePage({ token }: { token: string }) {
  const [now, setNow] = useState<State>({ state: 'ready' });
  const make = async () => {
    setNow({ state: 'making' });
    try {
      const made = await redeem(token);
      // The token has no further use, and the history of the browser must not keep it.
      history.replaceState(null, '', location.pathname);
      setNow({ state: 'made', made });
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      setNow({ state: 'failed', text, isFinal: error instanceof RefusedError && error.status === gone });
    }
  };
  if (now.state === 'made') return <MadeKey made={now.made} />;
  return (
    <>
      <h1>{t.guest.share.title}</h1>
      <p>{t.guest.share.intro}</p>
      {now.state === 'failed' ? (
        <p class="problem" role="alert">
          <strong>{t.guest.share.failed}</strong>
          {t.between}
          {now.text}
        </p>
      ) : null}
      {now.state === 'failed' && now.isFinal ? null : (
        <button type="button" class="primary" disabled={now.state === 'making'} onClick={() => void make()}>
          {now.state === 'making' ? t.guest.share.making : t.guest.share.make}
        </button>
      )}
    </>
  );
}

function MadeKey({ made }: { made: RedeemedKey }) {
  const { key, label, expiresAt, localAuthority } = made;
  const [models, setModels] = useState<readonly string[]>([]);
  const [model, setModel] = useState('');
  /** Why the key does not work any more. */
  const [dead, setDead] = useState<string>();
  useEffect(() => {
    readOwnKey(key).then(
      (own) => {
        setModels(own.models);
        setModel(firstModel(own.models));
      },
      // The test below says what is wrong.
      () => setModels([]),
    );
  }, [key]);
  if (dead !== undefined)
    return (
      <>
        <h1>{t.guest.share.ready(label)}</h1>
        <p class="problem" role="alert">
          <strong>{t.guest.fails}</strong>
          {t.between}
          {dead}
        </p>
      </>
    );
  return (
    <>
      <h1>{t.guest.share.ready(label)}</h1>
      <p class="secret">
        <code>{key}</code> <Copy text={key} />
      </p>
      <p>
        <strong>{t.guest.share.once}</strong>
        {t.between}
        {expiresAt === null ? '' : t.guest.share.expires(exactTime(expiresAt))}
      </p>
      <TestRequest secret={key} model={model} onDeadKey={setDead} />
      <AppSettings
        secret={key}
        models={models}
        model={model}
        onModel={setModel}
        localAuthority={localAuthority}
      />
      <p>
        <a href="me">{t.guest.me.title}</a>
        {t.between}
        {t.guest.share.later}
      </p>
    </>
  );
}

function Refused({ title, hint }: { title: string; hint: string }) {
  return (
    <>
      <h1>{title}</h1>
      <p>{hint}</p>
    </>
  );
}

function Page({ token }: { token: string }) {
  // Browsers count HTTPS and this machine itself as secure.
  if (!isSecureContext) return <Refused title={t.guest.share.insecure} hint={t.guest.share.insecureHint} />;
  if (token === '') return <Refused title={t.guest.share.incomplete} hint={t.guest.share.incompleteHint} />;
  return <SharePage key={token} token={token} />;
}

function Shown() {
  const language = useLanguage();
  const [token, setToken] = useState(location.hash.slice(1));
  useEffect(() => {
    // Another link was opened in the same tab. A key that is shown stays: its address has no fragment any more.
    const open = () => location.hash.length > 1 && setToken(location.hash.slice(1));
    addEventListener('hashchange', open);
    return () => removeEventListener('hashchange', open);
  }, []);
  useEffect(() => {
    document.title = `${t.guest.share.title} · ${t.title}`;
  }, [language]);
  return (
    <>
      <Page token={token} />
      <LanguageSwitch />
    </>
  );
}

const place = document.getElementById('page');
if (place !== null) render(<Shown />, place);
