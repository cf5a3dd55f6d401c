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

export interface HttpPort {
  readonly profile: string;
  readonly port: number;
  readonly isRunning: boolean;
  /** As in `HeldPort`; undefined: the proxy runs, and nobody listens on the port. */
  readonly holder: string | undefined;
}

/** About the port on which flm proves domains by http-01. */
export function httpPortFindings(ports: readonly HttpPort[], platform: NodeJS.Platform): readonly Finding[] {
  return ports.map(({ profile, port, isRunning, holder }) => {
    const other = isRunning
      ? `flm proxy restart ${profile} --acme-challenge tls-alpn-01`
      : `flm proxy start ${profile} --acme-challenge tls-alpn-01`;
    const common = { check: 'certificates', subject: null } as const;
    if (holder === undefined)
      return {
        ...common,
        code: 'HTTP_PORT_CLOSED',
        severity: 'warning',
        message: `The proxy of profile ${profile} does not listen on port ${port}, where the CA checks its domains (http-01), so its certificate cannot be renewed; allow this user to use the port, or choose another challenge.`,
        command:
          platform === 'linux' && port < 1024
            ? `sudo sysctl net.ipv4.ip_unprivileged_port_start=${port}`
            : other,
      };
    return {
      ...common,
      code: 'HTTP_PORT_HELD',
      severity: isRunning ? 'warning' : 'notice',
      message:
        holder === ''
          ? `Port ${port}, where the CA checks the domains of profile ${profile} (http-01), is in use, so flm gets no certificate; stop the program that uses it, or choose another challenge, such as tls-alpn-01 if port 443 leads to the proxy.`
          : `Port ${port}, where the CA checks the domains of profile ${profile} (http-01), is in use by ${holder}, so flm gets no certificate; stop that program, or choose another challenge, such as tls-alpn-01 if port 443 leads to the proxy.`,
      command: other,
    };
  });
}

/** More than a request takes, and less than tokens and certificates tolerate. A database measures in milliseconds. */
const toleratedMs = { engine: 60_000, database: 5_000 };

export interface OtherClock {
  /** The id of the engine whose clock it is; undefined: the clock of the database. */
  readonly engine: string | undefined;
  /** How far the other clock is ahead of this machine's. */
  readonly aheadMs: number;
}

export function clockFindings(clocks: readonly OtherClock[], platform: NodeJS.Platform): readonly Finding[] {
  return clocks
    .filter(
      ({ engine, aheadMs }) =>
        Math.abs(aheadMs) > (engine === undefined ? toleratedMs.database : toleratedMs.engine),
    )
    .map(({ engine, aheadMs }) => {
      const seconds = Math.round(Math.abs(aheadMs) / 1000);
      return {
        code: 'CLOCK_DIFFERS',
        severity: 'warning',
        check: 'clock',
        subject: engine ?? null,
        message:
          engine === undefined
            ? `The clock of the database differs from this machine's by ${seconds} s; expiry of keys, limits and certificates follow the clock, so synchronise both.`
            : `The clock of engine ${engine} differs from this machine's by ${seconds} s; expiry of keys, limits and certificates follow the clock, so synchronise both.`,
        command: synchronising(platform),
      };
    });
}

/** Synchronises the clock of this machine. */
function synchronising(platform: NodeJS.Platform): string {
  if (platform === 'darwin') return 'sudo sntp -sS time.apple.com';
  return platform === 'win32' ? 'w32tm /resync' : 'sudo timedatectl set-ntp true';
}
