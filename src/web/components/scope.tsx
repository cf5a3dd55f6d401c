/** What a page shows to a caller with the scope `admin` only, and the note for the others. */
import type { ComponentChildren } from 'preact';
import { mayChange } from '../api/client.ts';
import { t } from '../i18n/texts.ts';
import { Sentence } from './parts.tsx';

/** Around everything whose call needs the scope `admin`: the API would answer 404. */
export function ForAdmin({ children }: { children: ComponentChildren }) {
  return mayChange() ? <>{children}</> : null;
}

export function ReadOnlyNote() {
  if (mayChange()) return null;
  return (
    <p class="note">
      <Sentence text={t.readOnly} />
    </p>
  );
}
