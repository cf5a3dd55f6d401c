/**
 * Shows a profile as text and as JSON: the saved settings, and the result with the defaults.
 */
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

/** All saved settings and the defaults of the others; of limits and policy only the saved settings. */
export function profileText(profile: ProfileDocument, effective: ProxyConfig, columns: number): string {
  const { config } = profile;
  const { limits, policy, ...plain } = effective;
  const parts = (name: 'limits' | 'policy', values: object): readonly (readonly string[])[] =>
    Object.keys(config[name] ?? {}).map((key) => [
      `${name}.${key}`,
      valueText((values as Record<string, unknown>)[key]),
      texts.from.profile,
    ]);
  const rows = [
    ...Object.entries({ ...plain, port: effective.port }).map(([key, value]) => [
      key,
      value === undefined ? texts.ofMode : valueText(value),
      Object.hasOwn(config, key) ? texts.from.profile : texts.from.default,
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
