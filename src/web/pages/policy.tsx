/** Policy: the rules for all keys and addresses, edited as a whole. */
import { useState } from 'preact/hooks';
import { ApiError, call, mayChange, type Policy } from '../api/client.ts';
import { Problem, Show, useLoaded } from '../components/loaded.tsx';
import { Dialog, Field } from '../components/parts.tsx';
import { ForAdmin } from '../components/scope.tsx';
import { t } from '../i18n/texts.ts';

const lists = ['allowIps', 'denyIps', 'trustedProxies', 'allowOrigins'] as const;
const rates = ['requestsPerMinute', 'requestsPerMinutePerKey', 'requestsPerMinutePerAddress'] as const;

export function PolicyPage() {
  const [loaded, reload] = useLoaded(() => call<Policy>('GET', 'api/v1/policy'), []);
  return (
    <Show loaded={loaded}>
      {(policy) => <PolicyForm key={JSON.stringify(policy)} policy={policy} onSaved={reload} />}
    </Show>
  );
}

function PolicyForm({ policy, onSaved }: { policy: Policy; onSaved: () => void }) {
  const [problem, setProblem] = useState<unknown>();
  const [isSaved, setSaved] = useState(false);
  const [doubtful, setDoubtful] = useState<Policy>();
  const save = async (changed: Policy, confirmed: boolean) => {
    try {
      await call('PUT', `api/v1/policy?confirm=${confirmed}`, changed);
      setDoubtful(undefined);
      setProblem(undefined);
      setSaved(true);
      onSaved();
    } catch (error) {
      setSaved(false);
      setProblem(error);
      setDoubtful(
        error instanceof ApiError && error.code === 'POLICY_NEEDS_CONFIRMATION' ? changed : undefined,
      );
    }
  };
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    void save(policyOf(new FormData(event.currentTarget as HTMLFormElement)), false);
  };
  return (
    <form class="wide" onSubmit={submit}>
      <p>{t.policy.intro}</p>
      {lists.map((name) => (
        <Field key={name} label={t.policy.fields[name]}>
          <textarea name={name} rows={3} spellcheck={false} readOnly={!mayChange()}>
            {policy[name].join('\n')}
          </textarea>
        </Field>
      ))}
      <div class="columns">
        {rates.map((name) => (
          <Field key={name} label={t.policy.fields[name]}>
            <input
              name={name}
              type="number"
              min={1}
              readOnly={!mayChange()}
              placeholder={t.keys.unlimited}
              defaultValue={policy[name]?.toString() ?? ''}
            />
          </Field>
        ))}
      </div>
      {problem !== undefined && doubtful === undefined ? <Problem error={problem} /> : null}
      {isSaved ? <p role="status">{t.policy.saved}</p> : null}
      <ForAdmin>
        <button type="submit" class="primary">
          {t.save}
        </button>
      </ForAdmin>
      {doubtful === undefined ? null : (
        <Dialog title={t.policy.confirmTitle} onClose={() => setDoubtful(undefined)}>
          <Problem error={problem} />
          <div class="buttons">
            <button type="button" onClick={() => setDoubtful(undefined)}>
              {t.cancel}
            </button>
            <button type="button" class="danger" onClick={() => void save(doubtful, true)}>
              {t.policy.confirm}
            </button>
          </div>
        </Dialog>
      )}
    </form>
  );
}

function policyOf(form: FormData): Policy {
  const text = (name: string): string => String(form.get(name) ?? '').trim();
  const list = (name: string): string[] =>
    text(name)
      .split(/\s+/)
      .filter((line) => line !== '');
  const rate = (name: string): number | null => (text(name) === '' ? null : Number(text(name)));
  return {
    allowIps: list('allowIps'),
    denyIps: list('denyIps'),
    trustedProxies: list('trustedProxies'),
    allowOrigins: list('allowOrigins'),
    requestsPerMinute: rate('requestsPerMinute'),
    requestsPerMinutePerKey: rate('requestsPerMinutePerKey'),
    requestsPerMinutePerAddress: rate('requestsPerMinutePerAddress'),
  };
}
