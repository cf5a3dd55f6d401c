/** The form of an engine: a new one, or the settings of a saved one. Saving probes the address first. */
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { ExaminedDocument, SavedEngineDocument } from '../../../core/engine/engine-document.ts';
import type { EngineKindName } from '../../../core/engine/kinds.ts';
import { call, readVersioned, type Versioned } from '../../api/client.ts';
import { t } from '../../i18n/texts.ts';
import { Problem } from '../loaded.tsx';
import { Command, Dialog, Field } from '../parts.tsx';
import { CloseButton, Examined } from './engine-dialogs.tsx';

type Saved = SavedEngineDocument & { readonly examined: ExaminedDocument };

const texts = t.engines;
/** Complete by its type: pages import no values from the domain. */
const kinds: Readonly<Record<Exclude<EngineKindName, 'demo'>, true>> = {
  ollama: true,
  lmstudio: true,
  vllm: true,
  llamacpp: true,
  sglang: true,
  'docker-model-runner': true,
  lemonade: true,
  localai: true,
  koboldcpp: true,
  tabbyapi: true,
  fastflowlm: true,
  'mlx-lm': true,
  jan: true,
  'llama-swap': true,
  'openai-compatible': true,
};

export function AddEngine({ url = '', onDone }: { url?: string; onDone: () => void }) {
  const [idempotencyKey] = useState(() => crypto.randomUUID());
  const add = (fields: Fields): Promise<Saved> => {
    const { url: address, id, kind, slots, key } = fields;
    const body = {
      url: address,
      ...(id === '' ? {} : { id }),
      ...(kind === '' ? {} : { kind }),
      ...(slots === '' ? {} : { slots: Number(slots) }),
      ...(key === '' ? {} : { apiKey: { from: 'value', value: key } }),
    };
    return call('POST', 'api/v1/engines', body, { 'idempotency-key': idempotencyKey });
  };
  return (
    <EngineForm title={texts.addTitle} command={commandOf} save={add} onDone={onDone}>
      <Field label={texts.url} hint={texts.urlHint}>
        <input name="url" required maxLength={512} defaultValue={url} spellcheck={false} />
      </Field>
      <Field label={texts.id} hint={texts.idHint}>
        <input name="id" maxLength={32} pattern="[a-z0-9][a-z0-9\-]*" spellcheck={false} />
      </Field>
      <KindAndSlots kind={null} slots={null} />
      <Field label={texts.key} hint={texts.keyHint}>
        <input name="key" type="password" autoComplete="off" />
      </Field>
    </EngineForm>
  );
}

/** Reads the engine first: a change needs its version. */
export function ChangeEngine({ id, onDone }: { id: string; onDone: () => void }) {
  const [read, setRead] = useState<Versioned<SavedEngineDocument>>();
  const [problem, setProblem] = useState<unknown>();
  const path = `api/v1/engines/${encodeURIComponent(id)}`;
  useEffect(() => {
    readVersioned<SavedEngineDocument>(path).then(setRead, setProblem);
  }, [path]);
  if (problem !== undefined) return <Problem error={problem} />;
  if (read === undefined) return null;
  const { document: engine, etag } = read;
  const { apiKey } = engine;
  const isBound = apiKey !== null && apiKey.from !== 'value';
  const change = ({ url, kind, slots, key }: Fields): Promise<Saved> => {
    const changes = {
      ...(isBound || url === engine.url ? {} : { url }),
      kind: kind === '' ? null : kind,
      slots: slots === '' ? null : Number(slots),
      ...(key === '' ? {} : { apiKey: { from: 'value', value: key } }),
    };
    return call('PATCH', path, changes, { 'if-match': etag });
  };
  return (
    <EngineForm
      title={texts.changeTitle(id)}
      command={(fields) => changeCommand(engine, fields)}
      save={change}
      onDone={onDone}
    >
      {apiKey !== null && apiKey.from !== 'value' ? (
        <>
          <p>{apiKey.from === 'env' ? texts.bound.env(apiKey.name) : texts.bound.file(apiKey.path)}</p>
          <Command text={`flm engine set ${id} --url URL`} />
        </>
      ) : null}
      <Field label={texts.url} hint={texts.urlHint}>
        <input
          name="url"
          required
          maxLength={512}
          defaultValue={engine.url}
          readOnly={isBound}
          spellcheck={false}
        />
      </Field>
      <KindAndSlots kind={engine.kind} slots={engine.slots} />
      {isBound ? null : (
        <Field label={texts.key} hint={apiKey === null ? texts.keyHint : texts.newKeyHint}>
          <input name="key" type="password" autoComplete="off" />
        </Field>
      )}
    </EngineForm>
  );
}

interface Fields {
  readonly url: string;
  readonly id: string;
  readonly kind: string;
  readonly slots: string;
  readonly key: string;
}

function KindAndSlots({ kind, slots }: { kind: string | null; slots: number | null }) {
  return (
    <div class="columns">
      <Field label={texts.kind}>
        <select name="kind" defaultValue={kind ?? ''}>
          <option value="">{texts.anyKind}</option>
          {Object.keys(kinds).map((name) => (
            <option key={name} value={name} selected={name === kind}>
              {name}
            </option>
          ))}
        </select>
      </Field>
      <Field label={texts.slots}>
        <input
          name="slots"
          type="number"
          min={1}
          max={10_000}
          placeholder={texts.unlimited}
          defaultValue={slots?.toString() ?? ''}
        />
      </Field>
    </div>
  );
}

function EngineForm({
  title,
  command,
  save,
  onDone,
  children,
}: {
  title: string;
  command: (fields: Fields) => string;
  save: (fields: Fields) => Promise<Saved>;
  onDone: () => void;
  children: ComponentChildren;
}) {
  const [problem, setProblem] = useState<unknown>();
  const [isBusy, setBusy] = useState(false);
  const [shown, setShown] = useState('');
  const [saved, setSaved] = useState<Saved>();
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    setBusy(true);
    setProblem(undefined);
    try {
      setSaved(await save(fieldsOf(event.currentTarget as HTMLFormElement)));
    } catch (error) {
      setProblem(error);
    }
    setBusy(false);
  };
  if (saved !== undefined)
    return (
      <Dialog title={texts.testTitle(saved.id)} onClose={onDone}>
        <Examined examined={saved.examined} />
        <CloseButton onClose={onDone} />
      </Dialog>
    );
  return (
    <Dialog title={title} onClose={onDone}>
      <form
        onSubmit={(event) => void submit(event)}
        onInput={(event) => setShown(command(fieldsOf(event.currentTarget)))}
      >
        {children}
        <p class="note">{texts.localHint}</p>
        {shown === '' ? null : (
          <>
            <p class="note">{t.command}</p>
            <Command text={shown} />
          </>
        )}
        {problem === undefined ? null : <Problem error={problem} />}
        {isBusy ? <p role="status">{texts.testing}</p> : null}
        <div class="buttons">
          <button type="button" onClick={onDone}>
            {t.cancel}
          </button>
          <button type="submit" class="primary" disabled={isBusy}>
            {texts.save}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function fieldsOf(form: HTMLFormElement): Fields {
  const data = new FormData(form);
  const text = (name: string): string => String(data.get(name) ?? '').trim();
  return { url: text('url'), id: text('id'), kind: text('kind'), slots: text('slots'), key: text('key') };
}

/** The key is read from standard input: it never stands in a command. */
function commandOf({ url, id, kind, slots, key }: Fields): string {
  const flags = [
    id === '' ? '' : ` --id ${id}`,
    kind === '' ? '' : ` --kind ${kind}`,
    slots === '' ? '' : ` --slots ${slots}`,
    key === '' ? '' : ' --key-stdin',
  ];
  return `flm engine add ${quoted(url)}${flags.join('')}`;
}

function changeCommand(engine: SavedEngineDocument, { url, kind, slots, key }: Fields): string {
  const given = [
    url === engine.url ? '' : ` --url ${quoted(url)}`,
    kind === '' || kind === engine.kind ? '' : ` --kind ${kind}`,
    slots === '' || Number(slots) === engine.slots ? '' : ` --slots ${slots}`,
    key === '' ? '' : ' --key-stdin',
    kind === '' && engine.kind !== null ? ' --clear kind' : '',
    slots === '' && engine.slots !== null ? ' --clear slots' : '',
  ].join('');
  return given === '' ? '' : `flm engine set ${engine.id}${given}`;
}

function quoted(text: string): string {
  return /^[\w.:/@[\]-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
