/** Keys: who has one, what it may do, when it was last used; the view of one key; and everything that can be done with keys. */
import { useState } from 'preact/hooks';
import { call, type Key, type ListPage, send } from '../api/client.ts';
import { usePlace } from '../components/address.ts';
import { ActionDialog, type Open, opened } from '../components/keys/key-action.tsx';
import { KeyDetail } from '../components/keys/key-detail.tsx';
import { KeyTable, type Order } from '../components/keys/key-table.tsx';
import { Show, useLive } from '../components/loaded.tsx';
import { Choice, Empty } from '../components/parts.tsx';
import { saveCsvFile } from '../components/save-file.ts';
import { ForAdmin } from '../components/scope.tsx';
import { t } from '../i18n/texts.ts';

type StateChoice = 'all' | keyof typeof t.keys.states;

const pageItems = 50;
const everyMs = 10_000;

export function KeysPage() {
  const id = usePlace();
  return id === undefined ? <KeyList /> : <KeyDetail key={id} id={id} />;
}

function KeyList() {
  const [search, setSearch] = useState('');
  const [state, setState] = useState<StateChoice>('all');
  const [order, setOrder] = useState<Order>({ sort: 'created', descending: true });
  /** The cursors of the pages up to this one. */
  const [cursors, setCursors] = useState<readonly string[]>([]);
  const [selected, setSelected] = useState<ReadonlyMap<string, Key>>(new Map());
  const [open, setOpen] = useState<Open>();
  const cursor = cursors.at(-1);
  const filter = queryOf(search, state, order);
  const [loaded, reload] = useLive(() => loadKeys(filter, cursor), everyMs, [filter, cursor]);
  const narrowed = <T,>(set: (value: T) => void) => {
    return (value: T) => {
      set(value);
      setCursors([]);
    };
  };
  const select = (keys: readonly Key[], isSelected: boolean) => {
    const next = new Map(selected);
    for (const key of keys) {
      if (isSelected) next.set(key.id, key);
      else next.delete(key.id);
    }
    setSelected(next);
  };
  const close = () => {
    setOpen(undefined);
    setSelected(new Map());
    reload();
  };
  const isFiltered = search !== '' || state !== 'all';
  return (
    <>
      <div class="bar">
        <input
          type="search"
          aria-label={t.keys.search}
          placeholder={t.keys.search}
          value={search}
          onInput={(event) => narrowed(setSearch)(event.currentTarget.value)}
        />
        <Choice
          label={t.keys.state}
          value={state}
          options={{ all: t.all, ...t.keys.states }}
          onChange={narrowed(setState)}
        />
        <button type="button" onClick={() => void saveList(filter)}>
          {t.keys.download}
        </button>
        <ForAdmin>
          <button type="button" onClick={() => setOpen({ what: 'import' })}>
            {t.keys.importTitle}
          </button>
          <button type="button" class="primary" onClick={() => setOpen({ what: 'create' })}>
            {t.keys.create}
          </button>
        </ForAdmin>
      </div>
      {selected.size === 0 ? null : (
        <Selection keys={[...selected.values()]} onOpen={setOpen} onClear={() => setSelected(new Map())} />
      )}
      <Show loaded={loaded}>
        {({ items, total, nextCursor, today }) =>
          items.length === 0 ? (
            <Nothing isFiltered={isFiltered} />
          ) : (
            <>
              <KeyTable
                keys={items}
                order={order}
                selected={selected}
                today={today}
                onOrder={narrowed(setOrder)}
                onSelect={select}
                onAction={(action, key) => setOpen(opened(action, key))}
              />
              <Pages
                first={cursors.length * pageItems + 1}
                shown={items.length}
                total={total}
                onBack={cursors.length === 0 ? undefined : () => setCursors(cursors.slice(0, -1))}
                onNext={nextCursor === null ? undefined : () => setCursors([...cursors, nextCursor])}
              />
            </>
          )
        }
      </Show>
      {open === undefined ? null : <ActionDialog open={open} onDone={close} />}
    </>
  );
}

function queryOf(search: string, state: StateChoice, { sort, descending }: Order): string {
  const query = new URLSearchParams({ sort, order: descending ? 'desc' : 'asc' });
  if (search !== '') query.set('search', search);
  if (state !== 'all') query.set('state', state);
  return query.toString();
}

interface KeysWithUse extends ListPage<Key> {
  readonly today: ReadonlyMap<string, number>;
}

async function loadKeys(filter: string, cursor: string | undefined): Promise<KeysWithUse> {
  const query = new URLSearchParams({ limit: String(pageItems) });
  if (cursor !== undefined) query.set('cursor', cursor);
  const [page, { items }] = await Promise.all([
    call<ListPage<Key>>('GET', `api/v1/keys?${filter}&${query}`),
    call<{ items: readonly { familyId: string; tokens: number }[] }>('GET', 'api/v1/keys/today'),
  ]);
  return { ...page, today: new Map(items.map(({ familyId, tokens }) => [familyId, tokens])) };
}

async function saveList(filter: string): Promise<void> {
  const response = await send(`api/v1/keys/export?${filter}`, { method: 'GET' });
  saveCsvFile('flm-key-list.csv', await response.text());
}

function Nothing({ isFiltered }: { isFiltered: boolean }) {
  return isFiltered ? (
    <Empty title={t.keys.noMatch} hint={t.keys.noMatchHint} />
  ) : (
    <Empty title={t.keys.empty} hint={t.keys.emptyHint} command="flm key create laptop" />
  );
}

function Selection({
  keys,
  onOpen,
  onClear,
}: {
  keys: readonly Key[];
  onOpen: (open: Open) => void;
  onClear: () => void;
}) {
  return (
    <div class="selection" role="status">
      <strong>{t.keys.selected(keys.length)}</strong>
      {(['pause', 'resume', 'revoke'] as const).map((what) => (
        <button key={what} type="button" onClick={() => onOpen({ what, keys })}>
          {t.keys.selectedVerbs[what]}
        </button>
      ))}
      <button type="button" class="quiet" onClick={onClear}>
        {t.keys.clearSelection}
      </button>
    </div>
  );
}

function Pages({
  first,
  shown,
  total,
  onBack,
  onNext,
}: {
  first: number;
  shown: number;
  total: number;
  onBack: (() => void) | undefined;
  onNext: (() => void) | undefined;
}) {
  if (onBack === undefined && onNext === undefined) return null;
  return (
    <div class="pages">
      <button type="button" disabled={onBack === undefined} onClick={onBack}>
        {t.keys.pageBack}
      </button>
      <span>{t.keys.pageRange(first, first + shown - 1, total)}</span>
      <button type="button" disabled={onNext === undefined} onClick={onNext}>
        {t.keys.pageNext}
      </button>
    </div>
  );
}
