/**
 * What the signals of the system mean to a proxy.
 *
 * - SIGTERM, SIGINT (and, at a terminal, SIGHUP when it closes): stop, with the grace time
 * - a second one of them, whichever: end at once with 128 + its number, as a shell would report it
 * - SIGHUP of a detached proxy: nothing; it says that the terminal closed from which the proxy was started
 *
 * The emitter is injected: Node's `process`, or a test's own.
 */
import { constants } from 'node:os';
import type { Unsubscribe } from '../core/clock.ts';

export interface SignalSource {
  on(signal: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void): unknown;
  off(signal: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void): unknown;
}

export interface SignalActions {
  /** No terminal belongs to it. */
  readonly detached: boolean;
  /** Drain, then end. */
  stop(signal: NodeJS.Signals): void;
  /** Leave now: `process.exit`. */
  endNow(exitCode: number): void;
}

/** Obeys signals until the returned function is called. */
export function handleSignals(source: SignalSource, actions: SignalActions): Unsubscribe {
  let stopping = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (stopping) return actions.endNow(128 + constants.signals[signal]);
    stopping = true;
    actions.stop(signal);
  };
  const ignore = (): void => {};
  const onHangUp = actions.detached ? ignore : stop;
  source.on('SIGTERM', stop);
  source.on('SIGINT', stop);
  source.on('SIGHUP', onHangUp);
  return () => {
    source.off('SIGTERM', stop);
    source.off('SIGINT', stop);
    source.off('SIGHUP', onHangUp);
  };
}
