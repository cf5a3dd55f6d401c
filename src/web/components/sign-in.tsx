/** What a page without a valid session shows: the command that starts one, or a field for an admin key. */
import { useState } from 'preact/hooks';
import { ApiError, signInMethod, signInWithKey } from '../api/client.ts';
import { t } from '../i18n/texts.ts';
import { LanguageSwitch } from './language.tsx';
import { Problem } from './loaded.tsx';
import { Command, Field } from './parts.tsx';

export function SignIn({ hasEnded, onSignedIn }: { hasEnded: boolean; onSignedIn: () => void }) {
  if (signInMethod === 'key') return <KeyForm hasEnded={hasEnded} onSignedIn={onSignedIn} />;
  return (
    <main class="alone">
      <h1>{t.ended.title}</h1>
      <p>{t.ended.hint}</p>
      <Command text="flm ui" />
      <LanguageSwitch />
    </main>
  );
}

function KeyForm({ hasEnded, onSignedIn }: { hasEnded: boolean; onSignedIn: () => void }) {
  const [problem, setProblem] = useState<unknown>(hasEnded ? new Error(t.signIn.ended) : undefined);
  const submit = async (form: HTMLFormElement) => {
    const key = String(new FormData(form).get('key') ?? '').trim();
    try {
      await signInWithKey(key);
      onSignedIn();
    } catch (error) {
      // Without the scope the API does not say that it exists.
      setProblem(error instanceof ApiError && error.status === 404 ? new Error(t.signIn.noScope) : error);
    }
  };
  return (
    <main class="alone">
      <h1>{t.signIn.title}</h1>
      <p>{t.signIn.hint}</p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void submit(event.currentTarget);
        }}
      >
        <Field label={t.signIn.key}>
          <input name="key" type="password" autocomplete="off" spellcheck={false} required />
        </Field>
        {problem === undefined ? null : <Problem error={problem} />}
        <button type="submit" class="primary">
          {t.signIn.button}
        </button>
      </form>
      <p>{t.signIn.make}</p>
      <Command text={t.signIn.command} />
      <LanguageSwitch />
    </main>
  );
}
