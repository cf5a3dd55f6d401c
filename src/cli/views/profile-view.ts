/**
 * Shows a profile as text and as JSON: the saved settings, and the result with the defaults.
 */
import type { ProfileDocument } from '../../core/proxy/profile-document.ts';
import type { ProxyConfig, ProxyConfigInput } from '../../core/proxy/proxy-config.ts';
import { facts, moment, printable, table } from '../terminal/layout.ts';

export function profilesText(profiles: readonly ProfileDocument[], columns: number): string {
  const rows = profiles.map(({ name, config, running, updatedAt }) => [
    name,
    running.join(', ') || 'no',
    updatedAt === null ? 'never' : moment(Date.parse(updatedAt)),
    shortOf(config),
  ]);
  return table(['NAME', 'RUNNING', 'SAVED', 'SETTINGS'], rows, columns);
}

/** All saved settings and the defaults of the others; of limits and policy only the saved settings. */
export function profileText(profile: ProfileDocument, effective: ProxyConfig, columns: number): string {
  const { config } = profile;
  const { limits, policy, ...plain } = effective;
  const parts = (name: 'limits' | 'policy', values: object): readonly (readonly string[])[] =>
    Object.keys(config[name] ?? {}).map((key) => [
      `${name}.${key}`,
      valueText((values as Record<string, unknown>)[key]),
      'profile',
    ]);
  const rows = [
    ...Object.entries({ ...plain, port: effective.port }).map(([key, value]) => [
      key,
      value === undefined ? 'the default of the mode' : valueText(value),
      Object.hasOwn(config, key) ? 'profile' : 'default',
    ]),
    ...parts('limits', limits),
    ...parts('policy', policy ?? {}),
  ];
  const head = facts([
    ['name', profile.name],
    ['saved', profile.updatedAt === null ? 'never' : moment(Date.parse(profile.updatedAt))],
    ['running', profile.running.join(', ') || 'no'],
  ]);
  return `${head}\n\n${table(['SETTING', 'VALUE', 'FROM'], rows, columns)}`;
}

function shortOf(config: ProxyConfigInput): string {
  const parts = Object.entries(config).map(([key, value]) => `${key} ${valueText(value)}`);
  const text = parts.join('; ') || 'defaults';
  return text.length > 100 ? `${text.slice(0, 97)}...` : text;
}

function valueText(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map(valueText).join(', ');
  if (typeof value === 'object' && value !== null && 'url' in value) return printable(String(value.url));
  return printable(typeof value === 'string' ? value : JSON.stringify(value));
}
