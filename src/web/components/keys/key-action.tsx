/** The dialog of an action on a key, for the list and for the view of one key. */
import { useEffect, useState } from 'preact/hooks';
import { type Key, type KeyWithSecret, readVersioned, type Versioned } from '../../api/client.ts';
import { Problem } from '../loaded.tsx';
import { ChangeStates, RotateKey, Secret } from './key-dialogs.tsx';
import { ChangeKey, CreateKey } from './key-form.tsx';
import { ImportKeys } from './key-import.tsx';
import type { KeyAction } from './key-table.tsx';

export type Open =
  | { readonly what: 'create' | 'import' }
  | { readonly what: 'change' | 'rotate'; readonly key: Key }
  | { readonly what: 'pause' | 'resume' | 'revoke'; readonly keys: readonly Key[] };

export function opened(action: KeyAction, key: Key): Open {
  return action === 'change' || action === 'rotate' ? { what: action, key } : { what: action, keys: [key] };
}

/** `onDone`: something may have changed. */
export function ActionDialog({ open, onDone }: { open: Open; onDone: () => void }) {
  const [made, setMade] = useState<KeyWithSecret>();
  if (made !== undefined) return <Secret made={made} onClose={onDone} />;
  switch (open.what) {
    case 'create':
      return <CreateKey onMade={setMade} onClose={onDone} />;
    case 'import':
      return <ImportKeys onDone={onDone} />;
    case 'rotate':
      return <RotateKey target={open.key} onMade={setMade} onClose={onDone} />;
    case 'change':
      return <ReadAndChange id={open.key.id} onDone={onDone} />;
    case 'pause':
    case 'resume':
    case 'revoke':
      return <ChangeStates verb={open.what} keys={open.keys} onDone={onDone} onClose={onDone} />;
    default:
      return open satisfies never;
  }
}

/** Reads the key first: the row of the list may be old, and a change needs the key's version. */
function ReadAndChange({ id, onDone }: { id: string; onDone: () => void }) {
  const [read, setRead] = useState<Versioned<Key>>();
  const [problem, setProblem] = useState<unknown>();
  useEffect(() => {
    readVersioned<Key>(`api/v1/keys/${id}`).then(setRead, setProblem);
  }, [id]);
  if (problem !== undefined) return <Problem error={problem} />;
  return read === undefined ? null : <ChangeKey read={read} onChanged={onDone} onClose={onDone} />;
}
