/**
 * Shows a profile as text and as JSON: the saved settings, and the result with the defaults.
 */

import type { EnvironmentSettings } from '../../core/proxy/environment-settings.ts';
import type { ProfileDocument } from '../../core/proxy/profile-document.ts';
import type { ProxyConfig, ProxyConfigInput } from '../../core/proxy/proxy-config.ts';
import { t } from '../i18n/texts.ts';
import { facts, moment, printable, table } from '../terminal/layout.ts';

const texts = t.profile;

export function profilesText(profiles: readonly ProfileDocument[], columns: number): string {
  const rows = profiles.map(({ name, config, running, updatedAt }) => [
    name,
    running.join(', ') || texts.notRunning,
    updatedAt === null ? texts.neverSaved : moment(Date.parse(updatedAt)),
    shortOf(config),
  ]);
  const { columns: names } = texts;
  return table([names.name, names.running, names.saved, names.settings], rows, columns);
}

/**
 * All settings with their values and where each is from: an environment variable, the profile, or the default. Of limits
 * and policy only those that are set.
 */
export function profileText(
  profile: ProfileDocument,
  effective: ProxyConfig,
  variables: EnvironmentSettings['variables'],
  columns: number,
): string {
  const { config } = profile;
  const { limits, policy, ...plain } = effective;
  const parts = (name: 'limits' | 'policy', values: object): readonly (readonly string[])[] =>
    Object.entries(values)
      .map(([key, value]) => [`${name}.${key}`, valueText(value), sourceOf(`${name}.${key}`)] as const)
      .filter(([, , source]) => source !== texts.from.default);
  const sourceOf = (field: string): string => {
    const set = [...variables].filter(([path]) => path === field || path.startsWith(`${field}.`));
    if (set.length > 0) return set.map(([, variable]) => variable).join(', ');
    const [section = '', inner] = field.split('.');
    const saved: unknown = new Map<string, unknown>(Object.entries(config)).get(section);
    const isSaved = inner === undefined ? saved !== undefined : Object.hasOwn(saved ?? {}, inner);
    return isSaved ? texts.from.profile : texts.from.default;
  };
  const rows = [
    ...Object.entries({ ...plain, port: effective.port }).map(([key, value]) => [
      key,
      value === undefined ? texts.ofMode : valueText(value),
      sourceOf(key),
    ]),
    ...parts('limits', limits),
    ...parts('policy', policy ?? {}),
  ];
  const { columns: names } = texts;
  const head = facts([
    [texts.facts.name, profile.name],
    [
      texts.facts.saved,
      profile.updatedAt === null ? texts.neverSaved : moment(Date.parse(profile.updatedAt)),
    ],
    [texts.facts.running, profile.running.join(', ') || texts.notRunning],
  ]);
  return `${head}\n\n${table([names.setting, names.value, names.from], rows, columns)}`;
}

function shortOf(config: ProxyConfigInput): string {
  const parts = Object.entries(config).map(([key, value]) => `${key} ${valueText(value)}`);
  const text = parts.join('; ') || texts.onlyDefaults;
  return text.length > 100 ? `${text.slice(0, 97)}...` : text;
}

function valueText(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? texts.emptyList : value.map(valueText).join(', ');
  if (typeof value === 'object' && value !== null && 'url' in value) return printable(String(value.url));
  return printable(typeof value === 'string' ? value : JSON.stringify(value));
}
