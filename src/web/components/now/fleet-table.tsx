/** The proxies of all machines that share the database, and how far each is behind the last change. */
import type { FleetNode } from '../../../core/proxy/fleet-node.ts';
import { t } from '../../i18n/texts.ts';
import { count, elapsed } from '../format.ts';
import { TableFrame, TableHead } from '../table-frame.tsx';

export function FleetTable({ nodes }: { nodes: readonly FleetNode[] }) {
  const texts = t.now;
  return (
    <TableFrame label={texts.fleet}>
      <table>
        <TableHead titles={Object.values(texts.fleetColumns)} />
        <tbody>
          {nodes.map((node) => (
            <tr key={node.id}>
              <th scope="row">
                {node.name}
                <small>{node.id}</small>
              </th>
              <td>
                <span class={`state ${stateClass[node.state]}`}>{texts.nodeStates[node.state]}</span>
                {node.state === 'silent' ? <small>{texts.silentFor(elapsed(node.silentMs))}</small> : null}
              </td>
              <td>{node.version}</td>
              <td>
                <code>{node.url}</code>
              </td>
              <td>
                {node.requestsTotal === undefined
                  ? '–'
                  : texts.proxyLoad(node.inFlight ?? 0, node.queued ?? 0, count(node.requestsTotal))}
              </td>
              <td>
                {node.engines === undefined ? '–' : texts.nodeEngines(node.enginesUp ?? 0, node.engines)}
              </td>
              <td>{node.limits === undefined ? '–' : texts.nodeLimits[node.limits]}</td>
              <td>{node.behind === 0 ? texts.changesApplied : texts.changesBehind(node.behind)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableFrame>
  );
}

/** The styles of the states of proxies. */
const stateClass = {
  serving: 'running',
  draining: 'draining',
  silent: 'not-answering',
} as const satisfies Record<FleetNode['state'], string>;
