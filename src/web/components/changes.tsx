/** What an entry of the audit changed: a line for each field that differs, with its values before and after. */
import type { AuditEntryDocument } from '../../core/audit/audit-document.ts';
import { t } from '../i18n/texts.ts';
import { Time } from './parts.tsx';

interface Change {
  readonly field: string;
  readonly old: unknown;
  readonly fresh: unknown;
}

export function Changes({ entry: { before, after } }: { entry: AuditEntryDocument }) {
  // An entry about something that is over has only what was there before.
  const changes = after === null ? changesOf('', null, before) : changesOf('', before, after);
  if (changes.length === 0) return null;
  return (
    <ul class="changes">
      {changes.map(({ field, old, fresh }) => (
        <li key={field}>
          {field === '' ? null : `${field}: `}
          {isEmpty(old) ? null : (
            <>
              <Value field={field} value={old} />
              {' → '}
            </>
          )}
          <Value field={field} value={fresh} />
        </li>
      ))}
    </ul>
  );
}

function Value({ field, value }: { field: string; value: unknown }) {
  if (isEmpty(value)) return <>{t.none}</>;
  if (typeof value === 'number' && field.endsWith('At')) return <Time iso={new Date(value).toISOString()} />;
  if (typeof value === 'string' && isoTime.test(value)) return <Time iso={value} />;
  if (typeof value === 'string') return <>{value}</>;
  const isList = Array.isArray(value) && value.every((item) => typeof item === 'string');
  return <>{isList ? value.join(', ') : JSON.stringify(value)}</>;
}

const isoTime = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/;

/** The fields that differ, those of objects inside too. A field that was empty and stays empty says nothing. */
function changesOf(field: string, old: unknown, fresh: unknown): readonly Change[] {
  if (!isObject(old) && !isObject(fresh)) {
    const isSame = JSON.stringify(old) === JSON.stringify(fresh) || (isEmpty(old) && isEmpty(fresh));
    return isSame ? [] : [{ field: field.replace(/AtMs$/, 'At'), old, fresh }];
  }
  const [oldFields, freshFields] = [fieldsOf(old), fieldsOf(fresh)];
  return Object.keys({ ...oldFields, ...freshFields })
    .filter((name) => name !== 'digest')
    .flatMap((name) =>
      changesOf(field === '' ? name : `${field}.${name}`, oldFields[name], freshFields[name]),
    );
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return isObject(value) ? { ...value } : {};
}

function isEmpty(value: unknown): boolean {
  return (
    value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0)
  );
}
