/**
 * A profile as the command line (`--json`) and the admin API show it.
 */
import { z } from 'zod';
import type { ProxyProfile } from './ports.ts';
import type { ProxyConfigInput } from './proxy-config.ts';
import type { ProxyHandle } from './proxy-handle.ts';

const time = z.iso.datetime();

export const profileFields = {
  name: z.string(),
  config: z
    .record(z.string(), z.unknown())
    .describe('The settings as saved, named as in `ProxyConfig`; all others have their defaults.'),
  createdAt: time.nullable().describe('Null for `default` if it was never saved.'),
  updatedAt: time.nullable(),
};

export const profileDocumentSchema = z
  .strictObject({
    ...profileFields,
    running: z.array(z.string()).readonly().describe('Ids of the running proxies that were started from it.'),
  })
  .meta({ id: 'Profile' });

export interface ProfileSettings {
  readonly name: string;
  /** The settings as saved; all others have their defaults. */
  readonly config: ProxyConfigInput;
  /** ISO 8601; null for `default` if it was never saved. */
  readonly createdAt: string | null;
  readonly updatedAt: string | null;
}

export interface ProfileDocument extends ProfileSettings {
  /** Ids of the running proxies that were started from it. */
  readonly running: readonly string[];
}

export function profileSettings(profile: ProxyProfile | undefined, name: string): ProfileSettings {
  const iso = (ms: number | undefined): string | null =>
    ms === undefined ? null : new Date(ms).toISOString();
  return {
    name,
    config: profile?.config ?? {},
    createdAt: iso(profile?.createdAtMs),
    updatedAt: iso(profile?.updatedAtMs),
  };
}

export function profileDocument(
  profile: ProxyProfile | undefined,
  name: string,
  handles: readonly ProxyHandle[],
): ProfileDocument {
  const running = handles.filter((h) => h.profile === name && !h.draining).map((h) => h.id);
  return { ...profileSettings(profile, name), running };
}
