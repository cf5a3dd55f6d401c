/** What an entry of the audit changed: a line for each field that differs, with its values before and after. */
import type { AuditEntryDocument } from '../../core/audit/audit-document.ts';
import { fieldChanges, isEmpty } from '../../core/audit/field-changes.ts';
import { t } from '../i18n/texts.ts';
import { Time } from './parts.tsx';

export function Changes({ entry }: { entry: AuditEntryDocument }) {
  const changes = fieldChanges(entry, (name) => name !== 'digest');
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
