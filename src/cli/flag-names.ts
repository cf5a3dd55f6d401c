/**
 * Names the flag that gave a setting, for messages about a value that is not valid: a person typed `--rpm`, the setting
 * is `requestsPerMinute`. A test holds the table to the flags of a proxy.
 */
import type { Command } from 'commander';
import type { Fault } from '../core/errors.ts';

/** Where the flag is not the setting's name in kebab case. */
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

/** The flag for a setting, such as `engines.0.url`; whether a command has it is another question. */
export function flagOf(field: string): string {
  const parts = field.split('.');
  const name = parts.slice(0, parts[0] === 'acme' ? 2 : 1).join('.');
  const kebab = name.replaceAll('.', '-').replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return flagOfSetting[name] ?? `--${kebab}`;
}

/** How a fault is named in a message of this command: `--rpm (requestsPerMinute)` where its flag was given. */
export function faultNames(command: Command): (fault: Fault) => string | undefined {
  return ({ field, line }) => {
    // With a line it stands in a file.
    if (field === '' || line !== undefined) return undefined;
    const long = flagOf(field);
    const option = command.options.find((o) => o.long === long);
    if (option === undefined || command.getOptionValueSource(option.attributeName()) !== 'cli')
      return undefined;
    const [setting = ''] = field.split('.');
    return option.attributeName() === setting ? long : `${long} (${field})`;
  };
}
