/**
 * The systemd units of a proxy as text, for the system and for one user. Each unit begins with a line that contains its
 * settings, so that flm recognises its own files and never overwrites or removes other files.
 *
 * The sandbox of the system unit allows little more than listening, using its own data folder and connecting to
 * engines: `systemd-analyze security` gives it at most 2.0.
 */
import { posix } from 'node:path';
import ipaddr from 'ipaddr.js';

export type ServiceKind = 'system' | 'user';

/** The settings of a unit. */
export interface ServiceUnit {
  readonly kind: ServiceKind;
  readonly profile: string;
  /** The data folder. */
  readonly home: string;
  /** The user and group of a system service. */
  readonly account?: string;
  /** The program and the arguments before flm's own; absolute. */
  readonly program: readonly string[];
  /** How long running responses may take at a stop. */
  readonly graceMs: number;
  /** systemd opens the listening sockets: addresses and ports. Absent: the proxy opens them itself. */
  readonly sockets?: readonly UnitSocket[];
  /** True if `systemd-notify` is installed: without it the unit has no watchdog and no hand-over. */
  readonly notify: boolean;
}

export interface UnitSocket {
  readonly address: string;
  readonly port: number;
}

/** The watchdog time. The event loop sends a message twice within this time. */
const watchdogSeconds = 30;
/** A first certificate of an ACME server takes two minutes at most. */
const startSeconds = 180;
/** On top of the grace time. */
export const stopSlackSeconds = 15;
/** Variables for engines' keys and ACME hooks; the file may be missing. */
export const environmentFile = '/etc/flm/environment';

const mark = '# flm-service ';

/** The name of a unit without its ending. */
export function unitName(profile: string): string {
  return profile === 'default' ? 'flm' : `flm-${profile}`;
}

export function serviceUnitText(unit: ServiceUnit): string {
  const { kind, profile, home, account, graceMs, sockets, notify } = unit;
  const name = unitName(profile);
  const flm = unit.program.map(commandWord).join(' ');
  const isSystem = kind === 'system';
  return sections(unit, [
    [
      'Unit',
      [
        `Description=flm, one safe front door for LLM engines${profile === 'default' ? '' : ` (profile ${profile})`}`,
        ...(isSystem ? ['After=network-online.target', 'Wants=network-online.target'] : []),
        ...(sockets === undefined ? [] : [`Requires=${name}.socket`, `After=${name}.socket`]),
      ],
    ],
    [
      'Service',
      [
        ...(notify ? ['Type=notify', 'NotifyAccess=all', `WatchdogSec=${watchdogSeconds}`] : ['Type=exec']),
        ...(account === undefined ? [] : [`User=${account}`, `Group=${account}`]),
        `Environment=${[`FLM_HOME=${home}`, 'FLM_SETUP=off', 'NODE_DISABLE_COMPILE_CACHE=1'].map(unitWord).join(' ')}`,
        ...(isSystem ? [`EnvironmentFile=-${environmentFile}`] : []),
        ...(isSystem ? writableFolder(home) : []),
        `ExecStart=${flm} proxy run ${profile}`,
        // The running process starts its successor and reports the new main process to systemd.
        ...(notify ? [`ExecReload=${flm} proxy restart ${profile}`] : []),
        'Restart=on-failure',
        'RestartSec=1',
        `TimeoutStartSec=${startSeconds}`,
        `TimeoutStopSec=${Math.ceil(graceMs / 1000) + stopSlackSeconds}`,
        'LimitNOFILE=65536',
        'UMask=0077',
        'NoNewPrivileges=yes',
        ...(isSystem ? hardening : []),
      ],
    ],
    ['Install', [`WantedBy=${isSystem ? 'multi-user.target' : 'default.target'}`]],
  ]);
}

/** Requires `unit.sockets`. */
export function socketText(unit: ServiceUnit): string {
  const name = unitName(unit.profile);
  const lines = (unit.sockets ?? []).map(
    ({ address, port }) => `ListenStream=${listenStream(address, port)}`,
  );
  return sections(unit, [
    ['Unit', [`Description=Listening sockets of ${name}.service`]],
    [
      'Socket',
      [
        ...lines,
        // An additional IPv4 address gets its own socket.
        'BindIPv6Only=ipv6-only',
        'Backlog=1024',
        'NoDelay=yes',
        // The address of an interface may appear only after the socket is opened.
        'FreeBind=yes',
      ],
    ],
    ['Install', ['WantedBy=sockets.target']],
  ]);
}

/** Returns the settings of the unit; undefined if flm did not write it. */
export function unitOf(text: string): ServiceUnit | undefined {
  const line = text.split('\n', 2)[1] ?? '';
  if (!line.startsWith(mark)) return undefined;
  try {
    // Only root or the user itself writes this folder, and flm wrote the line.
    return JSON.parse(line.slice(mark.length)) as ServiceUnit;
  } catch {
    return undefined;
  }
}

/** systemd creates a state folder for the user of the service. Any other folder must exist. */
function writableFolder(home: string): readonly string[] {
  return posix.dirname(home) === '/var/lib'
    ? [`StateDirectory=${posix.basename(home)}`, 'StateDirectoryMode=0700']
    : [`ReadWritePaths=${unitWord(home)}`];
}

export function listenStream(address: string, port: number): string {
  return ipaddr.IPv6.isValid(address) ? `[${address}]:${port}` : `${address}:${port}`;
}

function sections(unit: ServiceUnit, parts: readonly (readonly [string, readonly string[]])[]): string {
  const head = [
    '# Written by `flm service install`. Put changes of your own into a drop-in: `systemctl edit`.',
    `${mark}${JSON.stringify(unit)}`,
  ];
  return `${head.join('\n')}\n${parts.map(([name, lines]) => `\n[${name}]\n${lines.join('\n')}\n`).join('')}`;
}

/** In a command line $ begins a variable (systemd.service(5)); in other settings $ has no special meaning. */
function commandWord(text: string): string {
  return unitWord(text.replaceAll('$', '$$$$'));
}

/** systemd.syntax(7): quotes and % are special. */
function unitWord(text: string): string {
  const escaped = text.replaceAll('%', '%%');
  return /^[\w@%+=:,./$-]+$/.test(escaped)
    ? escaped
    : `"${escaped.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

/**
 * No MemoryDenyWriteExecute: V8 compiles at run time. No ProcSubset=pid: flm reads the id of the boot below /proc/sys.
 * AF_NETLINK is needed to list the addresses of this machine.
 */
const hardening: readonly string[] = [
  'CapabilityBoundingSet=',
  'AmbientCapabilities=',
  'LockPersonality=yes',
  'PrivateDevices=yes',
  'PrivateTmp=yes',
  'ProtectClock=yes',
  'ProtectControlGroups=yes',
  'ProtectHome=yes',
  'ProtectHostname=yes',
  'ProtectKernelLogs=yes',
  'ProtectKernelModules=yes',
  'ProtectKernelTunables=yes',
  'ProtectProc=invisible',
  'ProtectSystem=strict',
  'RemoveIPC=yes',
  'RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK',
  'RestrictNamespaces=yes',
  'RestrictRealtime=yes',
  'RestrictSUIDSGID=yes',
  'SystemCallArchitectures=native',
  'SystemCallErrorNumber=EPERM',
  'SystemCallFilter=@system-service',
  'SystemCallFilter=~@privileged @resources',
];
