/**
 * The processes of one run: the engine, and the peers in front of it, each started when a part needs it first. `close` ends
 * all of them.
 */
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Target } from './load.ts';
import { residentMb } from './machine.ts';
import type { Peer, Prepared, Setup } from './peers/peer.ts';
import { type RunningEngine, startEngine } from './processes.ts';
import { checkReplies, firstAnswer, listens } from './replies.ts';

/** A measured process with the destination of its requests. */
export interface Subject {
  readonly name: string;
  readonly peer: Peer | undefined;
  readonly target: Target;
  readonly pid: number;
  /** Roughly the requests that it serves in a second. */
  readonly perSecond: number;
  stop(): Promise<void>;
}

/** Few keys that are all in use. */
export const usualKeys = 64;

export class Session {
  /** Those that are installed and that the user asked for; flm and nginx first. */
  readonly peers: readonly Peer[];
  readonly engine: RunningEngine;
  readonly #owned: { stop(): Promise<void> }[] = [];
  #plain: readonly Subject[] | undefined;
  #closed: Promise<void> | undefined;

  private constructor(peers: readonly Peer[], engine: RunningEngine) {
    this.peers = peers;
    this.engine = engine;
    this.#owned.push(engine);
  }

  static async open(peers: readonly Peer[]): Promise<Session> {
    const session = new Session(peers, await startEngine());
    // A signal that ends the benchmark also ends the processes that it started. It may come twice: from a terminal and npm.
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.on(signal, () => void session.close().finally(() => process.exit(1)));
    return session;
  }

  /** All peers on plain connections, started once for all parts. */
  async plain(): Promise<readonly Subject[]> {
    if (this.#plain === undefined) {
      const started: Subject[] = [];
      for (const peer of this.peers) started.push(await this.start(peer));
      this.#plain = started;
    }
    return this.#plain;
  }

  /** The engine without a proxy. */
  direct(): Subject {
    const { port, pid } = this.engine;
    const target = { name: 'direct', port, keys: ['none'] };
    return { name: 'direct', peer: undefined, target, pid, perSecond: 40_000, stop: async () => {} };
  }

  /** Starts a fresh process of a peer. `name` is for the table. */
  async start(
    peer: Peer,
    setup: Partial<Setup> = {},
    prepare: (setup: Setup) => Promise<Prepared> = peer.prepare,
    name: string = peer.name,
  ): Promise<Subject> {
    const prepared = await prepare({ engines: [this.engine.port], keyCount: usualKeys, ...setup });
    return await this.launch(peer, prepared, name);
  }

  /**
   * Starts fresh processes and reads their memory in MB before the first request, after ten seconds of rest: some programs return
   * memory of their start by then. After requests, flm returns memory only when none came for minutes.
   */
  async startRested(
    wanted: readonly { readonly peer: Peer; readonly name: string; readonly setup?: Partial<Setup> }[],
  ): Promise<readonly { readonly subject: Subject; readonly atRestMb: number }[]> {
    const started: { readonly peer: Peer; readonly name: string; readonly prepared: Prepared }[] = [];
    for (const { peer, name, setup } of wanted) {
      const prepared = await peer.prepare({ engines: [this.engine.port], keyCount: usualKeys, ...setup });
      this.#owned.push(prepared);
      await prepared.launch();
      started.push({ peer, name, prepared });
    }
    for (const { prepared } of started) await listens(prepared.address.port);
    await sleep(10_000);
    const atRestMb = started.map(({ prepared }) => residentMb(prepared.pid()));
    const rested: { readonly subject: Subject; readonly atRestMb: number }[] = [];
    for (const [i, { peer, name, prepared }] of started.entries())
      rested.push({ subject: await this.#reach(peer, prepared, name), atRestMb: atRestMb[i]! });
    return rested;
  }

  /** Starts what `prepare` returned and waits for its first answer. */
  async launch(peer: Peer, prepared: Prepared, name: string = peer.name): Promise<Subject> {
    this.#owned.push(prepared);
    await prepared.launch();
    return await this.#reach(peer, prepared, name);
  }

  async #reach(peer: Peer, prepared: Prepared, name: string): Promise<Subject> {
    const { authority = prepared.certificate?.().authority, ...rest } = prepared.address;
    const address = { ...rest, ...(authority === undefined ? {} : { authority }) };
    await firstAnswer(address);
    const target = await checkReplies(name, address);
    const { perSecond } = peer;
    return {
      name,
      peer,
      target,
      pid: prepared.pid(),
      perSecond,
      stop: () => this.#end(prepared),
    };
  }

  /** Keeps another process until `close`. */
  own<T extends { stop(): Promise<void> }>(running: T): T {
    this.#owned.push(running);
    return running;
  }

  /** All callers wait for the same end: a signal may come while a part fails. */
  close(): Promise<void> {
    this.#closed ??= this.#endAll();
    return this.#closed;
  }

  async #endAll(): Promise<void> {
    for (const running of this.#owned.splice(0).reverse()) await running.stop();
  }

  async #end(prepared: Prepared): Promise<void> {
    const at = this.#owned.indexOf(prepared);
    if (at >= 0) this.#owned.splice(at, 1);
    await prepared.stop();
  }
}
