/** What a page without a valid session shows: the command that starts one, or a field for an admin key. */
import { useState } from 'preact/hooks';
import { ApiError, signInMethod, signInWithKey } from '../api/client.ts';
import { en } from '../i18n/en.ts';
import { Problem } from './loaded.tsx';
import { Command, Field } from './parts.tsx';

export function SignIn({ hasEnded, onSignedIn }: { hasEnded: boolean; onSignedIn: () => void }) {
  if (signInMethod === 'key') return <KeyForm hasEnded={hasEnded} onSignedIn={onSignedIn} />;
  return (
    <main class="alone">
      <h1>{en.ended.title}</h1>
      <p>{en.ended.hint}</p>
      <Command text="flm ui" />
    </main>
  );
}

function KeyForm({ hasEnded, onSignedIn }: { hasEnded: boolean; onSignedIn: () => void }) {
  const [problem, setProblem] = useState<unknown>(hasEnded ? new Error(en.signIn.ended) : undefined);
  const submit = async (form: HTMLFormElement) => {
    const key = String(new FormData(form).get('key') ?? '').trim();
    try {
      await signInWithKey(key);
      onSignedIn();
    } catch (error) {
      // Without the scope the API does not say that it exists.
      setProblem(error instanceof ApiError && error.status === 404 ? new Error(en.signIn.noScope) : error);
    }
  };
  return (
    <main class="alone">
      <h1>{en.signIn.title}</h1>
      <p>{en.signIn.hint}</p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void submit(event.currentTarget);
        }}
      >
        <Field label={en.signIn.key}>
          <input name="key" type="password" autocomplete="off" spellcheck={false} required />
        </Field>
        {problem === undefined ? null : <Problem error={problem} />}
        <button type="submit" class="primary">
          {en.signIn.button}
        </button>
      </form>
      <p>{en.signIn.make}</p>
      <Command text={en.signIn.command} />
    </main>
  );
}
