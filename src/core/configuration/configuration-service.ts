/**
 * Applies a configuration file, and exports the stored configuration as such a file. A file is validated completely
 * before anything is written. All its changes are one transaction with their audit entries; then the running proxies
 * are told.
 */
import type { Clock } from '../clock.ts';
import type { SecretRef } from '../engine/engine.ts';
import type { Fault } from '../errors.ts';
import {
  freshSecret,
  importedPrefixLength,
  issuedPrefixLength,
  looksLikeKey,
  type SecretTools,
} from '../security/key-secret.ts';
import { weakness } from '../security/secret-strength.ts';
import { momentOf } from '../time-text.ts';
import {
  type ApplyPlan,
  changesStore,
  type ListedConfiguration,
  type PlanOptions,
  planApply,
} from './apply-plan.ts';
import {
  type ConfigurationFile,
  invalidFile,
  type KeyEntry,
  parseConfigurationFile,
  repeated,
} from './configuration-file.ts';
import { exportedConfiguration } from './exported-configuration.ts';
import type { FileKey } from './key-plan.ts';
import type { ConfigurationRepository } from './ports.ts';

export interface ConfigurationServiceDeps {
  readonly repository: ConfigurationRepository;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly secrets: SecretTools;
  /** The addresses of the administrator. */
  readonly ownAddresses: readonly string[];
  /** For the audit: `cli:USER`. */
  readonly actor: string;
  /** Undefined if the variable or the file does not exist. */
  readonly readSecret: (secret: SecretRef) => string | undefined;
  readonly spelling: (url: string) => string;
  /** Tells running proxies to read the store. */
  readonly announce: () => Promise<unknown>;
}

export interface ApplyOptions extends Pick<PlanOptions, 'source' | 'prune' | 'confirmed'> {
  /** Writes nothing. */
  readonly dryRun: boolean;
}

export class ConfigurationService {
  readonly #deps: ConfigurationServiceDeps;

  constructor(deps: ConfigurationServiceDeps) {
    this.#deps = deps;
  }

  /**
   * Throws a `ProxyError` APPLY_INVALID with every fault of the file, or a `PolicyError` POLICY_NEEDS_CONFIRMATION if
   * its policy would block the administrator or every key and `confirmed` is false; then nothing was changed.
   */
  async apply(input: unknown, { dryRun, ...options }: ApplyOptions): Promise<ApplyPlan> {
    const { repository, clock, secrets, actor, ownAddresses, spelling } = this.#deps;
    const file = this.#withDigests(parseConfigurationFile(input), clock.nowMs());
    const planOptions: PlanOptions = {
      ...options,
      nowMs: clock.nowMs(),
      actor,
      ownAddresses,
      spelling,
      newKeyId: () => freshSecret(secrets).id,
    };
    const stored = await repository.read();
    const plan = planApply(file, stored, planOptions);
    // Most runs of a pipeline change nothing, and then they need no permission to write.
    if (dryRun || !changesStore(plan, stored)) return plan;
    // The configuration may have changed since it was read.
    const made = await repository.change((now) => planApply(file, now, planOptions));
    await this.#announce();
    return made;
  }

  /** The stored configuration in the form of a file: all active keys by digest, and no secret. */
  async export(): Promise<object> {
    return exportedConfiguration(await this.#deps.repository.read(), this.#deps.clock.nowMs());
  }

  #withDigests({ keys, ...file }: ConfigurationFile, nowMs: number): ListedConfiguration {
    if (keys === undefined) return file;
    const faults: Fault[] = [];
    const listed = keys.map((entry, at) => this.#listedKey(entry, at, nowMs, faults));
    for (const [at] of repeated(listed.map(({ digest }) => digest)))
      faults.push(secretFault(at, 'a value that is not shown', 'a secret that no other entry has'));
    if (faults.length > 0) throw invalidFile(faults);
    return { ...file, keys: listed };
  }

  #listedKey(entry: KeyEntry, at: number, nowMs: number, faults: Fault[]): FileKey {
    const { digest, secret, prefix, expiresAt, paused, ...rules } = entry;
    const expiresAtMs = expiresAt === undefined ? null : (momentOf(expiresAt, nowMs) ?? null);
    const request = { ...rules, expiresAtMs };
    if (secret === undefined) {
      const hex = digest?.replace(/^sha256:/, '') ?? '';
      return { request, digest: hex, prefix, paused };
    }
    const { secrets, readSecret } = this.#deps;
    const text = readSecret(secret)?.trim();
    const fault = text === undefined || text === '' ? undefined : weakness(text);
    if (text === undefined || text === '') {
      const place = secret.from === 'env' ? `the variable ${secret.name}` : secret.path;
      faults.push(secretFault(at, `missing in ${place}`, 'a variable or a file that holds the secret'));
    } else if (fault !== undefined) faults.push(secretFault(at, 'a value that is not shown', fault));
    const start = looksLikeKey(text ?? '', secrets) ? issuedPrefixLength : importedPrefixLength;
    return {
      request,
      // Each unreadable secret has its own fault, so that none counts as a repetition.
      digest: fault === undefined && text ? secrets.sha256Hex(text) : `entry ${at}`,
      prefix: prefix ?? text?.slice(0, start),
      paused,
    };
  }

  async #announce(): Promise<void> {
    try {
      await this.#deps.announce();
    } catch {
      // The change is written. Proxies notice it within a second anyway.
    }
  }
}

function secretFault(at: number, value: string, allowed: string): Fault {
  return { field: `keys.${at}.secret`, value, allowed };
}
