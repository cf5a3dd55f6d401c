/** Logs: the lines of a proxy's log, newest first, in pages; filters are applied by the server. */
import { useState } from 'preact/hooks';
import type { ProfileDocument } from '../../core/proxy/profile-document.ts';
import type { ProxyDocument } from '../../core/proxy/proxy-document.ts';
import { call, type ListPage } from '../api/client.ts';
import { Show, useLive, useLoaded } from '../components/loaded.tsx';
import { Choice, Empty, Time } from '../components/parts.tsx';
import { TableFrame, TableHead } from '../components/table-frame.tsx';
import { t } from '../i18n/texts.ts';

interface LogLine {
  readonly time: string | null;
  readonly level: string | null;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

interface LogPage {
  readonly items: readonly LogLine[];
  readonly nextCursor: string | null;
}

type Level = keyof typeof t.logs.levels;

const linesOnPage = 100;
const everyMs = 5_000;
const styles: Readonly<Record<string, string>> = { warn: 'state degraded', error: 'state down' };

export function LogsPage() {
  const [loaded] = useLoaded(loadNames, []);
  return <Show loaded={loaded}>{(names) => <Log names={names} />}</Show>;
}

/** By profile, which is the name of a log: what the reader sees. */
async function loadNames(): Promise<Readonly<Record<string, string>>> {
  const [profiles, proxies] = await Promise.all([
    call<ListPage<ProfileDocument>>('GET', 'api/v1/profiles?limit=500'),
    call<ListPage<ProxyDocument>>('GET', 'api/v1/proxies?limit=500'),
  ]);
  const names: Record<string, string> = {};
  for (const { profile, id } of proxies.items) names[profile] = t.logs.running(profile, id);
  for (const profile of ['default', ...profiles.items.map(({ name }) => name)]) names[profile] ??= profile;
  return names;
}

function Log({ names }: { names: Readonly<Record<string, string>> }) {
  const [profile, setProfile] = useState(Object.keys(names)[0] ?? 'default');
  const [level, setLevel] = useState<Level>('debug');
  const [search, setSearch] = useState('');
  const [cursor, setCursor] = useState<string>();
  // Older pages do not change.
  const [loaded] = useLive(
    () => loadLines(profile, level, search, cursor),
    cursor === undefined ? everyMs : 2 ** 31 - 1,
    [profile, level, search, cursor],
  );
  const newest = <T,>(set: (value: T) => void) => {
    return (value: T) => {
      set(value);
      setCursor(undefined);
    };
  };
  return (
    <>
      <div class="bar">
        <Choice label={t.logs.proxy} value={profile} options={names} onChange={newest(setProfile)} />
        <Choice label={t.logs.level} value={level} options={t.logs.levels} onChange={newest(setLevel)} />
        <input
          type="search"
          aria-label={t.logs.search}
          placeholder={t.logs.search}
          value={search}
          onInput={(event) => newest(setSearch)(event.currentTarget.value)}
        />
      </div>
      <Show loaded={loaded}>
        {({ items, nextCursor }) => (
          <>
            {items.length === 0 ? (
              <NoLines isFiltered={search !== '' || level !== 'debug' || cursor !== undefined} />
            ) : (
              <Lines items={items} />
            )}
            <div class="pages">
              {cursor === undefined ? null : (
                <button type="button" onClick={() => setCursor(undefined)}>
                  {t.logs.newest}
                </button>
              )}
              {nextCursor === null ? null : (
                <button type="button" onClick={() => setCursor(nextCursor)}>
                  {t.logs.older}
                </button>
              )}
            </div>
          </>
        )}
      </Show>
    </>
  );
}

function loadLines(
  profile: string,
  level: Level,
  search: string,
  cursor: string | undefined,
): Promise<LogPage> {
  const query = new URLSearchParams({ limit: String(linesOnPage) });
  if (level !== 'debug') query.set('level', level);
  if (search !== '') query.set('search', search);
  if (cursor !== undefined) query.set('cursor', cursor);
  return call('GET', `api/v1/proxies/${encodeURIComponent(profile)}/logs?${query}`);
}

function NoLines({ isFiltered }: { isFiltered: boolean }) {
  return isFiltered ? (
    <Empty title={t.logs.noMatch} hint={t.logs.noMatchHint} />
  ) : (
    <Empty title={t.logs.empty} hint={t.logs.emptyHint} command="flm proxy start" />
  );
}

function Lines({ items }: { items: readonly LogLine[] }) {
  return (
    <TableFrame label={t.logs.title}>
      <table>
        <TableHead titles={Object.values(t.logs.columns)} />
        <tbody>
          {items.map(({ time, level, message, fields }, i) => (
            <tr key={`${time} ${i}`}>
              <td>{time === null || Number.isNaN(Date.parse(time)) ? (time ?? '') : <Time iso={time} />}</td>
              <td lang="en">
                <span class={styles[level ?? '']}>{level ?? ''}</span>
              </td>
              <td lang="en">{message}</td>
              <td lang="en" class="change">
                {detailsOf(fields)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableFrame>
  );
}

function detailsOf(fields: LogLine['fields']): string {
  return Object.entries(fields)
    .filter(([, value]) => value !== null && value !== '')
    .map(([name, value]) => t.logs.field(name, typeof value === 'string' ? value : JSON.stringify(value)))
    .join('  ');
}
