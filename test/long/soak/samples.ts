/**
 * Samples of a soak: one JSON line at a time into a file, so that a run that is cut short can still be read. `rest` samples
 * are taken after a collection, while no fault is injected: a leak shows in them.
 */
import { appendFileSync, readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type Profile, profiles, type SoakScene } from './soak-scene.ts';
import type { Held } from './soak-tap.ts';

export interface ProxySample extends Held {
  readonly pid: number;
  readonly openFiles: number;
}

export interface Sample {
  readonly seconds: number;
  /** Where the process could be asked: not while it is killed or replaced. */
  readonly proxies: Readonly<Partial<Record<Profile, ProxySample>>>;
  readonly requests: number;
  readonly errors: Readonly<Record<string, number>>;
  readonly faults: Readonly<Record<string, number>>;
  readonly violations: number;
  readonly isRest: boolean;
  /** The fault that is injected now. */
  readonly fault: string | null;
}

export class Samples {
  readonly #scene: SoakScene;
  readonly #file: string;
  readonly #begunMs = performance.now();
  readonly #pids: Partial<Record<Profile, number>> = {};
  readonly faults = new Map<string, number>();
  readonly taken: Sample[] = [];
  fault: string | null = null;

  constructor(scene: SoakScene, file: string) {
    this.#scene = scene;
    this.#file = file;
  }

  get seconds(): number {
    return Math.round((performance.now() - this.#begunMs) / 100) / 10;
  }

  /** Learns which processes serve. */
  async learn(): Promise<void> {
    for (const { profile, pid } of await this.#scene.proxies())
      if (profiles.some((known) => known === profile)) this.#pids[profile as Profile] = pid;
  }

  async take(kind: 'now' | 'rest'): Promise<Sample> {
    const { loads, errors, violations, taps } = this.#scene;
    const proxies: Partial<Record<Profile, ProxySample>> = {};
    for (const profile of profiles) {
      const pid = this.#pids[profile];
      const held = pid === undefined ? undefined : await heldBy(join(taps, String(pid)), kind);
      if (pid !== undefined && held !== undefined)
        proxies[profile] = { pid, ...held, openFiles: filesOf(pid) };
    }
    const all = new Map(errors);
    for (const load of Object.values(loads))
      for (const [code, n] of load.errors) all.set(code, (all.get(code) ?? 0) + n);
    const sample: Sample = {
      seconds: this.seconds,
      proxies,
      requests: loads.steady.requests + loads.changing.requests,
      errors: Object.fromEntries(all),
      faults: Object.fromEntries(this.faults),
      violations: violations.length,
      isRest: kind === 'rest',
      fault: this.fault,
    };
    appendFileSync(this.#file, `${JSON.stringify(sample)}\n`);
    this.taken.push(sample);
    return sample;
  }
}

function filesOf(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return 0;
  }
}

/** Undefined if the process is gone or does not answer. */
function heldBy(path: string, kind: 'now' | 'rest'): Promise<Held | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path);
    let text = '';
    socket.on('error', () => resolve(undefined));
    socket.setTimeout(10_000, () => socket.destroy());
    socket.setEncoding('utf8').on('data', (piece: string) => (text += piece));
    socket.on('close', () => {
      try {
        resolve(JSON.parse(text) as Held);
      } catch {
        resolve(undefined);
      }
    });
    socket.write(kind);
  });
}
