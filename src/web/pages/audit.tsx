/** Audit: who changed what, and refused logins, newest first. */
import { useState } from 'preact/hooks';
import { type AuditItem, call } from '../api/client.ts';
import { Show, useLive } from '../components/loaded.tsx';
import { Choice, Empty, Time } from '../components/parts.tsx';
import { TableFrame } from '../components/table-frame.tsx';
import { en } from '../i18n/en.ts';

const areas = {
  all: en.all,
  key: 'key',
  policy: 'policy',
  engine: 'engine',
  alias: 'alias',
  profile: 'profile',
  proxy: 'proxy',
  request: 'request',
  share: 'share',
  certificate: 'certificate',
  auth: 'auth',
  retention: 'retention',
};
const entriesOnPage = 200;
const refreshMs = 10_000;

export function AuditPage() {
  const [area, setArea] = useState<keyof typeof areas>('all');
  const [loaded] = useLive(() => loadAudit(area), refreshMs, [area]);
  return (
    <>
      <div class="bar">
        <Choice label={en.audit.filter} value={area} options={areas} onChange={setArea} />
      </div>
      <Show loaded={loaded}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title={en.audit.empty} hint={en.audit.emptyHint} />
          ) : (
            <AuditTable items={items} />
          )
        }
      </Show>
    </>
  );
}

function loadAudit(area: string): Promise<{ readonly items: readonly AuditItem[] }> {
  const query = new URLSearchParams({ limit: String(entriesOnPage) });
  if (area !== 'all') query.set('action', area);
  return call('GET', `api/v1/audit?${query}`);
}

function AuditTable({ items }: { items: readonly AuditItem[] }) {
  return (
    <TableFrame label={en.audit.title}>
      <table>
        <thead>
          <tr>
            {[en.audit.time, en.audit.actor, en.audit.action, en.audit.subject, en.audit.change].map(
              (title) => (
                <th scope="col" key={title}>
                  {title}
                </th>
              ),
            )}
          </tr>
        </thead>
        <tbody>
          {items.map((entry, i) => (
            <tr key={`${entry.at} ${i}`}>
              <td>
                <Time iso={entry.at} />
              </td>
              <td>{entry.actor}</td>
              <td>
                <code>{entry.action}</code>
              </td>
              <td>{entry.subject}</td>
              <td class="change">{changesOf(entry)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableFrame>
  );
}

/** The fields that differ, each with its new value. */
function changesOf({ before, after }: AuditItem): string {
  const fields = (value: unknown): Readonly<Record<string, unknown>> =>
    typeof value === 'object' && value !== null ? { ...value } : {};
  // An entry about something that is over has only what was there before.
  const [old, fresh] = after === null ? [{}, fields(before)] : [fields(before), fields(after)];
  return Object.keys({ ...old, ...fresh })
    .filter((name) => name !== 'digest' && JSON.stringify(old[name]) !== JSON.stringify(fresh[name]))
    .filter((name) => name in old || !isEmpty(fresh[name]))
    .map((name) => `${name}: ${JSON.stringify(fresh[name] ?? null)}`)
    .join(', ');
}

function isEmpty(value: unknown): boolean {
  return value === null || (Array.isArray(value) && value.length === 0);
}
