/**
 * The `CertificateProvider` of mode `dev-selfsigned`: keeps its certificates valid while the proxy runs. Every 30
 * seconds, and on request, it checks whether a certificate expires soon, the machine's addresses changed (a laptop on
 * another Wi-Fi), or the CA was replaced. A failure is logged and tried again at the next check; until then the old
 * ones stay in use.
 */
import type { Clock, Unsubscribe } from '../core/clock.ts';
import { FlmError } from '../core/errors.ts';
import type {
  CertificateFacts,
  CertificatePair,
  CertificateProvider,
} from '../core/proxy/certificate-provider.ts';
import { ensureAuthority } from './authority.ts';
import { expiryMsOf, namesOf, type ReadPair } from './certificate-pair.ts';
import type { CertificateStore } from './certificate-store.ts';
import { ensureLeaf, leafName, namedLeafName } from './leaf.ts';
import { isAddress } from './name-constraints.ts';
import { hostNamesOf, type MachineNames, serverNames } from './server-names.ts';

export interface LocalSourceDeps {
  readonly store: CertificateStore;
  readonly clock: Clock;
  readonly machine: () => MachineNames;
  /** Names requested in addition to the machine's own. */
  readonly sans: readonly string[];
  readonly profile: string;
  /** Reports a renewal at run time, for the log. */
  readonly tell: (event: 'renewed' | 'failed', detail: string) => void;
}

interface Held {
  /** Certificate for names and addresses. */
  readonly pair: ReadPair;
  /** Certificate for names alone. */
  readonly named: ReadPair;
  readonly leftOut: readonly string[];
  readonly authorityFile: string;
}

const lookEachMs = 30_000;

export class LocalSource implements CertificateProvider {
  readonly #deps: LocalSourceDeps;
  readonly #listeners = new Set<() => void>();
  readonly #ender = new AbortController();
  readonly #stopLooking: Unsubscribe;
  #held: Held;
  #problem: string | undefined;
  #checking: Promise<void> | undefined;

  private constructor(deps: LocalSourceDeps, held: Held) {
    this.#deps = deps;
    this.#held = held;
    this.#stopLooking = deps.clock.every(lookEachMs, () => void this.look());
  }

  /**
   * Throws a `CertificateError`: CERT_NAME_NOT_PERMITTED, CERT_NAME_INVALID, CERT_AUTHORITY_UNUSABLE,
   * CERT_STORE_FAILED, CERT_LOCKED, or the reason of the signal.
   */
  static async open(deps: LocalSourceDeps, signal: AbortSignal): Promise<LocalSource> {
    return new LocalSource(deps, await hold(deps, signal));
  }

  current(): CertificatePair {
    return this.#held.pair;
  }

  currentForNames(): CertificatePair {
    return this.#held.named;
  }

  /** A certificate exists from the beginning. */
  ready(): Promise<void> {
    return Promise.resolve();
  }

  challenge(): undefined {
    return undefined;
  }

  onChange(f: () => void): Unsubscribe {
    this.#listeners.add(f);
    return () => this.#listeners.delete(f);
  }

  facts(): CertificateFacts {
    const { pair, leftOut, authorityFile } = this.#held;
    return {
      names: namesOf(pair.certificate),
      leftOut,
      expiresAtMs: expiryMsOf(pair.certificate),
      fingerprint: pair.certificate.fingerprint256,
      authorityFile,
      ...(this.#problem === undefined ? {} : { problem: this.#problem }),
    };
  }

  /** Checks now. Resolves when the result is in force. Never rejects. */
  look(): Promise<void> {
    this.#checking ??= this.#check().finally(() => {
      this.#checking = undefined;
    });
    return this.#checking;
  }

  async close(): Promise<void> {
    this.#stopLooking();
    this.#ender.abort();
    this.#listeners.clear();
    await this.#checking;
  }

  async #check(): Promise<void> {
    const { tell } = this.#deps;
    try {
      const held = await hold(this.#deps, this.#ender.signal);
      const before = this.#held;
      this.#held = held;
      this.#problem = undefined;
      if (held.pair.chain === before.pair.chain && held.named.chain === before.named.chain) return;
      tell('renewed', namesOf(held.pair.certificate).join(', '));
      for (const f of this.#listeners) f();
    } catch (error) {
      if (this.#ender.signal.aborted) return;
      const problem = error instanceof FlmError ? `${error.message} ${error.hint}` : 'internal error';
      if (problem !== this.#problem) tell('failed', problem);
      this.#problem = problem;
    }
  }
}

async function hold(deps: LocalSourceDeps, signal: AbortSignal): Promise<Held> {
  const { store, clock, sans, profile } = deps;
  const machine = deps.machine();
  const authority = await ensureAuthority({ store, clock, hostNames: hostNamesOf(machine), signal });
  const { names, leftOut } = serverNames(machine, sans, authority.constraints);
  const common = { store, clock, authority, signal };
  const hosts = names.filter((name) => !isAddress(name));
  const pair = await ensureLeaf({ ...common, names, name: leafName(profile) });
  const named = await ensureLeaf({ ...common, names: hosts, name: namedLeafName(profile) });
  return { pair, named, leftOut, authorityFile: authority.file };
}
