/** The page of a key's holder. The reader pastes the key, which stays in the memory of this page. */
import { render } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { OwnKeyDocument } from '../../core/security/own-key-document.ts';
import { exactTime } from '../components/format.ts';
import { LanguageSwitch, useLanguage } from '../components/language.tsx';
import { Field } from '../components/parts.tsx';
import { useAgain } from '../components/use-again.ts';
import { t } from '../i18n/texts.ts';
import { AppSettings } from './app-settings.tsx';
import { RefusedError, readOwnKey } from './guest-api.ts';
import { firstModel } from './models.ts';
import { OwnLimits, OwnUsage } from './own-usage.tsx';
import { TestRequest } from './test-request.tsx';

const texts = t.guest.me;
const refreshMs = 30_000;

function MePage() {
  const language = useLanguage();
  useEffect(() => {
    document.title = `${texts.title} · ${t.title}`;
  }, [language]);
  const [secret, setSecret] = useState('');
  const [own, setOwn] = useState<OwnKeyDocument>();
  const [problem, setProblem] = useState<string>();
  const [round, setRound] = useState(0);
  const started = useRef(0);
  const load = async (key: string) => {
    started.current += 1;
    const mine = started.current;
    try {
      const answer = await readOwnKey(key);
      // Another load or another key came later.
      if (mine !== started.current) return;
      setOwn(answer);
      setSecret(key);
      setProblem(undefined);
    } catch (error) {
      if (mine !== started.current) return;
      // A key that was revoked or has expired must not be shown as one that works.
      if (error instanceof RefusedError && error.status === 401) setOwn(undefined);
      setProblem(error instanceof Error ? error.message : String(error));
    }
    setRound(mine);
  };
  useAgain(() => void load(secret), own === undefined ? undefined : refreshMs, [round]);
  const forget = () => {
    started.current += 1;
    setSecret('');
    setOwn(undefined);
    setProblem(undefined);
  };
  return (
    <>
      <h1>{texts.title}</h1>
      {problem === undefined ? null : (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      {own === undefined ? (
        <KeyForm onKey={(key) => void load(key)} />
      ) : (
        <OwnKey own={own} secret={secret} onRefresh={() => void load(secret)} onForget={forget} />
      )}
      <LanguageSwitch />
    </>
  );
}

function KeyForm({ onKey }: { onKey: (key: string) => void }) {
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    // The event comes from the form below.
    onKey(String(new FormData(event.currentTarget as HTMLFormElement).get('key') ?? '').trim());
  };
  return (
    <form onSubmit={submit}>
      <p>{texts.intro}</p>
      <Field label={t.guest.key}>
        <input name="key" type="password" autocomplete="off" spellcheck={false} required />
      </Field>
      <button type="submit" class="primary">
        {texts.show}
      </button>
    </form>
  );
}

function OwnKey({
  own,
  secret,
  onRefresh,
  onForget,
}: {
  own: OwnKeyDocument;
  secret: string;
  onRefresh: () => void;
  onForget: () => void;
}) {
  const { label, expiresAt, models } = own;
  const [chosen, setChosen] = useState<string>();
  const model = chosen !== undefined && models.includes(chosen) ? chosen : firstModel(models);
  return (
    <>
      <p role="status">
        {texts.state(label)}
        {t.between}
        {expiresAt === null ? texts.noExpiry : t.guest.share.expires(exactTime(expiresAt))}
      </p>
      <div class="bar">
        <button type="button" onClick={onRefresh}>
          {texts.refresh}
        </button>
        <button type="button" onClick={onForget}>
          {texts.other}
        </button>
      </div>
      <OwnLimits own={own} />
      <OwnUsage usage={own.usage} />
      <section aria-labelledby="models">
        <h2 id="models">{texts.models}</h2>
        {models.length === 0 ? (
          <p>{t.guest.noModels}</p>
        ) : (
          <details open={models.length <= 12}>
            <summary>{texts.modelsOf(models.length)}</summary>
            <ul class="names">
              {models.map((name) => (
                <li key={name}>
                  <code>{name}</code>
                </li>
              ))}
            </ul>
          </details>
        )}
      </section>
      <TestRequest secret={secret} model={model} onDone={onRefresh} />
      <AppSettings secret={secret} models={models} model={model} onModel={setChosen} localAuthority={false} />
    </>
  );
}

const place = document.getElementById('page');
if (place !== null) render(<MePage />, place);
