/** A service of systemd as people and machines see it: what systemd says of the unit, and what the proxy says itself. */
import { facts } from '../terminal/layout.ts';

/** What `--json` prints of a service; documented in docs/cli.md. */
export interface ServiceDocument {
  readonly unit: string;
  readonly kind: 'system' | 'user';
  readonly profile: string;
  /** `active`, `activating`, `failed`, `inactive`, … as `systemctl` prints it. */
  readonly state: string;
  readonly subState: string;
  /** Null while no process runs. */
  readonly mainPid: number | null;
  /** How often systemd has restarted it since its last start by hand. */
  readonly restarts: number;
  /** It starts at boot. */
  readonly enabled: boolean;
  /** As systemd prints it; null if it never started. */
  readonly since: string | null;
  /** The last words of the proxy to systemd. */
  readonly statusText: string | null;
  readonly file: string;
  readonly home: string;
  readonly account: string | null;
}

export interface ServicePlace {
  readonly unit: string;
  readonly kind: 'system' | 'user';
  readonly profile: string;
  readonly file: string;
  readonly home: string;
  readonly account: string | null;
}

/** The properties of `systemctl show` that the document is made of. */
export const shownProperties =
  'ActiveState,SubState,MainPID,NRestarts,UnitFileState,ActiveEnterTimestamp,StatusText';

/** `shown` is the output of `systemctl show`. */
export function serviceDocument(place: ServicePlace, shown: string): ServiceDocument {
  const values = new Map(
    shown.split('\n').map((line) => {
      const at = line.indexOf('=');
      return [line.slice(0, at), line.slice(at + 1)] as const;
    }),
  );
  const value = (name: string): string | null => values.get(name) || null;
  const mainPid = Number(value('MainPID') ?? 0);
  const { unit, kind, profile, file, home, account } = place;
  return {
    unit,
    kind,
    profile,
    state: value('ActiveState') ?? 'unknown',
    subState: value('SubState') ?? 'unknown',
    mainPid: mainPid === 0 ? null : mainPid,
    restarts: Number(value('NRestarts') ?? 0),
    enabled: value('UnitFileState') === 'enabled',
    since: value('ActiveEnterTimestamp'),
    statusText: value('StatusText'),
    file,
    home,
    account,
  };
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
