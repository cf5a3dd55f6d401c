/** The proxies that run: address, state, who reaches each, and its load. */
import type { ProxyDocument } from '../../../core/proxy/proxy-document.ts';
import { t } from '../../i18n/texts.ts';
import { wordFor } from '../engines/engine-list.tsx';
import { count, elapsed } from '../format.ts';
import { Copy, Empty } from '../parts.tsx';
import { TableFrame, TableHead } from '../table-frame.tsx';

export function ProxyTable({ proxies }: { proxies: readonly ProxyDocument[] }) {
  if (proxies.length === 0)
    return <Empty title={t.now.noProxies} hint={t.now.noProxiesHint} command="flm up" />;
  return (
    <TableFrame label={t.now.proxies}>
      <table>
        <TableHead titles={Object.values(t.now.proxyColumns)} />
        <tbody>
          {proxies.map((proxy) => (
            <tr key={proxy.id}>
              <th scope="row">
                {proxy.profile}
                <small>{proxy.id}</small>
              </th>
              <td>
                <span class={`state ${proxy.state}`}>{t.now.proxyStates[proxy.state]}</span>
                {proxy.successor === undefined ? null : <small>{t.now.successor(proxy.successor)}</small>}
              </td>
              <td>
                <code>{proxy.baseUrl}</code> <Copy text={proxy.baseUrl} />
              </td>
              <td>{proxy.reach === undefined ? '–' : wordFor(t.now.reaches, proxy.reach)}</td>
              <td>
                {proxy.requestsTotal === undefined
                  ? '–'
                  : t.now.proxyLoad(proxy.inFlight ?? 0, proxy.queued ?? 0, count(proxy.requestsTotal))}
              </td>
              <td>{proxy.uptimeSeconds === undefined ? '–' : elapsed(proxy.uptimeSeconds * 1_000)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableFrame>
  );
}
