/** A service as people and machines see it: its state in the operating system, and where its files lie. */
import type { ServiceState } from '../../app/machine-services.ts';
import { t } from '../i18n/texts.ts';
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
  const texts = t.service;
  const { facts: names } = texts;
  return facts([
    [names.service, `${service.unit} (${service.kind})`],
    [`  ${names.state}`, `${state} (${subState})`],
    [`  ${names.process}`, mainPid === null ? undefined : String(mainPid)],
    [`  ${names.restarts}`, String(restarts)],
    [`  ${names.atBoot}`, enabled ? texts.yes : texts.no],
    [`  ${names.since}`, service.since ?? undefined],
    [`  ${names.says}`, service.statusText ?? undefined],
    [`  ${names.profile}`, service.profile],
    [`  ${names.unit}`, service.file],
    [
      `  ${names.data}`,
      service.account === null ? service.home : texts.ofUser(service.home, service.account),
    ],
  ]);
}
