/** Keys: who has one, what it may do, when it was last used; create, pause, rotate and revoke. */
import { useState } from 'preact/hooks';
import { call, type Key, type KeyWithSecret, type ListPage } from '../api/client.ts';
import { count } from '../components/format.ts';
import { Problem, Show, useLoaded } from '../components/loaded.tsx';
import { Choice, Copy, Dialog, Empty, Field, Time } from '../components/parts.tsx';
import { en } from '../i18n/en.ts';

type State = keyof typeof en.keys.states;
type Open =
  | { readonly what: 'create' }
  | { readonly what: 'revoke' | 'rotate'; readonly key: Key }
  | { readonly what: 'secret'; readonly key: KeyWithSecret };

const pageItems = 100;
const allStates = { all: en.all, ...en.keys.states };

export function KeysPage() {
  const [search, setSearch] = useState('');
  const [state, setState] = useState<State | 'all'>('all');
  const [limit, setLimit] = useState(pageItems);
  const [open, setOpen] = useState<Open>();
  const [problem, setProblem] = useState<unknown>();
  const [loaded, reload] = useLoaded(() => loadKeys(search, state, limit), [search, state, limit]);
  const change = async (key: Key, verb: 'pause' | 'resume') => {
    try {
      await call('POST', `api/v1/keys/${key.id}/${verb}`);
      setProblem(undefined);
    } catch (error) {
      setProblem(error);
    }
    reload();
  };
  const close = () => {
    setOpen(undefined);
    reload();
  };
  return (
    <>
      <div class="bar">
        <input
          type="search"
          aria-label={en.keys.search}
          placeholder={en.keys.search}
          value={search}
          onInput={(event) => setSearch(event.currentTarget.value)}
        />
        <Choice label={en.keys.state} value={state} options={allStates} onChange={setState} />
        <button type="button" class="primary" onClick={() => setOpen({ what: 'create' })}>
          {en.keys.create}
        </button>
      </div>
      {problem === undefined ? null : <Problem error={problem} />}
      <Show loaded={loaded}>
        {({ items, total }) =>
          items.length === 0 ? (
            <Empty title={en.keys.empty} hint={en.keys.emptyHint} command="flm key create laptop" />
          ) : (
            <>
              <KeyTable keys={items} onChange={(key, verb) => void change(key, verb)} onOpen={setOpen} />
              {items.length < total ? (
                <button
                  type="button"
                  onClick={() => setLimit(Math.min(limit + pageItems, 500))}
                  disabled={limit >= 500}
                >
                  {en.more(items.length, total)}
                </button>
              ) : null}
            </>
          )
        }
      </Show>
      {open?.what === 'create' ? (
        <CreateKey onMade={(key) => setOpen({ what: 'secret', key })} onClose={close} />
      ) : null}
      {open?.what === 'secret' ? <Secret made={open.key} onClose={close} /> : null}
      {open?.what === 'rotate' || open?.what === 'revoke' ? (
        <Confirm
          what={open.what}
          target={open.key}
          onMade={(key) => setOpen({ what: 'secret', key })}
          onClose={close}
        />
      ) : null}
    </>
  );
}

function loadKeys(search: string, state: State | 'all', limit: number): Promise<ListPage<Key>> {
  const query = new URLSearchParams({ limit: String(limit) });
  if (search !== '') query.set('search', search);
  if (state !== 'all') query.set('state', state);
  return call('GET', `api/v1/keys?${query}`);
}

function KeyTable({
  keys,
  onChange,
  onOpen,
}: {
  keys: readonly Key[];
  onChange: (key: Key, verb: 'pause' | 'resume') => void;
  onOpen: (open: Open) => void;
}) {
  return (
    <section class="scroll" tabIndex={0} aria-label={en.keys.title}>
      <table>
        <thead>
          <tr>
            {[
              en.keys.label,
              en.keys.prefix,
              en.keys.state,
              en.keys.models,
              en.keys.limits,
              en.keys.lastUsed,
              en.actions,
            ].map((title) => (
              <th scope="col" key={title}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {keys.map((key) => {
            const state = stateOf(key);
            const isOver = state === 'revoked' || state === 'expired';
            return (
              <tr key={key.id}>
                <th scope="row" title={key.id}>
                  {key.label}
                </th>
                <td>
                  <code>{key.prefix}…</code>
                </td>
                <td>
                  <span class={`state ${state}`}>{en.keys.states[state]}</span>
                </td>
                <td>{key.models.join(', ') || en.all}</td>
                <td>{limitsOf(key).join(', ') || en.none}</td>
                <td>
                  <Time iso={key.lastUsedAt} />
                </td>
                <td class="actions">
                  {isOver ? null : (
                    <>
                      <Act
                        verb={state === 'paused' ? en.keys.resume : en.keys.pause}
                        of={key}
                        onClick={() => onChange(key, state === 'paused' ? 'resume' : 'pause')}
                      />
                      <Act verb={en.keys.rotate} of={key} onClick={() => onOpen({ what: 'rotate', key })} />
                      <Act verb={en.keys.revoke} of={key} onClick={() => onOpen({ what: 'revoke', key })} />
                    </>
                  )}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </section>
  );
}

function Act({ verb, of, onClick }: { verb: string; of: Key; onClick: () => void }) {
  return (
    <button type="button" class="quiet" aria-label={`${verb} ${of.label}`} onClick={onClick}>
      {verb}
    </button>
  );
}

function stateOf({ revokedAt, expiresAt, pausedAt }: Key): State {
  if (revokedAt !== null) return 'revoked';
  if (expiresAt !== null && Date.parse(expiresAt) <= Date.now()) return 'expired';
  return pausedAt === null ? 'active' : 'paused';
}

function limitsOf({ limits: { requestsPerMinute, tokensPerDay, concurrency } }: Key): readonly string[] {
  return [
    ...(requestsPerMinute === null ? [] : [en.keys.perMinute(count(requestsPerMinute))]),
    ...(tokensPerDay === null ? [] : [en.keys.perDay(count(tokensPerDay))]),
    ...(concurrency === null ? [] : [en.keys.atOnce(count(concurrency))]),
  ];
}

function CreateKey({ onMade, onClose }: { onMade: (key: KeyWithSecret) => void; onClose: () => void }) {
  const [problem, setProblem] = useState<unknown>();
  const [isBusy, setBusy] = useState(false);
  // One for each form: a repeated click makes no second key.
  const [idempotencyKey] = useState(() => crypto.randomUUID());
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    setBusy(true);
    try {
      onMade(
        await call<KeyWithSecret>('POST', 'api/v1/keys', requestOf(form), {
          'idempotency-key': idempotencyKey,
        }),
      );
    } catch (error) {
      setProblem(error);
      setBusy(false);
    }
  };
  return (
    <Dialog title={en.keys.create} onClose={onClose}>
      <form onSubmit={(event) => void submit(event)}>
        <Field label={en.keys.label} hint={en.keys.labelHint}>
          <input name="label" required maxLength={100} autocomplete="off" />
        </Field>
        <Field label={en.keys.models} hint={en.keys.modelsHint}>
          <input name="models" autocomplete="off" />
        </Field>
        <div class="columns">
          {(['rpm', 'tokensPerDay', 'concurrency'] as const).map((name) => (
            <Field key={name} label={en.keys[name]}>
              <input name={name} type="number" min={1} placeholder={en.keys.unlimited} />
            </Field>
          ))}
          <Field label={en.keys.expires}>
            <input name="expires" type="date" />
          </Field>
        </div>
        {problem === undefined ? null : <Problem error={problem} />}
        <div class="buttons">
          <button type="button" onClick={onClose}>
            {en.cancel}
          </button>
          <button type="submit" class="primary" disabled={isBusy}>
            {en.keys.create}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function requestOf(form: FormData) {
  const text = (name: string): string => String(form.get(name) ?? '').trim();
  const number = (name: string): number | null => (text(name) === '' ? null : Number(text(name)));
  return {
    label: text('label'),
    models: text('models')
      .split(',')
      .map((model) => model.trim())
      .filter((model) => model !== ''),
    limits: {
      requestsPerMinute: number('rpm'),
      tokensPerDay: number('tokensPerDay'),
      concurrency: number('concurrency'),
    },
    expiresAt: text('expires') === '' ? null : new Date(`${text('expires')}T23:59:59`).toISOString(),
  };
}

function Secret({ made, onClose }: { made: KeyWithSecret; onClose: () => void }) {
  return (
    <Dialog title={en.keys.secretTitle(made.label)} onClose={onClose}>
      <p>{en.keys.secretOnce}</p>
      <p class="secret">
        <code>{made.key}</code> <Copy text={made.key} />
      </p>
      <div class="buttons">
        <button type="button" class="primary" onClick={onClose}>
          {en.keys.saved}
        </button>
      </div>
    </Dialog>
  );
}

function Confirm({
  what,
  target,
  onMade,
  onClose,
}: {
  what: 'rotate' | 'revoke';
  target: Key;
  onMade: (key: KeyWithSecret) => void;
  onClose: () => void;
}) {
  const [problem, setProblem] = useState<unknown>();
  const apply = async () => {
    try {
      if (what === 'revoke') {
        await call('POST', `api/v1/keys/${target.id}/revoke`);
        onClose();
      } else onMade(await call<KeyWithSecret>('POST', `api/v1/keys/${target.id}/rotate`, {}));
    } catch (error) {
      setProblem(error);
    }
  };
  const isRevoke = what === 'revoke';
  return (
    <Dialog
      title={isRevoke ? en.keys.revokeTitle(target.label) : en.keys.rotateTitle(target.label)}
      onClose={onClose}
    >
      <p>{isRevoke ? en.keys.revokeText : en.keys.rotateText}</p>
      <p class="note">
        {en.command} <code>{`flm key ${what} ${target.id}`}</code>
      </p>
      {problem === undefined ? null : <Problem error={problem} />}
      <div class="buttons">
        <button type="button" onClick={onClose}>
          {en.cancel}
        </button>
        <button type="button" class={isRevoke ? 'danger' : 'primary'} onClick={() => void apply()}>
          {isRevoke ? en.keys.revoke : en.keys.rotate}
        </button>
      </div>
    </Dialog>
  );
}
