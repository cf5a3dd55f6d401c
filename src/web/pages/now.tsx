/** Now: is everything well, what must be done, and who uses which engine at this moment. */
import type { ComponentChildren } from 'preact';
import type { SeenEngineDocument } from '../../core/engine/engine-document.ts';
import type { FleetNode } from '../../core/proxy/fleet-node.ts';
import type { ProxyDocument } from '../../core/proxy/proxy-document.ts';
import type { PlacedWarning } from '../../core/proxy/warnings.ts';
import { call, type ListPage } from '../api/client.ts';
import { Show, useLive } from '../components/loaded.tsx';
import { EngineTable } from '../components/now/engine-table.tsx';
import { FleetTable } from '../components/now/fleet-table.tsx';
import { ProxyTable } from '../components/now/proxy-table.tsx';
import { EndedRequests, RunningRequests } from '../components/now/requests-table.tsx';
import { statusLine } from '../components/now/status-line.ts';
import { useRequests } from '../components/now/use-requests.ts';
import { Command, FlmText } from '../components/parts.tsx';
import { useIsReading } from '../components/reading.ts';
import { t } from '../i18n/texts.ts';

const refreshMs = 3_000;

export function NowPage() {
  const requests = useRequests();
  const [engines] = useLive(() => call<ListPage<SeenEngineDocument>>('GET', 'api/v1/engines'), refreshMs);
  const [proxies] = useLive(() => call<ListPage<ProxyDocument>>('GET', 'api/v1/proxies'), refreshMs);
  const [warnings] = useLive(
    () => call<{ readonly items: readonly PlacedWarning[] }>('GET', 'api/v1/warnings'),
    refreshMs,
  );
  const [fleet] = useLive(() => call<FleetPage>('GET', 'api/v1/nodes?limit=500'), refreshMs);
  const isReading = useIsReading();
  const snapshot = requests.state === 'ready' ? requests.value : undefined;
  return (
    <>
      {engines.state === 'ready' ? <p class="lead">{statusLine(engines.value.items, snapshot)}</p> : null}
      <p class="note paused">{isReading ? t.paused : ''}</p>
      <Show loaded={warnings}>{({ items }) => <Warnings items={items} />}</Show>
      <Part title={t.now.running}>
        <Show loaded={requests}>{(value) => <RunningRequests requests={value} />}</Show>
      </Part>
      <Part title={t.now.engines}>
        <Show loaded={engines}>
          {({ items }) => <EngineTable engines={items} loads={snapshot?.engines} />}
        </Show>
      </Part>
      <Part title={t.now.proxies}>
        <Show loaded={proxies}>{({ items }) => <ProxyTable proxies={items} />}</Show>
      </Part>
      {fleet.state === 'ready' && !fleet.value.shared ? null : (
        <Part title={t.now.fleet}>
          <Show loaded={fleet}>{({ items }) => <FleetTable nodes={items} />}</Show>
        </Part>
      )}
      <Part title={t.now.ended}>
        <Show loaded={requests}>{({ ended }) => <EndedRequests ended={ended} />}</Show>
      </Part>
    </>
  );
}

interface FleetPage extends ListPage<FleetNode> {
  readonly shared: boolean;
}

function Part({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <section class="part">
      <h2>{title}</h2>
      {children}
    </section>
  );
}

/** What several proxies warn of, such as an engine that is down, is shown once, with the profile of each. */
function Warnings({ items }: { items: readonly PlacedWarning[] }) {
  if (items.length === 0) return null;
  const isSame = (a: PlacedWarning) => (b: PlacedWarning) =>
    a.message === b.message && a.command === b.command;
  return (
    <ul class="warnings" aria-label={t.now.warnings}>
      {items
        .filter((item, i) => items.findIndex(isSame(item)) === i)
        .map((item) => (
          <li key={`${item.message} ${item.command}`}>
            <strong>
              {t.now.warning(
                items
                  .filter(isSame(item))
                  .flatMap(({ profile }) => profile ?? [])
                  .join(t.comma),
              )}
            </strong>{' '}
            <FlmText text={item.message} /> <Command text={item.command} />
          </li>
        ))}
    </ul>
  );
}
