/**
 * Values that a page loads from the API: once, again on request, or again and again. A value stays on the page while it
 * is loaded again, and stays with a note if that fails.
 */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, OfflineError, whenConnectionChanges } from '../api/client.ts';
import { t } from '../i18n/texts.ts';
import { clockTime } from './format.ts';
import { Sentence } from './parts.tsx';
import { useAgain } from './use-again.ts';

export type Loaded<T> =
  | { readonly state: 'loading' }
  | { readonly state: 'failed'; readonly error: unknown }
  | {
      readonly state: 'ready';
      readonly value: T;
      /** When it was loaded. */
      readonly atMs: number;
      /** Why the last attempt to load it again failed. */
      readonly problem?: unknown;
    };

/** Loads again when one of `inputs` changes. A late result of older inputs is dropped. */
export function useLoaded<T>(load: () => Promise<T>, inputs: readonly unknown[]): [Loaded<T>, () => void] {
  const [loaded, set] = useState<Loaded<T>>({ state: 'loading' });
  const [round, setRound] = useState(0);
  const again = () => setRound((before) => before + 1);
  const loadedFor = useRef<readonly unknown[] | undefined>(undefined);
  useEffect(() => {
    let isCurrent = true;
    const isSame = loadedFor.current?.every((input, i) => Object.is(input, inputs[i])) === true;
    load().then(
      (value) => {
        if (!isCurrent) return;
        loadedFor.current = inputs;
        set({ state: 'ready', value, atMs: Date.now() });
      },
      (problem: unknown) => {
        if (!isCurrent) return;
        // A value of other inputs would be wrong; a value of these is only old.
        set((before) =>
          isSame && before.state === 'ready' ? { ...before, problem } : { state: 'failed', error: problem },
        );
      },
    );
    return () => {
      isCurrent = false;
    };
  }, [...inputs, round]);
  useEffect(() => whenConnectionChanges((now) => (now === 'online' ? again() : undefined)), []);
  return [loaded, again];
}

/**
 * Like `useLoaded`, and loads again `everyMs` after each result: not while the page is hidden, and not while somebody
 * reads (see reading.ts). Undefined: not again.
 */
export function useLive<T>(
  load: () => Promise<T>,
  everyMs: number | undefined,
  inputs: readonly unknown[] = [],
): [Loaded<T>, () => void] {
  const [loaded, again] = useLoaded(load, inputs);
  useAgain(again, loaded.state === 'loading' ? undefined : everyMs, [loaded]);
  return [loaded, again];
}

/** Shows the value, or that it is loading, or why it failed. An old value comes with a note since when it is old. */
export function Show<T>({
  loaded,
  children,
}: {
  loaded: Loaded<T>;
  children: (value: T) => ComponentChildren;
}) {
  if (loaded.state === 'loading') return <Skeleton />;
  if (loaded.state === 'failed') return <Problem error={loaded.error} />;
  return (
    <>
      {loaded.problem === undefined ? null : (
        <p class="stale" role="status">
          {t.stale(clockTime(loaded.atMs))} {textOf(loaded.problem)}
        </p>
      )}
      {children(loaded.value)}
    </>
  );
}

/** Appears when loading takes longer than a moment (states.css). */
export function Skeleton() {
  return (
    <div class="loading" role="status">
      <span class="unseen">{t.loading}</span>
      <div />
      <div />
      <div />
      <div />
    </div>
  );
}

export function Problem({ error }: { error: unknown }) {
  return (
    <p class="problem" role="alert">
      <strong lang={error instanceof ApiError ? 'en' : undefined}>{textOf(error)}</strong>{' '}
      {error instanceof ApiError ? <Sentence text={error.hint} lang="en" /> : null}
    </p>
  );
}

function textOf(error: unknown): string {
  if (error instanceof OfflineError) return t.offline.title;
  return error instanceof Error ? error.message : String(error);
}
