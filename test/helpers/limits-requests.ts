/** Requests of families of keys that ask the limits of one process, for the engine `e`. */

import { candidatesOf } from '../../src/core/engine/directory.ts';
import type { AdmissionDenial, Lease, QueueTicket } from '../../src/core/security/admission.ts';
import { type KeyLimits, type KeyView, noKeyLimits } from '../../src/core/security/api-key.ts';
import type { LimitPorts, LocalLimits } from '../../src/core/security/local-limits.ts';
import type { TestDirectory } from './test-gateway.ts';

/** A key as far as limits look at it. */
export const keyWith = (limits: Partial<KeyLimits>, family = 'a'): KeyView =>
  ({ id: `key_${family}`, familyId: family, limits: { ...noKeyLimits, ...limits } }) as KeyView;

export abstract class LimitsRequests {
  abstract readonly directory: TestDirectory;
  /** The counts of the process. */
  abstract readonly local: LocalLimits;
  /** The limits that requests ask. */
  abstract readonly limits: { readonly ports: LimitPorts };

  enter(family = 'a'): {
    readonly outcome: Promise<Lease | AdmissionDenial>;
    readonly ticket?: QueueTicket;
  } {
    const { promise, resolve } = Promise.withResolvers<Lease | AdmissionDenial>();
    const candidate = this.directory.engine('e');
    if (candidate === undefined) throw new Error('no engine');
    const ask = { key: keyWith({}, family), candidates: candidatesOf([candidate]), generates: true };
    const entered = this.limits.ports.admission.enter(ask, resolve);
    if (entered.kind === 'waiting') return { outcome: promise, ticket: entered };
    resolve(entered);
    return { outcome: promise };
  }

  async lease(family = 'a'): Promise<Lease> {
    const outcome = await this.enter(family).outcome;
    if (outcome.kind !== 'lease') throw new Error(outcome.code);
    return outcome;
  }

  /** Returns true if the key may have one more request in progress. */
  async take(concurrency: number, family = 'a'): Promise<boolean> {
    const holding = this.local.concurrency.of(family);
    const key = keyWith({ concurrency }, family);
    return (await this.limits.ports.concurrency.takeRequest(key, holding)) === undefined;
  }

  give(family = 'a'): void {
    this.limits.ports.concurrency.giveBackRequest(this.local.concurrency.of(family));
  }
}
