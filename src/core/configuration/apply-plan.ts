/**
 * Compares a file of `flm apply` with the stored configuration, and returns the change that makes the store follow the
 * file. Has no side effect. The same file applied again changes nothing.
 */
import type { EngineRecord, ModelAlias, SecretRef } from '../engine/engine.ts';
import { aliasTargetRule } from '../engine/engine-registry.ts';
import { type Fault, PolicyError } from '../errors.ts';
import type { ProxyProfile } from '../proxy/ports.ts';
import type { ApiKey } from '../security/api-key.ts';
import { lockOut } from '../security/lock-out.ts';
import type { SecurityPolicy } from '../security/security-policy.ts';
import { type ConfigurationFile, type EngineEntry, invalidFile } from './configuration-file.ts';
import { type FileKey, type KeyWarning, planKeys } from './key-plan.ts';
import type { ConfigurationChange, StoredConfiguration } from './ports.ts';
import { differences, isSame } from './same-value.ts';
import { type AppliedStep, planSection, type SectionPlan } from './section-plan.ts';

/** A file whose secrets were read. */
export interface ListedConfiguration extends Omit<ConfigurationFile, 'keys'> {
  readonly keys?: readonly FileKey[];
}

export interface PlanOptions {
  readonly nowMs: number;
  readonly actor: string;
  /** Name of the file, for the audit. */
  readonly source: string;
  /** Removes what earlier files have listed and this one does not, in the sections of this file. */
  readonly prune: boolean;
  /** Sets a policy even if it blocks the administrator or every key. */
  readonly confirmed: boolean;
  /** The addresses of the administrator. */
  readonly ownAddresses: readonly string[];
  readonly newKeyId: () => string;
  /** Returns the same text for all spellings of an address of an engine. */
  readonly spelling: (url: string) => string;
}

export interface ApplyPlan extends ConfigurationChange {
  readonly steps: readonly AppliedStep[];
  /** How many entries of the file are stored as they are. */
  readonly unchanged: number;
  readonly warnings: readonly KeyWarning[];
}

/**
 * Throws APPLY_INVALID with every fault that only the stored configuration shows, and POLICY_NEEDS_CONFIRMATION.
 */
export function planApply(
  file: ListedConfiguration,
  stored: StoredConfiguration,
  options: PlanOptions,
): ApplyPlan {
  const { nowMs, actor, source } = options;
  const profiles = planProfiles(file.profiles, stored, options);
  const keys = planKeys(file.keys, stored, options);
  const engines = planEngines(file.engines, stored, options);
  const aliases = planAliases(file.aliases, stored, options);
  const faults = [profiles, keys, engines, aliases].flatMap((section) => section.faults);
  if (faults.length > 0) throw invalidFile(faults);
  const policy = planPolicy(file.policy, stored, keys.saved, options);
  const sections = [policy, profiles, keys, engines, aliases];
  const steps = sections.flatMap((section) => section.steps);
  const summary = { action: 'apply', subject: source, after: JSON.stringify(counts(steps)) };
  const audit = [...sections.flatMap((section) => section.audit), ...(steps.length === 0 ? [] : [summary])];
  const [savedPolicy] = policy.saved;
  return {
    profiles: profiles.saved,
    keys: keys.saved,
    engines: engines.saved,
    aliases: aliases.saved,
    ...(savedPolicy === undefined ? {} : { policy: savedPolicy }),
    deletedProfiles: profiles.deleted,
    deletedEngines: engines.deleted,
    deletedAliases: aliases.deleted,
    applied: {
      profile: profiles.applied,
      key: keys.applied,
      engine: engines.applied,
      alias: aliases.applied,
    },
    audit: audit.map((entry) => ({ atMs: nowMs, actor, source: 'apply', ...entry })),
    steps,
    unchanged: sections.reduce((sum, section) => sum + section.unchanged, 0),
    warnings: keys.warnings,
  };
}

/** Whether the plan writes anything. */
export function changesStore(plan: ApplyPlan, stored: StoredConfiguration): boolean {
  return plan.steps.length > 0 || !isSame(plan.applied, stored.applied);
}

function counts(steps: readonly AppliedStep[]): Readonly<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const { change } of steps) sums[change] = (sums[change] ?? 0) + 1;
  return sums;
}

function planPolicy(
  policy: SecurityPolicy | undefined,
  { policy: before, keys }: StoredConfiguration,
  savedKeys: readonly ApiKey[],
  { confirmed, ownAddresses, nowMs }: PlanOptions,
): Omit<SectionPlan<SecurityPolicy>, 'applied' | 'faults'> {
  const fields = policy === undefined ? [] : differences(before, policy);
  if (policy === undefined || fields.length === 0)
    return { saved: [], deleted: [], steps: [], audit: [], unchanged: policy === undefined ? 0 : 1 };
  const later = new Map([...keys, ...savedKeys].map((key) => [key.id, key]));
  const reason = confirmed ? undefined : lockOut(policy, [...later.values()], ownAddresses, nowMs);
  if (reason !== undefined) throw new PolicyError('POLICY_NEEDS_CONFIRMATION', { params: { reason } });
  const [old, after] = [JSON.stringify(before), JSON.stringify(policy)];
  return {
    saved: [policy],
    deleted: [],
    steps: [{ kind: 'policy', name: 'policy', change: 'change', fields }],
    audit: [{ action: 'policy.set', subject: 'policy', before: old, after }],
    unchanged: 0,
  };
}

function planProfiles(
  profiles: ConfigurationFile['profiles'],
  stored: StoredConfiguration,
  { nowMs, prune }: PlanOptions,
): SectionPlan<ProxyProfile> {
  const plan = planSection<ProxyProfile['config'], ProxyProfile>({
    kind: 'profile',
    entries: mapOf(profiles),
    stored: new Map(stored.profiles.map((profile) => [profile.name, profile])),
    applied: stored.applied.profile,
    prune,
    actions: { create: 'profile.save', change: 'profile.save', remove: 'profile.delete' },
    wanted: (name, config, before) => ({
      name,
      config,
      createdAtMs: before?.createdAtMs ?? nowMs,
      updatedAtMs: nowMs,
    }),
    settings: ({ config }) => config,
  });
  return { ...plan, faults: [] };
}

function planEngines(
  listed: readonly EngineEntry[] | undefined,
  stored: StoredConfiguration,
  { nowMs, prune, spelling }: PlanOptions,
): SectionPlan<EngineRecord> {
  const before = new Map(stored.engines.map((engine) => [engine.id, engine]));
  const places = new Map(listed?.map(({ id }, at) => [id, at]));
  const plan = planSection<EngineEntry, EngineRecord>({
    kind: 'engine',
    entries: listed === undefined ? undefined : new Map(listed.map((engine) => [engine.id, engine])),
    stored: before,
    applied: stored.applied.engine,
    prune,
    actions: { create: 'engine.add', change: 'engine.set', remove: 'engine.remove' },
    // Engines are preferred in the order of their times.
    wanted: (id, engine, old) => engineOf(engine, old, nowMs + (places.get(id) ?? 0)),
    settings: ({ createdAtMs: _, ...settings }) => settings,
  });
  const after = new Map([...before, ...plan.saved.map((engine) => [engine.id, engine] as const)]);
  for (const id of plan.deleted) after.delete(id);
  const faults = (listed ?? []).flatMap(({ id, url, apiKey }, at): readonly Fault[] => {
    const twin = [...after.values()].find(
      (other) => other.id !== id && spelling(other.url) === spelling(url),
    );
    const isMissing = apiKey?.from === 'stored' && before.get(id)?.apiKey === undefined;
    return [
      ...(twin === undefined
        ? []
        : [
            {
              field: `engines.${at}.url`,
              value: url,
              allowed: `an address that no other engine has; ${twin.id} has it`,
            },
          ]),
      ...(isMissing
        ? [
            {
              field: `engines.${at}.apiKey`,
              value: 'stored, but no key is stored',
              allowed: 'a reference from env or file',
            },
          ]
        : []),
    ];
  });
  return { ...plan, faults };
}

function engineOf(entry: EngineEntry, before: EngineRecord | undefined, nowMs: number): EngineRecord {
  const { id, url, kind, apiKey, slots, caFile } = entry;
  const key: SecretRef | undefined = apiKey?.from === 'stored' ? before?.apiKey : apiKey;
  return {
    id,
    url,
    ...(kind === undefined ? {} : { kind }),
    ...(key === undefined ? {} : { apiKey: key }),
    ...(slots === undefined ? {} : { slots }),
    ...(caFile === undefined ? {} : { caFile }),
    createdAtMs: before?.createdAtMs ?? nowMs,
  };
}

function planAliases(
  aliases: Readonly<Record<string, string>> | undefined,
  stored: StoredConfiguration,
  { prune }: PlanOptions,
): SectionPlan<ModelAlias> {
  const before = new Map(stored.aliases.map((alias) => [alias.name, alias]));
  const plan = planSection<string, ModelAlias>({
    kind: 'alias',
    entries: mapOf(aliases),
    stored: before,
    applied: stored.applied.alias,
    prune,
    actions: { create: 'alias.set', change: 'alias.set', remove: 'alias.remove' },
    wanted: (name, target) => ({ name, target }),
    settings: (alias) => alias,
  });
  const after = new Set([...before.keys(), ...plan.saved.map(({ name }) => name)]);
  for (const name of plan.deleted) after.delete(name);
  const faults = Object.entries(aliases ?? {})
    .filter(([, target]) => after.has(target))
    .map(([name, target]) => ({
      field: `aliases.${name}`,
      value: JSON.stringify(target),
      allowed: aliasTargetRule,
    }));
  return { ...plan, faults };
}

function mapOf<Value>(
  values: Readonly<Record<string, Value>> | undefined,
): ReadonlyMap<string, Value> | undefined {
  return values === undefined ? undefined : new Map(Object.entries(values));
}
