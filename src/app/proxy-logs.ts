/**
 * Finds the log of a proxy by a name that a user gives. The name is an id of a running or crashed proxy, or a profile
 * that is saved or has a log; no part of it reaches a path unless it is such a profile.
 */
import { existsSync } from 'node:fs';
import { profileNamePattern } from '../core/proxy/profile-name.ts';
import { type LogPage, type LogPageRequest, readLogPage } from '../process/log-pages.ts';
import type { Flm } from './flm.ts';

/** Returns the profile of a log. Throws PROFILE_NOT_FOUND if there is no such proxy, profile or log. */
export async function profileOfLog(
  { proxies, profiles, machine }: Pick<Flm, 'proxies' | 'profiles' | 'machine'>,
  which: string,
): Promise<string> {
  const known = [...(await proxies.list()), ...(await proxies.crashed())].find(({ id }) => id === which);
  if (known !== undefined) return known.profile;
  // The log still exists after its profile was deleted.
  const hasLog = profileNamePattern.test(which) && existsSync(machine.paths.logFile(which));
  if (!hasLog && which !== 'default') await profiles.load(which);
  return which;
}

/** Throws like `profileOfLog`. */
export async function logPage(
  flm: Pick<Flm, 'proxies' | 'profiles' | 'machine'>,
  which: string,
  request: LogPageRequest,
): Promise<LogPage & { readonly profile: string }> {
  const profile = await profileOfLog(flm, which);
  return { profile, ...(await readLogPage(flm.machine.paths.logFile(profile), request)) };
}
