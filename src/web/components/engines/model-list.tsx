/** The models as clients see them, with their further names. The server searches and makes the pages. */
import { useState } from 'preact/hooks';
import type { ModelDocument } from '../../../core/engine/model-document.ts';
import { call, type ListPage } from '../../api/client.ts';
import { t } from '../../i18n/texts.ts';
import { number } from '../format.ts';
import { Problem, Show, useLive } from '../loaded.tsx';
import { Command, Dialog, Empty, Field } from '../parts.tsx';
import { ForAdmin } from '../scope.tsx';
import { TableFrame, TableHead } from '../table-frame.tsx';
import { Confirm } from './engine-dialogs.tsx';

const texts = t.engines;
const firstCount = 50;
const mostCount = 500;
const everyMs = 10_000;

export function ModelList({ engines }: { engines: string }) {
  const [search, setSearch] = useState('');
  const [limit, setLimit] = useState(firstCount);
  const [open, setOpen] = useState<ModelDocument>();
  const [loaded, reload] = useLive(() => loadModels(search, limit), everyMs, [search, limit, engines]);
  const close = () => {
    setOpen(undefined);
    reload();
  };
  return (
    <>
      <div class="bar">
        <h2>{texts.models}</h2>
        <input
          type="search"
          aria-label={texts.search}
          placeholder={texts.search}
          value={search}
          onInput={(event) => setSearch(event.currentTarget.value)}
        />
      </div>
      <Show loaded={loaded}>
        {({ items, total }) =>
          items.length === 0 ? (
            <NoModels isSearch={search !== ''} />
          ) : (
            <>
              <Models models={items} onOpen={setOpen} />
              {items.length < total && limit < mostCount ? (
                <button type="button" onClick={() => setLimit(Math.min(mostCount, limit * 2))}>
                  {t.more(items.length, total)}
                </button>
              ) : null}
            </>
          )
        }
      </Show>
      {open === undefined ? null : open.aliasOf === null ? (
        <NewAlias model={open.id} onDone={close} />
      ) : (
        <RemoveAlias name={open.id} model={open.aliasOf} onDone={close} />
      )}
    </>
  );
}

function loadModels(search: string, limit: number): Promise<ListPage<ModelDocument>> {
  const query = new URLSearchParams({ limit: String(limit) });
  if (search !== '') query.set('search', search);
  return call('GET', `api/v1/models?${query}`);
}

function NoModels({ isSearch }: { isSearch: boolean }) {
  if (isSearch) return <p>{texts.noModelMatches}</p>;
  return <Empty title={texts.noModels} hint={texts.noModelsHint} command="flm engine detect" />;
}

function Models({
  models,
  onOpen,
}: {
  models: readonly ModelDocument[];
  onOpen: (model: ModelDocument) => void;
}) {
  return (
    <TableFrame label={texts.models}>
      <table>
        <TableHead titles={Object.values(texts.modelColumns)} numbers={[texts.modelColumns.context]} />
        <tbody>
          {models.map((model) => (
            <tr key={model.id}>
              <th scope="row" class="model">
                {model.id}
              </th>
              <td>{model.owner ?? texts.unknown}</td>
              <td class="number">
                {model.contextLength === null ? texts.unknown : texts.context(number(model.contextLength))}
              </td>
              <td>{model.loaded === null ? texts.unknown : model.loaded ? texts.yes : texts.no}</td>
              <td>{notesOf(model)}</td>
              <td class="actions">
                <ForAdmin>
                  <button type="button" class="quiet" onClick={() => onOpen(model)}>
                    {model.aliasOf === null ? texts.alias : texts.unalias}
                  </button>
                </ForAdmin>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableFrame>
  );
}

function notesOf({ aliasOf, available, remote, engines }: ModelDocument): string {
  return [
    aliasOf === null ? '' : texts.aliasOf(aliasOf),
    available ? '' : texts.unavailable,
    remote ? texts.remote : '',
    engines.length > 1 ? texts.alsoOn(engines.slice(1).join(', ')) : '',
  ]
    .filter((note) => note !== '')
    .join(t.semicolon);
}

function NewAlias({ model, onDone }: { model: string; onDone: () => void }) {
  const [name, setName] = useState('');
  const [problem, setProblem] = useState<unknown>();
  const save = async (event: SubmitEvent) => {
    event.preventDefault();
    try {
      await call('PUT', `api/v1/aliases/${encodeURIComponent(name.trim())}`, { target: model });
      onDone();
    } catch (error) {
      setProblem(error);
    }
  };
  return (
    <Dialog title={texts.aliasTitle(model)} onClose={onDone}>
      <form onSubmit={(event) => void save(event)}>
        <Field label={texts.aliasName} hint={texts.aliasHint}>
          <input
            required
            maxLength={256}
            spellcheck={false}
            value={name}
            onInput={(event) => setName(event.currentTarget.value)}
          />
        </Field>
        <p class="note">{t.command}</p>
        <Command text={`flm model alias ${quoted(name.trim() || 'NAME')} ${quoted(model)}`} />
        {problem === undefined ? null : <Problem error={problem} />}
        <div class="buttons">
          <button type="button" onClick={onDone}>
            {t.cancel}
          </button>
          <button type="submit" class="primary">
            {texts.save}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function RemoveAlias({ name, model, onDone }: { name: string; model: string; onDone: () => void }) {
  return (
    <Confirm
      title={texts.unaliasTitle(name)}
      text={texts.unaliasText(model)}
      command={`flm model unalias ${quoted(name)}`}
      verb={texts.unalias}
      act={() => call('DELETE', `api/v1/aliases/${encodeURIComponent(name)}`)}
      onDone={onDone}
      onClose={onDone}
    />
  );
}

function quoted(text: string): string {
  return /^[\w.:/@-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
