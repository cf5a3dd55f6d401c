/** Audit: who changed what, and refused logins, newest first. */
import { useState } from 'preact/hooks';
import type { AuditEntryDocument } from '../../core/audit/audit-document.ts';
import { call } from '../api/client.ts';
import { Changes } from '../components/changes.tsx';
import { Show, useLive } from '../components/loaded.tsx';
import { Choice, Empty, Time } from '../components/parts.tsx';
import { TableFrame, TableHead } from '../components/table-frame.tsx';
import { t } from '../i18n/texts.ts';

const areas = {
  all: t.all,
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
        <Choice label={t.audit.filter} value={area} options={areas} onChange={setArea} />
      </div>
      <Show loaded={loaded}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title={t.audit.empty} hint={t.audit.emptyHint} />
          ) : (
            <AuditTable items={items} />
          )
        }
      </Show>
    </>
  );
}

function loadAudit(area: string): Promise<{ readonly items: readonly AuditEntryDocument[] }> {
  const query = new URLSearchParams({ limit: String(entriesOnPage) });
  if (area !== 'all') query.set('action', area);
  return call('GET', `api/v1/audit?${query}`);
}

function AuditTable({ items }: { items: readonly AuditEntryDocument[] }) {
  return (
    <TableFrame label={t.audit.title}>
      <table>
        <TableHead titles={[t.audit.time, t.audit.actor, t.audit.action, t.audit.subject, t.audit.change]} />
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
              <td>
                {entry.subjectLabel ?? entry.subject}
                {entry.subjectLabel === null ? null : (
                  <small>
                    <code>{entry.subject}</code>
                  </small>
                )}
              </td>
              <td class="change">
                <Changes entry={entry} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableFrame>
  );
}
