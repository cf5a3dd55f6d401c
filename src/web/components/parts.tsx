/** Small parts that the pages share: states of loading, an error, a dialog, a copy button, a time. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError } from '../api/client.ts';
import { en } from '../i18n/en.ts';
import { ago, exactTime } from './format.ts';

export type Loaded<T> =
  | { readonly state: 'loading' }
  | { readonly state: 'failed'; readonly error: unknown }
  | { readonly state: 'ready'; readonly value: T };

/** Loads again when one of `inputs` changes. Keeps what it has while it loads again; a late result of older inputs is dropped. */
export function useLoaded<T>(load: () => Promise<T>, inputs: readonly unknown[]): [Loaded<T>, () => void] {
  const [loaded, set] = useState<Loaded<T>>({ state: 'loading' });
  const [round, setRound] = useState(0);
  useEffect(() => {
    let isCurrent = true;
    load().then(
      (value) => isCurrent && set({ state: 'ready', value }),
      (error: unknown) => isCurrent && set({ state: 'failed', error }),
    );
    return () => {
      isCurrent = false;
    };
  }, [...inputs, round]);
  return [loaded, () => setRound((before) => before + 1)];
}

/** Shows the value, or that it is loading, or why it failed. */
export function Show<T>({
  loaded,
  children,
}: {
  loaded: Loaded<T>;
  children: (value: T) => ComponentChildren;
}) {
  if (loaded.state === 'loading') return <p class="loading">{en.loading}</p>;
  if (loaded.state === 'failed') return <Problem error={loaded.error} />;
  return <>{children(loaded.value)}</>;
}

export function Problem({ error }: { error: unknown }) {
  const text = error instanceof Error ? error.message : String(error);
  return (
    <p class="problem" role="alert">
      <strong>{text}</strong> {error instanceof ApiError ? error.hint : ''}
    </p>
  );
}

export function Empty({ title, hint, command }: { title: string; hint: string; command?: string }) {
  return (
    <div class="empty">
      <h2>{title}</h2>
      <p>{hint}</p>
      {command === undefined ? null : <Command text={command} />}
    </div>
  );
}

export function Command({ text }: { text: string }) {
  return (
    <span class="command">
      <code>{text}</code> <Copy text={text} />
    </span>
  );
}

export function Copy({ text }: { text: string }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setDone(true);
  };
  return (
    <button type="button" class="quiet" onClick={() => void copy()}>
      {done ? en.copied : en.copy}
    </button>
  );
}

export function Time({ iso }: { iso: string | null }) {
  if (iso === null) return <>{en.never}</>;
  return (
    <time dateTime={iso} title={exactTime(iso)}>
      {ago(iso, Date.now())}
    </time>
  );
}

/** A modal dialog: the browser keeps the focus inside, and Escape closes it. */
export function Dialog({
  title,
  onClose,
  children,
}: {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} onClose={onClose} aria-label={title}>
      <h2>{title}</h2>
      {children}
    </dialog>
  );
}

/** A labelled field. */
export function Field({
  label,
  hint,
  children,
}: {
  label: string;
  hint?: string;
  children: ComponentChildren;
}) {
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: `children` is the control
    <label class="field">
      <span>{label}</span>
      {children}
      {hint === undefined ? null : <small>{hint}</small>}
    </label>
  );
}

export function Choice<T extends string>({
  label,
  value,
  options,
  onChange,
}: {
  label: string;
  value: T;
  options: Readonly<Record<T, string>>;
  onChange: (value: T) => void;
}) {
  return (
    <label class="choice">
      <span>{label}</span>
      <select value={value} onChange={(event) => onChange(event.currentTarget.value as T)}>
        {(Object.keys(options) as T[]).map((name) => (
          <option key={name} value={name}>
            {options[name]}
          </option>
        ))}
      </select>
    </label>
  );
}
