/**
 * Creates and revokes keys through the admin API and the command line, and remembers what was acknowledged: a key whose
 * creation was acknowledged is accepted from then on, and one whose revocation was acknowledged is refused, whatever
 * happens. A change that fails has a code of the error table, and changes nothing.
 */
import type { Ran } from '../../helpers/cli.ts';
import { eventually } from '../../helpers/eventually.ts';
import { codeOfDocument, listModels, type Outcome, type SoakTarget } from './outcomes.ts';

interface LedgerKey {
  readonly id: string;
  readonly key: string;
  readonly label: string;
  revoked: boolean;
  /** A revocation is under way. */
  isChanging: boolean;
}

/** The response to a revocation, as far as it says which proxies could not be told. */
interface Revoked {
  readonly unreached?: readonly string[];
}

export interface LedgerOptions {
  readonly adminKey: string;
  /** The proxy with the admin API. It runs all the time. */
  readonly admin: SoakTarget;
  readonly cli: (...args: readonly string[]) => Promise<Ran>;
  readonly violation: (text: string) => void;
  /** Whether the proxy with the admin API could be out of reach at some time since then. */
  readonly isExcused: (sinceMs: number) => boolean;
  /** Counts an error by its code. */
  readonly error: (code: string) => void;
}

/** The connection ended without a response, so the change was made or was not. */
const unanswered = Symbol('unanswered');
/** Keys that stay in the data folder; beyond that the oldest revoked one is deleted. */
const maxKeys = 60;
/** Wrong keys are throttled by address; each question comes from another one. */
let nextAddress = 0;
const freshAddress = (): string => {
  nextAddress = (nextAddress + 1) % 60_000;
  return `127.77.${1 + Math.floor(nextAddress / 250)}.${1 + (nextAddress % 250)}`;
};

export class KeyLedger {
  readonly #options: LedgerOptions;
  readonly #keys: LedgerKey[] = [];
  /** Labels of creations that were not acknowledged. */
  readonly #failed: string[] = [];
  readonly #changing = new Set<Promise<void>>();
  #checking: Promise<void> = Promise.resolve();
  #made = 0;
  acknowledged = 0;
  refused = 0;

  constructor(options: LedgerOptions) {
    this.#options = options;
  }

  /** Creates a key, revokes an older one, and checks both at once. */
  async change(by: 'api' | 'command'): Promise<void> {
    await this.#checking;
    const changing = this.#changed(by).finally(() => this.#changing.delete(changing));
    this.#changing.add(changing);
    await changing;
  }

  async #changed(by: 'api' | 'command'): Promise<void> {
    this.#made += 1;
    const label = `soak-${this.#made}`;
    const created =
      by === 'api'
        ? await this.#call('POST', '/keys', { label })
        : await this.#run('key', 'create', label, '--json');
    if (created === undefined) this.#failed.push(label);
    else if (created !== unanswered) {
      const { id, key } = created as { id: string; key: string };
      this.#keys.push({ id, key, label, revoked: false, isChanging: false });
      await this.#expect(this.#options.admin, key, true, `${label} was created by ${by}`);
    }
    const live = this.#keys.filter((k) => !k.revoked && !k.isChanging);
    const oldest = live[0];
    if (oldest !== undefined && live.length > 3) await this.#revoke(oldest, by);
    const dead = this.#keys.find((k) => k.revoked);
    if (this.#keys.length > maxKeys && dead !== undefined) {
      await this.#call('DELETE', `/keys/${dead.id}`);
      // It is refused still, and forgotten here so that the run stays small.
      await this.#expect(this.#options.admin, dead.key, false, `${dead.label} was deleted`);
      this.#keys.splice(this.#keys.indexOf(dead), 1);
    }
  }

  /** Tries one key of each state. */
  async probe(target: SoakTarget, isExcused: () => boolean): Promise<void> {
    for (const revoked of [true, false]) {
      const some = this.#keys.filter((k) => k.revoked === revoked);
      const one = some[Math.floor(Math.random() * some.length)];
      if (one === undefined) continue;
      const outcome = await listModels(target, one.key, freshAddress());
      // It may have been revoked while the question was on its way.
      if (!revoked && (one.revoked || one.isChanging)) continue;
      if (isExpected(outcome, !revoked) || (isExcused() && !isAccepted(outcome))) continue;
      // Another proxy of the data folder learns of a new key a little later, but of a revocation before the command ends.
      this.#options.violation(
        `${target.url}: ${one.label} (${revoked ? 'revoked' : 'live'}): ${told(outcome)}`,
      );
    }
  }

  /** Every key is as it was acknowledged, in the store and on each proxy. */
  async checkAll(targets: readonly SoakTarget[]): Promise<void> {
    // No key changes meanwhile.
    this.#checking = Promise.all(this.#changing).then(() => this.#checked(targets));
    await this.#checking;
  }

  async #checked(targets: readonly SoakTarget[]): Promise<void> {
    const { keys } = (await this.#options.cli('key', 'list', '--json')).json<{
      keys: readonly { id: string; label: string; revokedAt: string | null }[];
    }>();
    const stored = new Map(keys.map((k) => [k.id, k]));
    for (const { id, label, revoked } of this.#keys) {
      const found = stored.get(id);
      if (found === undefined) this.#options.violation(`${label} was acknowledged and is not stored`);
      else if ((found.revokedAt !== null) !== revoked)
        this.#options.violation(`${label} is stored as ${revoked ? 'live' : 'revoked'}`);
    }
    for (const label of this.#failed)
      if (keys.some((k) => k.label === label))
        this.#options.violation(`${label} is stored, and its creation was said to have failed`);
    for (const target of targets)
      for (const { key, revoked, label } of this.#keys)
        await this.#expect(target, key, !revoked, `${label}, at the check of all keys`);
  }

  /** Ids of keys with their states, as they are now. */
  snapshot(): readonly { readonly id: string; readonly revoked: boolean }[] {
    return this.#keys.map(({ id, revoked }) => ({ id, revoked }));
  }

  async #revoke(key: LedgerKey, by: 'api' | 'command'): Promise<void> {
    key.isChanging = true;
    const answer = (
      by === 'api'
        ? await this.#call('POST', `/keys/${key.id}/revoke`)
        : await this.#run('key', 'revoke', key.id, '--json')
    ) as Revoked | typeof unanswered | undefined;
    key.isChanging = false;
    if (answer === undefined) return;
    if (answer === unanswered) {
      // It is revoked, or it is not.
      this.#keys.splice(this.#keys.indexOf(key), 1);
      return;
    }
    // A proxy that could not be told, for want of a file, reads the store within a second.
    if (answer.unreached !== undefined && answer.unreached.length > 0) {
      const ask = (): Promise<Outcome> => listModels(this.#options.admin, key.key, freshAddress());
      await eventually(ask, (seen) => isExpected(seen, false), 50).catch(() => undefined);
    }
    key.revoked = true;
    await this.#expect(
      this.#options.admin,
      key.key,
      false,
      `${key.label} was revoked by ${by}: ${JSON.stringify(answer)}`,
    );
  }

  async #expect(target: SoakTarget, key: string, accepted: boolean, why: string): Promise<void> {
    const ask = (): Promise<Outcome> => listModels(target, key, freshAddress());
    // While the soak has taken the files of the process, no connection may come through.
    let outcome = await eventually(ask, ({ kind }) => kind !== 'unreachable', 100).catch(ask);
    if (accepted && !isExpected(outcome, true)) {
      const again = await eventually(ask, (seen) => isExpected(seen, true), 50).catch(() => undefined);
      outcome = again ?? outcome;
    }
    if (!isExpected(outcome, accepted)) this.#options.violation(`${target.url}: ${why}: ${told(outcome)}`);
  }

  async #call(method: string, path: string, body?: unknown): Promise<unknown> {
    const { admin, adminKey, violation, isExcused } = this.#options;
    const sinceMs = performance.now();
    try {
      const response = await fetch(`${admin.url}/flm/api/v1${path}`, {
        method,
        headers: {
          authorization: `Bearer ${adminKey}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      if (response.ok) {
        this.acknowledged += 1;
        return text === '' ? {} : JSON.parse(text);
      }
      const code = codeOfDocument(text);
      if (code === undefined) violation(`${method} ${path}: ${response.status} ${text.slice(0, 200)}`);
      this.#refused(code ?? 'none');
    } catch (error) {
      if (!isExcused(sinceMs)) violation(`${method} ${path}: ${String(error)}`);
      this.#refused('unanswered');
      return unanswered;
    }
    return undefined;
  }

  async #run(...args: readonly string[]): Promise<unknown> {
    const ran = await this.#options.cli(...args);
    if (ran.code === 0) {
      this.acknowledged += 1;
      return ran.json();
    }
    // What a command waits for may be told before.
    const code = codeOfDocument(ran.stderr.trimEnd().split('\n').at(-1) ?? '');
    if (code === undefined || ran.stdout !== '')
      this.#options.violation(`flm ${args.join(' ')}: exit ${ran.code}: ${ran.stdout} ${ran.stderr}`);
    this.#refused(code ?? 'none');
    return undefined;
  }

  #refused(code: string): void {
    this.refused += 1;
    this.#options.error(`change: ${code}`);
  }
}

function isAccepted(outcome: Outcome): boolean {
  return outcome.kind === 'whole';
}

function isExpected(outcome: Outcome, accepted: boolean): boolean {
  if (accepted) return isAccepted(outcome);
  return outcome.kind === 'refused' && (outcome.status === 401 || outcome.status === 429);
}

export function told(outcome: Outcome): string {
  if ('code' in outcome) return `${outcome.kind} ${outcome.code}`;
  return 'why' in outcome ? `${outcome.kind}: ${outcome.why}` : outcome.kind;
}
