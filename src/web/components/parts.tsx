/** Small parts that the pages share: an empty state, a dialog, a copy button, a time, fields. */
import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { serverClock } from '../api/server-clock.ts';
import { t } from '../i18n/texts.ts';
import { ago, exactTime } from './format.ts';

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

/** A sentence whose parts in backticks are code. `lang`: its language, if it is not that of the page. */
export function Sentence({ text, lang }: { text: string; lang?: string }) {
  return (
    <span lang={lang}>
      {text.split('`').map((part, i) => (i % 2 === 1 ? <code key={i}>{part}</code> : part))}
    </span>
  );
}

/** A text of flm itself, such as a warning or the note of an engine, in the language of the reader or in English. */
export function FlmText({ text }: { text: string }) {
  const translated = t.translated(text);
  return <Sentence text={translated} {...(translated === text ? { lang: 'en' } : {})} />;
}

export function Copy({ text }: { text: string }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setDone(true);
  };
  return (
    <button type="button" class="quiet" onClick={() => void copy()}>
      {done ? t.copied : t.copy}
    </button>
  );
}

export function Time({ iso }: { iso: string | null }) {
  if (iso === null) return <>{t.never}</>;
  return (
    <time dateTime={iso} title={exactTime(iso)}>
      {ago(iso, serverClock.nowMs())}
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
  // Before the element is removed: the browser gives the focus back when a dialog closes, not when it is removed.
  useLayoutEffect(() => {
    const element = dialog.current;
    element?.showModal();
    return () => element?.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      // The event of a dialog that was removed comes late, perhaps while the next one is open.
      onClose={({ currentTarget }) => (currentTarget.isConnected ? onClose() : undefined)}
      aria-label={title}
    >
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
