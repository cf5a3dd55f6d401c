/** Findings about what surrounds flm: names of certificates in DNS, ports that other programs hold, and clocks. */
import { reachOf } from '../proxy/reach.ts';
import type { Finding } from './report.ts';

export interface ResolvedName {
  readonly profile: string;
  readonly name: string;
  /** Empty: the name has no address. */
  readonly addresses: readonly string[];
}

/** `own`: addresses of this machine, and those in its certificates. */
export function nameFindings(names: readonly ResolvedName[], own: readonly string[]): readonly Finding[] {
  const hasPublic = own.some((address) => reachOf([address], []) === 'the internet');
  return names.flatMap(({ profile, name, addresses }): readonly Finding[] => {
    const common = { check: 'certificates', subject: null, command: `dig +short ${name}` } as const;
    if (addresses.length === 0)
      return [
        {
          ...common,
          code: 'NAME_UNRESOLVED',
          severity: 'warning',
          message: `The domain ${name} of profile ${profile} has no address in DNS, so no client and no CA finds this machine by it; add an A or AAAA record.`,
        },
      ];
    if (addresses.some((address) => own.includes(address))) return [];
    return [
      {
        ...common,
        code: 'NAME_ELSEWHERE',
        // Behind a router, the public address is not one of this machine.
        severity: hasPublic ? 'warning' : 'notice',
        message: `The domain ${name} of profile ${profile} leads to ${addresses.join(', ')}, which is no address of this machine; this is right only if a router or a load balancer there forwards to it.`,
      },
    ];
  });
}

export interface HeldPort {
  readonly profile: string;
  readonly port: number;
  /** `nginx (pid 812)`, or empty if the program is unknown. */
  readonly holder: string;
}

export function portFindings(held: readonly HeldPort[]): readonly Finding[] {
  return held.map(({ profile, port, holder }) => ({
    code: 'PORT_HELD',
    severity: 'notice',
    check: 'proxies',
    subject: null,
    message:
      holder === ''
        ? `Port ${port} of profile ${profile} is in use, so a proxy of this profile cannot start; stop the program that uses it, or choose another port.`
        : `Port ${port} of profile ${profile} is in use by ${holder}, so a proxy of this profile cannot start; stop that program, or choose another port.`,
    command: `flm proxy start ${profile} --port 0`,
  }));
}

/** More than a request takes, and less than tokens and certificates tolerate. */
const toleratedMs = 60_000;

export interface OtherClock {
  /** The id of the engine whose clock it is. */
  readonly engine: string;
  /** How far the other clock is ahead of this machine's. */
  readonly aheadMs: number;
}

export function clockFindings(clocks: readonly OtherClock[]): readonly Finding[] {
  return clocks
    .filter(({ aheadMs }) => Math.abs(aheadMs) > toleratedMs)
    .map(({ engine, aheadMs }) => ({
      code: 'CLOCK_DIFFERS',
      severity: 'warning',
      check: 'clock',
      subject: engine,
      message: `The clock of engine ${engine} differs from this machine's by ${Math.round(Math.abs(aheadMs) / 1000)} s; expiry of keys, limits and certificates follow the clock, so synchronise both.`,
      command: 'date -u',
    }));
}
