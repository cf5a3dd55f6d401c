/** A service as people and machines see it: its state in the operating system, and where its files lie. */
import type { ServiceState } from '../../app/machine-services.ts';
import { facts } from '../terminal/layout.ts';

/** What `--json` prints of a service; documented in docs/cli.md. */
export interface ServiceDocument extends ServiceState {
  readonly unit: string;
  readonly kind: 'system' | 'user';
  readonly profile: string;
  readonly file: string;
  readonly home: string;
  readonly account: string | null;
}

export function serviceText(service: ServiceDocument): string {
  const { state, subState, mainPid, restarts, enabled } = service;
  return facts([
    ['service', `${service.unit} (${service.kind})`],
    ['  state', `${state} (${subState})`],
    ['  process', mainPid === null ? undefined : String(mainPid)],
    ['  restarts', String(restarts)],
    ['  at boot', enabled ? 'yes' : 'no'],
    ['  since', service.since ?? undefined],
    ['  says', service.statusText ?? undefined],
    ['  profile', service.profile],
    ['  unit', service.file],
    ['  data', service.account === null ? service.home : `${service.home} (user ${service.account})`],
  ]);
}
