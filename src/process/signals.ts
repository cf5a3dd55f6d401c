/**
 * Signal handling of a proxy:
 *
 * - SIGTERM, SIGINT (and, at a terminal, SIGHUP when it closes): stop, with the grace time
 * - a second one of these signals: exit immediately with status 128 + its number, as a shell would report it
 * - SIGHUP of a detached proxy: ignored; it reports that the terminal of the launcher was closed
 *
 * The emitter is injected: Node's `process`, or an emitter of a test.
 */
import { constants } from 'node:os';
import type { Unsubscribe } from '../core/clock.ts';

export interface SignalSource {
  on(signal: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void): unknown;
  off(signal: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void): unknown;
}

export interface SignalActions {
  /** The proxy has no terminal. */
  readonly detached: boolean;
  /** Drains, then ends the proxy. */
  stop(signal: NodeJS.Signals): void;
  /** Exits immediately: `process.exit`. */
  endNow(exitCode: number): void;
}

/** Handles signals until the returned function is called. */
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
