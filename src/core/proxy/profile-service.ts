/**
 * Lists, saves and deletes profiles. A profile is validated before anything is written, and each change is recorded in the
 * audit in the same transaction. Running proxies keep their settings until they restart.
 */
import type { Clock } from '../clock.ts';
import { similarNames } from '../engine/name-suggestions.ts';
import { ProxyError } from '../errors.ts';
import type { ProfileRepository, ProxyProfile } from './ports.ts';
import { profileNamePattern } from './profile-name.ts';
import { mergedConfig, type ProxyConfigInput, parseProxyConfig } from './proxy-config.ts';

export interface ProfileServiceDeps {
  readonly repository: ProfileRepository;
  readonly clock: Pick<Clock, 'nowMs'>;
  /** The user who saves and deletes, for the audit. */
  readonly actor: string;
}

export class ProfileService {
  readonly #deps: ProfileServiceDeps;

  constructor(deps: ProfileServiceDeps) {
    this.#deps = deps;
  }

  list(): Promise<readonly ProxyProfile[]> {
    return this.#deps.repository.listProfiles();
  }

  /** Throws PROFILE_NOT_FOUND. */
  async load(name: string): Promise<ProxyProfile> {
    const profile = await this.#deps.repository.loadProfile(name);
    if (profile === undefined) throw await this.#notFound(name);
    return profile;
  }

  /** Returns the saved settings. The profile `default` has none if it was never saved. Throws PROFILE_NOT_FOUND. */
  async savedConfig(name: string): Promise<ProxyConfigInput> {
    const saved = await this.#deps.repository.loadProfile(name);
    if (saved === undefined && name !== 'default') throw await this.#notFound(name);
    return saved?.config ?? {};
  }

  /** Inserts or replaces the profile. Throws PROFILE_INVALID with all faults and then saves nothing. */
  async save(
    name: string,
    config: ProxyConfigInput,
    check: (before: ProxyConfigInput | undefined) => void = () => {},
  ): Promise<ProxyProfile> {
    const { repository, clock, actor } = this.#deps;
    checkProfile(name, config);
    const nowMs = clock.nowMs();
    const before = await repository.loadProfile(name);
    check(before?.config);
    const profile = { name, config, createdAtMs: before?.createdAtMs ?? nowMs, updatedAtMs: nowMs };
    await repository.saveProfile(profile, {
      atMs: nowMs,
      actor,
      action: 'profile.save',
      subject: name,
      ...(before === undefined ? {} : { before: JSON.stringify(before.config) }),
      after: JSON.stringify(config),
    });
    return profile;
  }

  /** Merges `changes` into the saved profile, if there is one. Throws PROFILE_INVALID and then changes nothing. */
  async update(name: string, changes: ProxyConfigInput): Promise<ProxyProfile> {
    const before = await this.#deps.repository.loadProfile(name);
    return this.save(name, mergedConfig(before?.config ?? {}, changes));
  }

  /** Throws PROFILE_NOT_FOUND. A proxy that was started from the profile continues to run. */
  async delete(name: string): Promise<void> {
    const { repository, clock, actor } = this.#deps;
    const { config } = await this.load(name);
    await repository.deleteProfile(name, {
      atMs: clock.nowMs(),
      actor,
      action: 'profile.delete',
      subject: name,
      before: JSON.stringify(config),
    });
  }

  async #notFound(profile: string): Promise<ProxyError> {
    const names = (await this.list()).map(({ name }) => name);
    return new ProxyError('PROFILE_NOT_FOUND', { params: { profile, near: similarNames(profile, names) } });
  }
}

function checkProfile(name: string, config: ProxyConfigInput): void {
  if (!profileNamePattern.test(name)) {
    throw new ProxyError('PROFILE_INVALID', {
      faults: [
        {
          field: 'name',
          value: JSON.stringify(name.slice(0, 80)),
          allowed: 'lower-case letters, digits and dashes, 63 at most',
        },
      ],
    });
  }
  try {
    parseProxyConfig(config);
  } catch (error) {
    if (!(error instanceof ProxyError)) throw error;
    const { faults, moreFaults } = error;
    throw new ProxyError('PROFILE_INVALID', { faults, moreFaults });
  }
}
