/**
 * Decides which log lines about clients without a valid key, and about refused requests, are written in full, so that a
 * client cannot push other lines out of the log by sending fast. Per source and minute the first five lines are
 * complete. The rest become one line per source, or one line for all if there are many sources. A source is an address
 * (IPv6 by /64), or a key for requests that were refused to that key.
 *
 * Memory is bounded, and so is what all addresses together may write. Metrics count every request in any case.
 */
import type { Clock, Unsubscribe } from '../core/clock.ts';
import { type ClientAddress, networkOf } from '../core/security/address-rules.ts';
import type { Logger } from './logger.ts';

/** How long lines are counted before the summary. */
export const intervalMs = 60_000;
/** Complete lines of one source in an interval. */
const wholePerSource = 5;
/** Complete lines of all addresses: the burst, and the refill per interval. */
const maxWholeOfAddresses = 6_000;
const regainedPerInterval = 600;
/** Sources that are counted separately in an interval. */
const maxSources = 10_000;
/** Sources that get their own line at the end of an interval. */
const maxLines = 20;

/**
 * - `refused`: of an address without a valid key, malformed bytes and failed TLS handshakes included
 * - `keyless`: of an address, answered without a key: health checks, preflights
 * - `key`: refused to a valid key
 */
const kinds = ['refused', 'keyless', 'key'] as const;
type Kind = (typeof kinds)[number];

/** `4,211 more refused requests` */
function counted(count: number, kind: Kind): string {
  const requests = count === 1 ? 'request' : 'requests';
  return `${figure(count)} more ${kind === 'keyless' ? `${requests} without a key` : `refused ${requests}`}`;
}

interface Source {
  readonly kind: Kind;
  /** The client's address, or the id of the key. */
  readonly name: string;
  readonly label: string | null;
  whole: number;
  more: number;
}

export class LogQuota {
  readonly #logger: Logger;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #sources = new Map<string, Source>();
  /** Lines of the sources above that number, counted together. */
  readonly #untold: Record<Kind, number> = { refused: 0, keyless: 0, key: 0 };
  #wholeLeft = maxWholeOfAddresses;
  #sinceMs: number;
  readonly #stop: Unsubscribe;

  constructor(logger: Logger, clock: Pick<Clock, 'monotonicMs' | 'every'>) {
    this.#logger = logger;
    this.#clock = clock;
    this.#sinceMs = clock.monotonicMs();
    this.#stop = clock.every(intervalMs, () => this.#sumUp());
  }

  /** Whether to write the line about this client in full; otherwise the line is only counted. */
  ofAddress(kind: 'refused' | 'keyless', client: ClientAddress): boolean {
    return this.#take(kind, client.bucket, client.text, null);
  }

  /** The same for a request that was refused to a valid key. */
  ofKey(keyId: string, label: string | null): boolean {
    return this.#take('key', keyId, keyId, label);
  }

  /** Writes the summary of the counted lines. */
  close(): void {
    this.#stop();
    this.#sumUp();
  }

  #take(kind: Kind, bucket: string, name: string, label: string | null): boolean {
    const id = `${kind} ${bucket}`;
    let source = this.#sources.get(id);
    if (source === undefined) {
      // An administrator creates the keys, so their number is limited.
      if (kind !== 'key' && this.#sources.size >= maxSources) {
        this.#untold[kind] += 1;
        return false;
      }
      source = { kind, name, label, whole: 0, more: 0 };
      this.#sources.set(id, source);
    }
    if (source.whole >= wholePerSource || (kind !== 'key' && this.#wholeLeft === 0)) {
      source.more += 1;
      return false;
    }
    source.whole += 1;
    if (kind !== 'key') this.#wholeLeft -= 1;
    return true;
  }

  #sumUp(): void {
    const nowMs = this.#clock.monotonicMs();
    const seconds = Math.max(1, Math.round((nowMs - this.#sinceMs) / 1000));
    this.#sinceMs = nowMs;
    const sources = [...this.#sources.values()].filter((source) => source.more > 0);
    this.#sources.clear();
    this.#wholeLeft = Math.min(maxWholeOfAddresses, this.#wholeLeft + regainedPerInterval);
    for (const kind of kinds) {
      const untold = this.#untold[kind];
      this.#untold[kind] = 0;
      const those = sources.filter((source) => source.kind === kind);
      if (those.length > maxLines || untold > 0) this.#tellAll(kind, those, untold, seconds);
      else for (const source of those) this.#tellOne(source, seconds);
    }
  }

  #tellOne({ kind, name, label, more }: Source, seconds: number): void {
    const who = kind === 'key' ? { keyId: name, keyLabel: label } : { client: networkOf(name) };
    const shown = kind === 'key' ? `key ${name}` : networkOf(name);
    this.#logger.event('info', `${shown}: ${counted(more, kind)} in ${seconds} s`, {
      ...who,
      requests: more,
      seconds,
    });
  }

  #tellAll(kind: Kind, those: readonly Source[], untold: number, seconds: number): void {
    const requests = those.reduce((sum, source) => sum + source.more, untold);
    const most = those.reduce<Source | undefined>(
      (a, b) => (a === undefined || b.more > a.more ? b : a),
      undefined,
    );
    const sources = kind === 'key' ? 'keys' : 'addresses';
    const number = `${figure(those.length)}${untold > 0 ? ' and more' : ''} ${sources}`;
    const name = most === undefined ? '' : kind === 'key' ? most.name : networkOf(most.name);
    const loudest = most === undefined ? '' : `; most from ${name} (${figure(most.more)})`;
    this.#logger.event('info', `${number}: ${counted(requests, kind)} in ${seconds} s${loudest}`, {
      sources: those.length,
      requests,
      seconds,
      ...(most === undefined ? {} : { most: name }),
    });
  }
}

function figure(value: number): string {
  return value.toLocaleString('en-US');
}
