/** The form of a key: creates one, or changes one unless somebody else changed it meanwhile. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { call, type Key, type KeyWithSecret, type Versioned } from '../../api/client.ts';
import { t } from '../../i18n/texts.ts';
import { Problem } from '../loaded.tsx';
import { Command, Dialog, Field } from '../parts.tsx';
import { changeCommand, createCommand } from './key-commands.ts';
import {
  dayOf,
  documentOf,
  emptyFields,
  fieldsOf,
  fieldsOfForm,
  type KeyFields,
  limitNames,
  listNames,
} from './key-fields.ts';

export function CreateKey({
  onMade,
  onClose,
}: {
  onMade: (key: KeyWithSecret) => void;
  onClose: () => void;
}) {
  // One for each form: a repeated click makes no second key.
  const [idempotencyKey] = useState(() => crypto.randomUUID());
  const create = async (fields: KeyFields) =>
    onMade(
      await call<KeyWithSecret>('POST', 'api/v1/keys', documentOf(fields), {
        'idempotency-key': idempotencyKey,
      }),
    );
  return (
    <KeyForm
      title={t.keys.create}
      button={t.keys.create}
      before={emptyFields}
      commandOf={createCommand}
      onSubmit={create}
      onClose={onClose}
    />
  );
}

export function ChangeKey({
  read: { document: key, etag },
  onChanged,
  onClose,
}: {
  read: Versioned<Key>;
  onChanged: () => void;
  onClose: () => void;
}) {
  const before = fieldsOf(key);
  const change = async (fields: KeyFields) => {
    await call('PATCH', `api/v1/keys/${key.id}`, documentOf(fields), { 'if-match': etag });
    onChanged();
  };
  return (
    <KeyForm
      title={t.keys.changeTitle(key.label)}
      button={t.save}
      before={before}
      commandOf={(fields) => changeCommand(key, fields, before)}
      onSubmit={change}
      onClose={onClose}
    />
  );
}

export function KeyForm({
  title,
  button,
  before,
  commandOf,
  onSubmit,
  onClose,
  children,
}: {
  title: string;
  button: string;
  before: KeyFields;
  commandOf: (fields: KeyFields) => string;
  onSubmit: (fields: KeyFields) => Promise<void>;
  onClose: () => void;
  /** Further fields. */
  children?: ComponentChildren;
}) {
  const [problem, setProblem] = useState<unknown>();
  const [isBusy, setBusy] = useState(false);
  const [typed, setTyped] = useState(before);
  const fieldsIn = (form: HTMLFormElement): KeyFields => fieldsOfForm(new FormData(form), before);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    setBusy(true);
    try {
      // A submit event of this form comes from this form.
      await onSubmit(fieldsIn(event.currentTarget as HTMLFormElement));
    } catch (error) {
      setProblem(error);
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        onSubmit={(event) => void submit(event)}
        onInput={(event) => setTyped(fieldsIn(event.currentTarget))}
      >
        <div class="columns">
          <Field label={t.keys.label} hint={t.keys.labelHint}>
            <input name="label" required maxLength={100} autocomplete="off" defaultValue={before.label} />
          </Field>
          <Field label={t.keys.owner} hint={t.keys.ownerHint}>
            <input name="owner" maxLength={200} autocomplete="off" defaultValue={before.owner} />
          </Field>
        </div>
        <Field label={t.keys.models} hint={t.keys.modelsHint}>
          <input name="models" autocomplete="off" defaultValue={before.models.join(', ')} />
        </Field>
        <div class="columns">
          {limitNames.map((name) => (
            <Field key={name} label={t.keys.limitNames[name]}>
              <input
                name={name}
                type="number"
                min={1}
                placeholder={t.keys.unlimited}
                defaultValue={before[name] ?? ''}
              />
            </Field>
          ))}
          <Field label={t.keys.expires}>
            <input name="expires" type="date" defaultValue={dayOf(before.expiresAt)} />
          </Field>
        </div>
        <Field label={t.keys.note} hint={t.keys.noteHint}>
          <textarea name="note" rows={2} maxLength={2000} defaultValue={before.note} />
        </Field>
        <details>
          <summary>{t.keys.furtherRules}</summary>
          <fieldset>
            <legend>{t.keys.scopes}</legend>
            {scopeNames(before).map((scope) => (
              <label key={scope} class="check">
                <input
                  type="checkbox"
                  name="scope"
                  value={scope}
                  defaultChecked={before.scopes.includes(scope)}
                />
                <span>
                  <code>{scope}</code> {t.keys.scopeTexts[scope] ?? ''}
                </span>
              </label>
            ))}
          </fieldset>
          {listNames.map((name) => (
            <Field key={name} label={t.keys.listNames[name]} hint={t.keys.listHints[name]}>
              <input name={name} autocomplete="off" defaultValue={before[name].join(', ')} />
            </Field>
          ))}
        </details>
        {children}
        <p class="note">{t.command}</p>
        <Command text={commandOf(typed)} />
        {problem === undefined ? null : <Problem error={problem} />}
        <div class="buttons">
          <button type="button" onClick={onClose}>
            {t.cancel}
          </button>
          <button type="submit" class="primary" disabled={isBusy}>
            {button}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** A scope of a later flm stays as it is. */
function scopeNames({ scopes }: KeyFields): readonly string[] {
  return [...new Set([...Object.keys(t.keys.scopeTexts), ...scopes])];
}
