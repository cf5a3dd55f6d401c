/** Dialogs of engines: what runs on the machine of flm, the test of an engine, and its removal. */
import { useEffect, useState } from 'preact/hooks';
import type { ExaminedDocument } from '../../../core/engine/engine-document.ts';
import { call } from '../../api/client.ts';
import { t } from '../../i18n/texts.ts';
import { milliseconds } from '../format.ts';
import { Problem, Show, useLoaded } from '../loaded.tsx';
import { Command, Dialog, FlmText } from '../parts.tsx';
import { wordFor } from './engine-list.tsx';

const texts = t.engines;

interface Found {
  readonly engines: readonly ExaminedDocument[];
  readonly installed: readonly { readonly title: string; readonly startWith: string }[];
  readonly locked: readonly { readonly url: string; readonly detail: string }[];
}

export function FindEngines({ onAdd, onClose }: { onAdd: (url: string) => void; onClose: () => void }) {
  const [found, setFound] = useState<Found>();
  const [problem, setProblem] = useState<unknown>();
  useEffect(() => {
    call<Found>('POST', 'api/v1/engines/detect').then(setFound, setProblem);
  }, []);
  return (
    <Dialog title={texts.foundTitle} onClose={onClose}>
      {problem === undefined ? null : <Problem error={problem} />}
      {found === undefined && problem === undefined ? <p role="status">{texts.looking}</p> : null}
      {found === undefined ? null : <FoundLists found={found} onAdd={onAdd} />}
      <p class="note">{t.command}</p>
      <Command text="flm engine detect" />
      <CloseButton onClose={onClose} />
    </Dialog>
  );
}

function FoundLists({ found, onAdd }: { found: Found; onAdd: (url: string) => void }) {
  const { engines, installed, locked } = found;
  return (
    <>
      {engines.length + installed.length + locked.length === 0 ? <p>{texts.foundNone}</p> : null}
      <ul class="found">
        {engines.map(({ id, url, product }) => (
          <li key={id}>
            <strong>{product}</strong> {url}{' '}
            <button type="button" onClick={() => onAdd(url)}>
              {texts.add}
            </button>
          </li>
        ))}
        {locked.map(({ url }) => (
          <li key={url}>
            <strong>{texts.locked}</strong> {url}{' '}
            <button type="button" onClick={() => onAdd(url)}>
              {texts.add}
            </button>
          </li>
        ))}
      </ul>
      {installed.length === 0 ? null : <h3>{texts.installed}</h3>}
      <ul class="found">
        {installed.map(({ title, startWith }) => (
          <li key={title}>
            <strong>{title}</strong> {texts.startWith} <code class="breakable">{startWith}</code>
          </li>
        ))}
      </ul>
    </>
  );
}

export function TestEngine({ id, onClose }: { id: string; onClose: () => void }) {
  const [loaded] = useLoaded(
    () => call<ExaminedDocument>('POST', `api/v1/engines/${encodeURIComponent(id)}/test`, {}),
    [id],
  );
  return (
    <Dialog title={texts.testTitle(id)} onClose={onClose}>
      {loaded.state === 'loading' ? <p role="status">{texts.testing}</p> : null}
      {loaded.state === 'loading' ? null : (
        <Show loaded={loaded}>{(examined) => <Examined examined={examined} />}</Show>
      )}
      <p class="note">{t.command}</p>
      <Command text={`flm engine test ${id}`} />
      <CloseButton onClose={onClose} />
    </Dialog>
  );
}

export function Examined({ examined }: { examined: ExaminedDocument }) {
  const { state, note, product, version, latencyMs, models, serves, slots } = examined;
  const facts: readonly (readonly [string, string | undefined])[] = [
    [texts.product, [product, version ?? ''].join(' ').trim()],
    [texts.columns.atOnce, slots?.toString()],
    [texts.models, models.map((model) => model.id).join(', ') || t.none],
    [texts.serves, serves.join(', ') || undefined],
  ];
  return (
    <dl class="facts">
      <dt>{texts.state}</dt>
      <dd>
        <span class={`state ${state}`}>{wordFor(texts.states, state)}</span>{' '}
        {note === undefined ? null : <FlmText text={note} />}{' '}
        {latencyMs === undefined ? '' : texts.latency(milliseconds(latencyMs))}
      </dd>
      {facts.map(([name, value]) =>
        value === undefined ? null : (
          <>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </>
        ),
      )}
    </dl>
  );
}

export function RemoveEngine({
  id,
  onDone,
  onClose,
}: {
  id: string;
  onDone: () => void;
  onClose: () => void;
}) {
  return (
    <Confirm
      title={texts.removeTitle(id)}
      text={texts.removeText}
      command={`flm engine remove ${id}`}
      verb={texts.remove}
      act={() => call('DELETE', `api/v1/engines/${encodeURIComponent(id)}`)}
      onDone={onDone}
      onClose={onClose}
    />
  );
}

/** Names an action and its effect, and does it at the second click. */
export function Confirm({
  title,
  text,
  command,
  verb,
  act,
  onDone,
  onClose,
}: {
  title: string;
  text: string;
  command: string;
  verb: string;
  act: () => Promise<unknown>;
  onDone: () => void;
  onClose: () => void;
}) {
  const [problem, setProblem] = useState<unknown>();
  const confirm = async () => {
    try {
      await act();
      onDone();
    } catch (error) {
      setProblem(error);
    }
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <p>{text}</p>
      <p class="note">{t.command}</p>
      <Command text={command} />
      {problem === undefined ? null : <Problem error={problem} />}
      <div class="buttons">
        <button type="button" onClick={onClose}>
          {t.cancel}
        </button>
        <button type="button" class="danger" onClick={() => void confirm()}>
          {verb}
        </button>
      </div>
    </Dialog>
  );
}

export function CloseButton({ onClose }: { onClose: () => void }) {
  return (
    <div class="buttons">
      <button type="button" class="primary" onClick={onClose}>
        {texts.close}
      </button>
    </div>
  );
}
