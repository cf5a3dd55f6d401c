/**
 * Manages the saved engines and aliases for an administrator. A change is validated completely before anything is
 * written. It is written together with its audit entry (without secrets) in one transaction, and then announced to the
 * running proxies. After the write, no later failure makes the change fail.
 */

import { z } from 'zod';
import type { Clock } from '../clock.ts';
import { EngineError, type Fault } from '../errors.ts';
import { faultsOf } from '../faults.ts';
import { engineConfigSchema, engineIdPattern, secretReferenceSchema } from '../proxy/proxy-config.ts';
import type { AuditEntry } from '../security/ports.ts';
import type { EngineRecord, ModelAlias, SecretRef } from './engine.ts';
import type { EngineKindName } from './kinds.ts';
import { similarNames } from './name-suggestions.ts';

/**
 * Stores engines and aliases. A change and its audit entry are written together, or neither is.
 */
export interface EngineRepository {
  /** Inserts or replaces by id. */
  saveEngine(engine: EngineRecord, audit?: AuditEntry): Promise<void>;
  listEngines(): Promise<readonly EngineRecord[]>;
  deleteEngine(id: string, audit?: AuditEntry): Promise<boolean>;
  saveAlias(alias: ModelAlias, audit?: AuditEntry): Promise<void>;
  listAliases(): Promise<readonly ModelAlias[]>;
  deleteAlias(name: string, audit?: AuditEntry): Promise<boolean>;
}

export interface EngineRegistryDeps {
  readonly repository: EngineRepository;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly actor: string;
  readonly announce: () => Promise<void>;
}

const engineSchema = engineConfigSchema.extend({
  id: z.string().regex(engineIdPattern, { error: 'lower-case letters, digits and dashes, 32 at most' }),
  apiKey: z
    .discriminatedUnion('from', [
      secretReferenceSchema,
      z.strictObject({
        from: z.literal('value'),
        value: z
          .string()
          .regex(/^[\x21-\x7e]{1,4096}$/, { error: 'visible ASCII characters without blanks' }),
      }),
    ])
    .optional(),
});

/** An engine to save. `kind` undefined: flm identifies the server. */
export interface NewEngine {
  readonly url: string;
  readonly id: string;
  readonly kind?: EngineKindName;
  readonly apiKey?: SecretRef;
  readonly slots?: number;
  readonly caFile?: string;
}

/** The changes of a saved engine; null removes a setting. */
export type EngineChanges = {
  readonly [Field in keyof Omit<NewEngine, 'id'>]?: NewEngine[Field] | (Field extends 'url' ? never : null);
};

/** A model name as clients may send it: no control characters, no blanks at its ends. */
export const aliasFields = {
  name: z
    .string()
    .min(1)
    .max(256)
    .refine((text) => !/[\p{C}\p{Zl}\p{Zp}]/u.test(text) && text.trim() === text && !text.includes('://'), {
      error: 'printable characters, without blanks at its ends and without ://',
    }),
  target: z.string().min(1).max(256),
};
const aliasSchema = z.strictObject(aliasFields);

/** An alias of an alias would make the meaning of a name depend on the order of changes. */
export const aliasTargetRule = 'the name of a model, not of an alias';

export class EngineRegistry {
  readonly #deps: EngineRegistryDeps;

  constructor(deps: EngineRegistryDeps) {
    this.#deps = deps;
  }

  list(): Promise<readonly EngineRecord[]> {
    return this.#deps.repository.listEngines();
  }

  /** The record that `add` would save. Throws an `EngineError` ENGINE_INVALID with every fault. */
  async check(input: NewEngine): Promise<EngineRecord> {
    const parsed = engineSchema.safeParse(input);
    const faults: Fault[] = parsed.success ? [] : faultsOf(parsed.error, input);
    if ((await this.list()).some((e) => e.id === input.id)) {
      faults.push({ field: 'id', value: input.id, allowed: 'an id that no other engine has' });
    }
    if (!parsed.success || faults.length > 0) throw new EngineError('ENGINE_INVALID', { faults });
    return recordOf(parsed.data, this.#deps.clock.nowMs());
  }

  /** Throws like `check`; then nothing was saved. */
  async add(input: NewEngine): Promise<EngineRecord> {
    const record = await this.check(input);
    const entry = this.#entry('engine.add', record.id, JSON.stringify(record));
    await this.#deps.repository.saveEngine(record, entry);
    await this.#announce();
    return record;
  }

  /**
   * The record that `change` would save. Throws an `EngineError` ENGINE_NOT_FOUND, or ENGINE_INVALID with every fault.
   */
  async checkChange(id: string, changes: EngineChanges): Promise<EngineRecord> {
    return changed(await this.#find(id), changes);
  }

  /**
   * Throws like `checkChange`, and what `check` throws about the engine as it is saved now; then nothing was changed.
   */
  async change(
    id: string,
    changes: EngineChanges,
    check: (now: EngineRecord) => void = () => {},
  ): Promise<EngineRecord> {
    const before = await this.#find(id);
    check(before);
    // Not read again: what is saved is made of what `check` has seen.
    const record = changed(before, changes);
    const entry = this.#entry('engine.set', id, JSON.stringify(record), JSON.stringify(before));
    await this.#deps.repository.saveEngine(record, entry);
    await this.#announce();
    return record;
  }

  /** Throws an `EngineError` ENGINE_NOT_FOUND. */
  async remove(id: string): Promise<void> {
    if (!(await this.#deps.repository.deleteEngine(id, this.#entry('engine.remove', id)))) {
      throw await this.#notFound(id);
    }
    await this.#announce();
  }

  async #find(id: string): Promise<EngineRecord> {
    const found = (await this.list()).find((engine) => engine.id === id);
    if (found === undefined) throw await this.#notFound(id);
    return found;
  }

  async #notFound(id: string): Promise<EngineError> {
    const known = (await this.list()).map((engine) => engine.id);
    return new EngineError('ENGINE_NOT_FOUND', { params: { engine: id, near: similarNames(id, known) } });
  }

  aliases(): Promise<readonly ModelAlias[]> {
    return this.#deps.repository.listAliases();
  }

  /** Inserts or replaces. Throws an `EngineError` ALIAS_INVALID. */
  async alias(name: string, target: string): Promise<ModelAlias> {
    const input = { name, target };
    const parsed = aliasSchema.safeParse(input);
    const faults: Fault[] = parsed.success ? [] : faultsOf(parsed.error, input);
    const others = (await this.aliases()).filter((a) => a.name !== name);
    if (others.some((a) => a.name === target) || name === target) {
      faults.push({ field: 'target', value: target, allowed: aliasTargetRule });
    }
    if (faults.length > 0) throw new EngineError('ALIAS_INVALID', { faults });
    await this.#deps.repository.saveAlias(input, this.#entry('alias.set', name, JSON.stringify(input)));
    await this.#announce();
    return input;
  }

  /** Throws an `EngineError` ALIAS_NOT_FOUND. */
  async unalias(name: string): Promise<void> {
    if (!(await this.#deps.repository.deleteAlias(name, this.#entry('alias.remove', name)))) {
      const near = similarNames(
        name,
        (await this.aliases()).map((alias) => alias.name),
      );
      throw new EngineError('ALIAS_NOT_FOUND', { params: { alias: name, near } });
    }
    await this.#announce();
  }

  async #announce(): Promise<void> {
    try {
      await this.#deps.announce();
    } catch {
      // The change is written. Proxies notice it within a second anyway.
    }
  }

  #entry(action: string, subject: string, after?: string, before?: string): AuditEntry {
    const { clock, actor } = this.#deps;
    return {
      atMs: clock.nowMs(),
      actor,
      action,
      subject,
      ...(before === undefined ? {} : { before }),
      ...(after === undefined ? {} : { after }),
    };
  }
}

function changed(before: EngineRecord, changes: EngineChanges): EngineRecord {
  const { createdAtMs, ...rest } = before;
  const given = Object.entries({ ...rest, ...changes }).filter(([, value]) => value !== null);
  const input: unknown = Object.fromEntries(given);
  const parsed = engineSchema.safeParse(input);
  if (!parsed.success) throw new EngineError('ENGINE_INVALID', { faults: faultsOf(parsed.error, input) });
  return recordOf(parsed.data, createdAtMs);
}

function recordOf(parsed: z.output<typeof engineSchema>, createdAtMs: number): EngineRecord {
  const { url, id, kind, apiKey, slots, caFile } = parsed;
  return {
    id,
    url,
    createdAtMs,
    ...(kind === undefined ? {} : { kind }),
    ...(apiKey === undefined ? {} : { apiKey }),
    ...(slots === undefined ? {} : { slots }),
    ...(caFile === undefined ? {} : { caFile }),
  };
}
