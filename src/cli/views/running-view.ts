/** Shows the requests that run as a table. The model is the document of the admin API, which `--json` prints. */
import type { RunningRequestDocument } from '../../core/proxy/request-document.ts';
import { t } from '../i18n/texts.ts';
import { type Column, printable, table } from '../terminal/layout.ts';
import { amount, shortTime } from '../terminal/units.ts';

const texts = t.requests;

export function runningTable(requests: readonly RunningRequestDocument[], columns: number): string {
  const names = texts.columns;
  const head: readonly Column[] = [
    { name: names.id, fixed: true },
    { name: names.key },
    { name: names.model },
    { name: names.engine, drop: 2 },
    { name: names.state },
    { name: names.age, right: true },
    { name: names.tokens, right: true },
    { name: names.speed, right: true, drop: 3 },
    { name: names.client, drop: 1 },
  ];
  const rows = requests.map((request) => [
    request.id,
    printable(request.key.label),
    modelOf(request),
    request.engine ?? '-',
    stateText(request),
    shortTime(request.ageMs),
    `${request.tokensEstimated ? '~' : ''}${amount(request.outputTokens)}`,
    request.tokensPerSecond === null ? '-' : String(request.tokensPerSecond),
    printable(request.client),
  ]);
  return table(head, rows, columns);
}

/** A request without a model is identified by its route. */
export function modelOf({ model, method, route }: RunningRequestDocument): string {
  return model === null ? `${method} ${route}` : printable(model);
}

function stateText({ state, queuePosition }: RunningRequestDocument): string {
  return `${texts.states[state]}${queuePosition === null ? '' : texts.place(queuePosition)}`;
}
