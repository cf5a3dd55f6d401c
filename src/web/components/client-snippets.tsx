/** Settings to copy: one block of text for each place of a client, with notes, and QR codes for another device. */
import type { Snippet } from '../../clients/snippet.ts';
import { t } from '../i18n/texts.ts';
import { Copy, Sentence } from './parts.tsx';
import { QrCode } from './qr-code.tsx';

export function ClientSnippets({
  snippets,
  notes,
}: {
  snippets: readonly Snippet[];
  notes: readonly string[];
}) {
  return (
    <>
      {snippets.map(({ place, text }) => (
        <figure key={`${place} ${text}`} class="snippet">
          <figcaption>
            {place} <Copy text={text} />
          </figcaption>
          <pre tabIndex={0}>{text}</pre>
        </figure>
      ))}
      {notes.length === 0 ? null : (
        <ul class="note">
          {notes.map((note) => (
            <li key={note}>
              <Sentence text={note} />
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

/** `codes` are names with their texts. */
export function QrCodes({
  title,
  codes,
}: {
  title: string;
  codes: readonly (readonly [name: string, text: string])[];
}) {
  return (
    <details>
      <summary>{title}</summary>
      <div class="codes">
        {codes.map(([name, text]) => (
          <figure key={name}>
            <QrCode text={text} label={t.qrOf(name)} />
            <figcaption>{name}</figcaption>
          </figure>
        ))}
      </div>
    </details>
  );
}
