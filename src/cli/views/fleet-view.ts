/** Shows the nodes of a fleet as a table. */
import type { Fleet, FleetNode } from '../../core/proxy/fleet-node.ts';
import { t } from '../i18n/texts.ts';
import { duration, table } from '../terminal/layout.ts';
import type { Style, Terminal } from '../terminal/terminal.ts';
import { amount } from '../terminal/units.ts';

const texts = t.fleet;

const stateStyles = { serving: 'green', draining: 'yellow', silent: 'red' } as const satisfies Record<
  FleetNode['state'],
  Style
>;

export function fleetText(
  { nodes, revision }: Fleet,
  terminal: Pick<Terminal, 'paint' | 'link' | 'tableColumns'>,
  nowMs: number,
): string {
  const { columns } = texts;
  const head = [
    { name: columns.node, fixed: true },
    { name: columns.state },
    { name: columns.version, drop: 5 },
    { name: columns.endpoint, drop: 1 },
    { name: columns.up, right: true, drop: 4 },
    { name: columns.now, right: true },
    { name: columns.requests, right: true, drop: 3 },
    { name: columns.engines, right: true, drop: 6 },
    { name: columns.limits, drop: 2 },
    { name: columns.changes },
  ];
  const rows = nodes.map((node) => [
    node.name,
    terminal.paint(stateStyles[node.state], stateText(node)),
    node.version,
    terminal.link(terminal.paint('cyan', node.url), node.url),
    duration(Math.max(0, Math.floor((nowMs - Date.parse(node.startedAt)) / 1_000))),
    node.inFlight === undefined ? '-' : texts.now(node.inFlight, node.queued ?? 0),
    node.requestsTotal === undefined ? '-' : amount(node.requestsTotal),
    node.engines === undefined ? '-' : `${node.enginesUp ?? 0}/${node.engines}`,
    node.limits === undefined ? '-' : texts.limits[node.limits],
    node.behind === 0 ? texts.current : terminal.paint('yellow', texts.behind(node.behind)),
  ]);
  const summary = texts.summary(nodes.length, revision);
  return nodes.length === 0 ? summary : [table(head, rows, terminal.tableColumns), '', summary].join('\n');
}

function stateText({ state, silentMs }: FleetNode): string {
  return state === 'silent' ? texts.silent(duration(Math.floor(silentMs / 1_000))) : texts.states[state];
}
