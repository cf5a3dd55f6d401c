/** Engines and models: every engine with its state, what can be done with the saved ones, and the models of all. */
import { useState } from 'preact/hooks';
import type { SeenEngineDocument } from '../../core/engine/engine-document.ts';
import { call, type ListPage } from '../api/client.ts';
import { FindEngines, RemoveEngine, TestEngine } from '../components/engines/engine-dialogs.tsx';
import { AddEngine, ChangeEngine } from '../components/engines/engine-form.tsx';
import { type EngineAction, EngineList } from '../components/engines/engine-list.tsx';
import { ModelList } from '../components/engines/model-list.tsx';
import { Show, useLive } from '../components/loaded.tsx';
import { Empty } from '../components/parts.tsx';
import { ForAdmin } from '../components/scope.tsx';
import { t } from '../i18n/texts.ts';

type Open =
  | { readonly what: 'add'; readonly url?: string }
  | { readonly what: 'find' }
  | { readonly what: EngineAction; readonly id: string };

const everyMs = 10_000;

export function EnginesPage() {
  const [open, setOpen] = useState<Open>();
  const [loaded, reload] = useLive(
    () => call<ListPage<SeenEngineDocument>>('GET', 'api/v1/engines?limit=500'),
    everyMs,
  );
  const close = () => {
    setOpen(undefined);
    reload();
  };
  return (
    <>
      <div class="bar">
        <h2>{t.engines.engines}</h2>
        <ForAdmin>
          <button type="button" onClick={() => setOpen({ what: 'find' })}>
            {t.engines.detect}
          </button>
          <button type="button" class="primary" onClick={() => setOpen({ what: 'add' })}>
            {t.engines.add}
          </button>
        </ForAdmin>
      </div>
      <Show loaded={loaded}>
        {({ items }) => (
          <>
            {items.length === 0 ? (
              <Empty
                title={t.engines.empty}
                hint={t.engines.emptyHint}
                command="flm engine add http://gpu-box:8000"
              />
            ) : (
              <EngineList engines={items} onAction={(what, id) => setOpen({ what, id })} />
            )}
            <ModelList engines={items.map(({ id, state }) => `${id} ${state}`).join()} />
          </>
        )}
      </Show>
      {open === undefined ? null : (
        <EngineDialog open={open} onOpen={setOpen} onDone={close} onClose={() => setOpen(undefined)} />
      )}
    </>
  );
}

function EngineDialog({
  open,
  onOpen,
  onDone,
  onClose,
}: {
  open: Open;
  onOpen: (open: Open) => void;
  onDone: () => void;
  onClose: () => void;
}) {
  switch (open.what) {
    case 'add':
      return <AddEngine {...(open.url === undefined ? {} : { url: open.url })} onDone={onDone} />;
    case 'find':
      return <FindEngines onAdd={(url) => onOpen({ what: 'add', url })} onClose={onClose} />;
    case 'test':
      return <TestEngine id={open.id} onClose={onClose} />;
    case 'change':
      return <ChangeEngine id={open.id} onDone={onDone} />;
    case 'remove':
      return <RemoveEngine id={open.id} onDone={onDone} onClose={onClose} />;
    default:
      return open satisfies never;
  }
}
