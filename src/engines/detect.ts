/**
 * Finds the engines that run on this machine: at the usual ports of all kinds on both loopback addresses, and at the
 * addresses in their environment variables. Also finds programs of engines that are installed but not running.
 *
 * All addresses are probed at once, within a time limit. A proxy of flm is never listed, no server is listed twice, and
 * no id is used twice. Ids stay the same in each run, because keys and clients refer to engines by them. A server that
 * is not an engine (a web server on 8080) is probed again only after a while: a dozen requests every 30 seconds would
 * fill its log.
 */
import type { Clock } from '../core/clock.ts';
import type { EngineAddress, EngineRef } from '../core/engine/engine.ts';
import type { InstalledEngine, Look } from '../core/engine/engine-discovery.ts';
import {
  type EngineKindName,
  engineKind,
  engineKinds,
  usualPorts,
  usualPrefixes,
} from '../core/engine/kinds.ts';
import type { Environment } from '../core/environment.ts';
import { isLoopbackHost } from '../core/loopback.ts';
import { hostPortText, urlOf } from './engine-url.ts';
import { addressesInEnvironment } from './engine-variables.ts';
import { mayBeSame } from './exposure.ts';
import { type Identified, identify } from './identify.ts';
import type { ProbeLine } from './probe-request.ts';

export interface DetectorDeps {
  readonly line: ProbeLine;
  readonly environment: Environment;
  /** Addresses of this machine that are not loopback, used to recognise its own servers. */
  readonly machineAddresses: () => readonly string[];
  /** Returns the path of an installed program. */
  readonly findProgram: (name: string) => Promise<string | undefined>;
  /** The ports to probe; the usual ports, except in tests. */
  readonly ports?: readonly number[];
  /** For each port, a path prefix to probe besides the root. */
  readonly prefixes?: ReadonlyMap<number, string>;
}

export interface LookOptions {
  /** Known engines are neither probed nor listed again, and their ids are taken. */
  readonly known: readonly EngineRef[];
  /** `host:port` of flm's own listeners. */
  readonly exclude: ReadonlySet<string>;
}

/** Time limit for one run of detection. Engines answer within milliseconds, unless the machine is busy. */
const lookLimitMs = 1_200;
const leaveInPeaceMs = 120_000;

export class Detector {
  readonly #deps: DetectorDeps;
  readonly #clock: Clock;
  /** For each address, the monotonic time until which the server there counts as not an engine. */
  readonly #noEngines = new Map<string, number>();

  constructor(deps: DetectorDeps) {
    this.#deps = deps;
    this.#clock = deps.line.clock;
  }

  async look(options: LookOptions, signal: AbortSignal): Promise<Look> {
    const { known, exclude } = options;
    const skipped = new Set([...exclude, ...known.map((ref) => placeKey(ref.address))]);
    const places = this.#places().filter((a) => !skipped.has(placeKey(a)) && !this.#leftInPeace(a));
    const deadline = new AbortController();
    const cancel = this.#clock.after(lookLimitMs, () => deadline.abort());
    const both = AbortSignal.any([signal, deadline.signal]);
    const answers = await Promise.all(places.map((to) => this.#ask(to, both)));
    cancel();
    const found = this.#once(
      answers.flatMap((a) => (a.identified === undefined ? [] : [a])),
      known,
    );
    const taken = new Set(known.map((ref) => ref.id));
    return {
      engines: found.map(({ to, identified }) => {
        const { kind, product, version } = identified;
        const id = freeId(kind, to, taken);
        taken.add(id);
        const ref: EngineRef = { id, kind, url: urlOf(to), address: to, origin: 'detected' };
        return { ref, product, ...(version === undefined ? {} : { version }) };
      }),
      locked: answers.flatMap((a) =>
        a.locked === undefined ? [] : [{ url: urlOf(a.to), detail: a.locked }],
      ),
    };
  }

  /** Installed programs of kinds that are not among `running`. */
  async installed(running: ReadonlySet<EngineKindName>): Promise<readonly InstalledEngine[]> {
    const asked = await Promise.all(
      engineKinds.map(async ({ name, title, detection }): Promise<readonly InstalledEngine[]> => {
        if (detection?.program === undefined || running.has(name)) return [];
        const { startWith } = detection.program;
        const program = await this.#deps.findProgram(detection.program.name);
        return program === undefined ? [] : [{ kind: name, title, startWith, program }];
      }),
    );
    return asked.flat();
  }

  /** The usual addresses come first, so that a server that is found twice is listed at its loopback address. */
  #places(): readonly EngineAddress[] {
    const ports = this.#deps.ports ?? usualPorts();
    const usual = ['127.0.0.1', '::1'].flatMap((host) =>
      ports.flatMap((port) => {
        const prefix = this.#prefixes.get(port);
        const root: EngineAddress = { tls: false, host, port, path: '' };
        return prefix === undefined ? [root] : [root, { ...root, path: prefix }];
      }),
    );
    const byKey = new Map<string, EngineAddress>();
    for (const address of [...usual, ...addressesInEnvironment(this.#deps.environment)]) {
      const key = `${placeKey(address)}${address.path}`;
      if (!byKey.has(key)) byKey.set(key, address);
    }
    return [...byKey.values()];
  }

  #leftInPeace(address: EngineAddress): boolean {
    return (this.#noEngines.get(placeKey(address)) ?? 0) > this.#clock.monotonicMs();
  }

  async #ask(to: EngineAddress, signal: AbortSignal): Promise<Asked> {
    const identified = await identify(this.#deps.line, { to, limitMs: lookLimitMs }, signal);
    if (identified.answered) return { to, identified, locked: undefined };
    if (identified.reason === 'wrong') {
      this.#noEngines.set(placeKey(to), this.#clock.monotonicMs() + leaveInPeaceMs);
    } else this.#noEngines.delete(placeKey(to));
    return {
      to,
      identified: undefined,
      locked: identified.reason === 'unauthorised' ? identified.detail : undefined,
    };
  }

  get #prefixes(): ReadonlyMap<number, string> {
    return this.#deps.prefixes ?? usualPrefixes();
  }

  /**
   * Removes duplicates: one server at several addresses, or at its root and below its prefix (same port, software and
   * version).
   */
  #once(answers: readonly Asked[], known: readonly EngineRef[]): readonly Recognised[] {
    const own = new Set(this.#deps.machineAddresses());
    const isHere = (a: EngineAddress): boolean =>
      a.socketPath === undefined && (isLoopbackHost(a.host) || own.has(a.host));
    const kept: Recognised[] = [];
    for (const { to, identified } of answers) {
      if (identified === undefined) continue;
      const same = (a: EngineAddress): boolean =>
        isHere(a) &&
        isHere(to) &&
        a.port === to.port &&
        (a.path === to.path || (a.path === '' && to.path === this.#prefixes.get(to.port)));
      const listed = kept.some(
        (k) =>
          same(k.to) &&
          k.identified.product === identified.product &&
          k.identified.version === identified.version,
      );
      if (listed || known.some((ref) => mayBeSame(ref.kind, identified.kind) && same(ref.address))) continue;
      kept.push({ to, identified });
    }
    return kept;
  }
}

interface Asked {
  readonly to: EngineAddress;
  readonly identified: Identified | undefined;
  readonly locked: string | undefined;
}

interface Recognised {
  readonly to: EngineAddress;
  readonly identified: Identified;
}

function placeKey(address: EngineAddress): string {
  return address.socketPath ?? hostPortText(address);
}

/**
 * `ollama` at its usual port, otherwise `ollama-8000`; a second engine on the same port of another address gets
 * `ollama-8000-2`.
 */
export function freeId(kind: EngineKindName, address: EngineAddress, taken: ReadonlySet<string>): string {
  const { name, sharedIdStem, detection } = engineKind(kind);
  const stem = sharedIdStem ?? name;
  const home =
    sharedIdStem === undefined &&
    detection?.ports.includes(address.port) === true &&
    isLoopbackHost(address.host);
  const plain = home || address.socketPath !== undefined ? stem : `${stem}-${address.port}`;
  if (!taken.has(plain)) return plain;
  for (let n = 2; ; n++) {
    const id = `${plain}-${n}`;
    if (!taken.has(id)) return id;
  }
}
