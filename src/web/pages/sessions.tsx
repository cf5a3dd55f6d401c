/** Sessions: the browsers that are signed in to this dashboard. */
import { call, type SessionEntry } from '../api/client.ts';
import { Show, useLoaded } from '../components/loaded.tsx';
import { Time } from '../components/parts.tsx';
import { TableFrame, TableHead } from '../components/table-frame.tsx';
import { t } from '../i18n/texts.ts';

export function SessionsPage() {
  const [loaded, reload] = useLoaded(
    () => call<{ readonly items: readonly SessionEntry[] }>('GET', 'session'),
    [],
  );
  const end = async (id: string) => {
    await call('DELETE', `session/${id}`);
    reload();
  };
  return (
    <Show loaded={loaded}>
      {({ items }) => (
        <TableFrame label={t.sessions.title}>
          <table>
            <TableHead titles={[t.sessions.browser, t.sessions.started, t.sessions.lastUsed, t.actions]} />
            <tbody>
              {items.map(({ id, browser, startedAtMs, lastUsedAtMs, current }) => (
                <tr key={id}>
                  <th scope="row" class="change">
                    {browser} {current ? <em class="state active">{t.sessions.current}</em> : null}
                  </th>
                  <td>
                    <Time iso={new Date(startedAtMs).toISOString()} />
                  </td>
                  <td>
                    <Time iso={new Date(lastUsedAtMs).toISOString()} />
                  </td>
                  <td>
                    <button type="button" class="quiet" onClick={() => void end(id)}>
                      {current ? t.sessions.signOut : t.sessions.end}
                    </button>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </TableFrame>
      )}
    </Show>
  );
}
