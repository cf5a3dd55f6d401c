/** Audit: who changed what, and refused logins, newest first. */
import { useState } from 'preact/hooks';
import { type AuditItem, call } from '../api/client.ts';
import { exactTime } from '../components/format.ts';
import { Show, useLive } from '../components/loaded.tsx';
import { Choice, Empty, Time } from '../components/parts.tsx';
import { TableFrame } from '../components/table-frame.tsx';
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

function loadAudit(area: string): Promise<{ readonly items: readonly AuditItem[] }> {
  const query = new URLSearchParams({ limit: String(entriesOnPage) });
  if (area !== 'all') query.set('action', area);
  return call('GET', `api/v1/audit?${query}`);
}

function AuditTable({ items }: { items: readonly AuditItem[] }) {
  return (
    <TableFrame label={t.audit.title}>
      <table>
        <thead>
          <tr>
            {[t.audit.time, t.audit.actor, t.audit.action, t.audit.subject, t.audit.change].map((title) => (
              <th scope="col" key={title}>
                {title}
              </th>
            ))}
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
              <td class="change">{entryText(entry)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableFrame>
  );
}

/** An entry about something that is over has only what was there before. */
function entryText({ before, after }: AuditItem): string {
  return after === null ? changesOf(null, before) : changesOf(before, after);
}

/** The fields that differ, each with its new value. Fields that were empty and stay empty say nothing. */
function changesOf(before: unknown, after: unknown): string {
  const [old, fresh] = [fieldsOf(before), fieldsOf(after)];
  return Object.keys({ ...old, ...fresh })
    .filter((name) => name !== 'digest' && JSON.stringify(old[name]) !== JSON.stringify(fresh[name]))
    .filter((name) => !isEmpty(old[name]) || !isEmpty(fresh[name]))
    .map((name) => changeText(name, old[name], fresh[name]))
    .filter((text) => text !== '')
    .join(', ');
}

function changeText(name: string, old: unknown, fresh: unknown): string {
  if (typeof fresh === 'number' && name.endsWith('AtMs'))
    return `${name.slice(0, -'Ms'.length)}: ${exactTime(new Date(fresh).toISOString())}`;
  if (typeof fresh !== 'object' || fresh === null || Array.isArray(fresh))
    return `${name}: ${JSON.stringify(fresh ?? null)}`;
  const inside = changesOf(old, fresh);
  return inside === '' ? '' : `${name}: { ${inside} }`;
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || (Array.isArray(value) && value.length === 0);
}
