/** Two or more processes with the limits of one proxy, in this process: links are calls that arrive in a later turn. */
import { systemClock } from '../../src/core/clock.ts';
import type { LinkReceiver, UsedTokens } from '../../src/core/security/limits-authority.ts';
import { LimitsHandOver } from '../../src/core/security/limits-hand-over.ts';
import type { DialLink, LinkConnection, LinkListener } from '../../src/core/security/limits-link.ts';
import { LocalLimits } from '../../src/core/security/local-limits.ts';
import { LimitsRequests } from './limits-requests.ts';
import { TestDirectory } from './test-gateway.ts';

export class LimitsMachine {
  readonly #processes = new Map<string, LimitsProcess>();
  readonly #slots: number;
  readonly #maxQueued: number;
  #count = 0;

  constructor(slots = 1, maxQueued = 8) {
    this.#slots = slots;
    this.#maxQueued = maxQueued;
  }

  start(): LimitsProcess {
    const started = new LimitsProcess(`p${++this.#count}`, this.dial, this.#slots, this.#maxQueued);
    this.#processes.set(started.name, started);
    return started;
  }

  /** Hands over from one process to a new one. */
  restart(old: LimitsProcess): LimitsProcess {
    const next = this.start();
    next.limits.take(copy(old.limits.begin()), 0);
    old.limits.commit({ controlPath: next.name, nonce: '' });
    return next;
  }

  /** Breaks its links; the process no longer answers. */
  kill(process: LimitsProcess): void {
    this.#processes.delete(process.name);
    process.breakLinks();
    process.limits.close();
    process.local.admission.close();
  }

  close(): void {
    for (const process of this.#processes.values()) this.kill(process);
  }

  readonly dial: DialLink = ({ controlPath }, listener) => {
    const target = (): LimitsProcess | undefined => this.#processes.get(controlPath);
    return new Wire(listener, target).near;
  };
}

export class LimitsProcess extends LimitsRequests {
  readonly name: string;
  readonly directory: TestDirectory;
  readonly local: LocalLimits;
  readonly limits: LimitsHandOver;
  readonly used: UsedTokens[] = [];
  readonly wires = new Set<Wire>();

  constructor(name: string, dial: DialLink, slots: number, maxQueued: number) {
    super();
    this.name = name;
    const directory = new TestDirectory([{ id: 'e', port: 1, models: ['m'], slots }]);
    this.directory = directory;
    const clock = systemClock;
    const limits = {
      maxStreams: 100,
      maxConnections: 100,
      maxBufferedBytes: 1_000,
      maxBodyBytes: 100,
      maxQueued,
      maxQueueWaitMs: 60_000,
    };
    this.local = new LocalLimits({ limits, clock, directory, ledger: { today: () => 0 } });
    let count = 0;
    this.limits = new LimitsHandOver({
      local: this.local,
      clock,
      directory,
      dial: (place, listener) => dial(place, listener),
      newId: () => `${name}-${++count}`,
      used: (tokens) => this.used.push(tokens),
    });
  }

  breakLinks(): void {
    for (const wire of this.wires) wire.cut();
  }
}

const copy = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

/** One connection. What is sent arrives in order, in a later turn. */
class Wire {
  readonly near: LinkConnection;
  readonly #listener: LinkListener;
  #receiver: LinkReceiver | undefined;
  #isCut = false;

  constructor(listener: LinkListener, target: () => LimitsProcess | undefined) {
    this.#listener = listener;
    const far: LinkConnection = {
      send: (message) => later(() => !this.#isCut && listener.message(copy(message))),
      close: () => this.cut(),
    };
    this.near = {
      send: (message) =>
        later(() => {
          if (this.#isCut) return;
          if ('link' in message) this.#receiver = target()?.limits.connect(String(message.link), far);
          else this.#receiver?.receive(copy(message));
        }),
      close: () => this.cut(),
    };
    later(() => {
      const found = target();
      if (found === undefined) return this.cut();
      found.wires.add(this);
      listener.opened();
    });
  }

  cut(): void {
    if (this.#isCut) return;
    this.#isCut = true;
    later(() => {
      this.#receiver?.closed();
      this.#listener.closed();
    });
  }
}

function later(f: () => unknown): void {
  setImmediate(f);
}
