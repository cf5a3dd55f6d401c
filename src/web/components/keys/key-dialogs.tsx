/** Dialogs of the page *Keys*: a new secret, a rotation, and pausing or revoking one key or several. */
import { useState } from 'preact/hooks';
import { call, type Key, type KeyWithSecret } from '../../api/client.ts';
import { t } from '../../i18n/texts.ts';
import { Problem } from '../loaded.tsx';
import { Choice, Command, Copy, Dialog, Field } from '../parts.tsx';
import { type KeyVerb, rotateCommand, verbCommand } from './key-commands.ts';

export function Secret({ made, onClose }: { made: KeyWithSecret; onClose: () => void }) {
  return (
    <Dialog title={t.keys.secretTitle(made.label)} onClose={onClose}>
      <p>{t.keys.secretOnce}</p>
      <p class="secret">
        <code>{made.key}</code> <Copy text={made.key} />
      </p>
      <div class="buttons">
        <button type="button" class="primary" onClick={onClose}>
          {t.keys.saved}
        </button>
      </div>
    </Dialog>
  );
}

const overlaps = { '0': 0, '1h': 3_600, '1d': 86_400, '7d': 604_800 } as const;
type Overlap = keyof typeof t.keys.overlaps;

export function RotateKey({
  target,
  onMade,
  onClose,
}: {
  target: Key;
  onMade: (key: KeyWithSecret) => void;
  onClose: () => void;
}) {
  const [problem, setProblem] = useState<unknown>();
  const [overlap, setOverlap] = useState<Overlap>('0');
  const [isBusy, setBusy] = useState(false);
  const [idempotencyKey] = useState(() => crypto.randomUUID());
  const overlapSeconds = overlaps[overlap];
  const rotate = async () => {
    setBusy(true);
    try {
      const headers = { 'idempotency-key': idempotencyKey };
      onMade(
        await call<KeyWithSecret>('POST', `api/v1/keys/${target.id}/rotate`, { overlapSeconds }, headers),
      );
    } catch (error) {
      setProblem(error);
      setBusy(false);
    }
  };
  return (
    <Dialog title={t.keys.rotateTitle(target.label)} onClose={onClose}>
      <p>{t.keys.rotateText}</p>
      <Choice label={t.keys.overlap} value={overlap} options={t.keys.overlaps} onChange={setOverlap} />
      <p class="note">{t.command}</p>
      <Command text={rotateCommand(target, overlapSeconds)} />
      {problem === undefined ? null : <Problem error={problem} />}
      <div class="buttons">
        <button type="button" onClick={onClose}>
          {t.cancel}
        </button>
        <button type="button" class="primary" disabled={isBusy} onClick={() => void rotate()}>
          {t.keys.rotate}
        </button>
      </div>
    </Dialog>
  );
}

/** More than one key needs a typed confirmation. What failed is listed, and the other keys are done. */
export function ChangeStates({
  verb,
  keys,
  onDone,
  onClose,
}: {
  verb: KeyVerb;
  keys: readonly Key[];
  onDone: () => void;
  onClose: () => void;
}) {
  const [typed, setTyped] = useState('');
  const [done, setDone] = useState<number>();
  const [failures, setFailures] = useState<readonly string[]>([]);
  const [only] = keys;
  const name = keys.length === 1 && only !== undefined ? only.label : t.keys.number(keys.length);
  const isConfirmed = keys.length === 1 || typed.trim() === name;
  const apply = async () => {
    const failed: string[] = [];
    for (const [i, key] of keys.entries()) {
      setDone(i);
      try {
        await call('POST', `api/v1/keys/${key.id}/${verb}`);
      } catch (error) {
        failed.push(t.keys.failed(key.label, error instanceof Error ? error.message : String(error)));
      }
    }
    if (failed.length === 0) return onDone();
    setDone(undefined);
    setFailures(failed);
  };
  return (
    <Dialog title={t.keys.verbTitle[verb](name)} onClose={onClose}>
      <p>{t.keys.verbText[verb]}</p>
      {keys.length === 1 ? null : (
        <>
          <ul class="names" aria-label={t.keys.title}>
            {keys.map((key) => (
              <li key={key.id}>{key.label}</li>
            ))}
          </ul>
          <Field label={t.keys.typeToConfirm(name)}>
            <input
              autocomplete="off"
              value={typed}
              onInput={(event) => setTyped(event.currentTarget.value)}
            />
          </Field>
        </>
      )}
      <p class="note">{t.command}</p>
      <Command text={verbCommand(verb, keys)} />
      {failures.length === 0 ? null : <Problem error={new Error(failures.join('\n'))} />}
      {done === undefined ? null : <p role="status">{t.keys.progress(done, keys.length)}</p>}
      <div class="buttons">
        <button type="button" onClick={onClose}>
          {t.cancel}
        </button>
        <button
          type="button"
          class={verb === 'revoke' ? 'danger' : 'primary'}
          disabled={!isConfirmed || done !== undefined}
          onClick={() => void apply()}
        >
          {t.keys[verb]}
        </button>
      </div>
    </Dialog>
  );
}
