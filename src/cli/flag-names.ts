/**
 * Maps a setting to its flag, for messages about invalid values: the user typed `--rpm`, the setting is
 * `requestsPerMinute`. A test checks the table against the flags of a proxy.
 */
import type { Command } from 'commander';
import type { Fault } from '../core/errors.ts';

/** Settings whose flag is not the name in kebab case. */
const flagOfSetting: Readonly<Record<string, string>> = {
  engines: '--engine',
  publicHosts: '--public-host',
  forwardHeaders: '--forward-header',
  graceMs: '--grace',
  heartbeatMs: '--heartbeat',
  sans: '--san',
  clientCaFile: '--client-ca',
  hstsSeconds: '--hsts',
  domains: '--domain',
  'acme.caFile': '--acme-ca',
  scopes: '--scope',
  models: '--model',
  endpoints: '--endpoint',
  addresses: '--ip',
  requestsPerMinute: '--rpm',
  requestsPerMinutePerKey: '--rpm-per-key',
  requestsPerMinutePerAddress: '--rpm-per-address',
  tokensPerMinute: '--tpm',
  concurrency: '--concurrency',
  allowOrigins: '--allow-origin',
  allowIps: '--allow-ip',
  denyIps: '--deny-ip',
  trustedProxies: '--trusted-proxy',
};

/** Returns the flag for a setting such as `engines.0.url`. A command need not have this flag. */
export function flagOf(field: string): string {
  const parts = field.split('.');
  const name = parts.slice(0, parts[0] === 'acme' ? 2 : 1).join('.');
  const kebab = name.replaceAll('.', '-').replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return flagOfSetting[name] ?? `--${kebab}`;
}

/** Returns the name of a setting for error messages of this command: `--rpm (requestsPerMinute)` if the flag was given. */
export function faultNames(command: Command): (fault: Fault) => string | undefined {
  return ({ field, line }) => {
    // A problem with a line number comes from a file, not from a flag.
    if (field === '' || line !== undefined) return undefined;
    const long = flagOf(field);
    const option = command.options.find((o) => o.long === long);
    if (option === undefined || command.getOptionValueSource(option.attributeName()) !== 'cli')
      return undefined;
    const [setting = ''] = field.split('.');
    return option.attributeName() === setting ? long : `${long} (${field})`;
  };
}
